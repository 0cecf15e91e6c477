"""The table of mteb's tasks against mteb itself, and what is chosen from it."""

from __future__ import annotations

import subprocess
import sys

import mteb
import pytest
from mteb.get_tasks import TASK_LIST

from evalsuite.errors import UsageError
from evalsuite.kinds.mteb.facts import TABLE, datasets_of, direction, facts_of, installed
from evalsuite.kinds.mteb.libraries import scoring_libraries
from evalsuite.kinds.mteb.scope import scope_of, signed_splits
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from make_mteb_table import table


def task(source: str, **more: object) -> Task:
    return make_task(**{"name": "t", "kind": "mteb", "source": source, **more})


def test_the_table_is_what_its_program_writes() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run bench/make_mteb_table.py"


def test_every_task_has_mtebs_splits_subsets_and_metric() -> None:
    assert len(TASK_LIST) == len(installed())
    for kind in TASK_LIST:
        metadata, facts = kind.metadata, facts_of(kind.metadata.name)
        assert facts.splits == tuple(metadata.eval_splits), facts.name
        assert facts.subsets == tuple(metadata.hf_subsets), facts.name
        assert (facts.metric, facts.type) == (metadata.main_score, metadata.type), facts.name
        assert facts.text == (list(metadata.modalities) == ["text"]), facts.name


def test_sizes_are_those_that_mteb_states() -> None:
    assert facts_of("STSBenchmark").sizes == {"test": 1379}
    assert facts_of("STSB").sizes == mteb.get_task("STSB").metadata.n_samples


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        ("ndcg_at_10", True),
        ("max_over_subqueries_map_at_1000", True),
        ("cosine_spearman", True),
        ("max_ap", True),
        ("p-MRR", True),
        ("v_measure", True),
        ("rmse", False),
        ("mae", False),
        ("evaluation_time", None),
    ],
)
def test_the_direction_of_a_metric(metric: str, higher: bool | None) -> None:
    assert direction(metric) is higher


def test_every_main_metric_has_a_direction() -> None:
    assert all(facts_of(name).higher_is_better is not None for name in installed())


def test_data_sets_of_a_mean_over_tasks_are_those_of_its_members() -> None:
    assert len(datasets_of("CQADupstackRetrieval")) == 12
    found = mteb.get_task("SciFact").metadata.dataset
    assert datasets_of("SciFact") == {found["path"]: found["revision"]}


def test_all_of_a_task_is_scored_unless_its_file_chooses() -> None:
    whole = scope_of(task("LEMBPasskeyRetrieval"))
    assert (len(whole.splits), whole.is_whole, whole.words) == (8, True, "")
    chosen = scope_of(task("MTOPDomainClassification", splits=["test"], subsets=["fr", "de"]))
    assert (chosen.splits, chosen.subsets) == (("test",), ("de", "fr")), "in mteb's order"
    assert chosen.words == "test × de, fr (2 of 12 parts)"
    other = scope_of(task("STSBenchmark", split="validation"))
    assert (other.is_whole, other.words) == (False, "validation × default (0 of 1 parts)")


@pytest.mark.parametrize(
    ("source", "chosen", "signed"),
    [
        ("STSBenchmark", {}, None),
        ("AFQMC", {}, None),  # only validation
        ("STSB", {}, "validation+test"),
        ("STSB", {"splits": ["test"]}, None),  # as before
        ("STSB", {"splits": ["validation"]}, "validation"),
        ("STSB", {"split": "validation"}, None),  # a field of its own
        ("OpusparcusPC", {"splits": ["test.full"]}, None),  # the first, where there is no test
        ("NoSuchTask", {}, None),
    ],
)
def test_the_splits_of_a_signature(source: str, chosen: dict[str, object], signed: str) -> None:
    assert signed_splits(task(source, **chosen)) == signed


def test_what_is_no_task_of_text_or_no_subset_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no task 'STSBB'; did you mean .*STSB"):
        scope_of(task("STSBB"))
    with pytest.raises(UsageError, match="no subset 'xx'"):
        scope_of(task("MTOPDomainClassification", subsets=["xx"]))
    with pytest.raises(UsageError, match="not about texts alone"):
        scope_of(task("CIFAR10"))
    with pytest.raises(UsageError, match=r"mean of other tasks; list .*CQADupstackTexRetrieval"):
        scope_of(task("CQADupstackRetrieval"))


def test_splits_are_of_a_task_of_mteb_without_a_split() -> None:
    for wrong in ({"kind": "lm_eval"}, {"split": "test"}):
        with pytest.raises(ValueError, match="splits"):
            task("STSB", splits=["test"], **wrong)


@pytest.mark.parametrize(
    ("source", "libraries"),
    [
        ("Banking77Classification", ("scikit-learn", "scipy")),
        ("TwentyNewsgroupsClustering", ("scikit-learn",)),
        ("STSBenchmark", ()),
        ("SciFact", ()),
    ],
)
def test_libraries_that_move_a_score(source: str, libraries: tuple[str, ...]) -> None:
    assert scoring_libraries(task(source)) == libraries


def test_a_classifier_fits_with_the_library_that_is_named() -> None:
    """If mteb fits with other libraries one day, the list has to follow."""
    fitted = {
        kind.evaluator_model.__class__.__module__.split(".")[0]
        for kind in TASK_LIST
        if hasattr(kind, "evaluator_model")
    }
    assert fitted == {"sklearn"}
    fits = [k.metadata for k in TASK_LIST if hasattr(k, "evaluator_model")]
    text = [metadata.name for metadata in fits if list(metadata.modalities) == ["text"]]
    assert len(text) > 400
    assert all("scikit-learn" in scoring_libraries(task(name)) for name in text)


def test_looking_at_the_table_imports_no_mteb() -> None:
    code = (
        "import sys; from evalsuite.kinds.mteb.facts import facts_of;"
        "print(facts_of('STSB').metric, 'mteb' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["cosine_spearman", "False"]
