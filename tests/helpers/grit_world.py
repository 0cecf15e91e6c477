"""What the tests of the GRIT tasks share: tiny checkpoints, tiny data, one way to evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.registry.load import Registry
from helpers.contexts import make_context
from helpers.scripted import Scripted
from helpers.tiny_lm import make_tiny_lm

GRITLM = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<|user|>\n' + message['content'] + '\n' }}{% else %}"
    "{{ '<|assistant|>\n' + message['content'] + eos_token + '\n' }}{% endif %}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}"
)
"""The format of the GRIT paper (Figure 3)."""

LANGUAGES = (
    "arabic",
    "bengali",
    "english",
    "finnish",
    "indonesian",
    "korean",
    "russian",
    "swahili",
    "telugu",
)


def checkpoint(folder: Path, *, chat: bool) -> Checkpoint:
    """A tiny model that is talked to in the GRIT format, or has none."""
    made = make_tiny_lm(folder, chat=chat, positions=16_384)
    template = GRITLM if chat else None
    return made.model_copy(update={"chat": ChatProtocol(template=template, template_hash="t")})


def run(
    name: str,
    model: Checkpoint,
    work: Path,
    data: Path,
    answer: Callable[[str, int], str],
    limit: int | None = None,
) -> tuple[Evaluation, list[str]]:
    """Evaluate a task of the registry on answers that the test wrote down."""
    from transformers import AutoTokenizer

    task = Registry.load().task(name)
    scripted = Scripted(AutoTokenizer.from_pretrained(model.path), answer)
    limits = [value for value in (limit, task.limit) if value is not None]
    work.mkdir(exist_ok=True)
    context = make_context(
        checkpoint=model, workdir=work, data_root=data, limit=min(limits, default=None)
    )
    return LmEvalHarness().evaluate(task, scripted, context), scripted.prompts


def preview(name: str, model: Checkpoint, data: Path) -> str:
    """The first prompt of a task, as ``--dry-run`` shows it."""
    context = make_context(checkpoint=model, workdir=data, data_root=data)
    return LmEvalHarness().preview(Registry.load().task(name), context)[0].text


def hub_dataset(
    root: Path, name: str, tables: Mapping[tuple[str, str], Sequence[dict[str, Any]]]
) -> None:
    """Write a data set in the layout of the hub: ``(config, split)`` → rows."""
    folder = root / name
    configs: dict[str, list[str]] = {}
    for (config, split), rows in tables.items():
        file = folder / config / f"{split}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        configs.setdefault(config, []).append(split)
    lines = ["---", "configs:"]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {config}/{split}.jsonl"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))


def tydiqa(root: Path, sizes: Mapping[str, int], context: str = "") -> None:
    """A made-up TyDi QA: ``sizes`` test items of each language, and three training items."""

    def row(split: str, language: str, number: int) -> dict[str, Any]:
        return {
            "id": f"{language}-{split}{number}-0",
            "title": "t",
            "context": context or f"The {language} house number {number} is blue.",
            "question": f"Which {split} {number}?",
            "answers": {"text": [f"{split} answer {number}"], "answer_start": [0]},
        }

    # Languages take turns, as they do in the real files' shuffled articles.
    most = max(sizes.values())
    test = [row("test", la, n) for n in range(most) for la, size in sizes.items() if n < size]
    train = [row("train", la, n) for n in range(3) for la in sizes]
    tables = {("secondary_task", "train"): train, ("secondary_task", "validation"): test}
    hub_dataset(root, "google-research-datasets/tydiqa", tables)
