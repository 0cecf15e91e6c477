"""The vLLM engine on a real checkpoint: right, resumable, and equal to transformers.

vLLM wants a process of its own, so each test starts one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest, ScoreRequest

pytestmark = pytest.mark.e2e
pytest.importorskip("vllm")

ASK = """
import json, sys
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest, ScoreRequest

if __name__ == "__main__":
    job = json.load(sys.stdin)
    checkpoint = Checkpoint.model_validate(job["checkpoint"])
    engine = load_generator(
        checkpoint, engine="vllm", device="cpu", dtype="float32", max_length=1024
    )
    asked = [ScoreRequest(tuple(c), tuple(r)) for c, r in job["score"]]
    prompts = [GenerationRequest(tuple(p), 16, stop=(".",)) for p in job["generate"]]
    sampled = [GenerationRequest(tuple(p), 8, temperature=1.0, seed=5) for p in job["generate"]]
    # More tokens than one step takes: with prompts run in pieces, seeded sampling would fail.
    long = tuple(job["generate"][0] * 1000)[:900]
    crowded = [GenerationRequest(long, 2, temperature=1.0, seed=seed) for seed in range(6)]
    answer = {
        "crowded": [a.tokens for a in engine.generate(crowded)],
        "score": [(s.logprob, s.greedy) for s in engine.score(asked)],
        "generate": [(a.text, a.finish) for a in engine.generate(prompts)],
        "sampled": [[a.text for a in engine.generate(sampled)] for _ in range(2)],
        "version": engine.version,
    }
    open(sys.argv[1], "w").write(json.dumps(answer))
"""

CHOOSE = """
import json, sys
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import ScoreRequest

if __name__ == "__main__":
    job = json.load(sys.stdin)
    engine = load_generator(
        Checkpoint.model_validate(job["checkpoint"]), engine="vllm", dtype="float32"
    )
    prompts, add = [], engine._engine.add
    def noted(name, one):
        prompts.append(one.prompt)
        add(name, one)
    engine._engine.add = noted
    scores = engine.score([ScoreRequest(tuple(c), tuple(r)) for c, r in job["score"]])
    answer = {"scores": [(s.logprob, s.greedy) for s in scores], "prompts": prompts}
    open(sys.argv[1], "w").write(json.dumps(answer))
"""

EVALUATE = """
import json, sys
from pathlib import Path
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.kinds.base import Context
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.table import make_task

if __name__ == "__main__":
    job = json.load(sys.stdin)
    engine = load_generator(
        Checkpoint.model_validate(job["checkpoint"]), engine="vllm", max_length=1024
    )
    class Small:
        version, max_length, wave = engine.version, engine.max_length, 4
        asked = 0
        def generate(self, requests, ended=None):
            Small.asked += len(requests)
            return engine.generate(requests, ended)
    context = Context(
        checkpoint=Checkpoint.model_validate(job["checkpoint"]), workdir=Path(job["work"])
    )
    evaluation = LmEvalHarness().evaluate(make_task(**job["task"]), Small(), context)
    answer = {"score": evaluation.score, "asked": Small.asked, "samples": evaluation.samples}
    open(sys.argv[1], "w").write(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return resolve("demo:smollm2", CheckpointOptions())


def start(script: str, job: dict[str, Any], folder: Path) -> subprocess.Popen[bytes]:
    path = folder / "script.py"
    path.write_text(script)
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(path), str(folder / "out.json")],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    assert process.stdin is not None
    process.stdin.write(json.dumps(job).encode())
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[bytes], folder: Path) -> Any:
    assert process.wait(timeout=900) == 0, (folder / "log.txt").read_text()[-3000:]
    return json.loads((folder / "out.json").read_text())


