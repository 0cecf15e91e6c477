"""Every mistake in a YAML file is one line that begins with the file and the line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry

Refused = Callable[..., str]

STS = "name: mine\nkind: mteb\ntype: sts\ndata:\n  test: rows.jsonl\n"
FAMILY = "defaults: {kind: mteb}\ntasks:\n  - name: a\n    source: A\n"
GENERATE = "name: g\nkind: lm_eval\ntype: generate\ndata: {test: a.jsonl}\n"


def add(folder: Path, **files: str) -> Registry:
    """A registry of these files alone; ``suites__x`` stands for ``suites/x.yaml``."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    registry = Registry()
    registry.add_folder(folder)
    registry.check_suites()
    return registry


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """The error of a folder of files, without the folder's own path."""

    def error(**files: str) -> str:
        with pytest.raises(UsageError) as caught:
            add(tmp_path, **files)
        assert "\n" not in caught.value.line
        return caught.value.line.replace(f"{tmp_path}/", "")

    return error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # An unknown key, with the nearest known one.
        (STS + "categroy: STS\n", "t.yaml:6: categroy: is not a known key; did you mean category?"),
        (
            GENERATE + "prompt: p\ntarget: t\ngeneration:\n  stop: [x]\n  max_token: 3\n",
            "t.yaml:9: generation.max_token: is not a known key",
        ),
        # A wrong type or value, on its own line.
        (STS + "limit: many\n", "t.yaml:6: limit: Input should be a valid integer"),
        (STS + "\n\nlimit: 0\n", "t.yaml:8: limit: Input should be greater than or equal to 1"),
        (STS.replace("mine", "a/b"), "t.yaml:1: name: String should match pattern"),
        (
            STS.replace("mteb", "mtbe"),
            "t.yaml:2: kind: no kind of task is called 'mtbe'",
        ),
        (STS.replace("rows.jsonl", "[1]"), "t.yaml:5: data.test: "),
        (STS.replace("rows.jsonl", '"a\\0b"'), "t.yaml:5: data.test: not a path"),
        # Missing keys belong to the whole document.
        ("kind: mteb\nsource: X\n", "t.yaml:1: name: Field required"),
        ("name: x\nsource: X\n", "t.yaml:1: kind: Field required"),
        ("name: x\nkind: mteb\n", "t.yaml:1: needs either 'source' or both 'type' and 'data'"),
        (GENERATE, "t.yaml:1: type 'generate' needs 'prompt', 'target'"),
        (
            GENERATE.replace("generate", "multiple_choice") + "prompt: p\ntarget: t\n",
            "t.yaml:1: type 'multiple_choice' needs 'choices'",
        ),
        (
            GENERATE + "prompt: p\ntarget: t\nshots: 2\n",
            "t.yaml:1: 'shots' above 0 needs a file 'shots' under 'data'",
        ),
        # Keys that contradict each other.
        (
            "name: x\nkind: mteb\nsource: STS12\ntype: sts\ndata: {test: a}\n",
            "t.yaml:1: 'source' names a harness task, so 'type' has no meaning",
        ),
        (
            "name: x\nkind: lm_eval\nsource: gsm8k\nprompt: p\n",
            "t.yaml:1: 'source' names a harness task, so 'prompt' has no meaning",
        ),
        (
            STS.replace("mteb", "lm_eval"),
            "t.yaml:3: type: Input should be 'multiple_choice', 'generate' or 'code'",
        ),
        (
            GENERATE.replace("lm_eval", "mteb"),
            "t.yaml:3: type: Input should be 'classification', 'clustering', ",
        ),
        (STS.replace("sts", "retrieval"), "t.yaml:1: 'data' of type 'retrieval' needs corpus,"),
        (STS + "  tset: b\n", "t.yaml:1: 'data' has unknown tset; allowed: test"),
        # The document itself.
        ("name: x\nkind: mteb\nsource: A\nname: y\n", "t.yaml:4: key 'name' appears twice"),
        (STS + "  test: b\n", "t.yaml:6: key 'test' appears twice"),
        ("name: x\n  kind: mteb\n", "t.yaml:2: not valid YAML: mapping values are not allowed"),
        ("name: x\nkind: [mteb\n", "t.yaml:3: not valid YAML: "),
        ("name: x\nkind: *here\n", "t.yaml:2: not valid YAML: found undefined alias"),
        ("name: x\n\nkind: \x07\n", "t.yaml:3: not valid YAML: control characters"),
        ("name: x\nkind: !!python/object:os.system y\n", "t.yaml:2: not valid YAML: could not"),
        ("name: x\nversion: 2024-99-99\n", "t.yaml:2: not valid YAML: looks like"),
        ("name: x\nlimit: !!int many\n", "t.yaml:2: not valid YAML: looks like int but is not"),
        ("name: x\n? [a, b]\n: 1\n", "t.yaml:2: a key must be a word"),
        ("a:\n  " + "[" * 200_000 + "]" * 200_000, "t.yaml:2: nested more than 100 deep"),
        ("", "t.yaml:1: expected a mapping that describes a task"),
        ("- name: x\n", "t.yaml:1: expected a mapping that describes a task"),
        # Families.
        (
            FAMILY + "  - name: b\n    source: B\n    spilt: test\n",
            "t.yaml:7: spilt: is not a known key; did you mean split",
        ),
        (FAMILY + "  - {name: b}\n", "t.yaml:5: needs either 'source' or both"),
        ("tasks:\n  - {name: a, source: A}\n", "t.yaml:2: kind: Field required"),
        ("tasks:\n  - a\n", "t.yaml:2: expected a mapping that describes a task"),
        ("tasks: []\n\nkind: mteb\n", "t.yaml:3: kind: is not a known key beside 'tasks'"),
        ("tasks: {a: 1}\n", "t.yaml:1: 'defaults' is a mapping and 'tasks' a list"),
    ],
)
def test_a_mistake_is_named_with_its_line(refused: Refused, text: str, expected: str) -> None:
    assert refused(t=text).startswith(expected)


