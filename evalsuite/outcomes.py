"""What the calls of :mod:`evalsuite.api` return: results that show themselves in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalsuite.commands.check import EXIT
from evalsuite.commands.stored import categories_of
from evalsuite.errors import ExitCode
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.check.verdicts import CheckResult
from evalsuite.run.run import RunResult

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.results.tables.model import Table


@dataclass(frozen=True, slots=True)
class Result(RunResult):
    """What :func:`evalsuite.evaluate` returns: the records, which show as a table."""

    suite: Suite | None = None
    """The suite that was run; ``None`` for tasks by name."""
    left_out: tuple[str, ...] = ()
    """What ``ckpt`` also names and could not be evaluated, a line each with the reason."""

    def frame(self) -> pd.DataFrame:
        """The records as a data frame, as :func:`evalsuite.load_records` gives them."""
        from evalsuite.results.frame import records_frame

        return records_frame(self.records)

    def _table(self) -> Table:
        from evalsuite.results.tables.build import build_table

        categories = categories_of(Registry.load())
        return build_table(self.records, self.suite, categories=categories)

    def __str__(self) -> str:
        """The table in Markdown."""
        from evalsuite.report.markdown import to_markdown

        return to_markdown(self._table())

    def _repr_html_(self) -> str:
        from evalsuite.report.fragment import to_fragment

        return to_fragment(self._table())


@dataclass(frozen=True, slots=True)
class Checked:
    """What :func:`evalsuite.check` returns: the verdict, and a line for each task."""

    result: CheckResult

    @property
    def passed(self) -> bool:
        """Whether nothing blocks under the policy: ``evalsuite check`` would end with 0."""
        return self.result.blocking is None

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of ``evalsuite check``."""
        return EXIT[self.result.blocking] if self.result.blocking else ExitCode.OK

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        from evalsuite.report.check_result import headline

        return headline(self.result)

    def frame(self) -> pd.DataFrame:
        """One row a task, with the fields of a task in ``check.json``."""
        import pandas as pd

        from evalsuite.report.check_result import task_rows

        return pd.DataFrame(task_rows(self.result))

    def __str__(self) -> str:
        """The verdict in one line."""
        return self.headline

    def _repr_html_(self) -> str:
        from evalsuite.report.check_result import verdict_table
        from evalsuite.report.fragment import to_fragment

        return to_fragment(verdict_table(self.result))


class TableText(str):
    """What :func:`evalsuite.table` returns: a text, which shows as a table in a notebook."""

    __slots__ = ("_table",)
    _table: Table

    @classmethod
    def of(cls, text: str, table: Table) -> TableText:
        """A text with the table that it was made of."""
        made = cls(text)
        made._table = table
        return made

    def _repr_html_(self) -> str:
        from evalsuite.report.fragment import to_fragment

        return to_fragment(self._table)
