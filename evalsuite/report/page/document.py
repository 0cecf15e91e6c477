"""The page as one HTML document that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

from evalsuite.documents.tables import compare_document, table_document
from evalsuite.report.csvfile import to_csv
from evalsuite.report.latex import to_latex
from evalsuite.report.page.answer import answer_of
from evalsuite.report.page.bars import cards
from evalsuite.report.page.collect import PageData
from evalsuite.report.page.cost import cost_table
from evalsuite.report.page.figures import averages_figure, differences_figure, signed
from evalsuite.report.page.heat import heat_lines
from evalsuite.report.page.provenance import environments, row_payload
from evalsuite.report.page.settings import setting_differences
from evalsuite.report.page.steps import steps_figure
from evalsuite.report.page.summary import summary_of
from evalsuite.report.page.text import embedded, packed
from evalsuite.report.templating import render
from evalsuite.results.in_domain.matching import in_domain_notes
from evalsuite.results.tables.comparison import comparison_table
from evalsuite.results.tables.model import Table
from evalsuite.results.tables.notes import suspect_notes
from evalsuite.text import number

SCORES: Final = "table-scores"
COMPARED: Final = "table-compared"
SECTIONS = ("Summary", "Tables", "Figures", "Samples", "Records")


def page(data: PageData) -> str:
    """Write the document.

    Its policy allows this very script and style and nothing else: no request, no inline handler,
    no form, no text turned into HTML.
    """
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    )
    tables = _tables(data)
    found = environments(data)
    return render(
        "report.html",
        data=data,
        policy="; ".join(policy),
        stylesheet=style,
        script=script,
        sections=SECTIONS,
        made=f"evalsuite {version('evalsuite')}, newest score {data.newest:%Y-%m-%d %H:%M} UTC",
        tables=tables,
        answer=answer_of(data),
        settings=setting_differences(data),
        summary=summary_of(data),
        averages=averages_figure(data.table),
        bars=cards(data.table),
        differences=differences_figure(data.comparisons),
        steps=steps_figure(data),
        heat=heat_lines(data),
        fixed=partial(number, decimals=data.table.decimals),
        signed=signed,
        index=embedded(_index(data, list(found.values()))),
        copies=packed({ident: copies(data, ident, table) for ident, table in tables.items()}),
        samples=[packed(one.payload()) for one in data.samples],
        records=[packed(row_payload(row, list(found))) for row in data.rows],
    )


def copies(data: PageData, ident: str, table: Table) -> dict[str, str]:
    """What the buttons of a table copy, as the other commands print it."""
    found = {"latex": to_latex(table), "csv": to_csv(table), "json": _json(data, ident, table)}
    if ident == SCORES and data.exchange:
        found["eee"] = json.dumps(data.exchange, indent=1, ensure_ascii=False, allow_nan=False)
    return found


def _json(data: PageData, ident: str, table: Table) -> str:
    if ident != COMPARED:
        return table_document(table).model_dump_json(indent=1)
    plans = [row.plan for row in data.rows]
    suspect = [note.text for note in suspect_notes(plans)]
    in_domain = in_domain_notes({plan.name: plan.records.values() for plan in plans})
    document = compare_document(data.comparisons, table.title, suspect, in_domain)
    return document.model_dump_json(indent=1)


def _tables(data: PageData) -> dict[str, Table]:
    found = {SCORES: data.table}
    if data.ranked is not None:
        found["table-ranks"] = replace(data.ranked, title=f"{data.title}, with ranks")
    if data.comparisons:
        title = f"{data.title}, compared with {data.comparisons[0].first}"
        found[COMPARED] = comparison_table(data.comparisons, title)
    if (cost := cost_table(data)) is not None:
        found["table-cost"] = cost
    return found


def _index(data: PageData, environments: list[Any]) -> dict[str, Any]:
    """What the script reads at once; the packed parts it opens when asked."""
    labels = [row.label for row in data.rows]
    groups = {
        task: section.title
        for section in data.layout.sections
        for task in data.layout.leaves(section.tasks)
    }
    pair = None
    if data.comparisons:
        first = data.comparisons[0]
        pair = [labels.index(first.first), labels.index(first.second)]
    return {
        "rows": labels,
        "tasks": [
            {"task": one.task, "group": groups.get(one.task, ""), "has": _present(one.scores)}
            for one in data.samples
        ],
        "pair": pair,
        "most": data.most,
        "environments": environments,
    }


def _present(scores: tuple[object | None, ...]) -> list[int]:
    return [index for index, found in enumerate(scores) if found is not None]


def _asset(name: str) -> str:
    return (files("evalsuite.report.page") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
