"""Figures for those who only embed or only generate: what they show, with nothing cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import UsageError
from evalsuite.report.bars import bars_figure
from evalsuite.report.figure_files import style
from evalsuite.report.heat import heat_figure
from evalsuite.report.plots import draw, usual_kind
from evalsuite.report.steps import steps_figure
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Table
from evalsuite.schema import CheckpointRef, Record, digest
from evalsuite.store import Store
from helpers.command_line import command
from helpers.records import record, scored, suite_records

LONG = "a-$very$-long_name-of-a-fine-tuned-checkpoint-with-its-hyperparameters-lr-1e-5"
STEPS = (250, 500, 1000)


def at_step(name: str, step: int) -> CheckpointRef:
    full = f"{name}-checkpoint-{step}"
    return CheckpointRef(name=full, fingerprint=digest(full), source=full, kind="grit", step=step)


def runs() -> list[Record]:
    """Two training runs that embed; each step has another score on each task."""
    return [
        record(task, 0.3 + step / 4000 + 0.1 * number, checkpoint=at_step(name, step), stderr=0.02)
        for number, name in enumerate(("first", LONG))
        for step in STEPS
        for task in ("sts-a", "a-task-with-quite-a-long-name-of-its-own")
    ]


def embedding() -> Table:
    return build_table(
        [one for one in suite_records() if one.signature.world == "embedding"]
        + [record("smoke-sts", 0.4, checkpoint=LONG)]
    )


def steps_of(records: list[Record]) -> dict[str, int | None]:
    return {one.checkpoint.fingerprint: one.checkpoint.step for one in records}


def outside(figure: Any) -> float:
    """Inches by which what is drawn crosses the margins of a figure."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    return float(max(-box.x0, -box.y0, box.x1 - width, box.y1 - height))


def test_bars_begin_at_0_and_end_at_the_score() -> None:
    with style():
        figure = bars_figure(build_table([record("t", 0.25), record("t", 0.75, checkpoint="n")]))
    [axes] = figure.axes
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0, 25), (0, 75)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["m", "n"]


def test_a_checkpoint_without_a_score_has_no_bar() -> None:
    with style():
        figure = bars_figure(embedding())
    bars = {axes.get_title(): len(axes.patches) for axes in figure.axes}
    assert bars["smoke-sts"] == 3
    assert bars["smoke-retrieval"] == 2


def test_whiskers_are_95_percent_intervals() -> None:
    table = build_table([record("t", 0.5, stderr=0.01, n=2500, estimator="mean", unit="fraction")])
    with style():
        figure = bars_figure(table)
    [axes] = figure.axes
    [(low, high)] = [
        sorted(segment[:, 0]) for line in axes.collections for segment in line.get_segments()
    ]
    score = table.rows[0].cells[0].score
    assert score is not None
    ends = score.interval()
    assert ends is not None
    assert (low, high) == pytest.approx((ends.low, ends.high))
    assert high - low == pytest.approx(2 * 1.96, rel=0.01)


def test_heat_writes_each_score_and_why_there_is_none() -> None:
    records = [
        record("sts-a", 0.5, checkpoint="one"),
        record("sts-a", None, checkpoint="two"),
        record("sts-b", 0.25, checkpoint="two"),
    ]
    with style():
        [axes] = heat_figure(build_table(records)).axes
    assert sorted(text.get_text() for text in axes.texts) == ["25.0", "50.0", "failed", "–"]
    colours = axes.images[0].get_array().filled(-1).tolist()
    assert sorted(map(sorted, colours)) == [[-1, 0.25], [-1, 0.5]]


def test_steps_draw_a_line_for_each_run() -> None:
    records = runs()
    with style():
        figure = steps_figure(build_table(records), steps_of(records))
    [panel] = [axes for axes in figure.axes if axes.get_title() == "sts-a"]
    lines = [container.lines[0].get_xydata().tolist() for container in panel.containers]
    expected = [[step, 100 * (0.3 + step / 4000)] for step in STEPS]
    assert any(line == [pytest.approx(point) for point in expected] for line in lines)


