"""Repetitions of a long measurement that were taken in several sittings."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

import common


def report(folder: Path, **others: Any) -> Path:
    """An earlier report with one repetition."""
    about = common.facts(samples=60, tasks=("a", "b"), versions={"torch": "2"})
    about |= {"load_average_before": 2, "repetitions": [{"ours": {"seconds": 2.0}}], **others}
    common.write_json(folder / "earlier.json", about)
    return folder / "earlier.json"


def options(path: Path, repeats: int) -> argparse.Namespace:
    """A command line."""
    return argparse.Namespace(add=[path], repeats=repeats)


@pytest.mark.parametrize(("repeats", "now", "sittings", "load"), [(0, 7, 1, 2), (1, 7, 2, 7)])
def test_the_page_says_in_how_many_sittings_and_their_highest_load(
    tmp_path: Path, repeats: int, now: int, sittings: int, load: int
) -> None:
    about = common.facts(samples=60, tasks=("a", "b"), versions={"torch": "2"})
    about["load_average_before"] = now
    found = common.earlier(about, options(report(tmp_path), repeats))
    assert (about["sittings"], about["load_average_before"]) == (sittings, load)
    assert common.repetitions(found, dict) == [{"ours": {"seconds": 2.0}}]


@pytest.mark.parametrize(
    ("key", "value"),
    [("samples", 4), ("tasks", ["a"]), ("versions", {"torch": "3"}), ("code", "0"), ("cpu", "x")],
)
def test_repetitions_of_another_measurement_are_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    path = report(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    about = common.facts(samples=60, tasks=("a", "b"), versions={"torch": "2"})
    with pytest.raises(SystemExit, match=f"earlier.json: another measurement.* in {key}$"):
        common.earlier(about, options(path, 1))


def test_new_repetitions_follow_the_earlier_ones_and_alternate_with_them(tmp_path: Path) -> None:
    order: list[str] = []
    sides = {name: lambda _, name=name: order.append(name) for name in ("peer", "ours")}
    told: list[str] = []
    turns = common.in_turn(1, sides, tmp_path, before=[{"peer": None}], told=told.append)
    assert [len(found) for found in turns] == [2]
    # The first repetition began with the peer.
    assert order == ["ours", "peer"]
    assert "repetition 2 of 2" in told[0]


def test_reports_are_put_together_without_a_repetition(tmp_path: Path) -> None:
    before = [{"ours": 1}, {"ours": 2}]
    assert list(common.in_turn(0, {"ours": pytest.fail}, tmp_path, before=before)) == [before]
