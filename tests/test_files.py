"""Files that are whole or not at all, and what is remembered of them."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from evalsuite import files


def test_a_new_version_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.json"
    files.write_atomically(path, b"one")
    files.write_atomically(path, b"two", sync=True)
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_version_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with files.replacing(path) as temp:
            temp.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_whole_versions_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    versions = [bytes([n]) * 100_000 for n in range(4)]
    path.write_bytes(versions[0])

    def write(content: bytes) -> None:
        for _ in range(50):
            files.write_atomically(path, content)

    writers = [threading.Thread(target=write, args=(content,)) for content in versions]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in versions
    for writer in writers:
        writer.join()
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_recognised(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from evalsuite.files import temporary\n"
        "with temporary(Path(sys.argv[1])) as temp:\n"
        "    temp.write_bytes(b'half'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=False)
    (left,) = tmp_path.iterdir()
    assert files.is_left_over(left)
    pid = left.name.split(".")[-2]
    host = socket.gethostname()
    for other in (
        left.name.replace(host, "other-machine"),
        left.name.replace(f".{pid}.tmp", f".{os.getpid()}.tmp"),
        ".something.else.tmp",
    ):
        assert not files.is_left_over(tmp_path / other)


@pytest.mark.parametrize("damage", ["", "[1]", "{", '"text"'])
def test_a_damaged_cache_is_empty(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "cache.json"
    files.write_cache(path, {"a": [1, "b"]})
    assert files.read_cache(path) == {"a": [1, "b"]}
    path.write_text(damage)
    assert files.read_cache(path) == {}
    assert files.read_cache(tmp_path / "absent.json") == {}


def test_sha256_is_that_of_the_standard(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256(path) == published


Compute = Callable[[Mapping[str, Path]], dict[str, str]]


def counting(asked: list[str]) -> Compute:
    def compute(some: Mapping[str, Path]) -> dict[str, str]:
        asked.extend(some)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in some.items()}

    return compute


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock a minute ahead: what was written so far is old enough to be remembered."""
    later = time.time_ns() + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)


def test_only_files_that_changed_are_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory.json"
    named = {name: tmp_path / name for name in ("a", "b")}
    for path in named.values():
        path.write_bytes(b"one")
    settle(monkeypatch)
    asked: list[str] = []
    first = files.remembered_hashes(memory, named, counting(asked))
    assert asked == ["a", "b"]
    assert files.remembered_hashes(memory, named, counting(asked)) == first
    assert asked == ["a", "b"]
    named["a"].write_bytes(b"longer")
    again = files.remembered_hashes(memory, named, counting(asked))
    assert asked == ["a", "b", "a"]
    assert again == {**first, "a": hashlib.sha256(b"longer").hexdigest()}


def test_a_file_written_just_now_is_hashed_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    asked: list[str] = []
    for _ in range(2):
        files.remembered_hashes(tmp_path / "memory.json", {"a": path}, counting(asked))
    assert asked == ["a", "a"]


def test_a_hash_of_a_file_that_changed_meanwhile_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    settle(monkeypatch)

    def compute(some: Mapping[str, Path]) -> dict[str, str]:
        path.write_bytes(b"other")
        return dict.fromkeys(some, "of neither")

    memory = tmp_path / "memory.json"
    files.remembered_hashes(memory, {"a": path}, compute)
    asked: list[str] = []
    found = files.remembered_hashes(memory, {"a": path}, counting(asked))
    assert found == {"a": hashlib.sha256(b"other").hexdigest()}
    assert asked == ["a"]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.remembered_hashes(tmp_path / "m.json", {"a": tmp_path / "absent"}, counting([]))
