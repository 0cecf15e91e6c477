"""All renderings of a table."""

from evalsuite.report.csvfile import to_csv
from evalsuite.report.html import to_html
from evalsuite.report.latex import to_latex
from evalsuite.report.markdown import to_markdown
from evalsuite.report.terminal import to_terminal

__all__ = ["to_csv", "to_html", "to_latex", "to_markdown", "to_terminal"]
