"""A check's result for people and for machines: table, one line, JSON, Markdown, JUnit XML."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from evalsuite.report.markdown import to_markdown
from evalsuite.results.check.verdicts import CheckResult, TaskVerdict, Verdict, blocks, named
from evalsuite.results.tables.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.schema import Stopped
from evalsuite.stats import SEED
from evalsuite.text import listed, number, plain

JSON_VERSION = 1
LABELS = ("Verdict", "Base", "Score", "Δ", "At worst", "Tolerated")
STOPPED_NOTE = (
    "stopped tasks: Score is the 95 % interval of the score over all samples; Base and Δ are of "
    "the answered samples; evalsuite run answers the rest"
)
WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "regression": "REGRESSION",
    "inconclusive": "inconclusive",
    "missing": "missing",
    "suspect": "SUSPECT",
}


def headline(result: CheckResult) -> str:
    """The verdict in one line."""
    count = len(result.tasks)
    parts = [
        f"{len(tasks)} {WORDS[verdict].lower()} ({plain(listed(tasks))})"
        for verdict in ("regression", "missing", "suspect", "inconclusive")
        if (tasks := named(result.tasks, verdict))
    ]
    passed = len(named(result.tasks, "pass"))
    said = f"{passed} of {count} tasks pass" + "".join(f"; {part}" for part in parts)
    if result.blocking:
        return f"{WORDS[result.blocking].upper()}: {said}"
    word = "PASS" if result.verdict == "pass" else "ALLOWED BY THE POLICY"
    return f"{word}: {said}"


def verdict_table(result: CheckResult, decimals: int = 1) -> Table:
    """A line a task; scores and drops in points."""
    return Table(
        title=plain(f"{result.policy.suite}: {result.candidate} against {result.baseline}"),
        sections=(
            TableSection(
                world=None,
                title="Scores in points",
                columns=tuple(Head(label=label) for label in LABELS),
            ),
        ),
        rows=tuple(_row(line, decimals) for line in result.tasks),
        notes=tuple(Note(text=plain(text)) for text in _notes(result)),
        decimals=decimals,
        corner="Task",
    )


def to_json(result: CheckResult, exit_code: int) -> str:
    """The whole result; drops and differences in points."""
    document = {
        "schema_version": JSON_VERSION,
        "verdict": result.verdict,
        "green": result.blocking is None,
        "blocking": result.blocking,
        "exit_code": exit_code,
        "headline": headline(result),
        "ended_by": result.ended_by,
        "candidate": result.candidate,
        "baseline": result.baseline,
        "policy": result.policy.model_dump(mode="json"),
        "seed": SEED,
        "tasks": task_rows(result),
        "notes": list(result.notes),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def task_rows(result: CheckResult) -> list[dict[str, Any]]:
    """A row for each task: verdict, scores, difference with its interval, test; in points."""
    return [_task(line, result) for line in result.tasks]


def to_summary(result: CheckResult) -> str:
    """Markdown for a pull request or a job's summary page."""
    mark = "❌" if result.blocking else "✅"
    return f"## {mark} {_escaped(headline(result))}\n\n{to_markdown(verdict_table(result))}"


def to_junit(result: CheckResult) -> bytes:
    """JUnit XML: a test case a task.

    A verdict that blocks is a failure (a missing score: an error); what the policy allows
    without a pass is skipped.
    """
    blocking = [line for line in result.tasks if blocks(line, result.policy)]
    errors = sum(line.verdict == "missing" for line in blocking)
    skipped = sum(line.verdict != "pass" for line in result.tasks) - len(blocking)
    suite = ET.Element(
        "testsuite",
        name=_xml(f"evalsuite check {result.policy.suite}"),
        tests=str(len(result.tasks)),
        failures=str(len(blocking) - errors),
        errors=str(errors),
        skipped=str(skipped),
    )
    for line in result.tasks:
        case = ET.SubElement(
            suite, "testcase", classname=_xml(line.category or "task"), name=_xml(line.task)
        )
        message = _xml(f"{line.verdict}: {line.reason}")
        if line in blocking:
            kind = "error" if line.verdict == "missing" else "failure"
            ET.SubElement(case, kind, message=message, type=line.verdict)
        elif line.verdict != "pass":
            ET.SubElement(case, "skipped", message=message)
        if line.stopped:
            ET.SubElement(case, "system-out").text = message
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _row(line: TaskVerdict, decimals: int) -> Row:
    return Row(name=plain(line.task), fingerprint="", cells=_cells(line, decimals))


