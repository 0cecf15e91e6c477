"""Imported scores in a comparison: paired by prompts, with the settings that differ."""

from __future__ import annotations

from typing import Any

import pytest

from evalsuite.results.compare.pair import Comparison, compare
from evalsuite.results.sampled import sampled
from evalsuite.schema import Origin, Record, digest
from helpers.records import Rows, record, scored

ORIGIN = Origin(format="lm-eval", file="results_1.json", sha256="0" * 64, harness="lm-eval 0.4.13")
UNSTATED = {"engine": "imported", "device": "imported", "dtype": "imported", "data": None}
FIRST, SECOND = [1, 1, 0, 0, 1, 0], [1, 0, 1, 1, 1, 1]
PROMPTS = [f"Question {n}" for n in range(6)]


def measured(values: list[int], **over: Any) -> Record:
    score = sum(values) / len(values)
    return record("t", score, metric="acc", world="generative", stderr=0.1, **over)


def imported(values: list[int], name: str = "theirs", **over: Any) -> Record:
    unstated = {**UNSTATED, "task_hash": digest("imported"), "prefix_caching": None}
    unstated |= {"max_length": None, "sampling": None}
    return measured(values, checkpoint=name, origin=ORIGIN, **{**unstated, **over})


def rows(values: list[int], prompts: list[str] = PROMPTS) -> Rows:
    return scored(values, prompt=prompts)


def compared(one: Record, two: Record, first: Rows, second: Rows) -> Comparison:
    return compare(one, two, (sampled(one, first), sampled(two, second)))


def test_a_measured_and_an_imported_score_of_the_same_prompts_are_paired() -> None:
    found = compared(measured(FIRST), imported(SECOND), rows(FIRST), rows(SECOND)[::-1])
    assert (found.note, found.test, found.samples) == ("", "McNemar", 6)
    assert (found.won, found.lost) == (3, 1)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (["Another", *PROMPTS[1:]], "different prompts"),
        ([""] * 6, "different prompts"),
        (PROMPTS[1:] + PROMPTS[:1], "different prompts"),
    ],
)
def test_other_prompts_are_not_paired(changed: list[str], why: str) -> None:
    found = compared(measured(FIRST), imported(SECOND), rows(FIRST), rows(SECOND, changed))
    assert (found.note, found.test) == (why, "t, unpaired")


def test_settings_that_both_state_are_compared() -> None:
    ours = measured(FIRST, dtype="float32", limit=10, libraries="tokenizers 0.22.1")
    theirs = imported(SECOND, dtype="bfloat16", engine="hf", shots=0, settings="multiturn yes")
    found = compared(ours, theirs, rows(FIRST), rows(SECOND))
    assert found.settings == "dtype float32 / bfloat16, engine vllm-0.32.0 / hf, limit 10 / none"


def test_of_two_imported_scores_all_that_one_states_counts() -> None:
    one = imported(FIRST, "a", definition="version 2, hash aaaa")
    two = imported(
        SECOND, "b", definition="version 3, hash aaaa", settings="gen temperature=1, multiturn yes"
    )
    found = compared(one, two, rows(FIRST), rows(SECOND))
    assert found.settings == (
        "version 2 / 3, gen not stated / temperature=1, multiturn not stated / yes"
    )


def test_clusters_of_another_scikit_learn_are_said() -> None:
    ours = measured(FIRST, libraries="scikit-learn 1.9.0, tokenizers 0.22.1")
    found = compared(ours, imported(SECOND), rows(FIRST), rows(SECOND))
    assert found.settings == "libs scikit-learn-1.9.0+tokenizers-0.22.1 / not stated"


def test_measured_scores_have_their_signatures() -> None:
    one, two = measured(FIRST), measured(SECOND, checkpoint="b", dtype="float16")
    assert compared(one, two, rows(FIRST), rows(SECOND)).settings == ""
