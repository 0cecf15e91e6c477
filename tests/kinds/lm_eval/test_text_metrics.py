"""BLEU, chrF, ROUGE and pass@k of answers to own data, against the libraries themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from pydantic import ValidationError
from rouge_score.rouge_scorer import RougeScorer

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.data import files_info
from evalsuite.errors import DataError
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.lm_eval.own_function import load_function, value_of
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.sandbox.sandbox import why_unavailable
from helpers.contexts import make_context
from helpers.scripted import Scripted
from helpers.tiny_lm import make_tiny_lm

RIGHT = [
    ["the cat sat on the mat", "a cat was sitting on the mat"],
    ["it rains in the north today"],
    ["she sells sea shells"],
]
ANSWERS = ["the cat sat on a mat", "it rains in the north of the land today", "shells"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("base"))


def evaluate(task: Task, checkpoint: Checkpoint, folder: Path, answer: Any) -> Evaluation:
    from transformers import AutoTokenizer

    scripted = Scripted(AutoTokenizer.from_pretrained(checkpoint.path), answer)
    (work := folder / "work").mkdir()
    return LmEvalHarness().evaluate(task, scripted, make_context(checkpoint, work))


def _task(folder: Path, **changes: Any) -> Task:
    rows = [{"n": number, "right": right} for number, right in enumerate(RIGHT)]
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    plain = {
        "name": "sentences",
        "kind": "lm_eval",
        "type": "generate",
        "data": {"test": path},
        "prompt": "Sentence {{n}}:",
        "target": "{{right | tojson}}",
        "metrics": ["bleu", "chrf", "rouge"],
        "main_metric": "bleu",
    }
    return make_task(**plain | changes)


def test_scores_are_the_libraries_own(checkpoint: Checkpoint, tmp_path: Path) -> None:
    def answer(prompt: str, _: int) -> str:
        return ANSWERS[int(prompt.rsplit(maxsplit=1)[-1].strip(":"))]

    found = evaluate(_task(tmp_path), checkpoint, tmp_path, answer)
    streams = [[one[0] for one in RIGHT], [one[1] if len(one) > 1 else None for one in RIGHT]]
    bleu = sacrebleu.corpus_bleu(ANSWERS, streams).score
    assert found.main_metric == "bleu"
    assert found.score == pytest.approx(bleu, abs=1e-9)
    assert found.stderr is not None, "bootstrapped over the items"
    assert found.metrics["chrf"] == pytest.approx(
        sacrebleu.corpus_chrf(ANSWERS, streams).score, abs=1e-9
    )
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for name in ("rouge1", "rouge2", "rougeL"):
        each = [
            max(scorer.score(one, answer)[name].fmeasure for one in right)
            for right, answer in zip(RIGHT, ANSWERS, strict=True)
        ]
        assert found.metrics[name] == pytest.approx(100 * sum(each) / len(each), abs=1e-9)
    assert found.metrics["exact_match"] == pytest.approx(1 / 3), "articles do not count"


@pytest.mark.skipif(why_unavailable() is not None, reason="no sandbox here")
def test_pass_at_k_of_several_programs(checkpoint: Checkpoint, tmp_path: Path) -> None:
    row = {"prompt": "def one():\n", "entry_point": "one", "tests": "assert one() == 1\n"}
    (tmp_path / "code.jsonl").write_text(json.dumps(row))
    drawn = iter(["    return 1\n", "    return 2\n", "    return 3\n", "    return 4\n"])
    task = make_task(
        name="codes",
        kind="lm_eval",
        type="code",
        data={"test": tmp_path / "code.jsonl"},
        generation={"samples": 4, "temperature": 0.8},
        main_metric="pass@2",
    )
    found = evaluate(task, checkpoint, tmp_path, lambda *_: next(drawn))
    assert found.score == pytest.approx(1 / 2), "three of the six pairs hold the right one"
    assert found.metrics["pass@1"] == pytest.approx(1 / 4)
    assert found.metrics["pass@4"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": ["meteor"]}, "Input should be 'bleu', 'chrf' or 'rouge'"),
        ({"type": "code"}, "'metrics' belongs to type 'generate'"),
        (
            {"type": "code", "metrics": [], "main_metric": "pass@5"},
            "main_metric 'pass@5' needs 'samples: 5' or more under 'generation'",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_file(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(")):
        _task(tmp_path, **changes)


SCORER = """\
def score(answer, right, row):
    return len(answer.split()) / row["n"]
"""


def test_a_function_of_ones_own_scores_answers(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "scorer.py").write_text(SCORER.replace('row["n"]', '(row["n"] + 1)'))
    data = {"test": tmp_path / "rows.jsonl", "scorer": tmp_path / "scorer.py"}
    task = _task(tmp_path, data=data, metrics=[], main_metric=None)
    found = evaluate(task, checkpoint, tmp_path, lambda *_: "two words")
    assert found.main_metric == "score"
    assert [row["score"] for row in found.samples] == [2, 1, pytest.approx(2 / 3)]
    assert found.metric is not None
    assert found.metric.direction == "higher"
    before = found.data.hash
    (tmp_path / "scorer.py").write_text("def score(answer, right, row):\n    return 1\n")
    assert files_info(data).hash != before, "another function is another score"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def other(): ...", "defines no function 'score'"),
        ("def score(:", "not Python"),
        (SCORER, "score failed: ZeroDivisionError"),
        ("def score(answer, right, row):\n    return None\n", "gave None, not a number"),
        ("raise OSError('gone')\ndef score(a, b, c): ...", "cannot be imported: OSError: gone"),
    ],
)
def test_a_function_that_fails_is_one_line_with_its_file(
    text: str, said: str, tmp_path: Path
) -> None:
    (path := tmp_path / "scorer.py").write_text(text)
    with pytest.raises(DataError, match=said) as failed:
        value_of(load_function(path), path, "x", ["x"], {"n": 0})
    assert failed.value.message.startswith(str(path))
