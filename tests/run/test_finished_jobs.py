"""What a run leaves that is killed between storing a record and tidying up."""

from __future__ import annotations

from pathlib import Path

from evalsuite.schema import CheckpointRef, digest
from evalsuite.store import Store

REF = CheckpointRef(name="m", fingerprint=digest("m"), source="m", kind="causal")
KEY = digest("job")


def left(root: Path) -> list[Path]:
    return list((root / ".work").iterdir())


def test_the_next_run_tidies_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.job_folder(REF, KEY) / "responses.jsonl").write_text("{}\n")
    with store.job_lock(REF, KEY):
        pass  # the lock's file stays, as after a kill
    assert len(left(tmp_path)) == 2
    store.clear_finished(REF, KEY)
    assert not left(tmp_path)


def test_what_another_run_holds_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.job_folder(REF, KEY)
    with Store(tmp_path).job_lock(REF, KEY):
        store.clear_finished(REF, KEY)
        assert len(left(tmp_path)) == 2


def test_without_leavings_nothing_is_made(tmp_path: Path) -> None:
    Store(tmp_path).clear_finished(REF, KEY)
    assert not list(tmp_path.iterdir())
