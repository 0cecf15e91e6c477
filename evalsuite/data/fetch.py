"""Fetching data sets from the hub into a local mirror.

A data set is put together in ``.partial/`` and moved to its place when all of its files are there,
so what lies in its place is whole. Files that are there are not fetched again; within one run a
dropped connection goes on where it was (the hub library's doing).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.data.hub import bound_hub
from evalsuite.data.mirror import (
    DatasetEntry,
    FileEntry,
    Manifest,
    intact,
    places,
    read_manifest,
    size_of,
    write_manifest,
)
from evalsuite.data.needs import Need
from evalsuite.errors import DataError, StoreError, first_line
from evalsuite.files import sha256

if TYPE_CHECKING:
    from tenacity import RetryCallState

TRIES = 6
LONGEST_WAIT = 120.0
"""Seconds between two tries, at most, unless the hub asks for more."""
LONGEST_ASKED = 900.0
"""Seconds to wait at most where the hub names them (``Retry-After``)."""

RETRIED = (408, 429, 500, 502, 503, 504)

log = logging.getLogger("evalsuite.data")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a data set on the hub."""

    path: str
    size: int
    sha256: str | None
    """Where the hub states it (files in large-file storage)."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A data set on the hub at one commit."""

    need: Need
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(file.size for file in self.files)


Advance = Callable[[int], None]
"""Called with the number of bytes that are there now."""


def complete(root: Path, need: Need) -> bool:
    """Whether a data set was fetched and its files still have their sizes; no network."""
    held = read_manifest(root).datasets
    for relative in places(need.name, need.revision):
        entry = held.get(relative)
        if entry is None or need.revision not in ("main", entry.revision):
            continue
        folder = root / relative
        if intact(folder, entry):
            return True
    return False


def ask(need: Need) -> Remote:
    """Ask the hub what a data set holds.

    Raises:
        DataError: If it is not there, or not for everyone.
    """
    from huggingface_hub import HfApi

    info = _retrying(
        need,
        lambda: HfApi().dataset_info(need.name, revision=need.revision, files_metadata=True),
    )
    card = info.card_data
    return Remote(
        need=need,
        commit=str(info.sha),
        licence=_licence(card.get("license") if card is not None else None),
        files=tuple(
            RemoteFile(
                path=file.rfilename,
                size=int(file.size or 0),
                sha256=file.lfs.sha256 if file.lfs is not None else None,
            )
            for file in info.siblings or ()
            if file.rfilename != ".gitattributes"
        ),
    )


def fetch(root: Path, remote: Remote, advance: Advance) -> DatasetEntry:
    """Fetch one data set whole, check it, and put it in its place.

    Args:
        root: The mirror.
        remote: What :func:`ask` said.
        advance: Called with the number of bytes that are there.

    Raises:
        DataError: If a file cannot be had, or is not what the hub says it is.
        StoreError: If the disk is full, or not writable.
    """
    partial = root / ".partial" / remote.need.name / remote.commit
    try:
        partial.mkdir(parents=True, exist_ok=True)
        files = {file.path: _file(partial, remote, file, advance) for file in remote.files}
        entry = DatasetEntry(
            name=remote.need.name,
            revision=remote.commit,
            licence=remote.licence,
            fetched=datetime.now(UTC).replace(microsecond=0),
            files=files,
        )
        _put(root, partial, entry)
    except OSError as error:
        raise StoreError(
            f"{remote.need.name} cannot be written to {root}: {error.strerror or error}",
            "make room, then run the same command: what is there is kept",
        ) from error
    return entry


def _file(partial: Path, remote: Remote, file: RemoteFile, advance: Advance) -> FileEntry:
    from huggingface_hub import hf_hub_download

    target = partial / file.path
    if not target.resolve().is_relative_to(partial.resolve()):
        raise DataError(f"{remote.need.name} names a file outside its folder: {file.path!r}")
    if size_of(target) != file.size:
        _retrying(
            remote.need,
            lambda: hf_hub_download(
                remote.need.name,
                file.path,
                repo_type="dataset",
                revision=remote.commit,
                local_dir=partial,
            ),
        )
    found = FileEntry(sha256=sha256(target), size=target.stat().st_size)
    if found.size != file.size or file.sha256 not in (None, found.sha256):
        target.unlink()
        raise DataError(
            f"{remote.need.name}: {file.path} is not what the hub says it is", "fetch it again"
        )
    advance(found.size)
    return found


