"""Few-shot tasks in lm-eval's format, of made-up questions or of MMLU's.

Both sides of ``few_shot_peer.py`` read the same files. The examples are the same for each question,
as in MMLU; lm-eval's other sampler draws new ones for each.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUBJECTS = (
    "anatomy",
    "astronomy",
    "business_ethics",
    "clinical_knowledge",
    "college_biology",
)
LETTERS = ("A", "B", "C", "D")
_WORDS = (
    "water heat light plant animal rock cell force energy metal ocean wind moon seed root "
    "leaf river storm magnet sound wave carbon oxygen muscle blood bone planet orbit season "
    "mineral fossil soil insect glass copper iron salt sugar steam ice cloud gravity speed "
    "mass shadow mirror engine battery wire circuit forest desert valley mountain island "
    "volcano glacier coral bacteria virus"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a task's prompts look like.

    Attributes:
        examples: Answered questions before each question.
        question: Words of a question.
        choice: Words of each of the four choices.
        letters: Whether choices stand in the question, and letters are scored.
    """

    examples: int
    question: int
    choice: int
    letters: bool = False


ARC = Shape(examples=25, question=60, choice=4)
"""1,900 tokens of examples with SmolLM2's tokenizer, and choices of about 5."""
HELLASWAG = Shape(examples=10, question=40, choice=20)
"""Choices of about 20 tokens."""
MMLU = Shape(examples=5, question=30, choice=4, letters=True)


def write_task(folder: Path, name: str, shape: Shape, rows: Iterable[dict[str, Any]]) -> None:
    """Write a task's file and data.

    Args:
        folder: The folder ``lm_eval`` of a tasks folder.
        name: The task's.
        shape: Of its prompts.
        rows: ``question``, ``choices`` and ``answer``; the first ones are the examples.
    """
    made = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"dev": made[: shape.examples], "test": made[shape.examples :]}
    for part, found in parts.items():
        lines = "".join(json.dumps(row) + "\n" for row in found)
        (folder / f"{name}.{part}.jsonl").write_text(lines, encoding="utf-8")
    listed = "".join(f"\n{one}. {{{{choices[{at}]}}}}" for at, one in enumerate(LETTERS))
    task = {
        "task": name,
        "output_type": "multiple_choice",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {part: f"{name}.{part}.jsonl" for part in parts}},
        "test_split": "test",
        "fewshot_split": "dev",
        "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": shape.examples,
        "doc_to_text": "Question: {{question}}" + (listed if shape.letters else "") + "\nAnswer:",
        "doc_to_choice": list(LETTERS) if shape.letters else "{{choices}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": metric} for metric in ("acc", "acc_norm")],
        "metadata": {"version": 1},
    }
    # JSON is YAML.
    (folder / f"{name}.yaml").write_text(json.dumps(task, indent=1), encoding="utf-8")


def made_up(name: str, shape: Shape, questions: int) -> list[dict[str, Any]]:
    """Examples and questions, the same for the same name."""
    draw, vocabulary = random.Random(name), _WORDS.split()

    def words(count: int) -> str:
        return " ".join(draw.choices(vocabulary, k=count))

    return [
        {
            "question": f"What is known of {words(shape.question)}?",
            "choices": [words(shape.choice) for _ in LETTERS],
            "answer": draw.randrange(len(LETTERS)),
        }
        for _ in range(shape.examples + questions)
    ]


def of_mmlu(data: Path, subject: str, questions: int) -> list[dict[str, Any]]:
    """Examples and the first questions of a subject of MMLU, in hub layout."""
    from pyarrow import concat_tables
    from pyarrow.parquet import read_table

    folder = data / "cais" / "mmlu" / subject

    def rows(part: str) -> list[dict[str, Any]]:
        found = concat_tables(map(read_table, sorted(folder.glob(f"{part}-*.parquet"))))
        return found.select(["question", "choices", "answer"]).to_pylist()  # type: ignore[no-any-return]

    return rows("dev")[: MMLU.examples] + rows("test")[:questions]
