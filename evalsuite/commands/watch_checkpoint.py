"""What ``evalsuite watch`` does with one checkpoint: evaluate it, check it, show it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.folder import read_folder
from evalsuite.checkpoint.models import Checkpoint, CheckpointOptions
from evalsuite.commands.check import check, write_verdict
from evalsuite.commands.requests import WatchRequest
from evalsuite.commands.run import evaluate_request, exit_code_of
from evalsuite.console import say
from evalsuite.errors import CheckpointError, ExitCode, Interrupted, UsageError
from evalsuite.paths import cache_dir
from evalsuite.registry.suites import Suite
from evalsuite.run.options import Original
from evalsuite.schema import Record
from evalsuite.store import Store, slug
from evalsuite.watch.models import Held, Outcome
from evalsuite.watch.queue import outcome_of

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.results.check.verdicts import CheckResult

Made = TypeVar("Made")

NOT_RED: Final = (ExitCode.OK, ExitCode.INCONCLUSIVE)
"""Checkpoints with these exit codes may be part of a baseline."""


@dataclass(kw_only=True)
class CheckpointJudge:
    """Evaluates held checkpoints one after the other.

    Attributes:
        request: What was asked for.
        suite: The suite that is evaluated.
        reports: Folder for the verdicts, one folder each.
        console: Where progress is shown.
        intact: Whether a held checkpoint is still as it was when it was held.
        earlier: Outcomes so far, of earlier calls of the command too.
    """

    request: WatchRequest
    suite: Suite
    reports: Path
    console: Console
    intact: Callable[[Held], bool]
    earlier: list[Outcome]
    outcomes: list[Outcome] = field(default_factory=list)
    """Of this call."""

    def __call__(self, held: Held) -> Outcome | None:
        """What became of a checkpoint; ``None`` if its files changed while they were read.

        Raises:
            EvalsuiteError: If no other checkpoint could be evaluated either.
        """
        say(self.console, f"\n{held.name}, step {held.step}", "bold")
        known = self.records(None)
        made = set(_made_folders())
        checkpoint = None
        try:
            checkpoint = resolve(str(held.copy_path), self.request.checkpoint_options)
            outcome = self._judged(held, checkpoint)
        except CheckpointError as error:
            code = int(ExitCode.CHECKPOINT)
            line = error.line.replace(str(held.copy_path), str(held.path))
            outcome = outcome_of(held, "refused", line=line, exit_code=code)
        finally:
            # The merged weights of each adapter would fill the disk.
            if checkpoint is not None and checkpoint.path in set(_made_folders()) - made:
                shutil.rmtree(checkpoint.path, ignore_errors=True)
        if not self.intact(held):
            self._forget(known, checkpoint)
            say(self.console, f"{held.name} was written anew while it was evaluated", "yellow")
            return None
        self.outcomes.append(outcome)
        self.earlier.append(outcome)
        return outcome

    def records(self, fingerprints: Collection[str | None] | None) -> list[Record]:
        """The stored records of the suite, of some checkpoints or of all."""
        return [
            record
            for record in Store(self.request.results).records()
            if record.signature.task in self.suite.members
            and (fingerprints is None or record.checkpoint.fingerprint in fingerprints)
        ]

    def _judged(self, held: Held, checkpoint: Checkpoint) -> Outcome:
        model = _model_of(checkpoint)
        facts = {"fingerprint": checkpoint.fingerprint, "model": model}
        if why := self._not_for_this_run(held, checkpoint.fingerprint, model):
            return outcome_of(held, "left out", line=why, **facts)
        original = Original(
            copy_path=str(held.copy_path),
            source=str(held.path),
            name=checkpoint.name,
            step=held.step,
        )
        code, verdict, line = self._result(checkpoint.fingerprint, held, original)
        records = self.records({checkpoint.fingerprint})
        return outcome_of(
            held,
            "evaluated",
            exit_code=int(code),
            verdict=verdict,
            line=line,
            scores={record.signature.task: record.score for record in records},
            **facts,
        )

    def _not_for_this_run(self, held: Held, fingerprint: str, model: str) -> str | None:
        """Why a checkpoint is left out; ``None`` if it is not."""
        done = [one for one in self.earlier if one.result == "evaluated"]
        same = next((one for one in done if one.fingerprint == fingerprint), None)
        if same is not None and same.key != held.key:
            return f"left out: the same bytes as {same.name}, step {same.step}"
        if done and done[0].model != model:
            return f"left out: it is {model}, but {done[0].name} is {done[0].model}"
        return None

    def _result(
        self, fingerprint: str, held: Held, original: Original
    ) -> tuple[ExitCode, str | None, str]:
        """Exit code, verdict, and a line."""
        if not self.request.checks:
            return self._evaluate(fingerprint, held, original)
        if self.request.rolling is None:
            return self._check(fingerprint, held, original)
        good = [
            one.fingerprint[:16]
            for one in sorted(self.earlier, key=lambda one: one.step)
            if one.exit_code in NOT_RED and one.fingerprint and one.step < held.step
        ]
        if len(good) < self.request.rolling:
            code, verdict, line = self._evaluate(fingerprint, held, original)
            wait = f"no verdict before {self.request.rolling} good checkpoints: {len(good)} so far"
            return code, verdict, f"{line}; {wait}"
        window = tuple(good[-self.request.rolling :])
        return self._check(fingerprint, held, original, baseline=window[-1], window=window)

    def _evaluate(
        self, fingerprint: str, held: Held, original: Original
    ) -> tuple[ExitCode, str | None, str]:
        """Exit code, no verdict, and a line."""
        run = self.request.run(self.suite.name, str(held.copy_path), original=original)
        result = within(self.request.budget, lambda: evaluate_request(run, self.console))
        scored = sum(record.score is not None for record in self.records({fingerprint}))
        line = f"{scored} of {len(self.suite.tasks)} tasks scored"
        if result is None:
            return ExitCode.MISSING, None, f"{line} within the budget"
        return exit_code_of(result), None, line

    def _check(
        self, fingerprint: str, held: Held, original: Original, **baseline: Any
    ) -> tuple[ExitCode, str | None, str]:
        """Exit code, verdict and headline of the check."""
        from evalsuite.report.check_result import headline, verdict_table
        from evalsuite.report.render import to_terminal

        asked = self.request.check(str(held.copy_path), original=original, **baseline)
        result = within(self.request.budget, lambda: check(asked, self.console))
        spent = result is None
        if result is None:
            try:
                result = self._check_of_stored(fingerprint, **baseline)
            except UsageError:
                return ExitCode.MISSING, "missing", "nothing was scored within the budget"
        code = write_verdict(result, self.reports / slug(held.name))
        if result.blocking:
            self.console.print(to_terminal(verdict_table(result)))
        line = headline(result)
        return code, result.verdict, f"{line}; the budget is spent" if spent else line

    def _check_of_stored(self, fingerprint: str, **baseline: Any) -> CheckResult:
        """The check of what is scored already.

        Raises:
            UsageError: If that is nothing.
        """
        stored = self.request.check(
            fingerprint[:16], checkpoint_options=CheckpointOptions(), **baseline
        )
        return check(stored, self.console)

    def _forget(self, known: Sequence[Record], checkpoint: Checkpoint | None) -> None:
        """Remove what was stored for a checkpoint whose files changed while they were read."""
        if checkpoint is not None:
            for record in self.records({checkpoint.fingerprint}):
                if record not in known:
                    Store(self.request.results).remove(record)


def within(seconds: float | None, work: Callable[[], Made]) -> Made | None:
    """Do something, and interrupt it as Ctrl-C does if it takes too long.

    Args:
        seconds: The limit; ``None`` for none.
        work: What is done, in the main thread.

    Returns:
        What it returns; ``None`` if it was interrupted.
    """
    if seconds is None:
        return work()
    spent = False

    def on_alarm(*_: object) -> None:
        nonlocal spent
        spent = True
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return work()
    except (KeyboardInterrupt, Interrupted):
        if not spent:
            raise
        return None
    finally:
        if signal.getsignal(signal.SIGALRM) is on_alarm:  # Ctrl-C sets a limit of its own
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, earlier)


def _model_of(checkpoint: Checkpoint) -> str:
    """Architecture and size of a checkpoint, in words."""
    folder = read_folder(checkpoint.path)
    sizes = [folder.config.get(key) for key in ("num_hidden_layers", "hidden_size")]
    name = ", ".join(folder.architectures) or str(folder.config.get("model_type", checkpoint.kind))
    return f"{name} with {sizes[0]} layers of {sizes[1]}" if all(sizes) else name


def _made_folders() -> list[Path]:
    """The folders in the cache that were made from adapters."""
    try:
        return [*(cache_dir() / "checkpoints").iterdir()]
    except OSError:
        return []
