"""Which items a limit keeps: a person's draws, a task's own keeps the first rows."""

from __future__ import annotations

from pathlib import Path

from evalsuite.kinds.shared.item_order import kept_items, with_choice
from helpers.contexts import make_context, with_options
from helpers.planned import CHECKPOINT
from helpers.records import signature


def test_a_limit_of_a_person_draws_and_one_of_the_task_does_not(tmp_path: Path) -> None:
    own = make_context(checkpoint=CHECKPOINT, workdir=tmp_path, limit=3)
    assert kept_items(own, 10, "data") == [0, 1, 2]
    assert kept_items(own, 2, "data") == [0, 1]
    drawn = [with_options(own, limit=3, seed=seed) for seed in range(20)]
    found = [kept_items(context, 10, "data") for context in drawn]
    assert all(one == sorted(set(one)) and len(one) == 3 for one in found)
    assert len(set(map(tuple, found))) > 10
    assert kept_items(drawn[0], 10, "other data") != found[0]
    assert kept_items(with_options(own, limit=3, limit_first=True), 10, "data") == [0, 1, 2]
    whole = make_context(checkpoint=CHECKPOINT, workdir=tmp_path)
    assert kept_items(whole, 4, "data") == [0, 1, 2, 3]


def test_the_signature_says_so(tmp_path: Path) -> None:
    options = make_context(checkpoint=CHECKPOINT, workdir=tmp_path).options
    for given, chosen in (
        ({}, None),
        ({"limit": 3}, "random"),
        ({"limit": 3, "limit_first": True}, None),
    ):
        assert with_choice(signature(), options.model_copy(update=given)).chosen == chosen
