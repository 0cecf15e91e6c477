"""Renderings: golden small tables, structure, and hostile names."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from evalsuite.registry.suites import Suite
from evalsuite.report.render import to_csv, to_html, to_latex, to_markdown, to_terminal
from evalsuite.report.write import write_all
from evalsuite.results.frame import COLUMNS, to_frame
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.schema import Record
from helpers.records import record

HOSTILE = "<script>alert('x')</script>\"&_%$#~^\\{}|*`[a](b)\x1b[31m\u202e\n=1"


@pytest.fixture
def small() -> Table:
    """Two rows that show everything a cell can be."""

    def cell(value: float, **more: object) -> Cell:
        return Cell(status="scored", value=value, **more)  # type: ignore[arg-type]

    return Table(
        title="smoke_1",
        sections=(
            TableSection(
                world="embedding",
                title="Embedding",
                columns=(Head(label="STS", mark="†"), Head(label="Avg", average=True)),
            ),
            TableSection(world="generative", title="Gen", columns=(Head(label="GSM8K"),)),
        ),
        rows=(
            Row(
                name="a_b",
                fingerprint="f" * 64,
                mark="a",
                cells=(cell(81.25, best=True, stderr=1.24), cell(7, second=True), cell(-0.04)),
                protocol={"embedding": "attn:bi|pool:mean"},
            ),
            Row(
                name="c|d",
                fingerprint="e" * 64,
                cells=(
                    Cell(status="failed", mark="1"),
                    Cell(status="missing"),
                    Cell(status="skipped", mark="2"),
                ),
            ),
        ),
        notes=(Note(mark="a", text="attn:bi|x_y"), Note(text="scores × 100")),
    )


def test_markdown(small: Table) -> None:
    assert (
        to_markdown(small)
        == r"""**smoke\_1**

|                  |           Embedding |                |              Gen |
| :--------------- | ------------------: | -------------: | ---------------: |
| **Checkpoint**   | **STS**<sup>†</sup> |        **Avg** |        **GSM8K** |
| a\_b<sup>a</sup> |            **81.2** | <ins>7.0</ins> |              0.0 |
| c\|d             |  failed<sup>1</sup> |              – | skip<sup>2</sup> |

- <sup>a</sup> attn:bi|x\_y
- scores × 100
"""
    )


def test_latex(small: Table) -> None:
    assert (
        to_latex(small, stderr=True)
        == r"""% Needs \usepackage{booktabs}, \usepackage{longtable} and \usepackage[T1]{fontenc}.
% As wide as the text of article, 10pt. Letters that pdflatex lacks need LuaLaTeX or XeLaTeX.
\begin{table}[t]
\centering
\small
\setlength{\tabcolsep}{4pt}
\caption{smoke\_1}
\smallskip
\begin{tabular}{l rr r}
\toprule
 & \multicolumn{2}{c}{Embedding} & \multicolumn{1}{c}{Gen} \\
\cmidrule(lr){2-3} \cmidrule(lr){4-4}
Checkpoint & STS\textsuperscript{\dag{}} & Avg & GSM8K \\
\midrule
a\_b\textsuperscript{a} & \textbf{81.2 $\pm$ 1.2} & \underline{7.0} & 0.0 \\
c\textbar{}\allowbreak{}d & failed\textsuperscript{1} & -- & skip\textsuperscript{2} \\
\bottomrule
\end{tabular}
\par\smallskip
\begin{minipage}{\linewidth}\footnotesize\raggedright
\textsuperscript{a}attn:bi\textbar{}\allowbreak{}x\_y\par
scores $\times$ 100\par
\end{minipage}
\end{table}
"""
    )


@pytest.fixture
def hostile(suite: Suite) -> Table:
    """A table whose names and reasons try to break out."""
    records = [
        record("a1", 0.5, checkpoint=HOSTILE),
        record("a1", 0.6, checkpoint=HOSTILE, attention="causal", age=1),
        record("g1", None, checkpoint=HOSTILE, world="generative", reason=HOSTILE),
    ]
    section = suite.sections[0].model_copy(update={"title": HOSTILE})
    changed = suite.model_copy(update={"sections": (section, suite.sections[1])})
    return build_table(records, changed, categories={"b1": "b"})


def test_latex_structure_with_hostile_names(hostile: Table) -> None:
    text = to_latex(hostile)
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)  # what is left is syntax
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    one_line = re.sub(r"table\}\{p\{\d+pt\}", r"table}{p", text)
    parts = re.findall(r"\\begin\{longtable\}\{(.*?)\}(.*?)\\end\{longtable\}", one_line, re.DOTALL)
    assert sum(len(declared.replace(" ", "")) - 1 for declared, _ in parts) == len(hostile.heads)
    for declared, body in parts:
        lines = body.splitlines()
        rows = [line for line in lines if line.endswith(r" \\") and r"\caption" not in line]
        assert len(rows) == 2 + 2 + len(hostile.rows), "heads of the first and of further pages"
        for row in rows:
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            separators = len(re.findall(r"(?<!\\)&", row))
            assert separators + 1 + sum(spans) - len(spans) == len(declared.replace(" ", ""))
    assert not re.search(r"(?<!\\)[#_%]", text.split("\n", 2)[2])  # after the comment
    assert "\x1b" not in text


def test_latex_name_is_no_argument_of_the_line_before() -> None:
    lines = to_latex(
        build_table([record("t", checkpoint="[2cm]"), record("t", checkpoint="*x")])
    ).splitlines()
    assert "{}[2cm] & 50.0" in lines[lines.index(r"\midrule") + 2].replace(r"\textbf{50.0}", "50.0")
    assert not [line for line in lines if line.startswith(("[", "*"))]


class Page(HTMLParser):
    """Collects the structure of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, dict[str, str | None]]]] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_with_hostile_names(hostile: Table) -> None:
    page = Page()
    page.feed(to_html(hostile))
    assert page.open == []
    assert "script" not in page.tags
    assert "a" not in page.tags
    assert "<script>alert('x')</script>\"&_%$#~^\\{}|*`[a](b)" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    widths = [sum(int(attrs.get("colspan") or 1) for _, attrs in row) for row in page.rows]
    assert set(widths) == {1 + len(hostile.heads)}
    assert [tag for tag, _ in page.rows[0]] == ["td", "th", "th"]
    assert {attrs["scope"] for _, attrs in page.rows[1]} == {"col"}
    for row in page.rows[2:]:
        assert row[0] == ("th", row[0][1])
        assert row[0][1]["scope"] == "row"
        assert all(tag == "td" for tag, _ in row[1:])


