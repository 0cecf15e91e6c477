"""The tasks that ``bench/few_shot_peer.py`` asks both sides, and what it makes of their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from few_shot_peer import OURS, PEER, ROWS, Run, difference, report
from few_shot_tasks import ARC, MMLU, made_up, of_mmlu, write_task


def run(logprobs: dict[str, list[float]], seconds: float = 1.0) -> Run:
    """What a side has answered."""
    return Run(seconds, 1.0, 1.0, logprobs)


def test_lm_eval_reads_the_tasks_and_all_questions_share_the_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.tasks import TaskManager

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write_task(tmp_path, "few_arc", ARC, made_up("few_arc", ARC, 3))
    write_task(tmp_path, "few_letters", MMLU, made_up("few_letters", MMLU, 2))
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    tasks: Any = manager.load(["few_arc", "few_letters"])["tasks"]
    for name, shape, questions in (("few_arc", ARC, 3), ("few_letters", MMLU, 2)):
        tasks[name].build_all_requests()
        contexts = [one.args[0] for one in tasks[name].instances]
        assert len(contexts) == 4 * questions
        assert {text.count("Question: ") for text in contexts} == {shape.examples + 1}
        examples = {text[: text.rindex("Question: ")] for text in contexts}
        assert len(examples) == 1
        assert len(set(contexts)) == questions


def test_made_up_rows_are_the_same_each_time() -> None:
    assert made_up("a", ARC, 2) == made_up("a", ARC, 2) != made_up("b", ARC, 2)


def test_questions_of_mmlu_follow_its_examples(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "cais" / "mmlu" / "anatomy"
    folder.mkdir(parents=True)
    for part, count in (("dev", 5), ("test", 9)):
        rows = [
            {"question": f"{part} {at}", "choices": list("wxyz"), "answer": 1, "subject": "s"}
            for at in range(count)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{part}-00000-of-00001.parquet")
    found = [row["question"] for row in of_mmlu(tmp_path, "anatomy", 2)]
    assert found == [f"dev {at}" for at in range(5)] + ["test 0", "test 1"]


def test_the_largest_difference_counts_and_missing_samples_are_an_error() -> None:
    theirs = run({"t/0": [-1.0, -2.0], "t/1": [-3.0]})
    assert difference({PEER: theirs, OURS: run({"t/0": [-1.0, -2.5], "t/1": [-3.1]})}) == 0.5
    with pytest.raises(SystemExit, match="t/1"):
        difference({PEER: theirs, OURS: run({"t/0": [-1.0, -2.0]})})


@pytest.mark.parametrize(
    ("slower", "off", "status"), [(9.0, 1e-5, 0), (2.0, 1e-5, 1), (9.0, 0.1, 1)]
)
def test_a_missed_goal_or_another_score_fails(
    tmp_path: Path, slower: float, off: float, status: int
) -> None:
    sides = {PEER: slower, OURS: 1.0}
    runs = [{side: {"seconds": s, "peak": 1.0} for side, s in sides.items()}]
    about: dict[str, Any] = {
        "dtype": "float32",
        "repeats": 1,
        "sittings": 1,
        "load_average_before": 0,
        "versions": {},
        "rows": {"arc-hf": {"questions": 3, "off": off, "repetitions": runs}},
    }
    assert report(about, tmp_path) == status
    (goal,) = json.loads((tmp_path / "few_shot_peer.json").read_text())["goals"]
    assert (goal["goal"], goal["met"]) == (ROWS["arc-hf"].goal, slower >= ROWS["arc-hf"].goal)
