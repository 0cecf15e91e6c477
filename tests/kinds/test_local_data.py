"""Local data is read from where it lies, whatever was read from a folder of that name before."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from helpers.bag_of_words import BagOfWords
from helpers.bag_of_words import checkpoint as embedding_checkpoint
from helpers.contexts import make_context
from helpers.grit_world import checkpoint, hub_dataset, preview


def test_two_mirrors_with_data_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))
    model = checkpoint(tmp_path / "model", chat=False)
    for question in ("How many?", "How much?"):
        root = tmp_path / question[4:8]
        rows = [{"question": question, "answer": "#### 1"}]
        hub_dataset(root, "openai/gsm8k", {("main", "test"): rows})
        assert preview("GSM8K-full", model, root).endswith(f"Question: {question}\nAnswer:")


def test_two_mirrors_with_an_mteb_data_set_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))
    task = make_task(name="STS12", kind="mteb", source="STS12")
    for word in ("first", "second"):
        rows = [{"sentence1": word, "sentence2": "x", "score": score} for score in (1.0, 5.0)]
        hub_dataset(tmp_path / word, "mteb/sts12-sts", {("default", "test"): rows})
        context = make_context(
            checkpoint=embedding_checkpoint(), workdir=tmp_path, data_root=tmp_path / word
        )
        [shown] = MtebHarness().preview(task, BagOfWords(), context)
        assert shown.text.endswith(word)
