"""The page as one HTML document that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import version
from importlib.resources import files

from evalsuite.report.page.bars import bars_html
from evalsuite.report.page.collect import PageData
from evalsuite.report.page.forest import forest_html
from evalsuite.report.page.heat import heat_html
from evalsuite.report.page.provenance import environments, provenance_html, row_payload
from evalsuite.report.page.scatter import scatter_html
from evalsuite.report.page.steps import steps_html
from evalsuite.report.page.summary import summary_html
from evalsuite.report.page.tables import copies, table_html
from evalsuite.report.page.text import embedded, esc, packed
from evalsuite.results.tables.comparison import comparison_table
from evalsuite.results.tables.model import Table

SECTIONS = ("Summary", "Tables", "Figures", "Samples", "Records")


def page(data: PageData) -> str:
    """Write the document.

    Its policy allows this very script and style and nothing else: no request, no inline handler,
    no form, no text turned into HTML.
    """
    style, script = _asset("page.css"), _asset("page.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )
    title = f"{esc(data.title)}: evaluation report"
    nav = "".join(f'<li><a href="#{name.lower()}">{name}</a></li>' for name in SECTIONS)
    made = f"evalsuite {version('evalsuite')}, newest score {data.newest:%Y-%m-%d %H:%M} UTC"
    tables = _tables(data)
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>{esc(data.title)} <span>evaluation report</span></h1>
<nav aria-label="Sections"><ul>{nav}</ul></nav>
<button type="button" id="theme" aria-pressed="false" hidden>Dark</button>
</header>
<main id="main" tabindex="-1">
<noscript><p class="none">Samples and full signatures need JavaScript, which is off here.</p>
</noscript>
{_sections(data, tables)}
</main>
<footer>{esc(made)}</footer>
{_data(data, tables)}
<script>{script}</script>
</body>
</html>
"""


def _sections(data: PageData, tables: dict[str, Table]) -> str:
    return f"""\
<section id="summary" aria-labelledby="h-summary"><h2 id="h-summary">Summary</h2>
{summary_html(data)}
</section>
<section id="tables" aria-labelledby="h-tables"><h2 id="h-tables">Tables</h2>
{"".join(table_html(table, ident) for ident, table in tables.items())}
</section>
<section id="figures" aria-labelledby="h-figures"><h2 id="h-figures">Figures</h2>
{scatter_html(data.table)}
{bars_html(data.table)}
{forest_html(data)}
{steps_html(data)}
{heat_html(data)}
</section>
<section id="samples" aria-labelledby="h-samples"><h2 id="h-samples">Samples</h2>
{_BROWSER if data.samples else _NO_SAMPLES}
</section>
<section id="records" aria-labelledby="h-records"><h2 id="h-records">Records</h2>
<p>Signature, data, environment and warnings of every score.</p>
{provenance_html(data)}
</section>"""


_NO_SAMPLES = '<p class="none">The store holds no samples of these records.</p>'

_BROWSER = """\
<form class="tools" id="choice">
<label>Task <select name="task"></select></label>
<label>Checkpoint <select name="a"></select></label>
<label>Beside <select name="b"></select></label>
<label class="check"><input type="checkbox" name="changed"> only changed</label>
<label>Search <input type="search" name="search" autocomplete="off"></label>
</form>
<p class="said" id="count" role="status"></p>
<div class="browser" id="browser">
<ol id="list" aria-label="Samples"></ol>
<article id="sample" aria-labelledby="sample-title" tabindex="-1">
<h3 id="sample-title"></h3><div id="fields"></div></article>
</div>
<p class="hint">Within the list: <kbd>j</kbd> <kbd>k</kbd> or <kbd>↓</kbd> <kbd>↑</kbd> for the next
and previous sample. The address names the sample that is shown.</p>"""


def _tables(data: PageData) -> dict[str, Table]:
    found = {"table-scores": data.table}
    if data.comparisons:
        title = f"{data.title}, compared with {data.comparisons[0].first}"
        found["table-compared"] = comparison_table(data.comparisons, title)
    return found


def _data(data: PageData, tables: dict[str, Table]) -> str:
    """What the script reads: an index as JSON, and packed parts that it opens when asked."""
    found = environments(data)
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
    index = {
        "rows": labels,
        "tasks": [
            {"task": one.task, "group": groups.get(one.task, ""), "has": _present(one.scores)}
            for one in data.samples
        ],
        "pair": pair,
        "most": data.most,
        "environments": list(found.values()),
        "copies": {ident: copies(table) for ident, table in tables.items()},
    }
    parts = [f'<script type="application/json" id="data">{embedded(index)}</script>']
    parts += [
        f'<script type="text/plain" id="samples-{number}">{packed(one.payload())}</script>'
        for number, one in enumerate(data.samples)
    ]
    parts += [
        f'<script type="text/plain" id="records-{number}">'
        f"{packed(row_payload(row, list(found)))}</script>"
        for number, row in enumerate(data.rows)
    ]
    return "\n".join(parts)


def _present(scores: tuple[object | None, ...]) -> list[int]:
    return [index for index, found in enumerate(scores) if found is not None]


def _asset(name: str) -> str:
    return (files("evalsuite.report.page") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
