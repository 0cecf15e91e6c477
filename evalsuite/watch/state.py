"""What a watcher knows, on disk: it may be killed at any moment and goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from evalsuite.errors import StoreError, UsageError, first_invalid
from evalsuite.files import write_atomically
from evalsuite.schema import Frozen
from evalsuite.store import Store, slug
from evalsuite.watch.models import Outcome

VERSION: Final = 1


class _State(Frozen):
    version: int = VERSION
    folder: Path
    outcomes: tuple[Outcome, ...] = ()


def place_of(store: Store, folder: Path, *settings: str | None) -> Path:
    """Where the watcher of a folder keeps its state and its holds, in the store's work folder.

    Args:
        store: The store.
        folder: The watched folder.
        settings: What else sets one watch apart from another: suite and baseline.
    """
    whole = folder.expanduser().absolute()
    digest = hashlib.sha256(json.dumps([str(whole), *settings]).encode()).hexdigest()
    return store.root.absolute() / ".work" / "watch" / f"{slug(whole.name)}-{digest[:12]}"


@contextmanager
def locked(place: Path, folder: Path) -> Iterator[None]:
    """Keep a second watcher away; the system frees the lock when this process ends.

    Raises:
        UsageError: If there is another one.
    """
    from filelock import FileLock, Timeout

    place.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place / "lock", timeout=0):
            yield
    except Timeout:
        raise UsageError(
            f"another evalsuite watch already follows {folder} with this suite and baseline",
            "end it first, or give this one a store of its own: --out",
        ) from None


class State:
    """The outcomes so far, in the order in which they came.

    Args:
        place: From :func:`place_of`.
        folder: The watched folder.

    Raises:
        StoreError: If the file cannot be read, or a later version of evalsuite wrote it.
    """

    def __init__(self, place: Path, folder: Path) -> None:
        self._path = place / "state.json"
        self._folder = folder
        self._outcomes = {outcome.key: outcome for outcome in self._read()}
        self._tried_again = {
            key for key, outcome in self._outcomes.items() if outcome.result == "refused"
        }

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """All outcomes."""
        return tuple(self._outcomes.values())

    def __contains__(self, key: object) -> bool:
        """Whether a checkpoint needs no evaluation.

        What an earlier watch refused is tried again.
        """
        return key in self._outcomes and key not in self._tried_again

    def put(self, outcome: Outcome) -> Outcome:
        """Remember an outcome, in the place of an earlier one of the same checkpoint.

        Returns:
            The outcome; the hooks are not called again for one that says what the last one said.

        Raises:
            StoreError: If it cannot be written.
        """
        before = self._outcomes.get(outcome.key)
        if before is not None and before.told and before.line == outcome.line:
            outcome = outcome.model_copy(update={"told": True})
        self._tried_again.discard(outcome.key)
        self._outcomes[outcome.key] = outcome
        state = _State(folder=self._folder, outcomes=self.outcomes)
        content = (state.model_dump_json(indent=1) + "\n").encode()
        with Store(self._path.parent).writing(self._path.parent):
            write_atomically(self._path, content, sync=True)
        return outcome

    def _read(self) -> tuple[Outcome, ...]:
        if not self._path.is_file():
            return ()
        hint = f"upgrade evalsuite, or delete {self._path.parent} to begin anew"
        try:
            content = self._path.read_bytes()
            version = json.loads(content).get("version")
            if isinstance(version, int) and version > VERSION:
                raise StoreError(f"{self._path} has version {version}, newer than {VERSION}", hint)
            return _State.model_validate_json(content).outcomes
        except (OSError, ValueError, AttributeError) as error:
            why = ": ".join(first_invalid(error)) if isinstance(error, ValidationError) else error
            raise StoreError(f"{self._path} cannot be read ({why})", hint) from error
