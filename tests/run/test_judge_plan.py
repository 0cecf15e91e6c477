"""Planning of judged tasks: skips, signatures, and the second stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.data import local_info
from evalsuite.judging.judge import NEEDED, Judge
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import Plan, make_plan
from evalsuite.schema import DataInfo
from evalsuite.store import Store
from helpers.planned import CHECKPOINT
from helpers.records import record

DATA = "tatsu-lab/alpaca_eval"
CHAT = CHECKPOINT.model_copy(
    update={
        "kind": "generative",
        "embedding": None,
        "chat": ChatProtocol(template="{{ messages }}", template_hash="12345678"),
        "max_positions": 8192,
    }
)
BASE = CHAT.model_copy(update={"chat": ChatProtocol(template=None, template_hash="none")})
GPT4 = Judge(model="gpt-4", url="https://api.example.com/v1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / DATA
    folder.mkdir(parents=True)
    (folder / "alpaca_eval.json").write_text(json.dumps([{"instruction": "i", "output": "o"}]))
    return tmp_path / "data"


def plan(
    root: Path, judge: Judge | None, checkpoint: Checkpoint = CHAT, names: str = "AlpacaEval"
) -> Plan:
    registry = Registry.load()
    options = RunOptions(device="cpu", engine="transformers", data_root=root, judge=judge)
    tasks = [registry.task(name) for name in names.split()]
    return make_plan([checkpoint], tasks, options, registry, Store(root.parent / "results"))


def test_without_a_judge_or_a_chat_template_nothing_is_generated(root: Path) -> None:
    [job] = plan(root, None).jobs
    assert job.skip == NEEDED == "needs a judge: --judge MODEL --judge-url URL, or --judge CKPT"
    assert job.signature.judge is None
    assert plan(root, None).groups == []
    [job] = plan(root, GPT4, BASE).jobs
    assert job.skip == "AlpacaEval needs a chat template"


def test_the_judge_comes_after_all_answers_of_a_checkpoint(root: Path) -> None:
    planned = plan(root, GPT4, names="AlpacaEval smoke-reading")
    first, second = planned.groups
    assert [job.task.name for job in first.jobs] == ["AlpacaEval", "smoke-reading"]
    assert [job.task.name for job in second.jobs] == ["AlpacaEval"]
    assert (first.needs, second.needs) == ("generator", "judge")
    assert [one.needs for one in plan(root, GPT4, names="smoke-reading").groups] == ["generator"]


def test_another_judge_is_another_score(root: Path) -> None:
    [job] = plan(root, GPT4).jobs
    assert job.signature.judge is not None
    assert job.signature.judge.startswith("gpt-4@api.example.com/alpaca_eval_gpt4#")
    assert f"|judge:{job.signature.judge}|" in job.signature.short()
    info: DataInfo = local_info({DATA: root / DATA})
    signed = job.signature.model_copy(update={"data": info.hash})
    made = record(job.task, checkpoint=CHAT.ref, signature=signed, data=info)
    Store(root.parent / "results").put(made)
    [again] = plan(root, GPT4).jobs
    assert again.record == made
    others = [
        GPT4.model_copy(update={"model": "gpt-4o"}),
        GPT4.model_copy(update={"url": "https://other.example.com/v1"}),
        GPT4.model_copy(update={"order": "both"}),
    ]
    for other in others:
        [job] = plan(root, other).jobs
        assert job.todo
    # Judged and unjudged tasks of one run still share a row.
    [_, reading] = plan(root, GPT4, names="AlpacaEval smoke-reading").jobs
    assert reading.signature.judge is None
    assert reading.signature.protocol == again.signature.protocol
