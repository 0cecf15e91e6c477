"""Where vectors lie: as a dict would have it, in a tenth of its memory."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.engines.vectors.vector_index import KEY_BYTES, VectorIndex

# Keys that agree in all but a byte or two, so that a comparison of a part would mix them up;
# zeros at the end are where strings of bytes are cut.
BYTE = st.sampled_from([0, 1, 255])
KEY = st.tuples(BYTE, BYTE, BYTE).map(
    lambda b: bytes([b[0]]) + b"same" + bytes([b[1]]) + bytes(9) + bytes([b[2]])
)


def looked_up(vectors: VectorIndex, keys: list[bytes]) -> dict[bytes, tuple[str, int]]:
    return {
        keys[index]: (name, row)
        for name, (indices, rows) in vectors.find(keys).items()
        for index, row in zip(indices, rows, strict=True)
    }


@given(st.lists(st.lists(KEY, min_size=1, max_size=9, unique=True), max_size=12))
def test_places_are_those_of_a_dict(calls: list[list[bytes]]) -> None:
    index, expected = VectorIndex(), dict[bytes, tuple[str, int]]()
    everything = sorted({key for call in calls for key in call} | {bytes(KEY_BYTES), b"x" * 16})
    for number, call in enumerate(calls):
        index.add(call, f"file {number}")
        expected |= {key: (f"file {number}", row) for row, key in enumerate(call)}
        assert looked_up(index, everything) == expected


def test_a_text_takes_some_bytes_however_many_there_are() -> None:
    index = VectorIndex()
    keys = [hashlib.sha256(str(n).encode()).digest()[:KEY_BYTES] for n in range(50_000)]
    for first in range(0, len(keys), 500):
        index.add(keys[first : first + 500], f"file {first}")
    assert index.nbytes <= 22 * len(keys)
    found = looked_up(index, keys)
    assert found == {key: (f"file {n - n % 500}", n % 500) for n, key in enumerate(keys)}
