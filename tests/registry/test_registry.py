"""What the registry knows by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from evalsuite.commands.tasks import overview, show, validate
from evalsuite.data import read_rows
from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.table import kind_of, make_task
from evalsuite.kinds.task import Instruction, Task
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry

SHIPPED = Registry.load()
STSB = make_task(name="mteb:STSBenchmark", kind="mteb", source="STSBenchmark")

FAMILY = """\
defaults:
  kind: mteb
  category: STS
  instruction: same meaning
  limit: 5
tasks:
  - name: first
    source: STS12
  - name: second
    source: STS13
    category: Other
    limit: 7
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_family_shares_its_defaults(tmp_path: Path) -> None:
    write(tmp_path, "deep/er/family.yml", FAMILY)
    registry = Registry.load([tmp_path])
    both = Instruction(query="same meaning", document="same meaning")
    common = {"kind": "mteb", "instruction": both}
    assert registry.task("first") == make_task(
        name="first", source="STS12", category="STS", limit=5, **common
    )
    assert registry.task("second") == make_task(
        name="second", source="STS13", category="Other", limit=7, **common
    )


def test_a_persons_folder_is_added_to_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, "mine.yaml", "name: mine\nkind: lm_eval\nsource: arc_easy\nshots: 25\n")
    write(tmp_path, "suites/s.yaml", "name: s\ntasks: [mine, smoke-sts, 'mteb:STS12']\n")
    write(tmp_path, "instructions/i.yaml", "name: i\ntasks: {STS12: x}\n")
    write(tmp_path, "readme.txt", "no YAML")
    registry = Registry.load([tmp_path])
    assert set(registry.tasks) == {*SHIPPED.tasks, "mine"}
    assert set(registry.suites) == {*SHIPPED.suites, "s"}
    assert registry.task("mine").shots == 25
    names = [task.name for task in registry.suite_tasks(registry.suite("s"))]
    assert names == ["mine", "smoke-sts", "mteb:STS12"]
    assert registry.instructions("i").tasks["STS12"] == Instruction(query="x", document="x")
    assert registry.files["task mine"] == tmp_path / "mine.yaml"


def test_data_is_beside_its_yaml_file(tmp_path: Path) -> None:
    text = "name: mine\nkind: mteb\ntype: sts\ndata: {test: ../rows.jsonl}\n"
    write(tmp_path, "below/mine.yaml", text)
    task = Registry.load([tmp_path]).task("mine")
    assert task.data == {"test": (tmp_path / "rows.jsonl").resolve()}


@pytest.mark.parametrize(("kind", "source"), [("mteb", "NFCorpus"), ("lm_eval", "mmlu:x")])
def test_any_task_of_a_harness_goes_by_its_prefix(kind: str, source: str) -> None:
    task = SHIPPED.task(f"{kind}:{source}")
    assert (task.name, task.kind, task.source) == (f"{kind}:{source}", kind, source)
    assert kind_of(task).world == {"mteb": "embedding", "lm_eval": "generative"}[kind]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("beir:NFCorpus", "no harness is called 'beir' (in 'beir:NFCorpus'); use mteb:NAME or "),
        ("MTEB:NFCorpus", "no harness is called 'MTEB'"),
        (":NFCorpus", "no harness is called ''"),
        ("mteb:", "'mteb:' names no task; for example mteb:STSBenchmark"),
        ("lm_eval:", "'lm_eval:' names no task; for example lm_eval:gsm8k_cot"),
        ("smoke-stss", "no task is called 'smoke-stss'; did you mean smoke-sts"),
        ("smoke", "no task is called 'smoke'; it is a suite: use --suite smoke"),
        ("mteb:../secret", "'mteb:../secret' is not a valid task name: "),
        ("lm_eval:a\nb", "'lm_eval:a\\nb' is not a valid task name: "),
    ],
)
def test_a_task_that_does_not_exist(name: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        SHIPPED.task(name)
    assert caught.value.line.startswith(expected)


def test_a_suite_or_set_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match=r"no suite is called 'smok'; did you mean smoke\?"):
        SHIPPED.suite("smok")
    with pytest.raises(UsageError, match="it is a task: use --tasks smoke-sts"):
        SHIPPED.suite("smoke-sts")
    with pytest.raises(
        UsageError, match=r"no instruction set is called 'medi'; did you mean medi2\?"
    ):
        SHIPPED.instructions("medi")
    with pytest.raises(UsageError, match=r"nowhere\.yaml: cannot be read"):
        SHIPPED.instructions("nowhere.yaml")


def test_an_instruction_set_from_a_file(tmp_path: Path) -> None:
    text = "name: mine\ntasks:\n  A: both\n  B: {query: one side}\n"
    found = SHIPPED.instructions(str(write(tmp_path, "set.yaml", text))).tasks
    assert found["A"] == Instruction(query="both", document="both")
    assert found["B"] == Instruction(query="one side", document="")


def test_a_plain_instruction_is_for_queries_alone_in_retrieval() -> None:
    for name, one_sided in (("smoke-retrieval", True), ("smoke-reranking", False)):
        instruction = SHIPPED.task(name).instruction
        assert instruction is not None
        assert instruction.document == ("" if one_sided else instruction.query)


TASKS = [
    *SHIPPED.tasks.values(),
    make_task(name="mteb:STSBenchmark", kind="mteb", source="STSBenchmark"),
]


@pytest.mark.parametrize("task", [*SHIPPED.tasks.values(), STSB], ids=lambda task: task.name)
def test_a_task_survives_json(task: Task) -> None:
    again = make_task(**json.loads(task.model_dump_json()))
    assert again == task
    assert again.hash == task.hash


