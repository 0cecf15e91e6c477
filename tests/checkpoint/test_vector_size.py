"""How many dimensions vectors have, as far as files say it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.checkpoint.vector_size import vector_size
from helpers.planned import CHECKPOINT
from helpers.st_folder import ST

TRANSFORMER = {"type": f"{ST}.Transformer", "path": ""}
POOLING = {"type": f"{ST}.Pooling", "path": "1_Pooling"}
DENSE = {"type": f"{ST}.Dense", "path": "2_Dense"}
BAG = {"type": f"{ST}.BoW", "path": "0_BoW"}


def made(folder: Path, engine: str, files: dict[str, Any]) -> Checkpoint:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    protocol = EmbeddingProtocol.model_validate({"engine": engine})
    return CHECKPOINT.model_copy(update={"path": folder, "embedding": protocol})


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"hidden_size": 48}, 48),
        ({"n_embd": 24}, 24),
        ({"text_config": {"hidden_size": 96}}, 96),
        ({"model_type": "odd"}, None),
    ],
    ids=str,
)
def test_of_weights_alone_it_is_the_hidden_size(
    tmp_path: Path, config: dict[str, Any], size: int | None
) -> None:
    assert vector_size(made(tmp_path, "transformers", {"config.json": config})) == size


@pytest.mark.parametrize(
    ("modules", "more", "size"),
    [
        ([TRANSFORMER, POOLING], {}, 48),
        ([TRANSFORMER, POOLING], {"1_Pooling/config.json": {"pooling_mode": "mean"}}, 48),
        (
            [TRANSFORMER, POOLING],
            {
                "1_Pooling/config.json": {
                    "pooling_mode_mean_tokens": True,
                    "pooling_mode_max_tokens": True,
                }
            },
            None,
        ),
        ([TRANSFORMER, POOLING, DENSE], {"2_Dense/config.json": {"out_features": 7}}, 7),
        ([TRANSFORMER, POOLING], {"config_sentence_transformers.json": {"truncate_dim": 8}}, 8),
        ([BAG], {}, None),
    ],
    ids=["mean", "one-mode", "two-modes", "dense", "truncated", "no-transformer"],
)
def test_of_a_folder_it_is_what_its_modules_leave(
    tmp_path: Path, modules: list[dict[str, str]], more: dict[str, Any], size: int | None
) -> None:
    files = {"config.json": {"hidden_size": 48}, "modules.json": modules, **more}
    assert vector_size(made(tmp_path, "sentence-transformers", files)) == size


def test_what_cannot_embed_has_none() -> None:
    assert vector_size(CHECKPOINT.model_copy(update={"embedding": None})) is None