def test_a_name_that_is_taken_names_both_files(refused: Refused, tmp_path: Path) -> None:
    second = "tasks:\n  - {name: other, kind: mteb, source: A}\n  - kind: mteb\n    name: mine\n"
    second += "    source: B\n"
    expected = f"b.yaml:4: 'task mine' is already defined in {tmp_path}/a.yaml"
    assert refused(a=STS, b=second) == expected.replace(f"{tmp_path}/", "")


def test_a_name_of_a_shipped_task_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(STS.replace("mine", "smoke-sts"))
    with pytest.raises(UsageError, match=r"a\.yaml:1: 'task smoke-sts' is already defined in "):
        Registry.load([tmp_path])


SUITE = "name: s\ntasks:\n  - mine\n  - mteb:STS12\n"


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        (SUITE + "  - mien\n", "suites/s.yaml:5: no task is called 'mien'; did you mean mine?"),
        (
            SUITE + "sections:\n  - world: embedding\n    title: E\n    columns:\n"
            "      - {label: A, tasks: [mine]}\n      - {label: B, tasks: [mteb:STS13]}\n",
            "suites/s.yaml:10: column 'B' names 'mteb:STS13', which is not in the suite",
        ),
        (
            SUITE + "sections:\n  - world: embedding\n    title: E\n    columns:\n"
            "      - {label: A, tasks: [mine], category: STS}\n",
            "suites/s.yaml:9: sections.0.columns.0: needs either 'tasks' or 'category'",
        ),
        (SUITE + "  - s\n", "suites/s.yaml:5: no task is called 's'; it is a suite"),
        (
            SUITE + "subtask_means:\n  - name: Both\n    mean_of: [mine, mteb:STS13]\n",
            "suites/s.yaml:7: 'Both' names 'mteb:STS13', which is not in the suite",
        ),
        (
            SUITE + "  - beir:X\n",
            "suites/s.yaml:5: no harness is called 'beir' (in 'beir:X')",
        ),
        ("name: s\ntasks: []\n", "suites/s.yaml:2: tasks: "),
        ("name: s\n", "suites/s.yaml:1: tasks: Field required"),
        (SUITE + "task: []\n", "suites/s.yaml:5: task: is not a known key; did you mean tasks?"),
    ],
)
def test_a_suite_that_cannot_be_filled(refused: Refused, suite: str, expected: str) -> None:
    assert refused(t=STS, suites__s=suite).startswith(expected)


def test_a_mean_over_others_may_be_a_column(tmp_path: Path) -> None:
    suite = SUITE + (
        "subtask_means:\n  - {name: Both, mean_of: [mine, 'mteb:STS12']}\n"
        "sections:\n  - {world: embedding, title: E, columns: [{label: A, tasks: [Both]}]}\n"
    )
    assert add(tmp_path, t=STS, suites__s=suite).suites["s"].subtask_means[0].name == "Both"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: i\ntasks: {}\n", "instructions/i.yaml:2: tasks: "),
        ("name: i\ntasks:\n  A: x\n  B: [y]\n", "instructions/i.yaml:4: tasks.B: "),
        (
            "name: i\ntasks:\n  A: x\n  B:\n    query: y\n    doc: z\n",
            "instructions/i.yaml:6: tasks.B.doc: is not a known key",
        ),
    ],
)
def test_an_instruction_set_with_a_mistake(refused: Refused, text: str, expected: str) -> None:
    assert refused(instructions__i=text).startswith(expected)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(UsageError, match=r"t\.yaml: cannot be read"):
        add(tmp_path)


def test_a_file_that_is_no_task_file(refused: Refused) -> None:
    assert refused(t="# " + "x" * 600_000).startswith("t.yaml is larger than 512 KiB")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        Registry.load([tmp_path / "nowhere"])


WORDS = (
    st.sampled_from(
        [
            "name",
            "kind",
            "mteb",
            "lm_eval",
            "source",
            "tasks",
            "defaults",
            "data",
            "type",
            "sts",
            "~",
        ]
    )
    | st.sampled_from(
        ["!!int", "!!bool", "!!set", "!!timestamp 1", "!!float x", "<<:", "&a", "*a", "2024-99-99"]
    )
    | st.sampled_from([*"?{}[]'\"|>\t\n:", "\n  ", "- ", ": ", "---", "..."])
)
JUNK = st.lists(WORDS | st.text(max_size=5), max_size=40).map("".join)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.dictionaries(
    st.sampled_from(["kind", "source", "type", "data", "shots", "limit", "columns", "choices"])
    | st.sampled_from(["instruction", "generation", "subsets", "split", "tasks", "defaults"]),
    st.sampled_from(["mteb", "lm_eval", "sts", "generate", {"test": "a"}]) | PLAIN,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=JUNK | FIELDS.map(lambda fields: repr({"name": "x", **fields})))
def test_junk_is_a_usage_error_or_a_task(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    (folder / "t.yaml").write_text(text, encoding="utf-8", errors="replace")
    registry = Registry()
    with suppress(UsageError):
        registry.add_folder(folder)
    for task in registry.tasks.values():
        assert len(task.hash) == 64
