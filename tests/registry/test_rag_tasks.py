"""Task files of kind ``rag``, and ``quick``."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry

RAG = "name: r\nkind: rag\nrag: {method: none}\ndata: {corpus: a.jsonl, questions: b.jsonl}\n"


def load(folder: Path, text: str) -> Registry:
    (folder / "t.yaml").write_text(text)
    return Registry.load([folder])


def test_quick_changes_what_it_names_and_the_definition_with_it(tmp_path: Path) -> None:
    task = load(tmp_path, RAG + "quick: {limit: 7, rag: {method: doc-cache}}\n").task("r")
    quick = task.quickened()
    assert (task.limit, quick.limit) == (None, 7)
    assert quick.rag is not None
    assert quick.rag.method == "doc-cache"
    assert (quick.name, quick.data) == (task.name, task.data)
    assert quick.hash != task.hash
    assert quick.quickened() == quick
    without = load(tmp_path, RAG).task("r")
    assert without.hash == task.hash, "what --quick would do is no part of the definition"
    assert without.quickened() is without


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (RAG.replace("method: none", "method: magic"), "method"),
        (RAG.replace("{method: none}", "{}"), "needs either 'method' or 'latency'"),
        (RAG.replace("kind: rag\n", "kind: mteb\n"), "rag: is not a known key"),
        (RAG.replace(", questions: b.jsonl", ""), "needs questions"),
        (RAG + "generation: {temperature: 1}\n", "greedily"),
        (RAG + "quick: {limits: 7}\n", "unknown 'limits'"),
        (RAG + "quick: {limit: 0}\n", "greater than or equal to 1"),
        (RAG.replace("method: none", "latency: {least: 9, most: 3}"), "'least' is above 'most'"),
        ("name: r\nkind: rag\nsource: nq\nrag: {method: none}\n", "two data sets"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert why in caught.value.line
