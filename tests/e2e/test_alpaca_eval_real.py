"""AlpacaEval through real worker processes: a candidate answers, then a judge compares."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import evaluate_request
from evalsuite.judging.judge import Judge
from evalsuite.run.options import RunOptions
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.fake_judge import SECRET, FakeJudge, serving
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

pytestmark = pytest.mark.e2e

DATA = "tatsu-lab/alpaca_eval"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AlpacaEval with short answers."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "short.yaml").write_text(
        "name: short\nkind: alpaca_eval\nsource: alpaca_eval\ncategory: AlpacaEval\n"
        f"datasets: {{{DATA}: 2edc6fad8be6b14ea7230aabfd08188da6b8b814}}\n"
        "generation: {max_tokens: 64}\n"
    )
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_lm(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return str(folder)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / DATA).mkdir(parents=True)
    rows = [{"instruction": f"Say {n}.", "output": "Yes. " * 7 * n} for n in range(12)]
    (folder / DATA / "alpaca_eval.json").write_text(json.dumps(rows))
    return folder


def run(
    ckpt: str, tasks: Path, out: Path, data: Path, console: Console, **options: object
) -> Record:
    request = RunRequest(
        checkpoints=(ckpt,),
        suite=None,
        tasks=("short",),
        tasks_dirs=(tasks,),
        results=out,
        options=RunOptions.model_validate({"device": "cpu", "data_root": data, **options}),
    )
    before = set(psutil.Process().children(recursive=True))
    [record] = evaluate_request(request, console).records
    assert set(psutil.Process().children(recursive=True)) <= before
    return record


def test_an_interrupted_judgement_goes_on_where_it_stopped(
    tiny: str, tasks: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALSUITE_JUDGE_KEY", SECRET)
    out = tmp_path / "results"
    told = Console(record=True, width=200, file=(tmp_path / "told").open("w"))
    with serving() as server:
        judge = Judge(model="m", url=server.url)
        answer = server.reply

        def revoke(request: dict[str, object], key: str) -> tuple[int, str]:
            if len(server.requests) >= 5:
                server.always = (401, json.dumps({"error": {"message": f"bad key {SECRET}"}}))
            return answer(request, key)  # type: ignore[arg-type]

        monkeypatch.setattr(server, "reply", revoke)
        failed = run(tiny, tasks, out, root, told, engine="transformers", judge=judge)
        assert failed.status == "failed"
        assert failed.reason is not None
        assert "refuses the key (HTTP 401); set EVALSUITE_JUDGE_KEY" in failed.reason
        work = next((out / ".work").glob("*/judgements.jsonl")).parent
        kept = len((work / "judgements.jsonl").read_text().splitlines())
        assert kept == 5
        answers = (work / "answers.json").stat()

        server.always = None
        server.requests.clear()
        monkeypatch.setattr(server, "reply", answer)
        scored = run(tiny, tasks, out, root, told, engine="transformers", judge=judge)
        assert scored.status == "scored", scored.reason
        assert len(server.requests) == 12 - kept
        assert answers.st_size > 0
        again = run(tiny, tasks, out, root, told, engine="transformers", judge=judge)
        assert again == scored
        assert len(server.requests) == 12 - kept
    _check_scores(scored, out, server)
    lines = told.export_text()
    assert "loading the engine for 1 generative task" in lines
    assert "short: answered, to be judged" in lines
    assert "getting the judge ready for 1 generative task" in lines
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in lines


def _check_scores(scored: Record, out: Path, server: FakeJudge) -> None:
    samples = Store(out).samples_path(scored)
    assert samples is not None
    rows = pq.read_table(samples).to_pylist()
    assert [row["sample"] for row in rows] == [str(n) for n in range(12)]
    # The rule of the endpoint: the longer answer wins, equal length goes to the second.
    for row in rows:
        a, b = len(row["response"]), len(row["reference"])
        second = a == b and row["order"] == ["reference-first"]
        assert row["score"] == float(a > b or second)
    assert scored.score == sum(row["score"] for row in rows) / 12
    assert scored.signature.judge is not None
    assert scored.signature.judge.startswith("m@127.0.0.1/alpaca_eval_gpt4#")
    assert scored.timings is not None
    assert scored.timings.total >= scored.timings.engine > 0


@pytest.mark.realdata
def test_a_checkpoint_judges_another_through_vllm(
    tasks: Path, shared_data: Path, tmp_path: Path
) -> None:
    record = run(
        "demo:smollm2",
        tasks,
        tmp_path,
        shared_data / "hub",
        Console(quiet=True),
        limit=3,
        judge=Judge(model="demo:smollm2"),
    )
    assert record.signature.judge is not None
    assert record.signature.judge.startswith("smollm2#")
    if record.status == "failed":  # a small model seldom writes a ranking
        assert record.reason is not None
        assert "gave no verdict on any of 3 samples: no ranking in the reply" in record.reason
        [log] = (tmp_path / ".work").glob("*/judgements.jsonl")
        assert len(log.read_text().splitlines()) == 3
        answers = json.loads((log.parent / "answers.json").read_text())["answers"]
    else:
        assert record.status == "scored", record.reason
        assert record.n == round(3 * (1 - record.metrics["unjudged"]))
        samples = Store(tmp_path).samples_path(record)
        assert samples is not None
        answers = pq.read_table(samples).to_pylist()
    assert len(answers) == 3
    assert all(answer["response"] for answer in answers)
