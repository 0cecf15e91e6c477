"""Vectors on the disk: whole or not at all, and not more of them than allowed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from evalsuite.engines.vectors.vector_files import VectorFiles, trim
from evalsuite.errors import UsageError

VECTORS = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_what_was_put_is_there(tmp_path: Path) -> None:
    VectorFiles(tmp_path, "one").put("a", VECTORS)
    found = VectorFiles(tmp_path, "one").get("a", 2)
    assert found is not None
    np.testing.assert_array_equal(found, VECTORS)
    assert VectorFiles(tmp_path, "one").get("a", 3) is None, "another number of rows"
    assert VectorFiles(tmp_path, "one").get("b") is None
    assert VectorFiles(tmp_path, "two").get("a") is None
    assert [path.name for path in tmp_path.glob("*/*")] == ["a.npy"]


def test_anew_means_that_only_its_own_are_read(tmp_path: Path) -> None:
    VectorFiles(tmp_path, "one").put("a", VECTORS)
    files = VectorFiles(tmp_path, "one", read=False)
    assert files.get("a") is None
    files.put("a", VECTORS + 1)
    found = files.get("a")
    assert found is not None
    np.testing.assert_array_equal(found, VECTORS + 1)


def test_what_cannot_be_written_is_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    files = VectorFiles(tmp_path / "file" / "below", "one")
    files.put("a", VECTORS)
    assert files.get("a") is None
    assert "vectors are not kept" in caplog.text
    assert not list(tmp_path.glob("**/*.tmp"))


def test_those_unused_for_longest_go_first(tmp_path: Path) -> None:
    """100 bytes each, 1,000 allowed: of twelve, the three least recently used have to go."""
    (tmp_path / "scope").mkdir()
    paths = [tmp_path / "scope" / f"{number}.npy" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * 100)
        os.utime(path, (number, number))
    os.utime(paths[0], (50, 50))  # read since

    trim(tmp_path, 1000)

    assert [path for path in paths if not path.exists()] == paths[1:4]
    trim(tmp_path, 1000)
    assert sum(path.exists() for path in paths) == 9


def test_writing_keeps_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kibibytes = 64
    monkeypatch.setenv("EVALSUITE_VECTORS_GIB", str(kibibytes / 2**20))
    files = VectorFiles(tmp_path, "one")
    for number in range(100):
        files.put(str(number), np.zeros((4, 256), dtype=np.float32))  # 4 KiB and a header
        size = sum(path.stat().st_size for path in tmp_path.glob("*/*"))
        assert size <= 1.2 * kibibytes * 1024
    assert files.get("99") is not None


@pytest.mark.parametrize("value", ["much", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("EVALSUITE_VECTORS_GIB", value)
    with pytest.raises(UsageError, match="EVALSUITE_VECTORS_GIB"):
        VectorFiles(tmp_path, "one")