def test_vllm_equals_transformers(checkpoint: Checkpoint, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)
    contexts = ["The capital of France is", "Two plus two equals", "A B C D"]
    rests = [" Paris", " four", " E", " the city of light, of course.", " 4\n\nThree plus three"]
    score = [[tokenizer(c).input_ids, tokenizer(r).input_ids] for c in contexts for r in rests]
    assert {len(rest) == 1 for _, rest in score} == {True, False}
    generate = [tokenizer(context).input_ids for context in contexts]
    job = {
        "checkpoint": checkpoint.model_dump(mode="json"),
        "score": score,
        "generate": generate,
    }
    answer = finish(start(ASK, job, tmp_path), tmp_path)

    plain = load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")
    scores = plain.score([ScoreRequest(tuple(c), tuple(r)) for c, r in score])
    for theirs, ours in zip(answer["score"], scores, strict=True):
        assert theirs[0] == pytest.approx(ours.logprob, abs=2e-3)
        assert theirs[1] == ours.greedy
    texts = plain.generate([GenerationRequest(tuple(p), 16, stop=(".",)) for p in generate])
    assert answer["generate"] == [[text.text, text.finish] for text in texts]
    assert answer["sampled"][0] == answer["sampled"][1]
    assert len(set(answer["sampled"][0])) > 1
    assert answer["crowded"] == [2] * 6
    assert answer["version"].startswith("vllm ")


def test_choices_behind_a_line_break_are_one_pass_if_the_model_breaks_the_line(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """And two where it does not; the scores are those of transformers either way."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)
    message = {"role": "user", "content": "Which is a fruit? A. stone B. apple C. river"}
    template = tokenizer.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    assert template.endswith("\n")
    chat, prose = (tokenizer(text).input_ids for text in (template[:-1], "The capital of France"))
    line = tokenizer("\n").input_ids
    letters = [line + tokenizer(letter).input_ids for letter in "ABC"]
    score = [[context, letter] for context in (chat, prose) for letter in letters]
    job = {"checkpoint": checkpoint.model_dump(mode="json"), "score": score}
    answer = finish(start(CHOOSE, job, tmp_path), tmp_path)
    assert answer["prompts"] == [chat, prose, prose + line]

    plain = load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")
    for theirs, ours in zip(
        answer["scores"],
        plain.score([ScoreRequest(tuple(c), tuple(r)) for c, r in score]),
        strict=True,
    ):
        assert theirs[0] == pytest.approx(ours.logprob, abs=1e-4)
        assert theirs[1] == ours.greedy


def test_a_killed_evaluation_goes_on_sample_by_sample(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """Killed in the middle, started again: no answer is asked for twice, same score as whole."""
    rows = [{"q": f"Count from {i} to {i + 9}.", "a": str(i)} for i in range(40)]
    data = tmp_path / "t.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "name": "count",
        "kind": "lm_eval",
        "type": "generate",
        "data": {"test": str(data)},
        "prompt": "{{q}}",
        "target": "{{a}}",
        "extract": r"(\d+)",
        "generation": {"max_tokens": 32},
    }
    work = tmp_path / "work"
    work.mkdir()
    job = {"checkpoint": checkpoint.model_dump(mode="json"), "task": task, "work": str(work)}
    log = work / "responses.jsonl"

    process = start(EVALUATE, job, tmp_path)
    give_up = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < give_up:
        if log.exists() and log.read_bytes().count(b"\n") >= 8:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = log.read_bytes().count(b"\n")
    assert 8 <= kept < 40
    # vLLM in one process leaves nothing behind.
    children = subprocess.run(
        ["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True, check=False
    )
    assert not children.stdout.split()
    with log.open("ab") as stream:
        stream.write(b'{"key": "torn')
        os.fsync(stream.fileno())

    answer = finish(start(EVALUATE, job, tmp_path), tmp_path)
    assert answer["asked"] == 40 - kept
    assert len(answer["samples"]) == 40
    keys = [json.loads(line)["key"] for line in log.read_text().splitlines()]
    assert len(set(keys)) == len(keys) == 40
