"""Hashes, matching and reading of local data."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite import data
from evalsuite.errors import DataError
from evalsuite.paths import shipped_tasks
from evalsuite.schema import DataInfo


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("EVALSUITE_CACHE", str(folder))
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "hub" / "org" / "set"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("configs")
    (folder / "data" / "test.parquet").write_bytes(b"abc")
    return tmp_path / "hub"


def test_hash_file_is_the_sha256_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert data.hash_file(path) == published


def test_hash_folder_is_defined_by_names_and_contents(mirror: Path) -> None:
    folder = mirror / "org" / "set"
    listing = [
        ["README.md", hashlib.sha256(b"configs").hexdigest()],
        ["data/test.parquet", hashlib.sha256(b"abc").hexdigest()],
    ]
    canonical = json.dumps(listing, separators=(",", ":"))
    assert data.hash_folder(folder) == hashlib.sha256(canonical.encode()).hexdigest()


def test_hash_folder_ignores_hidden_files_and_sees_renames(mirror: Path) -> None:
    folder = mirror / "org" / "set"
    before = data.hash_folder(folder)
    (folder / ".gitattributes").write_text("x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").write_text("x")
    assert data.hash_folder(folder) == before
    (folder / "README.md").rename(folder / "readme.md")
    assert data.hash_folder(folder) != before


def test_hash_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data files"):
        data.hash_folder(tmp_path / "absent")


def test_a_file_just_written_is_hashed_anew_although_its_stamps_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    stamp = path.stat()
    first = data.hash_file(path)
    path.write_bytes(b"xyz")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert data.hash_file(path) != first


def test_a_settled_file_is_read_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    later = time.time_ns() + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    first = data.hash_file(path)
    (memory,) = (cache / "hashes").glob("*.json")
    # What is remembered is believed: a marker in its place comes back.
    remembered = json.loads(memory.read_text())
    remembered["a"][-1] = "remembered"
    memory.write_text(json.dumps(remembered))
    assert data.hash_file(path) == "remembered"
    path.write_bytes(b"abcd")
    assert data.hash_file(path) not in (first, "remembered")


def test_a_damaged_or_unwritable_cache_costs_nothing_but_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    expected = data.hash_file(path)
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("x")
    assert data.hash_file(path, cache=not_a_folder) == expected


def test_dataset_folder_stays_inside_the_root(mirror: Path) -> None:
    assert data.dataset_folder(mirror, "org/set") == mirror / "org" / "set"
    assert data.dataset_folder(mirror, "org/other") is None
    assert data.dataset_folder(mirror / "org", "../org") is None
    assert data.dataset_folder(mirror, "org/set/README.md") is None


def test_local_data_matches_until_a_byte_changes(mirror: Path, tmp_path: Path) -> None:
    info = data.local_info({"org/set": mirror / "org" / "set"})
    assert info.source == "local"
    assert data.still_matches(info, mirror)
    assert not data.still_matches(info, None)
    assert not data.still_matches(info, tmp_path / "elsewhere")
    (mirror / "org" / "set" / "data" / "test.parquet").write_bytes(b"abd")
    assert not data.still_matches(info, mirror)


def test_own_files_match_by_content_not_by_place(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("{}\n")
    second.write_text("{}\n")
    info = data.files_info({"test": first})
    assert info.source == "local"
    assert data.still_matches(info, None, {"test": second})
    assert data.still_matches(info, tmp_path, {"test": second})
    assert not data.still_matches(info, None, {"train": first})
    second.write_text("{ }\n")
    assert not data.still_matches(info, None, {"test": second})
    second.unlink()
    assert not data.still_matches(info, None, {"test": second})


def test_files_that_evalsuite_ships_are_built_in() -> None:
    files = sorted((shipped_tasks() / "smoke" / "data").glob("*.jsonl"))
    assert data.files_info({"test": files[0]}).source == "built-in"


def test_hub_data_matches_the_hub_alone(mirror: Path) -> None:
    info = data.hub_info({"org/set": "abc123"}, data.rows_hash([{"a": 1}]))
    assert info == DataInfo(
        hash=hashlib.sha256(b'{"a": 1}\n').hexdigest(), source="hub", datasets={"org/set": "abc123"}
    )
    assert data.still_matches(info, None)
    assert not data.still_matches(info, mirror)


def test_rows_hash_depends_on_order_and_not_on_key_order() -> None:
    rows: list[dict[str, object]] = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert data.rows_hash(rows) == data.rows_hash([{"b": 2, "a": 1}, {"b": 4, "a": 3}])
    assert data.rows_hash(rows) != data.rows_hash(rows[::-1])


def test_read_rows_reads_both_kinds_alike(tmp_path: Path) -> None:
    rows = [{"text": "naïve  ", "n": 1}, {"text": "line\nbreak", "n": 2}]
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    table = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows), table)
    assert data.read_rows(lines) == rows
    assert data.read_rows(table) == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n', r"a\.jsonl:2: not valid JSON: "),
        ("a.jsonl", b'{"a": 1}\n\n{"a": 2}\n', r"a\.jsonl:2: not valid JSON: empty line"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl:1: not a JSON object but list"),
        ("a.jsonl", b"\xff\xfe", r"a\.jsonl: not UTF-8 text"),
        ("a.jsonl", b"\n", r"a\.jsonl: the file has no rows"),
        ("a.xlsx", b"a,b\n", r"a\.xlsx: cannot read files ending in '\.xlsx'; use"),
        ("a.parquet", b"PAR0", r"a\.parquet: not a readable Parquet file"),
        ("missing.jsonl", None, r"missing\.jsonl: no such file"),
    ],
)
def test_read_rows_says_what_is_wrong_and_where(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        data.read_rows(path)
    assert "\n" not in caught.value.line


def test_require_columns_names_file_row_column_and_what_is_there() -> None:
    rows = [{"q": "a", "label": 1}, {"q": "b"}]
    path = Path("own.jsonl")
    data.require_columns(rows[:1], ("text", "label"), {"text": "q"}, path)
    with pytest.raises(DataError, match=r"own\.jsonl:2: column 'label' is missing .*there: q\)"):
        data.require_columns(rows, ("text", "label"), {"text": "q"}, path)
    with pytest.raises(DataError, match=r"own\.jsonl:1: column 'text' is missing"):
        data.require_columns(rows, ("text",), {}, path)
    with pytest.raises(DataError, match=r"own\.jsonl:1: column 'text' is null"):
        data.require_columns([{"text": None}], ("text",), {}, path)
