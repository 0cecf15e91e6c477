"""The prompts of the GRIT paper's generative tasks, written out here.

Those with an item of the real data are checked twice: on the data sets, where they are at hand, and
in every clone on made-up ones in their layout, of which the item shown is the first.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.kinds.lm_eval.grit import bbh, gsm8k
from evalsuite.kinds.lm_eval.grit.rows import GROUP
from evalsuite.sandbox.sandbox import why_unavailable
from helpers.grit_world import LANGUAGES, checkpoint, hub_dataset, preview, tydiqa

BBH_HASHES = json.loads(Path(__file__).with_name("bbh_prompt_hashes.json").read_text())
"""Task → 12 hex digits of the SHA-256 of the authors' prompt file, as the model is given it."""

GSM8K_PREFIX = "bc98d2864d2c74ae324561ed4fa497c577cd251cc06aeae2c2a23bd5ef60c404"
"""SHA-256 of instruction and examples, computed from the authors' list of examples."""

GSM8K_QUESTION = (
    "The girls are trying to raise money for a carnival. Kim raises $320 more than Alexandra, who"
    " raises $430, and Maryam raises $400 more than Sarah, who raises $300. How much money, in"
    " dollars, did they all raise in total?"
)
MMLU_USER = (
    "The following are multiple choice questions (with answers) about  abstract algebra.\n\n"
    "Find the degree for the given field extension Q(sqrt(2), sqrt(3), sqrt(18)) over Q.\n"
    "A. 0\nB. 4\nC. 2\nD. 6\nAnswer:"
)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(tmp_path_factory.mktemp("chat"), chat=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(tmp_path_factory.mktemp("base"), chat=False)


def test_gsm8k_prefix() -> None:
    prefix = gsm8k.prefix()
    assert hashlib.sha256(prefix.encode()).hexdigest() == GSM8K_PREFIX
    assert prefix.startswith("Answer the following questions.\n\nQuestion: There are 15 trees in ")
    assert prefix.endswith("So she has 23 - 15 dollars left. 23 - 15 is 8. So the answer is 8.\n\n")


def made_up(root: Path, name: str, config: str, rows: list[dict[str, Any]]) -> Path:
    hub_dataset(root, name, {(config, "test"): rows})
    return root


@pytest.mark.realdata
def test_gsm8k(chat: Checkpoint, base: Checkpoint, shared_data: Path) -> None:
    check_gsm8k(chat, base, shared_data / "hub")


def test_gsm8k_on_made_up_data(chat: Checkpoint, base: Checkpoint, tmp_path: Path) -> None:
    rows = [{"question": f" {GSM8K_QUESTION}\n", "answer": "#### 2,280"}] * gsm8k.ROWS
    check_gsm8k(chat, base, made_up(tmp_path, "openai/gsm8k", "main", rows))


def check_gsm8k(chat: Checkpoint, base: Checkpoint, data: Path) -> None:
    asked = f"{gsm8k.prefix()}Question: {GSM8K_QUESTION}"
    assert preview("GSM8K", chat, data) == f"<s><|user|>\n{asked}\n<|assistant|>\nAnswer:"
    assert preview("GSM8K", base, data) == f"{asked}\nAnswer:"
    assert preview("GSM8K-quick", chat, data) == preview("GSM8K", chat, data)


@pytest.mark.realdata
def test_bbh_prompts_are_the_authors_files(shared_data: Path) -> None:
    files = sorted((shared_data / "hub/SaylorTwift/bbh/cot-prompts").glob("*.txt"))
    assert [file.stem for file in files] == list(bbh.SIZES)
    for file in files:
        # Two header lines, then what is given to the model, without space around it.
        given = "".join(file.open().readlines()[2:]).strip()
        assert bbh.prompt(file.stem) == given
        assert BBH_HASHES[file.stem] == hashlib.sha256(given.encode()).hexdigest()[:12]


@pytest.mark.parametrize("task", bbh.SIZES)
def test_bbh_prompts_by_their_hashes(task: str) -> None:
    given = bbh.prompt(task)
    assert hashlib.sha256(given.encode()).hexdigest()[:12] == BBH_HASHES[task]
    row = {"input": "not ( True ) is", GROUP: task}
    assert bbh.chat_prompt(row) == f"{given}\n\nQ: not ( True ) is"
    assert bbh.base_prompt(row) == f"{given}\n\nQ: not ( True ) is\nA:"


@pytest.mark.realdata
def test_bbh(chat: Checkpoint, base: Checkpoint, shared_data: Path) -> None:
    data = shared_data / "hub"
    file = data / "SaylorTwift/bbh/cot-prompts/boolean_expressions.txt"
    prompt = "".join(file.open().readlines()[2:]).strip()
    asked = f"{prompt}\n\nQ: not not True and True and not True is"
    assert preview("BBH", chat, data) == f"<s><|user|>\n{asked}\n<|assistant|>\nA:"
    assert preview("BBH", base, data) == f"{asked}\nA:"


@pytest.mark.realdata
def test_mmlu(chat: Checkpoint, base: Checkpoint, shared_data: Path) -> None:
    check_mmlu(chat, base, shared_data / "hub")


def test_mmlu_on_made_up_data(chat: Checkpoint, base: Checkpoint, tmp_path: Path) -> None:
    question = MMLU_USER.split("\n")[2]
    row = {"question": question, "choices": ["0", "4", "2", "6"], "answer": 1}
    rows = [{**row, "subject": "abstract_algebra"}]
    check_mmlu(chat, base, made_up(tmp_path, "cais/mmlu", "all", rows))


def check_mmlu(chat: Checkpoint, base: Checkpoint, data: Path) -> None:
    wanted = f"<s><|user|>\n{MMLU_USER}\n<|assistant|>\nThe answer is:"
    assert preview("MMLU-quick", chat, data) == wanted
    # The authors force no answer prefix on a base model.
    assert preview("MMLU-quick", base, data) == MMLU_USER


HUMANEVAL_DOC = (
    "Check if in given list of numbers, are any two numbers closer to each other than\n"
    "{indent}given threshold.\n"
    "{indent}>>> has_close_elements([1.0, 2.0, 3.0], 0.5)\n{indent}False\n"
    "{indent}>>> has_close_elements([1.0, 2.8, 3.0, 4.0, 5.0, 2.0], 0.3)\n{indent}True"
)
HUMANEVAL_HEADER = (
    "from typing import List\n\n\n"
    "def has_close_elements(numbers: List[float], threshold: float) -> bool:\n"
    f'    """ {HUMANEVAL_DOC.format(indent="    ")}\n    """'
)
HUMANEVAL_USER = (
    "Write a Python function `has_close_elements(numbers: List[float], threshold: float)"
    f" -> bool` to solve the following problem:\n{HUMANEVAL_DOC.format(indent='')}"
)


@pytest.mark.realdata
def test_humaneval(chat: Checkpoint, base: Checkpoint, shared_data: Path) -> None:
    check_humaneval(chat, base, shared_data / "hub")


@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
def test_humaneval_on_made_up_data(chat: Checkpoint, base: Checkpoint, tmp_path: Path) -> None:
    row = {
        "task_id": "Python/0",
        "instruction": HUMANEVAL_USER,
        "prompt": f"{HUMANEVAL_HEADER}\n",
        "entry_point": "has_close_elements",
        "test": "pass",
    }
    check_humaneval(chat, base, made_up(tmp_path, "bigcode/humanevalpack", "python", [row]))


def check_humaneval(chat: Checkpoint, base: Checkpoint, data: Path) -> None:
    wanted = f"<s><|user|>\n{HUMANEVAL_USER}\n<|assistant|>\n{HUMANEVAL_HEADER}"
    assert preview("HumanEvalSynthesize", chat, data) == wanted
    assert preview("HumanEvalSynthesize", base, data) == HUMANEVAL_HEADER


def test_tydiqa(chat: Checkpoint, base: Checkpoint, tmp_path: Path) -> None:
    tydiqa(tmp_path, dict.fromkeys(LANGUAGES, 1))
    # The first language is Arabic; of three training items the generator takes one.
    number = next(n for n in range(3) if f"Which train {n}?" in preview("TyDiQA", base, tmp_path))
    instruction = "أجب على السؤال التالي بناءً على المعلومات في المقطع المعطى."
    asked = (
        f"{instruction}\n\n"
        f"المقطع: The arabic house number {number} is blue.\n"
        f"السؤال: Which train {number}?\nالإجابة: train answer {number}\n\n"
        "المقطع: The arabic house number 0 is blue.\n"
        "السؤال: Which test 0?\n"
    )
    wanted = f"<s><|user|>\n{asked}\n<|assistant|>\nالإجابة:"
    assert preview("TyDiQA", chat, tmp_path) == wanted
    assert preview("TyDiQA", base, tmp_path) == f"{asked}الإجابة:"


def test_tydiqa_passages_are_cut_to_512_tokens(base: Checkpoint, tmp_path: Path) -> None:
    # The tiny tokenizer has one token a byte.
    tydiqa(tmp_path, dict.fromkeys(LANGUAGES, 1), context="x" * 511 + "yz")
    text = preview("TyDiQA", base, tmp_path)
    assert text.count("x" * 511 + "y\n") == 2  # of the example and of the item
    assert "z" not in text