def test_markdown_with_hostile_names(hostile: Table) -> None:
    lines = [line for line in to_markdown(hostile).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {2 + len(hostile.heads)}
    assert "<script" not in "\n".join(lines)


def test_csv_round_trip(hostile: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(hostile))))
    assert [row["checkpoint"] for row in rows] == [row.name for row in hostile.rows]
    names = [f"{s.title}/{head.label}" for s in hostile.sections for head in s.columns]
    for read, row in zip(rows, hostile.rows, strict=True):
        assert read["fingerprint"] == row.fingerprint
        assert "attn:" in read["signature_embedding"]
        for name, cell in zip(names, row.cells, strict=True):
            assert (float(read[name]) if read[name] else None) == cell.value
            assert read[f"{name} status"] == cell.status


def test_csv_keeps_full_precision() -> None:
    table = build_table([record("t", 1 / 3, stderr=1 / 7)])
    (row,) = csv.DictReader(io.StringIO(to_csv(table)))
    assert float(row["Embedding/t"]) == 100.0 * (1 / 3)
    assert float(row["Embedding/t stderr"]) == 100.0 * (1 / 7)


def screen(table: Table, width: int, **options: bool) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(to_terminal(table, **options))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_fits_and_shows_every_cell(suite: Suite, hostile: Table, width: int) -> None:
    records = [
        record("a1", 0.123, checkpoint=n) for n in ("x", "a-rather-long-name-of-a-checkpoint")
    ]
    for table in (hostile, build_table(records, suite), build_table(records)):
        lines = screen(table, width)
        assert all(len(line.rstrip()) <= width for line in lines)
        assert "\x1b" not in "".join(lines)
        assert [h.label for h in table.heads if not any(h.label in line for line in lines)] == []


def test_terminal_cuts_a_long_label_not_its_score() -> None:
    lines = screen(build_table([record("x" * 60, 0.123)]), 40)
    assert any(line.rstrip().endswith("x…") for line in lines)
    assert any(line.rstrip().endswith("12.3") for line in lines)


def test_terminal_shows_marks_and_errors(small: Table) -> None:
    text = "\n".join(screen(small, 80, stderr=True))
    assert "a_bᵃ" in text
    assert "81.2 ± 1.2" in text
    assert "failed¹" in text
    assert "skip²" in text
    assert "STS†" in text


def test_empty_table() -> None:
    table = build_table([])
    assert table.rows == ()
    for text in (to_markdown(table), to_latex(table), to_html(table), to_csv(table)):
        assert text
    assert screen(table, 80)[0].strip() == "All tasks"


def test_frame() -> None:
    records = [record("t", 0.5, stderr=0.1), record("u", None)]
    frame = to_frame(records)
    assert list(frame.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert frame["score"].tolist()[0] == 0.5
    assert frame["status"].tolist() == ["scored", "failed"]
    assert frame["sig_pooling"].tolist() == ["mean", "mean"]
    assert frame["metric_accuracy"].isna().tolist() == [False, True]
    assert list(to_frame([]).columns)[: len(COLUMNS)] == list(COLUMNS)


def whole() -> list[Record]:
    tasks = ("a1", "a2", "a3", "b1")
    return [
        *(record(task, 0.5, category=task[0]) for task in tasks),
        *(record(task, 0.4, world="generative") for task in ("g1", "g2")),
    ]


def test_write_all(suite: Suite, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "small"
    written = write_all(whole(), suite, folder)
    tables = ["table.md", "table.tex", "table.html", "table.csv"]
    assert [p.name for p in written] == [*tables, "figure.svg", "figure.pdf", "figure.png"]
    assert sorted(folder.iterdir()) == sorted(written)  # and nothing half-written beside them
    assert "no figure" not in (folder / "table.md").read_text()
    both = (folder / "figure.svg").read_text()
    # Without a generative average the old figure would show other scores than the table.
    assert write_all(whole()[:4], suite, folder) == written
    bars = (folder / "figure.svg").read_text()
    assert "Generative average" in both
    assert "Generative average" not in bars
    assert "95 % intervals" in bars
    (folder / "figure.pdf").unlink()
    assert write_all(whole()[:4], suite, folder) == written
    assert (folder / "figure.svg").read_text() == bars
    assert (folder / "figure.pdf").is_file()
    nothing = [record("a1", None, category="a")]
    assert [p.name for p in write_all(nothing, suite, folder)] == tables
    assert sorted(p.name for p in folder.iterdir()) == sorted(tables)
    assert "no figure: there is no score" in (folder / "table.md").read_text()


def test_tables_need_neither_pandas_nor_matplotlib() -> None:
    code = (
        "import sys, evalsuite.report.render, evalsuite.report.write\n"
        "import evalsuite.results.tables.build\n"
        "import evalsuite.results.frame\n"
        "heavy = {'pandas', 'matplotlib', 'numpy', 'torch', 'scipy', 'mteb'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
