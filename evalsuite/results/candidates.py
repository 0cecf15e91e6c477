"""From a name, a store, a baseline or a checkpoint to the records of one side of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalsuite.errors import CheckpointError, StoreError, UsageError, did_you_mean
from evalsuite.registry.suites import Suite
from evalsuite.results.check.baselines import baselines, is_baseline, load_baseline
from evalsuite.results.rows import RowPlan
from evalsuite.results.scores import Scores, stored_samples
from evalsuite.results.training_runs import last_of_run
from evalsuite.schema import Record
from evalsuite.store import Store

if TYPE_CHECKING:
    from evalsuite.results.compare.suite import Side


NOTHING_STORED: Final = "pass a checkpoint, or set one: evalsuite baseline set NAME CHECKPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds one side of a comparison over a suite; evaluates what is not stored.

    Attributes:
        suite: The suite that is compared.
        categories: Task → category.
        results: The store where names are looked up.
        baselines: Folder of the named baselines.
        evaluate: Evaluates what is missing of a checkpoint; returns all its records of the suite.
        evaluated: Checkpoints that ``evaluate`` was called for.
    """

    suite: Suite
    categories: Mapping[str, str | None]
    results: Path
    baselines: Path
    evaluate: Callable[[str], Sequence[Record]]
    evaluated: list[str] = field(default_factory=list)
    _read: dict[Path, Scores] = field(default_factory=dict)
    """Scores by store: reading a store of a hundred checkpoints takes a second."""

    def find(self, text: str, *, baseline: bool = False) -> Side:
        """The records of a name, a store or a checkpoint.

        Args:
            text: What was typed.
            baseline: Whether named baselines come first.

        Raises:
            EvalsuiteError: If there is nothing of that name, or it is not unique.
        """
        from evalsuite.results.compare.suite import Side

        if baseline and is_baseline(self.baselines, text):
            manifest, store, records = load_baseline(self.baselines, text)
            kept = {r.signature.task: r for r in records if r.signature.task in self.suite.members}
            name = f"{manifest.checkpoint} ({text})"
            return Side(name=name, records=kept, load=stored_samples(store))
        if is_store(Path(text)):
            scores = self._stored(Path(text))
            return scores.side(only_row(scores, Path(text)))
        if Path(text).exists() or ":" in text or not self.results.is_dir():
            return self._evaluated(text)
        scores = self._stored(self.results)
        try:
            return scores.side(scores.choose(text))
        except UsageError as unknown:
            try:
                return self._evaluated(text)
            except CheckpointError:
                if "/" in text:
                    raise
                message = f"{unknown.message}, nor is it a checkpoint"
                raise UsageError(message, unknown.hint) from None

    def find_mean(self, text: str, checkpoints: int) -> Side:
        """The mean of the last checkpoints of a training run as a baseline.

        Args:
            text: Name of the last of them in the store where names are looked up.
            checkpoints: How many.

        Raises:
            EvalsuiteError: If it is not stored, or not a step of a run with so many up to it.
        """
        if is_baseline(self.baselines, text) or not self.results.is_dir():
            raise UsageError(
                f"--baseline-window needs a training run, and {text!r} is one checkpoint"
                if is_baseline(self.baselines, text)
                else f"--baseline-window needs a training run, and {self.results} holds none",
                f"name the run's last checkpoint in the store, as in its table: {self.results}",
            )
        scores = self._stored(self.results)
        return _mean(scores, last_of_run(scores.rows, scores.choose(text), checkpoints))

    def find_mean_of(self, fingerprints: Sequence[str]) -> Side:
        """The mean of stored checkpoints as a baseline.

        Args:
            fingerprints: Theirs, or the beginnings of them; by step.

        Raises:
            UsageError: If one of them is not stored, or in several forms.
        """
        scores = self._stored(self.results)
        return _mean(scores, [scores.choose(one) for one in fingerprints])

    def refuse_unknown(self, text: str, *, baseline: bool = False) -> None:
        """Refuse a name that nothing has, before anything is evaluated.

        Args:
            text: What was typed.
            baseline: Whether it may be a named baseline.

        Raises:
            UsageError: If it is not a baseline, store, stored checkpoint or checkpoint.
        """
        if Path(text).exists() or ":" in text or "/" in text or is_baseline(self.baselines, text):
            return
        rows = self._stored(self.results).rows if self.results.is_dir() else []
        if any(text in (row.name, row.fingerprint[: len(text)]) for row in rows):
            return
        names = [row.name for row in rows]
        kinds = f"a checkpoint nor scores in {self.results}"
        if baseline:
            names += [one.name for one in baselines(self.baselines)]
            kinds = f"a baseline in {self.baselines}, {kinds}"
        hint = did_you_mean(text, names) if names else NOTHING_STORED
        raise UsageError(f"{text!r} is neither {kinds}", hint)

    def _stored(self, folder: Path) -> Scores:
        if folder not in self._read:
            self._read[folder] = scores_of_store(Store(folder), self.suite, self.categories)
        return self._read[folder]

    def _evaluated(self, text: str) -> Side:
        from evalsuite.results.compare.suite import Side

        found = self.evaluate(text)
        self.evaluated.append(text)
        self._read.pop(self.results, None)  # the store has new records
        return Side(
            name=found[0].checkpoint.name,
            records={record.signature.task: record for record in found},
            load=stored_samples(Store(self.results)),
        )


def is_store(path: Path) -> bool:
    """Whether a folder holds scores."""
    return path.is_dir() and next(path.glob("[!.]*/*.r*.json"), None) is not None


def scores_of_store(
    store: Store, suite: Suite | None, categories: Mapping[str, str | None]
) -> Scores:
    """The scores of a store.

    Raises:
        StoreError: If a file in it is not a record.
    """
    records = store.records()
    if store.problems:
        raise StoreError(store.problems[0], "move it away, or upgrade evalsuite")
    return Scores.of(records, suite, categories, stored_samples(store))


def only_row(scores: Scores, folder: Path) -> RowPlan:
    """The row of a store that holds one checkpoint under one protocol.

    Args:
        scores: Those of the store.
        folder: The store, for the message.

    Raises:
        UsageError: If there are more rows, or none.
    """
    rows = scores.rows
    if len(rows) != 1:
        names = ", ".join(dict.fromkeys(row.name for row in rows)) or "none"
        raise UsageError(
            f"{folder} holds scores of {len(rows)} checkpoints or protocols ({names})",
            f"name one of them and give --out {folder}",
        )
    return rows[0]


def _mean(scores: Scores, rows: Sequence[RowPlan]) -> Side:
    """The last of some rows, with the records of those before it."""
    *before, last = [scores.side(row) for row in rows]
    return replace(
        last,
        name=f"mean of {len(rows)} checkpoints up to {last.name}",
        earlier=tuple(side.records for side in before),
    )
