"""Which tasks a run is about: patterns, own folders, and files that lie in a wrong folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.registry.chosen import named_tasks, of_own_folders
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite

TASK = "name: {0}\nkind: mteb\ntype: sts\ndata: {{test: {0}.jsonl}}\n"
SUITE = "name: {0}\ntasks: [{1}]\n"
SET = "name: mine\ntasks: {STSBenchmark: Find the same.}\n"


def folder(tmp_path: Path, **files: str) -> Path:
    """Task files by name; ``suites__a`` lies under ``suites/``."""
    for name, text in files.items():
        path = tmp_path / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for task in ("one", "two"):
        (tmp_path / f"{task}.jsonl").write_text(
            '{"sentence1": "a", "sentence2": "b", "score": 1}\n'
        )
    return tmp_path


def test_patterns_stand_for_the_tasks_that_they_match() -> None:
    registry = Registry.load()
    found = named_tasks(registry, ["mteb:STSBenchmark", "smoke-re[rt]*", "smoke-retrieval"])
    assert found[0] == "mteb:STSBenchmark"
    assert {"smoke-reranking", "smoke-retrieval"} <= set(found)
    assert all(name.startswith("smoke-re") for name in found[1:])
    assert len(found) == len(set(found))


def test_a_pattern_without_a_match_names_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"no task matches 'smok-st\*'; did you mean smoke-sts"):
        named_tasks(Registry.load(), ["smok-st*"])


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"one": TASK.format("one"), "two": TASK.format("two")}, ("one", "two")),
        ({"one": TASK.format("one"), "suites__s": SUITE.format("s", "one, smoke-sts")}, "s"),
        # Not all of the tasks are in the suite: to run it alone would leave one out silently.
        (
            {
                "one": TASK.format("one"),
                "two": TASK.format("two"),
                "suites__s": SUITE.format("s", "one"),
            },
            ("one", "two"),
        ),
        ({"suites__s": SUITE.format("s", "smoke-sts")}, "s"),
        ({"instructions__mine": SET}, "smoke"),
        ({}, "smoke"),
    ],
)
def test_own_folders_alone_are_run(
    tmp_path: Path, files: dict[str, str], found: str | tuple[str, ...]
) -> None:
    chosen = of_own_folders(Registry.load([folder(tmp_path, **files)]))
    assert (chosen.name if isinstance(chosen, Suite) else chosen) == found


def test_several_suites_alone_are_a_question(tmp_path: Path) -> None:
    files = {f"suites__{name}": SUITE.format(name, "smoke-sts") for name in "ab"}
    with pytest.raises(UsageError, match="several suites; choose one: --suite a or b"):
        of_own_folders(Registry.load([folder(tmp_path, **files)]))


@pytest.mark.parametrize(
    ("place", "text", "said"),
    [
        ("set", SET, "is an instruction set, but lies where tasks lie; move it into instructions/"),
        ("suites__set", SET, "is an instruction set, but lies where suites lie"),
        ("s", SUITE.format("s", "smoke-sts"), "is a suite, but lies where tasks lie"),
        ("p", "suite: smoke\ntolerance: {default: 2}\n", "is a policy, .* move it into policies/"),
        ("suites__one", TASK.format("one"), "is a task, .* move it out of suites/"),
        ("instructions__one", TASK.format("one"), "is a task, .* move it out of instructions/"),
    ],
)
def test_a_file_in_a_wrong_folder_says_where_it_belongs(
    tmp_path: Path, place: str, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        Registry.load([folder(tmp_path, **{place: text})])
