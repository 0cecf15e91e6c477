"""LaTeX that compiles with pdflatex as it is, and fits the page.

The tests that compile need a TeX distribution with ``pdflatex``, booktabs and longtable, and are
skipped without one. The widths that lines are broken by are tested against Computer Modern's own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evalsuite.layouts import LayoutName
from evalsuite.registry.load import Registry
from evalsuite.report.latex import to_latex
from evalsuite.report.latex_blocks import TEXT_WIDTH, blocks
from evalsuite.report.latex_text import breakable, cut, escape, points
from evalsuite.results.published import published_for
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.layouts import LAYOUTS
from evalsuite.results.tables.model import Table
from evalsuite.results.tables.without_notes import without_notes
from evalsuite.results.view import View
from evalsuite.schema import Record, Suspicion
from helpers.records import record, suite_records

PDFLATEX = shutil.which("pdflatex")
LONG = "a-very-long_name-of-a-fine-tuned-checkpoint/with-its-hyperparameters-lr-1e-5_seed-42"
HOSTILE = 'é中文-💥-ħ-Δ"<&%$#_{}~^\\'
MOST_OVERFULL = 5.0
"""Points."""


def wide() -> Table:
    return build_table(
        [
            record(f"some-task-{i}", 0.01 * i, checkpoint=f"m{k}", stderr=0.01)
            for i in range(40)
            for k in range(3)
        ]
    )


def long() -> Table:
    return build_table(
        [record(f"t{i}", 0.01 * k, checkpoint=f"{LONG}-{k}") for i in range(3) for k in range(60)]
    )


def hostile() -> Table:
    return build_table(
        [
            record(f"task-{HOSTILE}-{i}" + "x" * 70 * (i == 1), value, checkpoint=f"{HOSTILE}{k}")
            for i in range(4)
            for k, value in enumerate((0.5, None, -0.25))
        ]
    )


def published(layout: LayoutName) -> Table:
    registry = Registry.load()
    suite = registry.suite(LAYOUTS[layout].suite)
    categories = {name: task.category for name, task in registry.tasks.items()}
    view = View(layout=layout, published=published_for(layout, suite.name))
    return build_table([], suite, categories=categories, view=view)


TABLES: dict[str, Callable[[], Table]] = {
    "smoke": lambda: build_table(suite_records(), Registry.load().suite("smoke")),
    "wide": wide,
    "long": long,
    "hostile": hostile,
    "table1": lambda: published("table1"),
    "table2": lambda: published("table2"),
    "table3": lambda: published("table3"),
    "table4": lambda: published("table4"),
    "per-dataset": lambda: published("per-dataset"),
}


@pytest.mark.skipif(PDFLATEX is None, reason="there is no pdflatex here")
@pytest.mark.parametrize("name", TABLES)
def test_pdflatex_compiles_it_and_it_fits(name: str, tmp_path: Path) -> None:
    table = TABLES[name]()
    packages = r"\usepackage[T1]{fontenc}\usepackage{lmodern}\usepackage{booktabs,longtable}"
    body = to_latex(table, stderr=True) + to_latex(without_notes(table))
    source = tmp_path / f"{name}.tex"
    source.write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}"
    )
    assert PDFLATEX is not None
    for _ in range(2):  # a longtable finds its widths in the second run
        done = subprocess.run(
            [PDFLATEX, "-interaction=nonstopmode", source.name],
            cwd=tmp_path, capture_output=True, check=False, text=True, errors="replace",
        )  # fmt: skip
    log = done.stdout
    assert done.returncode == 0, re.findall(r"^! .*", log, re.MULTILINE)
    assert "Float too large" not in log
    overfull = [float(found) for found in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(overfull, default=0.0) <= MOST_OVERFULL


@pytest.mark.parametrize(
    ("text", "measured", "bold"),
    # Set in lmodern with \small of article at 10 points, by pdflatex's \wd: 2026-12-01.
    [
        ("smoke-classification", 78.8, 90.5),
        ("MMMM", 33.9, 40.3),
        ("TweetSentimentExtractionClassification", 161.4, 185.2),
        ("81.2 ± 1.2", 41.6, 46.9),
        ("0123456789", 46.2, 53.2),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 172.2, 198.0),
        ("abcdefghijklmnopqrstuvwxyz", 118.0, 136.3),
    ],
)
def test_widths_are_those_of_the_font_or_a_little_more(
    text: str, measured: float, bold: float
) -> None:
    assert measured <= points(text, 9) <= 1.15 * measured
    assert 0.99 * bold <= points(text, 9, bold=True) <= 1.15 * bold


def test_columns_that_do_not_fit_go_on_below() -> None:
    table = wide()
    parts = blocks(table, stderr=True)
    assert len(parts) > 1
    assert [index for part in parts for index in part.columns] == list(range(len(table.heads)))
    text = to_latex(table, stderr=True)
    assert text.count(r"\begin{longtable}") + text.count(r"\begin{tabular}") == len(parts)
    assert text.count(r"\caption{") == 1
    assert all(text.count(f"{head.label} ") for head in table.heads)


def test_sections_stay_together_where_they_fit() -> None:
    table = build_table(suite_records(), Registry.load().suite("smoke"))
    for part in blocks(table, stderr=False):
        assert {len(columns) for title, columns in part.sections} <= {8, 5}


def test_a_table_for_which_a_page_is_too_short_is_broken_over_pages() -> None:
    text = to_latex(long())
    assert r"\begin{table}" not in text
    assert r"\endhead" in text
    assert r"\begin{longtable}{p{" in text, "long names are broken"
    short = to_latex(build_table([record("t")]))
    assert r"\begin{table}[t]" in short
    assert "longtable}{" not in short.split("\n", 2)[2]


def test_what_pdflatex_lacks_is_kept_for_others() -> None:
    assert escape("a中文b") == r"a\ifdefined\Umathchar 中文\else ??\fi{}b"
    assert escape("é ü ß ā —") == "é ü ß ā —"
    assert escape("Δ ≈ −1") == r"$\Delta$ $\approx$ $-$1"


def test_long_words_can_be_broken() -> None:
    word = "tokenizers-0.23.3/transformers-5.19.0/float32/causal/weighted_mean"
    assert breakable(word).replace(r"\allowbreak{}", "") == escape(word)
    assert breakable(word).count(r"\allowbreak{}") >= 4
    assert r"\allowbreak" in breakable("x" * 100)
    assert breakable("short/word") == "short/word"


def test_what_is_cut_fits() -> None:
    shown = cut("w" * 200, TEXT_WIDTH, 9)
    assert shown.endswith("…")
    assert TEXT_WIDTH - 20 < points(shown, 9) <= TEXT_WIDTH


def test_without_notes_only_what_is_suspect_is_explained() -> None:
    doubted = Suspicion(code="nothing-parsed", what="no answer", next_step="look at samples")
    records: list[Record] = [
        record("a", 0.5),
        record("b", None),
        record("c", 0.0, suspicions=(doubted,)),
    ]
    table = build_table(records)
    bare = without_notes(table)
    [note] = bare.notes
    assert note.text.startswith("suspect")
    marks = {
        head.label: cell.mark for head, cell in zip(bare.heads, bare.rows[0].cells, strict=True)
    }
    assert (marks["a"], marks["b"], marks["c"]) == ("", "", note.mark)
    assert [cell.value for cell in bare.rows[0].cells] == [c.value for c in table.rows[0].cells]