def test_the_hash_covers_what_changes_a_score_and_nothing_else(tmp_path: Path) -> None:
    text = "name: t\nkind: lm_eval\ntype: generate\ndata: {test: a.jsonl}\nprompt: p\ntarget: t\n"
    here, there = tmp_path / "here", tmp_path / "there"

    def hash_of(folder: Path, text: str) -> str:
        write(folder, "t.yaml", text)
        return Registry.load([folder]).task("t").hash

    plain = hash_of(here, text)
    assert hash_of(there, text + "category: C\ndescription: d\n") == plain
    for changed in (
        "limit: 3\n",
        "answer_prefix: A\n",
        "version: '2'\n",
        "generation: {stop: [x]}\n",
    ):
        assert hash_of(there, text + changed) != plain


def test_shipped_files_are_valid_and_counted() -> None:
    rows = sum(
        len(read_rows(path))
        for task in SHIPPED.tasks.values()
        for path in (task.data or {}).values()
    )
    assert validate(None) == (
        f"{shipped_tasks().resolve()}: {len(SHIPPED.tasks)} tasks, {len(SHIPPED.suites)} suites, "
        f"6 instruction sets, {rows:,} rows"
    )


def test_every_shipped_source_is_a_task_of_its_harness(tmp_path: Path) -> None:
    """So a plan need not look them up: that imports all of mteb where it was not done before."""
    write(tmp_path, "mine.yaml", FAMILY)
    registry = Registry.load([tmp_path])
    shipped = [task for task in registry.tasks.values() if registry.ships(task)]
    assert [task.name for task in shipped] == list(SHIPPED.tasks)
    assert not registry.ships(STSB)
    for task in shipped:
        kind_of(task).check_source(task)


def test_validate_reads_the_data_too(tmp_path: Path) -> None:
    write(tmp_path, "t.yaml", "name: t\nkind: mteb\ntype: sts\ndata: {test: a.jsonl}\n")
    with pytest.raises(DataError, match=r"a\.jsonl: no such file"):
        validate(tmp_path)
    row = {"sentence1": "a", "sentence2": "b", "score": 1}
    data = write(tmp_path, "a.jsonl", json.dumps(row) + "\n" + json.dumps({"sentence1": "a"}))
    with pytest.raises(DataError, match=r"a\.jsonl:2: column 'sentence2' is missing"):
        validate(tmp_path)
    data.write_text(json.dumps(row) + "\n" + json.dumps(row | {"score": 2}))
    expected = f"{tmp_path.resolve()}: 1 task, 0 suites, 0 instruction sets, 2 rows"
    assert validate(tmp_path) == expected


@pytest.mark.parametrize("name", ["smoke-sts", "smoke", "e5", "lm_eval:arc_easy"])
def test_what_is_shown_is_yaml_of_the_same_name(name: str) -> None:
    head, _, body = show(SHIPPED, name).partition("\n")
    assert head.startswith("# ")
    assert yaml.safe_load(body)["name"] == name


def test_the_overview_names_everything() -> None:
    text = overview(SHIPPED)
    for name in (*SHIPPED.tasks, *SHIPPED.suites, *SHIPPED.instruction_sets):
        assert name in text


Sides = dict[str, dict[str, Instruction]]


def reference(path: Path) -> Iterator[tuple[str, str, str, Instruction]]:
    """(set, task type, task, instruction) of the authors' table; a text is for both sides."""
    content = json.loads((path.parent / "reference" / "instructions.json").read_text())
    for name, types in content.items():
        for task_type, tasks in types.items():
            for task, entry in tasks.items():
                sides = {"query": entry, "corpus": entry} if isinstance(entry, str) else entry
                instruction = Instruction(query=sides["query"], document=sides["corpus"])
                yield name, task_type, task, instruction


@pytest.mark.realdata
def test_instruction_sets_are_the_authors(shared_data: Path) -> None:
    expected: Sides = {}
    for name, _, task, instruction in reference(shared_data):
        expected.setdefault(name, {})[task] = instruction
    assert {name: found.tasks for name, found in SHIPPED.instruction_sets.items()} == expected


@pytest.mark.realdata
def test_e5_documents_of_retrieval_get_no_instruction(shared_data: Path) -> None:
    found = SHIPPED.instructions("e5").tasks
    assert len(found) == 56
    retrieval = [
        task
        for name, kind, task, _ in reference(shared_data)
        if (name, kind) == ("e5", "Retrieval")
    ]
    assert len(retrieval) == 15
    for task, instruction in found.items():
        assert instruction.query
        assert instruction.document == ("" if task in retrieval else instruction.query)


def test_data_files_stay_in_the_tasks_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, other = tmp_path / "tasks", tmp_path / "other"
    for made in (folder / "deep", other):
        made.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("{}")
    (other / "rows.jsonl").write_text("{}")
    (folder / "link.jsonl").symlink_to(other / "rows.jsonl")
    file = folder / "deep" / "t.yaml"
    text = "name: mine\nkind: mteb\ntype: sts\ndata: {test: %s}\n"

    def loaded(named: str) -> Path:
        file.write_text(text % named)
        data = Registry.load([folder]).task("mine").data
        assert data is not None
        return data["test"]

    assert loaded("../rows.jsonl") == loaded(str(folder / "rows.jsonl")) == folder / "rows.jsonl"
    outside = ("../../other/rows.jsonl", str(other / "rows.jsonl"), "../link.jsonl")
    for named in outside:
        with pytest.raises(UsageError) as caught:
            loaded(named)
        assert f"t.yaml:4: data.test: {other / 'rows.jsonl'} is outside" in caught.value.line
        assert f"allow its folder: EVALSUITE_TASK_DATA={other}" in caught.value.line
    monkeypatch.setenv("EVALSUITE_TASK_DATA", f"/none:{other}")
    for named in outside:
        assert loaded(named) == other / "rows.jsonl"