@pytest.mark.parametrize("many", [1, 30])
@pytest.mark.filterwarnings("error")
def test_no_text_crosses_a_margin(many: int) -> None:
    crowd = [record("sts-a", 0.01 * n, checkpoint=f"{LONG}-{n}", stderr=0.02) for n in range(many)]
    records = runs()
    with style():
        figures = [
            bars_figure(build_table(crowd)),
            bars_figure(embedding()),
            heat_figure(build_table(crowd)),
            heat_figure(embedding()),
            steps_figure(build_table(records), steps_of(records)),
        ]
        assert max(map(outside, figures)) < 0.01


@pytest.mark.parametrize("kind", ["bars", "heat", "steps"])
def test_every_format_and_the_same_bytes_twice(tmp_path: Path, kind: Any) -> None:
    records = runs()
    for suffix in (".svg", ".pdf", ".png"):
        paths = [tmp_path / f"{number}{suffix}" for number in (1, 2)]
        for path in paths:
            draw(kind, build_table(records), steps_of(records), path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_is_drawn_unless_asked_otherwise() -> None:
    assert usual_kind(embedding()) == "bars"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = Store(tmp_path / "results")
    made.prepare()
    for number, name in enumerate(("base", "new", "newer")):
        values = [0.1 * number + 0.01 * (i % 7) for i in range(40)]
        made.put(
            record("smoke-sts", sum(values) / 40, checkpoint=name, n=40, stderr=0.01),
            scored(values),
        )
    return made.root


@pytest.mark.parametrize(
    ("arguments", "drawn"),
    [
        ([], "bars"),
        (["--kind", "heat", "--tasks", "smoke-*"], "heat"),
        (["--kind", "forest", "--baseline", "new", "--ckpt", "base"], "forest"),
        (["--kind", "forest"], "forest"),
    ],
)
def test_the_command_draws(store: Path, tmp_path: Path, arguments: list[str], drawn: str) -> None:
    done = command("plot", "f.svg", *arguments, "--out", store, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"wrote f.svg ({drawn})\n"), done.stderr
    assert ("Δ against new" in (tmp_path / "f.svg").read_text()) == ("--baseline" in arguments)


def test_own_tasks_are_drawn_without_being_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    store.prepare()
    for name in ("mine", "yours"):
        store.put(record("my-task", 0.5, checkpoint=name, n=40, stderr=0.01))
    done = command("plot", "f.svg", "--kind", "heat", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "my-task" in (tmp_path / "f.svg").read_text()
    done = command("plot", "g.svg", "--suite", "smoke", cwd=tmp_path)
    assert done.returncode == 6
    assert "no scores of the suite smoke are stored in results; run: evalsuite run" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "steps"], "no two checkpoints are steps of one training run"),
        (["--kind", "scatter"], "needs an embedding and a generative average"),
        (["--kind", "forest", "--ckpt", "new"], "a forest plot needs a baseline and a candidate"),
        (["--baseline", "new"], "--baseline is for --kind forest"),
        (["--tasks", "smoke-*", "--suite", "smoke"], "--tasks is instead of a suite"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(store: Path, arguments: list[str], said: str) -> None:
    done = command("plot", "f.svg", *arguments, "--out", store, cwd=store)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_to_draw() -> None:
    with pytest.raises(UsageError, match="there is no score to draw"):
        bars_figure(build_table([record("t", None)]))


def test_a_run_of_five_checkpoints_has_a_band_of_their_noise() -> None:
    from evalsuite.report.steps import draw_band
    from evalsuite.results.training_runs import Series

    scores = [50.0, 52.0, 51.0, 53.0, 49.0, 51.0]
    places = tuple((100 * (at + 1), at) for at in range(len(scores)))
    drawn = []

    class Axes:
        def fill_between(self, *arguments: Any, **look: Any) -> None:
            drawn.append(arguments)

    draw_band(Axes(), Series("run", places), scores, "blue")
    draw_band(Axes(), Series("run", places[:5]), scores[:5], "blue")
    (steps, low, high) = drawn[0]
    assert len(drawn) == 1  # one end alone is no band
    assert steps == (500, 600)
    assert [(a + b) / 2 for a, b in zip(low, high, strict=True)] == pytest.approx([51.0, 51.2])
    assert (high[0] - low[0]) / 2 == pytest.approx(10**0.5 / 2)
