"""lm-eval's own tasks, from a local mirror, through the real harness."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.lm_eval.names import find, load_index
from evalsuite.kinds.lm_eval.results import UNFINISHED
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from helpers.contexts import make_context
from helpers.tiny_lm import make_tiny_lm


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"), chat=True, positions=4096)


def source(name: str, **changes: object) -> Task:
    return make_task(**{"name": name, "kind": "lm_eval", "source": name, **changes})


def evaluate(
    task: Task, checkpoint: Checkpoint, work: Path, root: Path, shots: int | None = None
) -> Evaluation:
    generator = load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")
    context = make_context(checkpoint=checkpoint, workdir=work, data_root=root, limit=2)
    asked = task.model_copy(update={"shots": shots})
    return LmEvalHarness().evaluate(asked, generator, context)


def test_the_index_knows_tasks_groups_and_tags() -> None:
    index = load_index()
    assert len(index) > 10_000
    assert index["gsm8k_cot"].kind == "TASK"
    assert index["mmlu"].kind == "GROUP"
    assert index["gsm8k_cot"].path is not None
    assert index["gsm8k_cot"].path.is_file()
    assert "arc_easy" in index["ai2_arc"].tags


def test_a_typo_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match="did you mean gsm8k_cot"):
        find("gsm8k_cott")


def test_missing_data_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset openai/gsm8k, needed by lm_eval:gsm8k_cot, is"):
        evaluate(source("gsm8k_cot"), checkpoint, tmp_path, tmp_path)


@pytest.mark.realdata
def test_gsm8k(checkpoint: Checkpoint, tmp_path: Path, shared_data: Path) -> None:
    root = shared_data / "hub"
    evaluation = evaluate(source("gsm8k_cot"), checkpoint, tmp_path, root, shots=1)
    assert evaluation.main_metric == "exact_match,strict-match"
    assert evaluation.n == 2
    assert "exact_match,flexible-extract" in evaluation.metrics
    assert "unparsed" in evaluation.metrics
    assert [row["sample"] for row in evaluation.samples] == ["gsm8k_cot/0", "gsm8k_cot/1"]
    # Random weights find no end within the limit.
    assert {row["problem"] for row in evaluation.samples} == {UNFINISHED}
    assert evaluation.data.source == "local"
    assert list(evaluation.data.datasets) == ["openai/gsm8k"]
    text = evaluation.details["rendered"]["chat"]["text"]
    # lm-eval's default in a chat: the example is a turn of its own.
    assert text.count("<|user|>") == 2
    assert text.startswith("<s><|user|>\nQ: There are 15 trees in the grove.")
    assert text.endswith("at the farmers' market?\nA:\n<|assistant|>\n")


@pytest.mark.realdata
def test_the_main_metric_can_be_named(
    checkpoint: Checkpoint, tmp_path: Path, shared_data: Path
) -> None:
    task = source("gsm8k_cot", main_metric="exact_match,flexible-extract")
    evaluation = evaluate(task, checkpoint, tmp_path, shared_data / "hub", shots=0)
    assert evaluation.main_metric == "exact_match,flexible-extract"


@pytest.mark.realdata
def test_a_group_has_one_score_and_its_parts(
    checkpoint: Checkpoint, tmp_path: Path, shared_data: Path
) -> None:
    evaluation = evaluate(source("mmlu_stem"), checkpoint, tmp_path, shared_data / "hub")
    parts = {k: v for k, v in evaluation.metrics.items() if k.startswith("mmlu_") and "/" in k}
    assert len(parts) >= 19
    leaves = {row["sample"].split("/")[0] for row in evaluation.samples}
    assert len(leaves) == 19
    assert evaluation.n == 38
    # Two items of each subject: the mean over items is the mean over subjects.
    mean = sum(row["score"] for row in evaluation.samples) / 38
    assert evaluation.score == pytest.approx(mean)
    assert evaluation.main_metric == "acc"


@pytest.mark.realdata
def test_shots_where_a_task_is_defined_without(
    checkpoint: Checkpoint, tmp_path: Path, shared_data: Path
) -> None:
    with pytest.raises(UsageError, match="defined without few-shot examples"):
        evaluate(
            source("bbh_cot_zeroshot_navigate"), checkpoint, tmp_path, shared_data / "hub", shots=2
        )
