"""Benchmarks of mteb as suites, against mteb's own members and aggregation."""

from __future__ import annotations

import mteb
import pytest

from evalsuite.errors import UsageError
from evalsuite.kinds.mteb.benchmarks import TABLE, benchmark_named, own_name, text_benchmarks
from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from make_mteb_table import table_of_benchmarks
from mteb_benchmarks import compare


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def test_the_table_is_what_its_program_writes() -> None:
    assert TABLE.read_text(encoding="utf-8") == table_of_benchmarks(), "run make_mteb_table.py"


@pytest.mark.parametrize(
    "name",
    [
        "MTEB(eng, v1)",  # a mean over forums, chosen splits and subsets
        "HUME(v1)",  # each subset weighs the same
        "LongEmbed",  # groups of splits
        "BRIGHT(v1.1)",  # groups of tasks
        "RTEB(fin, beta)",  # tasks whose data is not public
    ],
)
def test_members_and_aggregates_are_mtebs(name: str, registry: Registry) -> None:
    found = compare(name, registry)
    assert not found.differences
    assert found.numbers > 8


def test_every_benchmark_of_texts_is_a_suite_with_its_tasks(registry: Registry) -> None:
    names = {
        one.name
        for one in mteb.get_benchmarks()
        if all(list(task.metadata.modalities) == ["text"] for task in one.tasks)
    }
    assert set(text_benchmarks()) == names
    for name in names:
        suite = registry.suite(f"mteb:{name}")
        assert [task.name for task in registry.suite_tasks(suite)] == list(suite.tasks)


def test_an_alias_is_the_benchmark_that_mteb_takes_it_for(registry: Registry) -> None:
    for alias in ("MTEB(eng)", "MMTEB", "MTEB(Retrieval w/Instructions)"):
        assert own_name(alias) == mteb.get_benchmark(alias).name
    assert registry.suite("mteb:MTEB(eng)") == registry.suite("mteb:MTEB(eng, v2)")


def test_a_benchmark_with_images_is_refused_and_its_text_tasks_are_named() -> None:
    with pytest.raises(UsageError, match="needs images, audio or video in 124 of its 125 tasks:"):
        benchmark_named("MIEB(eng)")
    with pytest.raises(UsageError) as refused:
        benchmark_named("MIEB(eng)")
    assert refused.value.hint == "evaluate its text tasks: --tasks mteb:WebQAT2TRetrieval"


def test_a_wrong_name_names_near_ones(registry: Registry) -> None:
    with pytest.raises(UsageError) as refused:
        registry.suite("mteb:MTEB(eng, v3)")
    assert "MTEB(eng, v2)" in str(refused.value.hint)
    with pytest.raises(UsageError) as task:
        registry.suite("lm_eval:mmlu")
    assert task.value.hint == "name a task or a group: --tasks lm_eval:mmlu"
    with pytest.raises(UsageError, match="is a benchmark, not a task"):
        kind_of(registry.task("mteb:BEIR")).check_source(registry.task("mteb:BEIR"))


def test_a_part_of_a_task_is_another_score_than_the_whole(registry: Registry) -> None:
    part = registry.task("mteb:STS17?subsets=fr-en+en-en+fr-en")
    assert part.name == "mteb:STS17?subsets=en-en+fr-en", "in its one form"
    assert part.hash != registry.task("mteb:STS17").hash
    chosen = registry.task("mteb:FloresBitextMining?subsets=MTEB(Europe, v1)")
    member = benchmark_named("MTEB(Europe, v1)").part_of("FloresBitextMining")
    assert member is not None
    assert chosen.model_dump()["subsets"] == member.subsets
