"""Judging, AlpacaEval and reranking run where lm-eval is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import ChatProtocol
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

pytestmark = pytest.mark.e2e

PROGRAM = """
import sys
from pathlib import Path

sys.modules["lm_eval"] = None  # from here on, an import of lm_eval or of a part of it fails

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.judging.local import LocalJudge
from evalsuite.judging.prompt import JudgePrompt
from evalsuite.kinds.alpaca_eval.harness import AlpacaEvalHarness
from evalsuite.kinds.base import Context
from evalsuite.kinds.rerank.candidates import Candidates, save_candidates
from evalsuite.kinds.rerank.harness import RerankHarness
from evalsuite.kinds.table import make_task
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.run.options import Resolved

root = Path(sys.argv[1])
tiny = Checkpoint.model_validate_json((root / "checkpoint.json").read_text())
generator = load_generator(tiny, engine="transformers", device="cpu", dtype="float32")


def context(name):
    (root / name).mkdir()
    return Context(checkpoint=tiny, workdir=root / name, options=Resolved(data_root=root))


def task(kind, **fields):
    return make_task(name="mine", kind=kind, **fields)


def rerank(method, prompt):
    about = context(method)
    files = {name: root / name for name in ("corpus", "queries", "qrels")}
    settings = {"method": method, "k": 2}
    found_here = {"documents": ["x", "y"], "scores": [1, 0], "judged": {"x": 1}}
    found = {
        "queries": [{"id": "q", "text": "cat", **found_here}],
        "documents": {name: {"title": "", "text": name} for name in "xy"},
        "data": {"hash": "2" * 64, "source": "hub"},
        "details": {"rendered": {}},
        "engine_seconds": 0,
        "load_seconds": 0,
        "seconds": 0,
    }
    save_candidates(about.workdir, Candidates.model_validate(found))
    mine = task("rerank", type="retrieval", data=files, rerank=settings, prompt=prompt)
    print(method, RerankHarness().evaluate(mine, generator, about).n)


with ResponseLog(root / "log") as log:
    prompt = JudgePrompt(name="p", system="s", user="u", max_tokens=4, temperature=0)
    judge = LocalJudge(generator, tiny, prompt)
    print("judge", len(judge.ask([(("user", "a or b?"),)], log, lambda done, total: None)))

asked, about = {"datasets": {"own/data": "0" * 40}}, context("alpaca_eval")
AlpacaEvalHarness().answer(task("alpaca_eval", source="alpaca_eval", **asked), generator, about)
print("alpaca_eval", len((about.workdir / "responses.jsonl").read_text().splitlines()))

rerank("listwise", "{{query}}{% for d in documents %}{{d.text}}{% endfor %}")
rerank("pointwise", "{{query}} {{document}}")
"""


def test_they_run_without_lm_eval(tmp_path: Path) -> None:
    chat = ChatProtocol(template=TEMPLATE, template_hash="tiny")
    made = make_tiny_lm(tmp_path / "tiny").model_copy(update={"chat": chat})
    (tmp_path / "checkpoint.json").write_text(made.model_dump_json())
    data = tmp_path / "own" / "data"
    data.mkdir(parents=True)
    (data / "alpaca_eval.json").write_text('[{"instruction": "Say a.", "output": "a"}]')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    finished = ["judge 1", "alpaca_eval 1", "listwise 1", "pointwise 1"]
    assert done.stdout.splitlines() == finished, done.stderr
