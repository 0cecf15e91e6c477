"""What a page says first: which checkpoint is better or best, and where it is worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from evalsuite.report.page.collect import PageData, PageRow
from evalsuite.report.page.figures import signed
from evalsuite.report.page.samples import TaskSamples
from evalsuite.results.compare.suite import SuiteComparison, TaskLine
from evalsuite.results.means import task_score
from evalsuite.results.tables.model import Cell
from evalsuite.stats import Difference

WORST: Final = 3
"""Tasks that are shown."""
CHANCE: Final = 0.05
"""Level at which a difference counts, after Holm's correction over the tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstTask:
    """A task on which a checkpoint is furthest behind."""

    task: str
    row: str
    """Label of the checkpoint."""
    words: str
    """By how much, and how sure that is."""
    link: str = ""
    """Address of a sample that it got wrong; empty where the page has none."""
    sample: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The page in a few lines."""

    lines: Sequence[str]
    about: str
    """What :attr:`worst` is measured against."""
    worst: Sequence[WorstTask]


def answer_of(data: PageData) -> Answer:
    """The answer of a page.

    With comparisons: the averages of each candidate against the baseline, how many tasks differ
    beyond chance, and the tasks with the largest losses. Without: the best checkpoint by each
    average, and the tasks on which it is furthest behind the best other one.
    """
    if data.comparisons:
        lines = [line for one in data.comparisons for line in _verdict(one)]
        worst = sorted(_losses(data), key=lambda found: found[0])[:WORST]
        return Answer(
            lines=lines,
            about=f"largest losses against {data.comparisons[0].first}",
            worst=[found for _, found in worst],
        )
    best = _best(data)
    row = next(iter(best.values()), data.rows[0])
    several = len(data.rows) > 1
    behind = sorted(_behind(data, row), key=lambda found: found[0])[:WORST]
    about = "furthest behind the best other checkpoint" if several else "lowest scores"
    return Answer(lines=list(_leaders(data, best)), about=about, worst=[one for _, one in behind])


def _verdict(comparison: SuiteComparison) -> Iterator[str]:
    """A candidate against the baseline: averages, and tasks that differ beyond chance."""
    changes = [
        f"{line.section} average {_points(100 * line.difference.delta, line.difference, 100)}"
        for line in comparison.averages
        if line.average and line.difference is not None
    ]
    tested = [line for line in comparison.tasks if line.adjusted_p is not None]
    sure = [line for line in tested if (line.adjusted_p or 0) < CHANCE]
    better = sum((line.comparison.gain or 0) > 0 for line in sure)
    worse = sum((line.comparison.gain or 0) < 0 for line in sure)
    told = f"{worse} of {len(tested)} tasks worse and {better} better beyond chance"
    if not tested:
        told = "no task can be tested: the uncertainty of one side is not known"
    yield f"{comparison.second} against {comparison.first}: {'; '.join([*changes, told])}."


def _points(delta: float, difference: Difference, factor: float) -> str:
    found = difference.interval()
    return f"{signed(delta)} ({signed(factor * found.low)} to {signed(factor * found.high)})"


def _losses(data: PageData) -> Iterator[tuple[float, WorstTask]]:
    """Tasks on which a candidate lost, with what it lost in points."""
    for comparison in data.comparisons:
        for line in comparison.tasks:
            gain = line.comparison.gain
            if gain is not None and gain < 0 and line.comparison.metric.range is not None:
                factor = line.comparison.metric.factor
                yield factor * gain, _lost(data, comparison, line, factor)


def _lost(data: PageData, comparison: SuiteComparison, line: TaskLine, factor: float) -> WorstTask:
    found, task = line.comparison, line.comparison.task
    words = signed(factor * found.delta)
    if found.difference is not None:
        words = _points(factor * found.delta, found.difference, factor)
    if found.lost is not None:
        words += f", {found.lost:,} samples lost and {found.won or 0:,} won"
    if line.adjusted_p is None or line.adjusted_p >= CHANCE:
        words += "; within chance"
    sample = _widest(data, task, comparison.second, comparison.first)
    return WorstTask(
        task=task,
        row=comparison.second,
        words=words,
        sample=sample,
        link=_address(task, comparison.second, comparison.first, sample) if sample else "",
    )


def _best(data: PageData) -> dict[str, PageRow]:
    """Title of a section → the row with the best average."""
    found: dict[str, PageRow] = {}
    place = 0
    for section in data.table.sections:
        for head in section.columns:
            if head.average:
                known = [
                    (line.cells[place].value, -index)
                    for index, line in enumerate(data.table.rows)
                    if line.cells[place].value is not None
                ]
                if known:
                    found[section.title] = data.rows[-max(known)[1]]
            place += 1
    return found


def _leaders(data: PageData, best: dict[str, PageRow]) -> Iterator[str]:
    """The best average of each section, with that of the next checkpoint."""
    place = 0
    for section in data.table.sections:
        for head in section.columns:
            if head.average and section.title in best:
                yield _leader(data, section.title, place, best[section.title])
            place += 1


def _leader(data: PageData, title: str, place: int, best: PageRow) -> str:
    shown = {
        row.label: line.cells[place] for row, line in zip(data.rows, data.table.rows, strict=True)
    }
    others = {k: v for k, v in shown.items() if k != best.label and v.value is not None}
    text = shown[best.label].shown(data.table.decimals, stderr=True)
    if not others:
        return f"{title} average of {best.label}: {text}."
    second = max(others, key=lambda label: others[label].value or 0.0)
    runner_up = others[second].shown(data.table.decimals, stderr=True)
    level = others[second].shown(data.table.decimals) == shown[best.label].shown(
        data.table.decimals
    )
    order = "level with" if level else "before"
    said = f"Best {title} average: {best.label} with {text}, {order} {second} with {runner_up}"
    return f"{said}{_as_good(data, best, place)}."


def _as_good(data: PageData, best: PageRow, place: int) -> str:
    """How many others no row is shown to be better than, where ranks are known."""
    if data.ranked is None:
        return ""
    ranks = {
        row.label: line.cells[place].rank
        for row, line in zip(data.rows, data.ranked.rows, strict=True)
    }
    if ranks[best.label] is None:
        return ""
    many = sum(rank.low == 1 for label, rank in ranks.items() if rank and label != best.label)
    others = sum(rank is not None for rank in ranks.values()) - 1
    return f"; {many} of the {others} others may be as good (95 %)"


def _behind(data: PageData, row: PageRow) -> Iterator[tuple[float, WorstTask]]:
    """Tasks of a row, with how far it is before the best other one (negative: behind)."""
    for task in row.tasks:
        mine = task_score(task, row.plan.records, {})
        if mine.value is None or mine.metric.range is None or mine.metric.sign is None:
            continue
        sign, other, theirs = mine.metric.sign, "", None
        for rival in data.rows:
            found = task_score(task, rival.plan.records, {})
            if rival is row or found.value is None or found.metric != mine.metric:
                continue
            if theirs is None or sign * found.value > sign * theirs:
                other, theirs = rival.label, found.value
        ahead = sign * (mine.value - (theirs if theirs is not None else 0))
        if len(data.rows) > 1 and (theirs is None or ahead >= 0):
            continue
        cell = Cell(status="scored", value=mine.value).shown(data.table.decimals)
        words = cell if theirs is None else f"{cell}, {signed(ahead)} against {other}"
        sample = _widest(data, task, row.label, other)
        link = _address(task, row.label, other, sample) if sample else ""
        yield ahead, WorstTask(task=task, row=row.label, words=words, sample=sample, link=link)


def _widest(data: PageData, task: str, loser: str, winner: str) -> str:
    """The sample on which one row is furthest behind the other, or lowest; empty without one."""
    samples = next((one for one in data.samples if one.task == task), None)
    if samples is None:
        return ""
    mine, theirs = _scores(data, samples, loser), _scores(data, samples, winner)
    found = [
        ((score - (theirs[index] or 0.0)) if theirs else score, index)
        for index, score in enumerate(mine)
        if score is not None and (not theirs or theirs[index] is not None)
    ]
    if not found or (theirs and min(found)[0] >= 0):
        return ""
    return samples.ids[min(found)[1]]


def _scores(data: PageData, samples: TaskSamples, label: str) -> Sequence[float | None]:
    """The scores of a row's samples; empty where it has none."""
    place = next((at for at, row in enumerate(data.rows) if row.label == label), None)
    return (samples.scores[place] or ()) if place is not None else ()


def _address(*names: str) -> str:
    """Where the browser of samples shows a task, two rows and a sample."""
    return "#s/" + "/".join(quote(name, safe="") for name in (*names, ""))
