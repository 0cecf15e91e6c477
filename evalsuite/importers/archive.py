"""Members of zip files, in all the ways of packing that inspect has used."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from evalsuite.errors import DataError
from evalsuite.importers.files import MOST_BYTES, MOST_SAMPLE_BYTES, parsed

ZSTD: Final = 93
"""Method number of Zstandard in zip files, which Python reads from version 3.14 on."""
HEADER: Final = struct.Struct("<4s22xHH")
"""Of a member's own header: signature, and the lengths of its name and of extra fields."""
MOST_MEMBERS: Final = 200_000


class Archive:
    """A zip file of JSON objects."""

    def __init__(self, path: Path, stream: IO[bytes], entries: dict[str, zipfile.ZipInfo]) -> None:
        self._path = path
        self._stream = stream
        self._entries = entries
        self._left = MOST_SAMPLE_BYTES

    @property
    def names(self) -> list[str]:
        """Names of the members; of two of one name the later one counts."""
        return list(self._entries)

    def json(self, name: str) -> Any:
        """A member's JSON value; ``NaN`` and infinities become ``None``.

        Raises:
            DataError: If it is not there, cannot be unpacked, is too large or no valid JSON.
        """
        where = f"{self._path.name}: {name}"
        if name not in self._entries:
            raise DataError(f"{where} is missing", "is the log whole?")
        try:
            content = self._unpacked(self._entries[name])
        except (
            *(OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
            *(NotImplementedError, RuntimeError, ValueError, struct.error),
        ) as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise DataError(f"{where} cannot be unpacked: {reason}", "is the log whole?") from None
        self._left -= len(content)
        if len(content) > MOST_BYTES or self._left < 0:
            raise DataError(f"{where} goes beyond what a log may hold")
        return parsed(content, where)

    def _unpacked(self, entry: zipfile.ZipInfo) -> bytes:
        """At most one byte more than is allowed, whatever the file says of its size."""
        if entry.compress_type != ZSTD:
            with zipfile.ZipFile(self._stream) as archive, archive.open(entry) as member:
                return member.read(MOST_BYTES + 1)
        import pyarrow as pa

        if entry.flag_bits & 1:
            raise NotImplementedError("it is encrypted")
        self._stream.seek(entry.header_offset)
        signature, name, extra = HEADER.unpack(self._stream.read(HEADER.size))
        if signature != b"PK\x03\x04":
            raise zipfile.BadZipFile("no member begins where the list says")
        self._stream.seek(name + extra, io.SEEK_CUR)
        packed = self._stream.read(min(entry.compress_size, MOST_BYTES + 1))
        if len(packed) < entry.compress_size:
            raise EOFError("it is cut off, or too large")
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as member:
            return bytes(member.read(MOST_BYTES + 1))


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip file.

    Raises:
        DataError: If it is not one, or cut off.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                entries = {entry.filename: entry for entry in archive.infolist()}
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
            raise DataError(f"{path.name} is not a whole zip file", "copy it again") from None
        if len(entries) > MOST_MEMBERS:
            raise DataError(f"{path.name} has {len(entries)} members", "is it a log of inspect?")
        yield Archive(path, stream, entries)
