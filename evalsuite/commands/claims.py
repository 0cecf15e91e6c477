"""``evalsuite claims``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.commands.stored import categories_of, stored_records
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.claims import (
    Average,
    Claim,
    no_loss,
    reservations,
    strength,
)
from evalsuite.results.scores import Scores, stored_samples
from evalsuite.schema import Record, World
from evalsuite.store import Store
from evalsuite.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.layouts import LayoutName
    from evalsuite.results.compare.suite import SuiteComparison
    from evalsuite.results.published import PublishedTable
    from evalsuite.results.rows import RowPlan


def claims_command(
    results: Path,
    registry: Registry,
    suite: Suite,
    unified: str,
    only: dict[World, str | None],
    console: Console,
    *,
    margin: float,
    form: str,
) -> None:
    """``evalsuite claims``: the abstract of the GRIT paper beside what is stored.

    Args:
        results: The store.
        registry: For categories.
        suite: Whose averages count.
        unified: Name of the unified checkpoint.
        only: World → name of the checkpoint that was trained for it alone.
        console: Where to print.
        margin: Points that unifying may cost.
        form: ``terminal`` or ``markdown``.

    Raises:
        UsageError: If a checkpoint is not there.
        StoreError: If nothing is stored.
    """
    found = find_claims(results, registry, suite, unified, only, margin=margin)
    if form == "markdown":
        console.file.write(to_markdown(found, unified, suite.name))
        return
    for number, claim in enumerate(found, start=1):
        style = {"holds": "bold green", "does not hold": "bold red"}.get(claim.answer, "bold")
        console.print(f"{number}  {claim.title}: ", end="", style="bold", highlight=False)
        console.print(claim.answer, style=style, highlight=False)
        for head, text in (("paper", claim.paper), ("test", claim.test)):
            console.print(f"   {head + ':':9}{plain(text)}", highlight=False, markup=False)
        for text in claim.measured:
            console.print(f"   {'here:':9}{plain(text)}", highlight=False, markup=False)
        console.print()


def find_claims(
    results: Path,
    registry: Registry,
    suite: Suite,
    unified: str,
    only: dict[World, str | None],
    *,
    margin: float,
) -> list[Claim]:
    """The four claims for a stored checkpoint; arguments as of :func:`claims_command`."""
    from evalsuite.kinds.reports import claim_makers

    records = stored_records(results)
    scores = Scores.of(records, suite, categories_of(registry), stored_samples(Store(results)))
    row = scores.choose(unified)
    others = {world: scores.choose(name) if name else None for world, name in only.items()}
    comparisons: dict[World, SuiteComparison | None] = {
        world: scores.compare(scores.side(other), scores.side(row)) if other else None
        for world, other in others.items()
    }
    doubted = {
        world: reservations([*_of(row, world), *_of(other, world)], limit=False)
        for world, other in others.items()
        if other
    }
    tables: dict[World, LayoutName] = {"embedding": "table1", "generative": "table2"}
    return [
        *(
            strength(
                world,
                _average(row, suite, registry, world),
                _rows(layout_name, suite),
                reservations(_of(row, world), limit=True),
            )
            for world, layout_name in tables.items()
        ),
        no_loss(comparisons, margin, doubted),
        *(make(row.fingerprint, records) for make in claim_makers()),
    ]


def to_markdown(claims: list[Claim], unified: str, suite: str) -> str:
    """The claims as a page."""
    lines = [
        f"# The claims of the GRIT paper for {_text(unified)}",
        "",
        f"Averages of the suite {suite}.",
        "",
        "| | claim | answer |",
        "|---|---|---|",
    ]
    lines += [f"| {n} | {c.title} | **{c.answer}** |" for n, c in enumerate(claims, start=1)]
    for number, claim in enumerate(claims, start=1):
        lines += [
            "",
            f"## {number}. {claim.title}: {claim.answer}",
            "",
            f"- The paper: {claim.paper}.",
            f"- Here it holds if {claim.test}.",
            *(f"- Measured: {_text(text)}." for text in claim.measured),
        ]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Names come from outside: as Markdown they would be formatted."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in plain(text))


def _of(row: RowPlan, world: World) -> list[Record]:
    """A row's records of a world."""
    return list(row.variants[world].records.values()) if world in row.variants else []


def _average(row: RowPlan, suite: Suite, registry: Registry, world: World) -> Average | None:
    """The average of a world, as the suite's table has it."""
    from evalsuite.results.tables.build import build_table

    table = build_table(row.records.values(), suite, categories=categories_of(registry))
    heads = [(section.world, head) for section in table.sections for head in section.columns]
    for (of, head), cell in zip(heads, table.rows[0].cells, strict=True):
        if of == world and head.average and cell.value is not None:
            return Average(cell.value, cell.stderr)
    return None


def _rows(layout: LayoutName, suite: Suite) -> PublishedTable | None:
    """The published rows, where the suite's averages mean the same."""
    from evalsuite.errors import UsageError
    from evalsuite.results.published import published_for

    try:
        return published_for(layout, suite.name)
    except UsageError:
        return None
