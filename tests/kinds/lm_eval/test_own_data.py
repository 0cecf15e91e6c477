"""Own-data tasks: the prompts that models see, and scores worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import DataError, TaskSkipped, UsageError
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.metrics import Metric
from evalsuite.sandbox.sandbox import why_unavailable
from helpers.contexts import make_context
from helpers.scripted import Scripted
from helpers.tiny_lm import make_tiny_lm


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("chat"), chat=True)


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(
    task: Task, checkpoint: Checkpoint, folder: Path, answer: Callable[[str, int], str]
) -> tuple[Evaluation, list[str]]:
    from transformers import AutoTokenizer

    scripted = Scripted(AutoTokenizer.from_pretrained(checkpoint.path), answer)
    work = folder / "work"
    work.mkdir(parents=True)
    context = make_context(checkpoint=checkpoint, workdir=work)
    return LmEvalHarness().evaluate(task, scripted, context), scripted.prompts


def arithmetic(folder: Path, **changes: Any) -> Task:
    test = [
        {"q": "1+1?", "a": 2},
        {"q": "2+2?", "a": 4},
        {"q": "3+3?", "a": 6},
        {"q": "x?", "a": 0},
    ]
    shots = [{"q": "5+5?", "a": 10, "why": "5 and 5 is 10."}, {"q": "never?", "a": 0, "why": ""}]
    plain = {
        "name": "sums",
        "kind": "lm_eval",
        "type": "generate",
        "data": {
            "test": table(folder / "test.jsonl", test),
            "shots": table(folder / "shots.jsonl", shots),
        },
        "shots": 1,
        "prompt": "Question: {{q}}",
        "answer_prefix": "Answer:",
        "target": "{{a}}",
        "shot_target": "{{why}}",
        "extract": "last_number",
    }
    return make_task(**plain | changes)


def test_golden_chat_prompt_has_the_form_of_the_grit_paper(
    chat: Checkpoint, tmp_path: Path
) -> None:
    """Protocol 2.2, GSM8K: all examples in one user message, a forced ``Answer:``, one BOS."""
    context = make_context(checkpoint=chat, workdir=tmp_path)
    shown = LmEvalHarness().preview(arithmetic(tmp_path), context)[0]
    assert shown.text == (
        "<s><|user|>\n"
        "Question: 5+5?\nAnswer: 5 and 5 is 10.\n\nQuestion: 1+1?\n"
        "<|assistant|>\nAnswer:"
    )
    assert shown.side == "chat"
    assert shown.token_ids.count(0) == 1


def test_golden_base_prompt(base: Checkpoint, tmp_path: Path) -> None:
    context = make_context(checkpoint=base, workdir=tmp_path)
    shown = LmEvalHarness().preview(arithmetic(tmp_path), context)[0]
    assert shown.text == ("Question: 5+5?\nAnswer: 5 and 5 is 10.\n\nQuestion: 1+1?\nAnswer:")
    assert shown.token_ids[0] == 0


def test_arithmetic_scores(chat: Checkpoint, tmp_path: Path) -> None:
    said = {"1+1": " 1 + 1 = 2.", "2+2": " It is 4.0", "3+3": " 7", "x?": " who knows"}

    def answer(prompt: str, seed: int) -> str:
        return next(text for key, text in said.items() if key in prompt.rpartition("\n\n")[2])

    evaluation, prompts = run(arithmetic(tmp_path), chat, tmp_path, answer)
    # 2 is right, 4.0 is right, 7 is wrong, and nothing is found in the last: 2 of 4.
    assert (evaluation.main_metric, evaluation.score, evaluation.n) == ("exact_match", 0.5, 4)
    assert evaluation.metrics["unparsed"] == 0.25
    # Standard error of the mean of (1, 1, 0, 0): s = √(1/3), s/√4.
    assert evaluation.stderr == pytest.approx((1 / 3) ** 0.5 / 2)
    rows = {row["sample"]: row for row in evaluation.samples}
    assert len(rows) == 4
    assert rows["sums/2"]["extracted"] == "7"
    assert rows["sums/2"]["target"] == "6"
    assert [rows[f"sums/{i}"]["parsed"] for i in range(4)] == [True, True, True, False]
    assert rows["sums/0"]["prompt"].replace("<s>", "", 1) in prompts[0] + "".join(prompts)
    assert {tuple(row) for row in evaluation.samples} == {tuple(evaluation.samples[0])}
    assert evaluation.data.datasets.keys() == {"test", "shots"}
    assert evaluation.metric == Metric(name="exact_match", direction="higher", unit="fraction")
    json.dumps(evaluation.raw)


def test_several_samples_are_averaged(chat: Checkpoint, tmp_path: Path) -> None:
    drawn: dict[str, int] = {}

    def answer(prompt: str, seed: int) -> str:
        drawn[prompt] = drawn.get(prompt, 0) + 1
        return " 2" if drawn[prompt] % 2 else " 9"

    task = arithmetic(tmp_path, generation={"samples": 4, "temperature": 0.7})
    evaluation, prompts = run(task, chat, tmp_path, answer)
    assert len(prompts) == 16
    # The first item is right in two of its four answers, the others never.
    assert [row["score"] for row in evaluation.samples] == [0.5, 0, 0, 0]
    assert evaluation.score == 0.125
    assert evaluation.estimator == "mean"
    assert json.loads(evaluation.samples[0]["response"]).count(" 2") == 2


def test_reading_takes_the_best_reference(chat: Checkpoint, tmp_path: Path) -> None:
    rows = [{"q": "a?", "right": ["red barn", "a barn"]}, {"q": "b?", "right": ["x"]}]
    shots = [{"q": "c?", "right": ["first", "second"]}]
    files = {"test": table(tmp_path / "t.jsonl", rows), "shots": table(tmp_path / "s.jsonl", shots)}
    task = make_task(
        name="reading",
        kind="lm_eval",
        type="generate",
        data=files,
        shots=1,
        prompt="{{q}}",
        target="{{right | tojson}}",
        extract="first_line",
        main_metric="f1",
    )
    evaluation, prompts = run(task, chat, tmp_path, lambda *_: " the big barn\nmore")
    # {big, barn}: with {red, barn} F1 = 2·1/4, with {barn} 2·1/3; with {x} 0.
    assert [row["score"] for row in evaluation.samples] == [pytest.approx(2 / 3), 0]
    assert evaluation.main_metric == "f1"
    assert "c? first\n\n" in prompts[0]


def multiple_choice(folder: Path, **changes: Any) -> Task:
    rows = [
        {"q": "one", "options": ["x", "yy"], "i": 1},
        {"q": "two", "options": ["x", "zz"], "i": 0},
    ]
    plain = {
        "name": "quiz",
        "kind": "lm_eval",
        "type": "multiple_choice",
        "data": {"test": table(folder / "quiz.jsonl", rows)},
        "prompt": "{{q}}\nAnswer:",
        "choices": "{{options}}",
        "target": "{{i}}",
    }
    return make_task(**plain | changes)


def test_multiple_choice(chat: Checkpoint, base: Checkpoint, tmp_path: Path) -> None:
    for checkpoint, lead in ((chat, ""), (base, " ")):
        folder = tmp_path / checkpoint.path.name
        folder.mkdir()
        evaluation, _ = run(
            multiple_choice(folder),
            checkpoint,
            folder,
            lambda prompt, _, lead=lead: lead + ("yy" if "one" in prompt else "zz"),
        )
        # "yy" is right for the first, "zz" is wrong for the second.
        assert (evaluation.main_metric, evaluation.score, evaluation.n) == ("acc", 0.5, 2)
        row = evaluation.samples[0]
        assert (row["response"], row["extracted"], row["target"]) == (f"{lead}yy", "1", "1")
        assert json.loads(row["logprobs"]) == [-2.0, -1.0]
        assert evaluation.texts is not None
        assert [(one["sample"], one["choices"]) for one in evaluation.texts.items] == [
            (row["sample"], [f"{lead}x", f"{lead}{other}"])
            for row, other in zip(evaluation.samples, ("yy", "zz"), strict=True)
        ]
        # Per character: x −2/1, zz −1/2: the longer one, still wrong.
        assert evaluation.metrics["acc_norm"] == 0.5


def test_targets_by_letter_text_and_in_lists(base: Checkpoint, tmp_path: Path) -> None:
    """The model prefers the second of three: right, right, wrong, and one of two right ones."""
    targets = ["B", "yy", "(A)", ["A", "B"]]
    rows = [{"q": f"q{n}", "options": ["x", "yy", "z"], "i": t} for n, t in enumerate(targets)]
    task = multiple_choice(tmp_path)
    table(tmp_path / "quiz.jsonl", rows)
    evaluation, _ = run(task, base, tmp_path, lambda *_: " yy")
    assert [row["score"] for row in evaluation.samples] == [1, 1, 0, 1]
    assert [row["target"] for row in evaluation.samples] == ["[1]", "[1]", "[0]", "[0, 1]"]
    assert evaluation.score == 0.75


def test_a_prompt_of_digits_is_a_text(base: Checkpoint, tmp_path: Path) -> None:
    """lm-eval takes a rendered ``12`` for the number of a choice."""
    task = multiple_choice(tmp_path, prompt="{{q}}")
    table(tmp_path / "quiz.jsonl", [{"q": 12, "options": ["x", "yy"], "i": 1}])
    evaluation, prompts = run(task, base, tmp_path, lambda *_: " yy")
    assert (evaluation.score, set(prompts)) == (1, {"<s>12"})


def test_the_sign_of_a_number_counts(base: Checkpoint, tmp_path: Path) -> None:
    targets = ["-5", "-12", "5", "1.5 kg", "0.5"]
    said = [" -5", " It is −12.", " -5", " 15 kg", " 1/2"]
    rows = [{"q": f"q{n}", "a": target} for n, target in enumerate(targets)]
    task = arithmetic(tmp_path, shots=0)
    table(tmp_path / "test.jsonl", rows)
    evaluation, _ = run(task, base, tmp_path, lambda prompt, _: said[int(prompt[-9])])
    assert [row["score"] for row in evaluation.samples] == [1, 1, 0, 0, 1]


def test_letters_after_a_forced_prefix(chat: Checkpoint, tmp_path: Path) -> None:
    task = multiple_choice(tmp_path, choices=["A", "B"], answer_prefix="The answer is:")
    _, prompts = run(task, chat, tmp_path, lambda *_: " A")
    assert prompts[0].replace(" ", "") == "<s><|user|>\none\nAnswer:\n<|assistant|>\nTheansweris:"


CODE = [
    {
        "prompt": 'def add(a, b):\n    """Add."""\n',
        "tests": "assert add(1, 2) == 3\n",
        "entry_point": "add",
        "instruction": "Write add.",
    },
    {
        "prompt": 'def neg(a):\n    """Negate."""\n',
        "tests": "def check(candidate):\n    assert candidate(1) == -1\n",
        "entry_point": "neg",
        "instruction": "Write neg.",
    },
]


def code(folder: Path) -> Task:
    return make_task(
        name="code", kind="lm_eval", type="code", data={"test": table(folder / "c.jsonl", CODE)}
    )


@pytest.mark.skipif(bool(why_unavailable()), reason=str(why_unavailable()))
def test_code_runs_in_the_sandbox(chat: Checkpoint, base: Checkpoint, tmp_path: Path) -> None:
    """Protocol 2.2, HumanEvalSynthesize: instruction, then the header as forced prefix."""
    for checkpoint in (chat, base):
        folder = tmp_path / checkpoint.path.name
        folder.mkdir()
        evaluation, prompts = run(
            code(folder),
            checkpoint,
            folder,
            lambda prompt, _: "\n    return a + b\n" if "add" in prompt else "\n    return a\n",
        )
        assert (evaluation.main_metric, evaluation.score) == ("pass@1", 0.5)
        assert [row["score"] for row in evaluation.samples] == [1.0, 0.0]
        header = 'def add(a, b):\n    """Add."""'
        asked = f"<s><|user|>\nWrite add.\n<|assistant|>\n{header}"
        assert (asked if checkpoint is chat else f"<s>{header}") in prompts


FENCED = {
    "add": "```bash\npip install x\n```\n```python\ndef add(a, b):\n    return a + b\n```",
    "neg": (
        "<think>\n```\ndef neg(a):\n    return a\n```</think>\n~~~\ndef neg(a):\n    return -a\n~~~"
    ),
}


@pytest.mark.skipif(bool(why_unavailable()), reason=str(why_unavailable()))
def test_a_chat_models_code_may_stand_in_any_block(chat: Checkpoint, tmp_path: Path) -> None:
    """No stop string of a base model (``\\ndef``) cuts the answer before the function."""
    evaluation, _ = run(
        code(tmp_path),
        chat,
        tmp_path,
        lambda prompt, _: FENCED["add" if "add" in prompt else "neg"],
    )
    assert [row["score"] for row in evaluation.samples] == [1.0, 1.0]


def test_code_is_skipped_without_a_sandbox(
    chat: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalsuite.sandbox import sandbox
    from evalsuite.sandbox.sandbox import probe

    monkeypatch.setattr(sandbox, "programs", list)
    probe.cache_clear()
    try:
        with pytest.raises(TaskSkipped, match="only run in a sandbox"):
            run(code(tmp_path), chat, tmp_path, lambda *_: "")
    finally:
        probe.cache_clear()


def test_mistakes_in_the_task_file_are_named(chat: Checkpoint, tmp_path: Path) -> None:
    context = make_context(checkpoint=chat, workdir=tmp_path)
    with pytest.raises(UsageError, match="'nope' is undefined"):
        LmEvalHarness().preview(arithmetic(tmp_path, prompt="{{nope}}"), context)
    with pytest.raises(DataError, match="2 examples, but 5 are asked for"):
        LmEvalHarness().preview(arithmetic(tmp_path, shots=5), context)


def test_lm_eval_is_given_texts_and_renders_no_template_of_the_file(
    chat: Checkpoint, base: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would do so without a sandbox, and a text may differ from one time to the next."""
    from lm_eval import utils

    seen: set[str] = set()
    render = utils.apply_template

    def spy(template: str, doc: dict[str, Any]) -> str:
        seen.add(template)
        return str(render(template, doc))

    monkeypatch.setattr(utils, "apply_template", spy)
    task = arithmetic(tmp_path, prompt="{{ q.upper | string }} {{q}}")
    run(task, chat, tmp_path / "a", lambda *_: "2")
    choice = make_task(
        name="c",
        kind="lm_eval",
        type="multiple_choice",
        data={"test": table(tmp_path / "c.jsonl", [{"q": "1+1?", "a": 1}])},
        prompt="{{q}}",
        answer_prefix="{{q[0]}}:",
        choices="{{ ['one', 'two'] }}",
        target="{{a}}",
    )
    for number, checkpoint in enumerate((chat, base)):
        context = make_context(checkpoint=checkpoint, workdir=tmp_path / str(number))
        assert "1+1?" in str(LmEvalHarness().preview(choice, context)[0])
    assert seen == set()
