"""The scatter plot: points where they belong, labels that do not touch, the same bytes twice."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.registry.suites import Suite
from evalsuite.report.figures import Point, points, scatter, scatter_figure
from evalsuite.report.label_places import Anchor, Box, place
from evalsuite.results.tables.build import build_table
from helpers.records import record

NASTY = '<b>a&b</b> $x_1$ "q"'
POINTS = [
    Point(name="unified", generative=55.5, embedding=66.8, generative_stderr=1.0),
    Point(name="generator", generative=55.0, embedding=41.2),
    Point(name="encoder", generative=None, embedding=64.6, embedding_stderr=0.5),
    Point(name=NASTY, generative=84.8, embedding=None),
]


def test_points_are_where_their_scores_are() -> None:
    (axes,) = scatter_figure(POINTS).axes
    groups = {c.get_label(): c.get_offsets().tolist() for c in axes.collections}
    assert groups["both"] == [[55.5, 66.8], [55.0, 41.2]]
    ((x, y),) = groups["embedding only"]
    assert y == 64.6
    assert x < 55.0 - 1  # in the band, left of every generative score
    ((x, y),) = groups["generative only"]
    assert x == 84.8
    assert y < 41.2
    assert axes.get_xscale() == axes.get_yscale() == "linear"


def test_bands_have_no_scale() -> None:
    (axes,) = scatter_figure(POINTS).axes
    band_x, band_y = (patch.get_bbox() for patch in axes.patches)
    assert min(axes.get_xticks()) >= band_x.x1
    assert min(axes.get_yticks()) >= band_y.y1
    said = {text.get_text() for text in axes.texts}
    assert {"no generative score", "no embedding score"} <= said
    (plain,) = scatter_figure(POINTS[:2]).axes
    assert not plain.patches


def test_error_bars_are_one_standard_error() -> None:
    (axes,) = scatter_figure(POINTS[:2]).axes
    bars = [c.get_segments() for c in axes.collections if hasattr(c, "get_segments")]
    ((segment,),) = [found for found in bars if found]
    assert segment.tolist() == [[54.5, 66.8], [56.5, 66.8]]


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_same_points_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
    scatter(POINTS, first)
    scatter(POINTS, second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 1000


def test_svg_holds_the_names_as_text(tmp_path: Path) -> None:
    scatter(POINTS, tmp_path / "f.svg")
    root = ET.parse(tmp_path / "f.svg").getroot()
    texts = {"".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {point.name for point in POINTS} <= texts  # escaped, and $…$ is not mathematics
    assert {"Generative average", "Embedding average"} <= texts
    assert "<dc:date>" not in (tmp_path / "f.svg").read_text()


def test_labels_do_not_overlap() -> None:
    chance = random.Random(0)
    crowd = [
        Point(name=f"checkpoint-{i}", generative=chance.gauss(50, 9), embedding=chance.gauss(60, 5))
        for i in range(40)
    ]
    figure = scatter_figure([*crowd, *POINTS])
    (axes,) = figure.axes
    renderer = figure.canvas.get_renderer()
    extents = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(extents) > 30
    assert not [pair for pair in itertools.combinations(extents, 2) if pair[0].overlaps(pair[1])]


def test_placement_avoids_obstacles_and_bounds() -> None:
    bounds = Box(0, 0, 100, 100)
    anchors = [Anchor(50, 50, 30, 10), Anchor(50, 53, 30, 10), Anchor(99, 99, 30, 10)]
    obstacles = [Box(a.x - 2, a.y - 2, a.x + 2, a.y + 2) for a in anchors]
    placed = [label for label in place(anchors, obstacles, bounds, gap=5) if label]
    assert len(placed) == 3
    boxes = [label.box for label in placed]
    assert all(box.inside(bounds) for box in boxes)
    for box, other in itertools.combinations([*boxes, *obstacles], 2):
        assert not box.overlaps(other) or (box in obstacles and other in obstacles)
    assert place([Anchor(5, 5, 300, 10)], [], bounds, gap=5) == [None]


def test_points_of_a_table(suite: Suite) -> None:
    records = [
        record(t, 0.5, checkpoint="e", category=t[0], stderr=0.02) for t in ("a1", "a2", "a3", "b1")
    ]
    records += [record(t, 0.4, checkpoint="g", world="generative") for t in ("g1", "g2")]
    records += [record("g1", 0.4, checkpoint="half", world="generative")]
    found = {point.name: point for point in points(build_table(records, suite))}
    assert set(found) == {"e", "g"}  # without any average there is nothing to draw
    assert (found["e"].embedding, found["e"].generative) == (pytest.approx(50), None)
    assert found["e"].embedding_stderr == pytest.approx(1.0)  # sqrt(4 · 2²) / 4
    assert (found["g"].embedding, found["g"].generative) == (None, pytest.approx(40))


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs an embedding and a generative average"):
        scatter(POINTS[2:3], tmp_path / "f.svg")
    with pytest.raises(UsageError, match="unknown figure format"):
        scatter(POINTS, tmp_path / "f.gif")
