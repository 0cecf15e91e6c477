"""The response log keeps what was finished, whatever happened to the process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evalsuite.engines.protocols import Completion, GenerationRequest, Score, ScoreRequest
from evalsuite.prompting.response_log import ResponseLog, request_key

ANSWERS = [
    ("a" * 64, Completion("Grüße \n\ud800", 3, "stop")),
    ("b" * 64, Score(-1.25e-7, True)),
    ("c" * 64, Completion("", 0, "length")),
]


def written(path: Path) -> ResponseLog:
    with ResponseLog(path) as log:
        log.append(ANSWERS)
    return ResponseLog(path)


def test_answers_come_back_exactly(tmp_path: Path) -> None:
    log = written(tmp_path / "r.jsonl")
    assert [log.get(key) for key, _ in ANSWERS] == [answer for _, answer in ANSWERS]
    assert log.get("d" * 64) is None


def test_a_torn_last_line_is_dropped_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path).close()
    whole = path.read_bytes()
    for cut in (1, 20, len(whole.splitlines()[-1])):
        path.write_bytes(whole[:-cut])
        with ResponseLog(path) as log:
            assert len(log) == 2
            assert log.get("c" * 64) is None
            log.append(ANSWERS[2:])
        assert path.read_bytes() == whole


def test_a_changed_line_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path).close()
    path.write_bytes(path.read_bytes().replace(b"-1.25e-07", b"-1.26e-07"))
    with ResponseLog(path) as log:
        assert log.damaged == 1
        assert log.get("b" * 64) is None
        assert log.get("a" * 64) == ANSWERS[0][1]


def test_garbage_between_lines_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path).close()
    path.write_bytes(b"\x00\xff\n[1]\n{}\n" + path.read_bytes())
    with ResponseLog(path) as log:
        assert (log.damaged, len(log)) == (3, 3)


def test_the_key_covers_everything_the_answer_depends_on() -> None:
    base = GenerationRequest((1, 2), 8, ("x",), 0.5, 0.9, 3, 4)
    changed = [
        replace(base, prompt_ids=(1, 3)),
        replace(base, max_tokens=9),
        replace(base, stop=("y",)),
        replace(base, temperature=0.6),
        replace(base, top_p=0.8),
        replace(base, top_k=4),
        replace(base, seed=5),
    ]
    scores = [ScoreRequest((1,), (2,)), ScoreRequest((1, 2), ()), ScoreRequest((1,), (3,))]
    keys = [request_key(request) for request in [base, *changed, *scores]]
    keys.append(request_key(base, repeat=1))
    assert len(set(keys)) == len(keys)
    assert request_key(replace(base)) == keys[0]
