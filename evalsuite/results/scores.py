"""Stored scores of a suite: its columns, one row for each checkpoint, and their comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.layouts import Convention
from evalsuite.registry.suites import Suite
from evalsuite.results.columns import Layout, plan_layout, settle_means
from evalsuite.results.conventions import under
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.schema import Record
from evalsuite.store import Store

if TYPE_CHECKING:
    from evalsuite.results.compare.pair import Load
    from evalsuite.results.compare.suite import Side, SuiteComparison
    from evalsuite.results.sampled import Sampled


def no_samples(record: Record) -> Sampled | None:
    """The loader where no samples are needed."""
    del record
    return None


def stored_samples(store: Store) -> Load:
    """A loader of the samples that a store holds beside its records."""

    def load(record: Record) -> Sampled | None:
        from evalsuite.data import SampleTable
        from evalsuite.results.sampled import COLUMNS, sampled

        path = store.samples_path(record)
        if path is None:
            return None
        return sampled(record, SampleTable.read(path, COLUMNS).narrow(COLUMNS))

    return load


@dataclass(frozen=True)
class Scores:
    """The records of a suite, arranged as a table arranges them.

    Attributes:
        records: Records of the suite's tasks.
        suite: The suite; ``None`` for all tasks.
        layout: Its columns, and the tasks whose score is a mean of others.
        load: Reads a record's samples.
    """

    records: Sequence[Record]
    suite: Suite | None
    layout: Layout
    load: Load = no_samples

    @classmethod
    def of(
        cls,
        records: Iterable[Record],
        suite: Suite | None,
        categories: Mapping[str, str | None],
        load: Load = no_samples,
    ) -> Scores:
        """Scores of a suite among some records.

        Args:
            records: Any records; those of other tasks are left out.
            suite: Tasks, columns and averages; without one, one column for each task found.
            categories: Task → category; goes before what the records say.
            load: Reads a record's samples.
        """
        inside = [r for r in records if suite is None or r.signature.task in suite.members]
        return cls(inside, suite, plan_layout(inside, suite, categories), load)

    def settled(self, columns: Callable[[Layout], Layout] | None = None) -> Scores:
        """The scores that a table shows: each mean's own record or its subtasks, not both.

        Args:
            columns: Takes the columns to show from all columns; ``None`` keeps all.
        """
        layout = columns(self.layout) if columns else self.layout
        shown = set(layout.scored_tasks)
        kept = [record for record in self.records if record.signature.task in shown]
        return replace(self, records=settle_means(kept, layout), layout=layout)

    def under(self, convention: Convention) -> Scores:
        """The scores with the metric that counts under a convention."""
        return replace(self, records=[under(record, convention) for record in self.records])

    @cached_property
    def rows(self) -> list[RowPlan]:
        """One row for each checkpoint and protocol, sorted by name."""
        return plan_rows(self.records, self.layout.means)

    def choose(self, name: str) -> RowPlan:
        """Find a row.

        Args:
            name: The checkpoint's name, or the first digits of its fingerprint. Where it was
                evaluated under several protocols, ``NAME/PART``, with a part of what sets the
                row apart: ``smollm2/attn:causal``.

        Raises:
            UsageError: If there is no such row, or more than one.
        """
        return choose(self.rows, name)

    def side(self, row: RowPlan, name: str | None = None) -> Side:
        """A row as one side of a comparison, under its own or another name."""
        from evalsuite.results.compare.suite import Side

        return Side(name=name or row.name, records=row.records, load=self.load)

    def compare(
        self, baseline: Side, candidate: Side, *, margin: float | None = None
    ) -> SuiteComparison:
        """Compare two sides over the columns of the suite.

        Args:
            baseline: From :meth:`side`, of these scores or of others.
            candidate: Likewise.
            margin: Differences within it count as equal (two one-sided tests); in the tasks' own
                unit.
        """
        from evalsuite.results.compare.suite import compare_suite

        return compare_suite(baseline, candidate, self.layout, margin=margin)


def choose(rows: Sequence[RowPlan], name: str) -> RowPlan:
    """Find a row by name; see :meth:`Scores.choose`.

    Raises:
        UsageError: If there is no such row, or more than one.
    """
    wanted, _, part = name.partition("/")
    found = [row for row in rows if row.name == name]
    if not found:
        found = [
            row
            for row in rows
            if (row.name == wanted or (len(wanted) >= 6 and row.fingerprint.startswith(wanted)))
            and part in row.difference
        ]
    if not found:
        known = dict.fromkeys(row.name for row in rows)
        hint = did_you_mean(name, known) if known else f"run: evalsuite run --ckpt {name}"
        raise UsageError(f"no scores of {name!r} are stored here", hint)
    if len(found) > 1:
        apart = " or ".join(f"{wanted}/{row.difference.split(', ')[0]}" for row in found)
        raise UsageError(
            f"{name!r} was evaluated under {len(found)} protocols", f"name one: {apart}"
        )
    return found[0]