def _put(root: Path, partial: Path, entry: DatasetEntry) -> None:
    """Move a finished data set to its place, and note it in the manifest."""
    shutil.rmtree(partial / ".cache", ignore_errors=True)  # notes of the hub library
    manifest = read_manifest(root)
    relative = _place(root, manifest, entry)
    # First the note: without its folder it says that the data set is missing, which is right.
    known = {**manifest.datasets, relative: entry}
    write_manifest(root, manifest.model_copy(update={"datasets": known}))
    target = root / relative
    if target.exists():
        # Out of the way in one step: a kill in between leaves nothing where the data set belongs.
        damaged = partial.with_name(f"{partial.name}.damaged")
        shutil.rmtree(damaged, ignore_errors=True)
        os.replace(target, damaged)  # noqa: PTH105 - as below
        shutil.rmtree(damaged, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, target)  # noqa: PTH105 - Path.replace of a folder does the same
    for parent in partial.parents:
        if parent == root or any(parent.iterdir()):
            break
        parent.rmdir()


def _place(root: Path, manifest: Manifest, entry: DatasetEntry) -> str:
    """Folder of a data set: its name, or with the revision where another one is there."""
    second, first = places(entry.name, entry.revision)
    held = manifest.datasets.get(first)
    if held is not None:
        return first if held.revision == entry.revision else second
    if (root / first).exists():
        raise DataError(
            f"{root / first} is there, and was not fetched by evalsuite",
            "it is used as it is; move it away to have it fetched",
        )
    return first


def _licence(stated: Any) -> str:
    if isinstance(stated, list):
        return ", ".join(map(str, stated))
    return str(stated) if stated else "unknown"


def _retrying(need: Need, call: Callable[[], Any]) -> Any:
    """Call the hub; wait and try again while it is busy or the connection drops."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from tenacity import RetryError, Retrying, retry_if_exception, stop_after_attempt

    bound_hub()
    attempts = Retrying(
        retry=retry_if_exception(_passing),
        wait=_wait,
        stop=stop_after_attempt(TRIES),
        before_sleep=lambda state: _tell(need, state),
    )
    try:
        return attempts(call)
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise DataError(
            f"the hub does not give {need.name} after {TRIES} tries: {_short(cause)}",
            "run the same command later: what is there is kept",
        ) from cause
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise DataError(*_refusal(need, error)) from error


def _passing(error: BaseException) -> bool:
    """Whether a later try may succeed."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):
        cause = error.__cause__
        return cause is None or _passing(cause)
    if isinstance(error, HfHubHTTPError):
        return _status(error) in RETRIED
    if type(error) is OSError and error.errno is None:
        return True  # the hub library: a file ended early
    return isinstance(error, TransportError | ConnectionError | TimeoutError)


def _status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try: what the hub asks for, else doubling with jitter."""
    from tenacity import wait_random_exponential

    assert state.outcome is not None
    error = state.outcome.exception()
    assert error is not None
    response = getattr(error, "response", None)
    if response is None:
        response = getattr(error.__cause__, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    if asked.isdigit():
        return min(float(asked), LONGEST_ASKED)
    return wait_random_exponential(multiplier=1, max=LONGEST_WAIT)(state)


def _tell(need: Need, state: RetryCallState) -> None:
    assert state.outcome is not None
    assert state.next_action is not None
    log.warning(
        "%s: %s; next try in %.0f s",
        need.name,
        _short(state.outcome.exception()),
        state.next_action.sleep,
    )


def _short(error: BaseException | None) -> str:
    """A message in one line, without addresses that may carry signatures."""
    assert error is not None  # what tenacity returns has failed
    status = _status(error)
    return first_line(error)[:200] if status is None else f"HTTP {status}"


def _refusal(need: Need, error: BaseException) -> tuple[str, str]:
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    at = f"{need.name} at {need.revision[:12]}"
    if isinstance(error, GatedRepoError) or _status(error) == 403:
        return (
            f"{at} is only given to people who accepted its terms",
            "accept them on its page on the hub, and set HF_TOKEN",
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{at}: the hub has no such revision", "check 'datasets' in the task file"
    if _status(error) in (401, 404):
        return (
            f"{at} is not on the hub, or is private",
            "check its name; for a private one, set HF_TOKEN",
        )
    return f"{at} cannot be fetched: {_short(error)}", "check the network"
