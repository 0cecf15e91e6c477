"""A model card gets scores; huggingface_hub reads them, and the rest stays byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from evalsuite.commands.export import export_command
from evalsuite.errors import DataError, UsageError
from evalsuite.registry.load import Registry
from evalsuite.schema import Record
from evalsuite.store import Store
from tests.helpers.records import record

DATASET = {"acme/questions": "a" * 40}
OTHERS = """\
model-index:
- name: theirs
  results:
  - task: {type: text-generation}
    dataset: {type: acme/other, name: Other}
    metrics:
    - {type: acc, value: 12.5, verified: true, note: kept}
"""
BODY = "\n# A model\r\n\n---\n\ttext \u2028 with --- and trailing blanks   \n"


def of_hub(name: str = "quiz", score: float = 0.5, **more: Any) -> Record:
    found = record(name, score, metric="exact_match", world="generative", **more)
    task = {"name": name, "source": name, "datasets": DATASET}
    return found.model_copy(update={"task": task})


def export(tmp_path: Path, card: Path | None, *records: Record) -> list[str]:
    store = Store(tmp_path / "results")
    for one in records or (of_hub(), record("own", 0.25)):
        store.put(one)
    lines: list[str] = []
    export_command(
        "hub",
        tmp_path / "model",
        store.root,
        Registry(),
        suite=None,
        checkpoints=(),
        tasks=(),
        card=card,
        say=lines.append,
    )
    return lines


def metrics(card: Path) -> dict[str, float]:
    found = ModelCard.load(card).data.eval_results
    return {f"{one.dataset_name} {one.metric_type}": one.metric_value for one in found}


def test_entries_are_read_by_huggingface_hub(tmp_path: Path) -> None:
    lines = export(tmp_path, None)
    assert lines[0] == "left out: m: own names no data set on the hub"
    (path,) = (tmp_path / "model" / ".eval_results").glob("*.yaml")
    (entry,) = parse_eval_result_entries(yaml.safe_load(path.read_text()))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("acme/questions", "quiz", 50.0)
    assert entry.dataset_revision == "a" * 40
    assert "exact_match" in str(entry.notes)
    assert yaml.safe_load((tmp_path / "model" / "model-index.yaml").read_text())


@pytest.mark.parametrize(
    "header",
    [
        "license: mit\n# a comment\ntags: [a,   'b']\n",
        f"license: mit\n{OTHERS}# behind\nlanguage:\n- en\n",
        f"{OTHERS}\n\n# last comment\n",
        "model-index: null\nlicense: mit\n",
        "",
    ],
)
def test_only_the_scores_change(header: str, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    before = f"---\n{header}---\n{BODY}".encode()
    card.write_bytes(before)
    had = metrics(card) if "theirs" in header else {}
    export(tmp_path, card)
    assert metrics(card) == {**had, "quiz exact_match": 50.0}
    after = card.read_bytes()
    assert after.endswith(f"---\n{BODY}".encode())
    kept = [line for line in header.splitlines() if "comment" in line or line.startswith("tags")]
    assert all(line.encode() in after for line in kept)
    if "theirs" in header:
        assert b"note: kept" in after
    assert (tmp_path / "README.md.before").read_bytes() == before


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"---\n{OTHERS}---\nText")
    export(tmp_path, card)
    once = card.read_bytes()
    export(tmp_path, card)
    assert card.read_bytes() == once
    export(tmp_path, card, of_hub(score=0.75, age=5))
    assert metrics(card) == {"Other acc": 12.5, "quiz exact_match": 75.0}
    assert len(list(tmp_path.glob("README.md.before*"))) == 2


def test_a_card_without_header_gets_one(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# Only text\n")
    export(tmp_path, card)
    assert metrics(card) == {"quiz exact_match": 50.0}
    assert card.read_text().endswith("# Only text\n")


def test_line_ends_of_windows_stay(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_bytes(b"---\r\nlicense: mit\r\n---\r\nText\r\n")
    export(tmp_path, card)
    assert b"\n" not in card.read_bytes().replace(b"\r\n", b"")
    assert metrics(card) == {"quiz exact_match": 50.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"---\nlicense: [mit\n---\n", "README.md:3: the header is not valid YAML"),
        (b"---\nlicense: mit\n", "header without an end"),
        (b"---\n{license: mit}\n---\n", "not a list of keys"),
        (b"---\n- a\n---\n", "not a list of keys"),
        (b"---\nmodel-index: 3\n---\n", "not a list of models"),
        (b"---\nmodel-index:\n- name: x\n  results: 4\n---\n", "not a list of models"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_card_that_cannot_be_merged_is_left_alone(
    content: bytes, message: str, tmp_path: Path
) -> None:
    card = tmp_path / "README.md"
    card.write_bytes(content)
    with pytest.raises(DataError, match=message):
        export(tmp_path, card)
    assert card.read_bytes() == content
    assert not (tmp_path / "model").exists()


def test_two_models_are_not_put_on_one_page(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="about one model"):
        export(tmp_path, None, of_hub(), of_hub(checkpoint="other"))
