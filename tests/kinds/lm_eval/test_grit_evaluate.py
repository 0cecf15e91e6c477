"""The GRIT tasks through lm-eval's own evaluator, on answers that the test wrote down."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.kinds.lm_eval.grit import bbh
from evalsuite.kinds.lm_eval.tasks import load_source
from helpers.grit_world import LANGUAGES, checkpoint, hub_dataset, run, tydiqa


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(tmp_path_factory.mktemp("chat"), chat=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(tmp_path_factory.mktemp("base"), chat=False)


def small_gsm8k(root: Path) -> Path:
    answers = ["#### 1", "#### 2,000", "#### 3", "#### 4"]
    rows = [{"question": f"Q{n}?", "answer": answer} for n, answer in enumerate(answers)]
    hub_dataset(root, "openai/gsm8k", {("main", "test"): rows})
    return root


def small_mmlu(root: Path) -> Path:
    """Subjects of one, two and five questions, all answered by B."""
    sizes = {"anatomy": 1, "high_school_physics": 2, "virology": 5}
    rows = [
        {"question": f"Q{n}", "subject": subject, "choices": list("wxyz"), "answer": 1}
        for subject, size in sizes.items()
        for n in range(size)
    ]
    hub_dataset(root, "cais/mmlu", {("all", "test"): rows})
    return root


def test_gsm8k(chat: Checkpoint, tmp_path: Path) -> None:
    said = {"Q0": " 1 + 0 = 1.", "Q1": " It is 2,000", "Q2": " 4", "Q3": " I do not know"}

    def answer(prompt: str, _: int) -> str:
        return said[prompt.rpartition("Question: ")[2][:2]]

    evaluation, prompts = run("GSM8K-full", chat, tmp_path / "w", small_gsm8k(tmp_path), answer)
    assert evaluation.main_metric == "exact_match"
    assert evaluation.score == pytest.approx(2 / 4)
    assert evaluation.metrics["unparsed"] == pytest.approx(1 / 4)
    assert [row["extracted"] for row in evaluation.samples] == ["1", "2000", "4", ""]
    assert [row["parsed"] for row in evaluation.samples] == [True, True, True, False]
    assert [row["sample"] for row in evaluation.samples] == [f"gsm8k/{n}" for n in range(4)]
    assert {row["group"] for row in evaluation.samples} == {""}
    assert evaluation.details["generation"]["max_tokens"] == 512
    assert evaluation.details["generation"]["stop"] == ["</s>"]
    assert evaluation.details["shots"] == {"grit_gsm8k_full": 8}
    # All examples in one message of the user.
    assert all(prompt.count("<|user|>") == 1 for prompt in prompts)


def test_base_models_stop_at_the_end_of_a_line(base: Checkpoint, tmp_path: Path) -> None:
    evaluation, _ = run(
        "GSM8K-full", base, tmp_path / "w", small_gsm8k(tmp_path), lambda *_: " 1.\nQuestion: 3?"
    )
    assert evaluation.details["generation"]["stop"] == ["\n", "</s>"]
    assert [row["extracted"] for row in evaluation.samples] == ["1"] * 4
    # The items have the same names in both forms, so that two checkpoints can be compared.
    assert evaluation.samples[0]["sample"] == "gsm8k/0"


def test_mmlu_is_a_micro_average(chat: Checkpoint, tmp_path: Path) -> None:
    def answer(prompt: str, _: int) -> str:
        return "B" if "about  virology." in prompt else "A"

    evaluation, prompts = run("MMLU", chat, tmp_path / "w", small_mmlu(tmp_path), answer)
    assert evaluation.score == pytest.approx(5 / 8)  # the mean over subjects would be 1/3
    assert evaluation.n == 8
    assert [row["group"] for row in evaluation.samples][:3] == [
        "anatomy",
        "high_school_physics",
        "high_school_physics",
    ]
    assert evaluation.samples[-1]["sample"] == "mmlu/virology/4"
    assert evaluation.samples[-1]["extracted"] == "1"
    assert evaluation.samples[-1]["response"] == " B"
    assert any("about  high school physics.\n\nQ1\nA. w\nB. x\nC. y\nD. z\n" in p for p in prompts)


def test_tydiqa_is_the_mean_over_languages(chat: Checkpoint, tmp_path: Path) -> None:
    sizes = {language: number + 1 for number, language in enumerate(LANGUAGES)}
    tydiqa(tmp_path, sizes)

    def answer(prompt: str, _: int) -> str:
        if prompt.endswith("Vastaus:"):
            return ""
        return " test answer 0" if prompt.endswith("الإجابة:") else " wrong"

    evaluation, _ = run("TyDiQA", chat, tmp_path / "w", tmp_path, answer)
    # Arabic has one item and it is right: 1/9 of the score, though 1/45 of the items.
    assert evaluation.score == pytest.approx(1 / 9)
    assert evaluation.main_metric == "f1"
    assert evaluation.n == 45
    assert evaluation.metrics["exact_match"] == pytest.approx(1 / 9)
    assert evaluation.metrics["unparsed"] == pytest.approx(1 / 9)  # Finnish answers are empty
    assert evaluation.metrics["grit_tydiqa::arabic/f1"] == 1
    assert evaluation.samples[0]["sample"] == "arabic-test0-0"
    assert {row["group"] for row in evaluation.samples} == set(LANGUAGES)
    assert evaluation.data.datasets.keys() == {"google-research-datasets/tydiqa"}


def test_quick_tydiqa_takes_the_first_ten_of_the_sample(base: Checkpoint, tmp_path: Path) -> None:
    tydiqa(tmp_path, dict.fromkeys(LANGUAGES, 2) | {"korean": 104})
    full, _ = run("TyDiQA", base, tmp_path / "full", tmp_path, lambda *_: "x")
    quick, _ = run("TyDiQA-quick", base, tmp_path / "quick", tmp_path, lambda *_: "x")
    korean = [
        [row["sample"] for row in result.samples if row["group"] == "korean"]
        for result in (full, quick)
    ]
    assert len(korean[0]) == 100
    assert korean[1] == korean[0][:10]


@pytest.mark.realdata
def test_bbh_quick(chat: Checkpoint, tmp_path: Path, shared_data: Path) -> None:
    def answer(prompt: str, _: int) -> str:
        if "Evaluate the result of a random Boolean expression." in prompt:
            return " So the answer is TRUE."
        return " So the answer is what?"

    evaluation, _ = run("BBH", chat, tmp_path, shared_data / "hub", answer, limit=4)
    boolean = [row for row in evaluation.samples if row["group"] == "boolean_expressions"]
    assert len(boolean) == 4
    right = sum(row["target"] == "True" for row in boolean)
    assert 0 < right < 4
    assert evaluation.n == 4 * 27
    assert evaluation.score == pytest.approx(right / 4 / 27)
    assert evaluation.metrics["unparsed"] == pytest.approx(26 / 27)
    assert [row["extracted"] for row in boolean] == ["TRUE"] * 4
    names = [f"bbh/boolean_expressions/{n}" for n in bbh.picks()["boolean_expressions"][:4]]
    assert [row["sample"] for row in boolean] == names


@pytest.mark.realdata
def test_bbh_weighs_its_tasks_equally(chat: Checkpoint, shared_data: Path) -> None:
    loaded = load_source(
        "grit_bbh_full", tokenizer=chat.path, data_root=shared_data / "hub", shots=None, seed=42
    )
    sizes = {name: len(task.eval_docs) for name, task in loaded.leaves.items()}
    assert sizes == {f"grit_bbh_full::{task}": size for task, size in bbh.SIZES.items()}
    (group,) = loaded.tasks["groups"].values()
    scores = {
        name: {"exact_match,none": float("snarks" in name), "sample_len": size}
        for name, size in sizes.items()
    }
    # By size it would be 178/6511.
    assert group.aggregate(scores)["exact_match,none"] == pytest.approx(1 / 27)


def test_lm_eval_runs_the_same_files_by_itself(
    base: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.evaluator import evaluate
    from lm_eval.models.dummy import DummyLM
    from lm_eval.tasks import TaskManager

    from evalsuite.paths import shipped_tasks

    tydiqa(small_gsm8k(tmp_path), dict.fromkeys(LANGUAGES, 1))
    # From here, "openai/gsm8k" is a folder to the datasets library.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    manager = TaskManager(
        include_defaults=False,
        include_path=str(shipped_tasks() / "lm_eval"),
        metadata={"pretrained": str(base.path)},
    )
    names = ["grit_gsm8k_full_base", "grit_tydiqa_base"]
    results = evaluate(DummyLM(), manager.load(names), limit=1, bootstrap_iters=0)
    assert results is not None
    assert results["results"]["grit_gsm8k_full_base"]["unparsed,none"] == 1
    assert results["groups"]["grit_tydiqa_base"]["f1,none"] == 0
    prompt = results["samples"]["grit_gsm8k_full_base"][0]["arguments"][0][0]
    assert prompt.endswith("\n\nQuestion: Q0?\nAnswer:")
