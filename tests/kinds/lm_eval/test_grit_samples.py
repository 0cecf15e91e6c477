"""Which items the GRIT tasks evaluate, against a computation with the standard library alone."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.lm_eval.grit import bbh, gsm8k, mmlu, tydiqa
from helpers.grit_world import LANGUAGES


def load(root: Path, name: str, config: str, split: str = "test") -> Any:
    from datasets import load_dataset

    return load_dataset(str(root / "hub" / name), config)[split]


@pytest.mark.realdata
def test_gsm8k_takes_200_of_seed_42(shared_data: Path) -> None:
    dataset = load(shared_data, "openai/gsm8k", "main")
    random.seed(42)
    questions = random.sample(list(dataset["question"]), 200)
    rows = gsm8k.sampled(dataset)
    assert rows["question"] == questions
    assert rows["evalsuite_id"][0] == "gsm8k/1309"
    assert rows[0]["target"] == "2280"
    assert len(gsm8k.full(dataset)) == 1319
    # Each right answer is a number; those with a thousands separator have lost it.
    assert all(float(target) for target in gsm8k.full(dataset)["target"])
    with pytest.raises(DataError, match="1319 test rows, not 7"):
        gsm8k.sampled(list(dataset.select(range(7))))


@pytest.mark.realdata
def test_bbh_takes_40_of_each_task_with_one_generator(shared_data: Path) -> None:
    random.seed(42)
    total = 0
    for task in sorted(bbh.SIZES):
        dataset = load(shared_data, "SaylorTwift/bbh", task)
        total += len(dataset)
        rows = bbh.sampled(dataset)
        assert rows["input"] == random.sample(list(dataset["input"]), 40)
        assert set(rows["evalsuite_group"]) == {task}
        assert len(bbh.full(dataset)) == len(dataset)
    assert total == 6511


def test_bbh_order_is_alphabetical_and_depends_on_all_sizes() -> None:
    assert list(bbh.SIZES) == sorted(bbh.SIZES)
    assert len(bbh.SIZES) == 27
    assert sum(bbh.SIZES.values()) == 6511
    assert len({bbh.picks()[task] for task in bbh.SIZES}) == 27


def test_bbh_refuses_data_of_another_size() -> None:
    class Short(list[dict[str, str]]):
        config_name = "snarks"

    with pytest.raises(DataError, match="BBH has 178 rows of snarks, not 1"):
        bbh.full(Short([{"input": "a", "target": "b"}]))


@pytest.mark.realdata
def test_mmlu_all_and_the_first_ten_of_each_subject(shared_data: Path) -> None:
    dataset = load(shared_data, "cais/mmlu", "all")
    full, quick = mmlu.full(dataset), mmlu.quick(dataset)
    assert (len(full), len(quick)) == (14_042, 570)
    assert set(Counter(quick["evalsuite_group"]).values()) == {10}
    assert len(set(full["evalsuite_id"])) == 14_042
    by_id = {row["evalsuite_id"]: row["question"] for row in full}
    first = [row["question"] for row in dataset if row["subject"] == "virology"][:10]
    assert [by_id[f"mmlu/virology/{number}"] for number in range(10)] == first
    assert quick.filter(lambda row: row["evalsuite_group"] == "virology")["question"] == first


def test_tydiqa_draws_items_of_all_languages_then_examples() -> None:
    sizes = dict.fromkeys(LANGUAGES, 5) | {"arabic": 120, "korean": 101, "telugu": 100}
    test = [f"{la}-{n}-0" for n in range(120) for la in reversed(LANGUAGES) if n < sizes[la]]
    train = [f"{la}-{n}-1" for n in range(30) for la in LANGUAGES]
    chosen = tydiqa.picks(test, train, 100)

    random.seed(42)
    expected: dict[str, list[str]] = {}
    for language in sorted(LANGUAGES):
        names = [name for name in test if name.split("-")[0] == language]
        expected[language] = random.sample(names, 100) if len(names) > 100 else names
    shots = {}
    for language in sorted(LANGUAGES):
        names = [name for name in train if name.split("-")[0] == language]
        shots[language] = random.sample(names, 1)[0]
    assert {la: [test[n] for n in numbers] for la, numbers in chosen.test.items()} == expected
    assert {la: train[n] for la, n in chosen.shot.items()} == shots
    assert sum(map(len, tydiqa.picks(test, train, None).test.values())) == len(test)


def test_tydiqa_refuses_what_it_has_no_words_for() -> None:
    with pytest.raises(DataError, match="'thai' is no language"):
        tydiqa.picks(["thai-1-0"], ["thai-2-0"], None)
    with pytest.raises(UsageError, match="needs its tokenizer"):
        tydiqa.load(language="finnish")