def _cells(line: TaskVerdict, decimals: int) -> tuple[Cell, ...]:
    one, word = line.comparison, WORDS[line.verdict]
    if one is None:
        empty = Cell(status="missing")
        return (Cell(status="missing", text=word), *[empty] * (len(LABELS) - 1))
    scale = one.metric.factor
    sign = one.metric.sign or 1
    worst = Cell(status="missing")
    if line.at_worst is not None:
        worst = _signed(-sign * line.at_worst, decimals)
    return (
        Cell(status="failed" if line.verdict in ("regression", "suspect") else "scored", text=word),
        Cell(status="scored", value=scale * one.first),
        _partial(line, decimals) or Cell(status="scored", value=scale * one.second),
        _signed(scale * one.delta, decimals),
        worst,
        _tolerated(-sign * line.tolerance),
    )


def _partial(line: TaskVerdict, decimals: int) -> Cell | None:
    """Of a task that ended early: within which bounds its score lies, in place of a score."""
    if line.stopped is None or line.comparison is None:
        return None
    scale = line.comparison.metric.factor
    low, high = (number(scale * end, decimals) for end in (line.stopped.low, line.stopped.high))
    return Cell(status="stopped", text=f"{low} to {high}")


def _tolerated(change: float) -> Cell:
    sign = "+" if change > 0 else ""
    return Cell(status="scored", value=change, text=f"{sign}{change or 0:g}")


def _signed(value: float, decimals: int) -> Cell:
    shown = number(value, decimals)
    sign = "" if shown.startswith("-") or float(shown) == 0 else "+"
    return Cell(status="scored", value=value, text=sign + shown)


def _notes(result: CheckResult) -> list[str]:
    level = result.policy.significance
    tests = sum(line.drop_p is not None for line in result.tasks)
    notes = [
        f"At worst: the worst Δ that the data does not rule out (one-sided, p < {level:g})",
        f"regression: worse than is tolerated, and p < {level:g} over all {tests} tasks (Holm)",
    ]
    notes += [
        f"{line.task}: {line.verdict}: {line.reason}"
        for line in result.tasks
        if line.stopped or line.verdict in ("regression", "missing", "suspect")
    ]
    if any(line.stopped for line in result.tasks):
        notes.append(STOPPED_NOTE)
    if result.ended_by:
        notes.append(f"the check ended early: {result.ended_by} is a regression (--stop-on-red)")
    return [*notes, *result.notes]


def _task(line: TaskVerdict, result: CheckResult) -> dict[str, Any]:
    one = line.comparison
    scale = 100.0 if one is None else one.metric.factor
    interval = one.difference.interval() if one and one.difference else None
    return {
        "task": line.task,
        "category": line.category,
        "verdict": line.verdict,
        "blocks": blocks(line, result.policy),
        "required": line.required,
        "reason": line.reason,
        "baseline": None if one is None else scale * one.first,
        "candidate": None if one is None else scale * one.second,
        "delta": None if one is None else scale * one.delta,
        "interval": None if interval is None else [scale * interval.low, scale * interval.high],
        "at_worst": None if line.at_worst is None else -line.at_worst,
        "tolerated": -line.tolerance,
        "p": line.drop_p,
        "detectable": scale * one.difference.detectable() if one and one.difference else None,
        "test": None if one is None else one.test,
        "samples": None if one is None else one.samples,
        "won": None if one is None else one.won,
        "lost": None if one is None else one.lost,
        "not_paired": (one.note or None) if one else None,
        "stopped": None if line.stopped is None else _ended_early(line.stopped, scale),
    }


def _ended_early(ended: Stopped, scale: float) -> dict[str, Any]:
    """After how many samples a task ended, and where its whole score lies; in points."""
    return {
        "after": ended.n,
        "of": ended.total,
        "why": ended.verdict or "the check was ended",
        "score_interval": [scale * ended.low, scale * ended.high],
    }


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in text)


def _xml(text: str) -> str:
    """Text without what XML 1.0 cannot hold: control characters, surrogates."""
    clean = plain(text)
    return "".join("\N{REPLACEMENT CHARACTER}" if _not_xml(c) else c for c in clean)


def _not_xml(character: str) -> bool:
    code = ord(character)
    return 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
