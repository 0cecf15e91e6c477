"""Directions and units against what the harnesses state of all their tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalsuite.kinds.lm_eval.names import tasks_root
from evalsuite.kinds.mteb.facts import installed
from evalsuite.metrics import metric_named


class _Loader(yaml.CSafeLoader):
    """Reads lm-eval's task files without importing the functions that they name."""


_Loader.add_constructor("!function", lambda _, node: None)


def _configs() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(tasks_root().rglob("*.yaml")):
        text = path.read_bytes()
        if b"metric_list" not in text:
            continue
        plain = yaml.load(text, Loader=_Loader)
        if isinstance(plain, dict):
            yield path, plain


def test_directions_are_those_of_lm_evals_configs() -> None:
    """The main metric is the first; a name alone must never say the opposite of the config."""
    wrong, seen = [], 0
    for path, plain in _configs():
        metrics = [one for one in plain.get("metric_list") or () if isinstance(one, dict)]
        for place, one in enumerate(metrics):
            stated, name = one.get("higher_is_better"), one.get("metric")
            if not isinstance(name, str) or not isinstance(stated, bool):
                continue
            seen += 1
            direction = "higher" if stated else "lower"
            assert metric_named(name, direction).direction == direction
            by_name = metric_named(name).direction
            if by_name not in (None, direction):
                wrong.append(f"{path.name}: {name} (metric {place})")
    assert seen > 1000
    assert wrong == []


def test_mteb_main_metrics_are_known() -> None:
    """Of text tasks; the table of mteb's tasks states each direction."""
    wrong = {}
    for facts in installed().values():
        if not facts.get("text", True) or "metric" not in facts:
            continue
        words = {True: "higher", False: "lower", None: None}
        stated = words[facts.get("higher_is_better", True)]
        known = metric_named(facts["metric"])
        if known.direction != stated or (stated and known.unit == "other"):
            wrong[facts["metric"]] = (stated, known)
    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("acc", "fraction"),
        ("exact_match,strict-match", "fraction"),
        ("ndcg_at_10", "fraction"),
        ("brier_score", "fraction"),
        ("bleu", "percent"),
        ("bleu_max", "percent"),
        ("rougeL_max", "percent"),
        ("chrf", "percent"),
        ("perplexity", "other"),
        ("bits_per_byte", "other"),
        ("doc_cache_seconds", "other"),
        ("quality_of_prose", "other"),
    ],
)
def test_units_follow_from_the_definition(name: str, unit: str) -> None:
    assert metric_named(name).unit == unit


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
def test_directions_of_mtebs_metrics(metric: str, higher: bool | None) -> None:
    words = {True: "higher", False: "lower", None: None}
    assert metric_named(metric).direction == words[higher]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("acc_norm,none", (0, 1)),
        ("cosine_spearman", (-1, 1)),
        ("bleu,none", (0, 100)),
        ("word_perplexity,none", None),
        ("named_by_nobody", None),
    ],
)
def test_ranges_follow_from_the_definition(name: str, bounds: tuple[float, float] | None) -> None:
    assert metric_named(name).range == bounds
