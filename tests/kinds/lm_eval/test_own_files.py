"""Task files in lm-eval's own format in a person's own tasks folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalsuite.commands.tasks import overview, show
from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.lm_eval.kind import harness_version
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.table import kind_of
from evalsuite.prompting.prompter import Prompter
from evalsuite.registry.load import Registry
from helpers.contexts import make_context
from helpers.scripted import Scripted
from helpers.tiny_lm import make_tiny_lm

BASE = "dataset_path: json\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\n"
TASK = """\
include: _base.yaml
task: own_copy
output_type: generate_until
doc_to_text: !function helper.asked
doc_to_target: "{{a}}"
metric_list: [{metric: exact_match, higher_is_better: true}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "mine" / "lm_eval"
    (home / "sub").mkdir(parents=True)
    (home / "_base.yaml").write_text(BASE)
    (home / "copy.yaml").write_text(TASK)
    (home / "helper.py").write_text("def asked(doc):\n    return 'Copy: ' + doc['q']\n")
    rows = [{"q": "one", "a": "one"}, {"q": "two", "a": "two"}]
    (home / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "sub" / "group.yaml").write_text("group: own_group\ntask: [own_copy]\n")
    (tmp_path / "mine" / "named.yaml").write_text(
        "name: Copy\nkind: lm_eval\nsource: own_copy\ncategory: Mine\n"
    )
    return tmp_path / "mine"


def find(folder: Path, name: str = "lm_eval:own_copy") -> LmEvalTask:
    task = Registry.load([folder]).task(name)
    assert isinstance(task, LmEvalTask)
    return task


@pytest.mark.parametrize("name", ["lm_eval:own_copy", "Copy", "lm_eval:own_group"])
def test_it_runs_by_name_and_by_a_task_file(folder: Path, tmp_path: Path, name: str) -> None:
    """With its helper, what it includes and the data beside it; from any working directory."""
    task = find(folder, name)
    kind_of(task).check_source(task)
    context = make_context(checkpoint=make_tiny_lm(tmp_path / "lm"), workdir=tmp_path)
    [shown] = LmEvalHarness().preview(task, context)
    assert shown.text == "Copy: one"


@pytest.mark.parametrize(("metric", "scored"), [("exact_match", True), ("acc", False)])
def test_a_tag_of_different_metrics_has_no_score(
    folder: Path, tmp_path: Path, metric: str, scored: bool
) -> None:
    """A mean over accuracies and BLEU, say, would be no number of anything."""
    home = folder / "lm_eval"
    (home / "copy.yaml").write_text(TASK + "tag: mixed\n")
    rated = f"metric_list: [{{metric: {metric}, aggregation: mean, higher_is_better: true}}]\n"
    (home / "helper.py").write_text(
        "def asked(doc):\n    return 'Copy: ' + doc['q']\n"
        f"def rated(doc, results):\n    return {{'{metric}': float(results[0] == doc['a'])}}\n"
    )
    rate = "process_results: !function helper.rated\n"
    plain = TASK.replace("own_copy", "own_rated").partition("metric_list")[0]
    (home / "rated.yaml").write_text(f"{plain}{rate}{rated}tag: mixed\n")
    checkpoint = make_tiny_lm(tmp_path / "lm")
    engine = Scripted(Prompter(checkpoint).tokenizer, lambda prompt, _: prompt.split()[-1])
    task = find(folder, "lm_eval:mixed")
    context = make_context(checkpoint=checkpoint, workdir=tmp_path)
    if scored:
        assert LmEvalHarness().evaluate(task, engine, context).score == 1.0
        return
    with pytest.raises(UsageError, match=r"different main metrics \(acc, exact_match\)"):
        LmEvalHarness().evaluate(task, engine, context)


@pytest.mark.parametrize("file", ["copy.yaml", "_base.yaml", "helper.py", "d.jsonl"])
def test_all_of_it_is_part_of_the_signature(folder: Path, file: str) -> None:
    before = harness_version(find(folder))
    assert before.partition("+")[2].startswith("own-")
    with (folder / "lm_eval" / file).open("a") as stream:
        stream.write('{"q": "x", "a": "y"}\n' if file == "d.jsonl" else "# other\n")
    assert harness_version(find(folder)) != before


def test_where_the_folder_lies_is_no_part_of_the_task(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    task = find(moved)
    assert "folder" not in task.definition()
    assert task.hash == task.model_copy(update={"folder": None}).hash


def test_it_is_shown_without_its_place(folder: Path) -> None:
    registry = Registry.load([folder])
    for name in ("lm_eval:own_copy", "Copy"):
        text = show(registry, name)
        assert "test: d.jsonl" in text
        assert str(folder) not in text.partition("\n")[2]


def test_it_is_listed(folder: Path) -> None:
    assert "own_copy" not in overview(Registry.load([]))
    lines = overview(Registry.load([folder])).splitlines()
    mine = [line.split()[0] for line in lines if str(folder) in line]
    assert mine == ["lm_eval:own_copy", "lm_eval:own_group"]
    (folder / "lm_eval" / "bad.yaml").write_text("task: [own\n")
    with pytest.raises(UsageError, match=r"bad\.yaml:2: not valid YAML"):
        overview(Registry.load([folder]))


def test_what_it_says_is_shown(folder: Path) -> None:
    task = find(folder)
    facts = kind_of(task).facts(task)
    assert facts["splits"] == ["test"]
    assert facts["samples"] == {"test": 2}
    assert facts["metrics"] == ["exact_match: higher is better, fraction"]
    assert kind_of(task).lacking_packages(task) == ()
    (folder / "lm_eval" / "helper.py").write_text("import no_such_package_here\n")
    assert kind_of(task).lacking_packages(task) == ("no-such-package-here",)


def test_a_name_that_lm_eval_has_is_refused(folder: Path) -> None:
    (folder / "lm_eval" / "copy.yaml").write_text(TASK.replace("own_copy", "gsm8k"))
    task = find(folder, "lm_eval:gsm8k")
    with pytest.raises(UsageError, match=r"copy\.yaml: lm-eval .* has a task 'gsm8k' too"):
        kind_of(task).check_source(task)
    with pytest.raises(UsageError, match="rename yours"):
        kind_of(task).check_folder(folder)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("copy.yaml", "task: [own_copy\n", r"copy\.yaml:2: not valid YAML"),
        ("copy.yaml", "- a\n", r"copy\.yaml:1: expected a mapping"),
        ("copy.yaml", TASK.replace("_base", "_other"), r"_other\.yaml: cannot be read"),
        ("_base.yaml", "include: _base.yaml\n", "include one another"),
        ("other.yaml", "task: own_copy\n", "'own_copy' is already defined in"),
    ],
)
def test_a_broken_file_is_one_line(folder: Path, file: str, text: str, words: str) -> None:
    (folder / "lm_eval" / file).write_text(text)
    with pytest.raises(UsageError, match=words):
        find(folder)


@pytest.mark.parametrize(
    ("files", "words"),
    [("{test: ../../secret.jsonl}", "is outside"), ("{test: no.jsonl}", "no such file")],
)
def test_data_files_lie_in_the_folder(folder: Path, tmp_path: Path, files: str, words: str) -> None:
    (tmp_path / "secret.jsonl").write_text('{"q": "a", "a": "b"}\n')
    base = folder / "lm_eval" / "_base.yaml"
    base.write_text(BASE.replace("{test: d.jsonl}", files))
    context = make_context(checkpoint=make_tiny_lm(tmp_path / "lm"), workdir=tmp_path)
    with pytest.raises(DataError, match=words):
        LmEvalHarness().preview(find(folder), context)


def test_a_task_file_cannot_name_the_folder(folder: Path) -> None:
    (folder / "named.yaml").write_text("name: C\nkind: lm_eval\nsource: own_copy\nfolder: /\n")
    with pytest.raises(UsageError, match=r"named\.yaml:4: folder: is not a known key"):
        Registry.load([folder])
