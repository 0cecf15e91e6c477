"""Tables in LaTeX, with booktabs."""

from __future__ import annotations

from evalsuite.results.tables.model import Cell, Head, Note, Table

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        # Signatures are long words: without a place to break they run off the page.
        "|": r"\textbar{}\allowbreak{}",
        '"': r"\textquotedbl{}",
        "–": "--",
        "…": r"\ldots{}",
        "×": r"$\times$",
        "±": r"$\pm$",
        "†": r"\dag{}",
        "‡": r"\ddag{}",
        "§": r"\S{}",
        "¶": r"\P{}",
        "⏎": r"$\hookleftarrow$",
        "\N{REPLACEMENT CHARACTER}": "?",
    }
)


def to_latex(table: Table, *, stderr: bool = False) -> str:
    r"""A table in LaTeX: a complete ``table`` environment.

    Needs ``\usepackage{booktabs}`` and ``\usepackage[T1]{fontenc}``; for names beyond Latin
    letters, LuaLaTeX or XeLaTeX.

    Args:
        table: The table.
        stderr: Whether to show standard errors.
    """
    columns = " ".join(["l", *("r" * len(section.columns) for section in table.sections)])
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}; for names beyond Latin",
            r"% letters, LuaLaTeX or XeLaTeX.",
            r"\begin{table}[t]",
            r"\centering",
            r"\small",
            r"\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{_escape(table.title)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *_section_heads(table),
            _line([_escape(table.corner), *(_head(head) for head in table.heads)]),
            *_rows(table, stderr=stderr),
            r"\bottomrule",
            r"\end{tabular}",
            *_notes(table.notes),
            r"\end{table}",
            "",
        ]
    )


def _rows(table: Table, *, stderr: bool) -> list[str]:
    lines: list[str] = []
    for group, rows in table.groups:
        lines.append(r"\midrule")
        if group:
            span = 1 + len(table.heads)
            lines.append(rf"\multicolumn{{{span}}}{{l}}{{\textit{{{_escape(group)}}}}} \\")
        for row in rows:
            cells = [_cell(c, table.decimals, stderr=stderr) for c in row.cells]
            lines.append(_line([_escape(row.name) + _mark(row.mark), *cells]))
    return lines or [r"\midrule"]


def _section_heads(table: Table) -> list[str]:
    titles, rules, first = [""], [], 2
    for section in table.sections:
        span = len(section.columns)
        titles.append(rf"\multicolumn{{{span}}}{{c}}{{{_escape(section.title)}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
        first += span
    return [_line(titles), " ".join(rules)] if rules else []


def _notes(notes: tuple[Note, ...]) -> list[str]:
    if not notes:
        return []
    texts = [_mark(note.mark) + _escape(note.text) for note in notes]
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(text + r"\par" for text in texts),
        r"\end{minipage}",
    ]


def _line(cells: list[str]) -> str:
    # A bracket or star after \\ or a rule would be read as its argument.
    guard = "{}" if cells[0].startswith(("[", "*")) else ""
    return guard + " & ".join(cells) + r" \\"


def _head(head: Head) -> str:
    return _escape(head.label) + _mark(head.mark)


def _cell(cell: Cell, decimals: int, *, stderr: bool) -> str:
    shown = _escape(cell.shown(decimals, stderr=stderr))
    if shown.startswith("-") and cell.value is not None:
        shown = f"$-${shown[1:]}"
    if cell.best:
        shown = rf"\textbf{{{shown}}}"
    elif cell.second:
        shown = rf"\underline{{{shown}}}"
    return shown + _mark(cell.mark)


def _mark(mark: str) -> str:
    return rf"\textsuperscript{{{_escape(mark)}}}" if mark else ""


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
