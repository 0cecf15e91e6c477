"""From what a person calls a checkpoint, a run or a baseline to records and their samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.commands.run import RunRequest, evaluate_request
from evalsuite.commands.stored import store_samples
from evalsuite.errors import CheckpointError, Interrupted, StoreError, UsageError
from evalsuite.registry.suites import Suite
from evalsuite.results.check.baselines import is_baseline, load_baseline
from evalsuite.results.compare.choose import choose
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.schema import Record
from evalsuite.store import Store

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.results.compare.suite import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A checkpoint's records and where their samples are."""

    name: str
    records: dict[str, Record]
    store: Store

    @property
    def side(self) -> Side:
        """As comparisons take it."""
        from evalsuite.results.compare.suite import Side

        return Side(
            name=self.name,
            records=self.records,
            load=lambda record: store_samples(self.store, record),
        )


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds checkpoints for the tasks of a suite; evaluates what is not stored.

    Attributes:
        suite: What the records are about.
        run: How a checkpoint is run, and into which store.
        baselines: Folder of the named baselines.
        console: Where runs are shown.
    """

    suite: Suite
    run: RunRequest
    baselines: Path
    console: Console
    _rows: dict[Path, list[RowPlan]] = field(default_factory=dict)
    """By store: reading one of a hundred checkpoints takes a second."""

    def find(self, text: str, *, baseline: bool = False) -> Found:
        """The records that a name, a store or a checkpoint stands for.

        Args:
            text: What was typed.
            baseline: Whether named baselines come first.

        Raises:
            EvalsuiteError: If there is nothing of that name, or it is not unique.
        """
        if baseline and is_baseline(self.baselines, text):
            manifest, store, records = load_baseline(self.baselines, text)
            kept = {r.signature.task: r for r in records if r.signature.task in self.suite.members}
            return Found(name=f"{manifest.checkpoint} ({text})", records=kept, store=store)
        if is_store(Path(text)):
            row = only_row(self._stored(Path(text)), Path(text))
            return Found(name=row.name, records=row.records, store=Store(Path(text)))
        results = self.run.results
        if Path(text).exists() or ":" in text or not results.is_dir():
            return self._evaluated(text)
        try:
            row = choose(self._stored(results), text)
        except UsageError as unknown:
            try:
                return self._evaluated(text)
            except CheckpointError:
                if "/" in text:
                    raise
                message = f"{unknown.message}, nor is it a checkpoint"
                raise UsageError(message, unknown.hint) from None
        return Found(name=row.name, records=row.records, store=Store(results))

    def _stored(self, folder: Path) -> list[RowPlan]:
        if folder not in self._rows:
            self._rows[folder] = stored_rows(Store(folder), self.suite)
        return self._rows[folder]

    def _evaluated(self, text: str) -> Found:
        """Records of a checkpoint, with what was missing run now."""
        run = self.run.model_copy(update={"checkpoints": (text,), "suite": self.suite.name})
        try:
            result = evaluate_request(run, self.console)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; what is finished is kept in {run.results}",
                "the same command goes on from there",
            ) from None
        self._rows.pop(run.results, None)
        records = {record.signature.task: record for record in result.records}
        name = next(iter(records.values())).checkpoint.name
        return Found(name=name, records=records, store=Store(run.results))


def is_store(path: Path) -> bool:
    """Whether a folder holds scores."""
    return path.is_dir() and next(path.glob("[!.]*/*.r*.json"), None) is not None


def stored_rows(store: Store, suite: Suite | None) -> list[RowPlan]:
    """The rows of a store: checkpoints, each under one protocol.

    Raises:
        StoreError: If a file in it is not a record.
    """
    records = store.records()
    if store.problems:
        raise StoreError(store.problems[0], "move it away, or upgrade evalsuite")
    return plan_rows([r for r in records if suite is None or r.signature.task in suite.members])


def only_row(rows: list[RowPlan], folder: Path) -> RowPlan:
    """The row of a store that has but one.

    Raises:
        UsageError: If there are more, or none.
    """
    if len(rows) != 1:
        names = ", ".join(dict.fromkeys(row.name for row in rows)) or "none"
        raise UsageError(
            f"{folder} holds scores of {len(rows)} checkpoints or protocols ({names})",
            f"name one of them and give --out {folder}",
        )
    return rows[0]
