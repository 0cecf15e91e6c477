"""What the cases share: the command line, files, and a language model that says what it was taught.

See ``cases.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evalsuite.schema import Record
from evalsuite.store import Store

STAMP = "2026-01-02T03-04-05.678901"
SETTINGS = ("--engine", "transformers", "--device", "cpu", "--dtype", "float32")
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
Outcome = Literal["right", "refused", "WRONG"]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a case asks for, and what came of it."""

    asked: str
    outcome: Outcome
    seen: str


@dataclass(slots=True)
class Line:
    """``evalsuite`` in a process of its own, in a folder; remembers what it was asked."""

    folder: Path
    found: list[Found] = field(default_factory=list)

    def __call__(self, *arguments: object) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        environment = {
            **os.environ,
            "COLUMNS": "400",
            "HF_HUB_OFFLINE": "1",
            "EVALSUITE_CACHE": str(self.folder / "cache"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "evalsuite.cli", *map(str, arguments)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def run(self, checkpoint: Path, *tasks: str, more: Sequence[object] = ()) -> tuple[int, str]:
        """``evalsuite run`` with tasks of the folder ``tasks``."""
        names = ("--tasks", ",".join(tasks), "--tasks-dir", "tasks")
        return self("run", "--ckpt", checkpoint, *names, *SETTINGS, *more)

    def record(self, task: str, out: str = "results", model: str | None = None) -> Record:
        """The newest record of a task."""
        records = [
            record
            for record in Store(self.folder / out).records()
            if record.signature.task == task and model in (None, record.checkpoint.name)
        ]
        return max(records, key=lambda record: record.created)

    def is_right(self, asked: str, right: bool, seen: object) -> None:
        """Note what has a right value."""
        self.found.append(Found(asked, "right" if right else "WRONG", _one_line(seen)))

    def is_value(self, asked: str, value: float | None, right: float, within: float = 1e-4) -> None:
        """Note a number beside the right one."""
        alike = value is not None and abs(value - right) <= within
        seen = f"{value if value is None else round(value, 6)}; right {round(right, 6)}"
        self.is_right(asked, alike, seen)

    def is_refused(self, asked: str, done: tuple[int, str], code: int, *words: str) -> None:
        """Note what has to be refused in one line that holds certain words."""
        exit_code, text = done
        lines = [line for line in text.splitlines() if all(word in line for word in words)]
        refused = exit_code == code and bool(lines)
        seen = lines[0] if lines else f"exit {exit_code}: {text[-300:]}"
        self.found.append(Found(asked, "refused" if refused else "WRONG", _one_line(seen)))

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
        """Write a data file of the tasks folder; its name."""
        file = self.folder / "tasks" / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return file.name

    def task(self, name: str, kind: str, data: Mapping[str, str], **definition: Any) -> str:
        """Write a task file; its name."""
        content = {"name": name, "kind": kind, "data": dict(data), **definition}
        (self.folder / "tasks" / f"{name}.yaml").write_text(json.dumps(content))
        return name


def _one_line(seen: object) -> str:
    return " ".join(str(seen).split())[:400]


def result_file(folder: Path, results: Mapping[str, Mapping[str, Any]], **more: Any) -> Path:
    """Write a result file of lm-eval's form."""
    folder.mkdir(parents=True)
    args = more.pop("model_args", "pretrained=org/m")
    content = {
        "results": results,
        "group_subtasks": {name: [] for name in results},
        "n-samples": {name: {"original": 100, "effective": 100} for name in results},
        "config": {"model": "hf", "model_args": args, "limit": None, **more.pop("config", {})},
        "lm_eval_version": "0.4.9",
        **more,
    }
    file = folder / f"results_{STAMP}.json"
    file.write_text(json.dumps(content))
    return file


def mteb_file(folder: Path, task: str, scores: Mapping[str, Any], *, name: str | None = "") -> Path:
    """Write a result file of mteb's form."""
    folder.mkdir(parents=True, exist_ok=True)
    if name is not None:
        meta = {"name": name or "org/m", "revision": "r"}
        (folder / "model_meta.json").write_text(json.dumps(meta))
    content = {
        "task_name": task, "dataset_revision": "abc", "mteb_version": "2.1.0",
        "evaluation_time": 1.0, "kg_co2_emissions": None, "scores": scores,
    }  # fmt: skip
    file = folder / f"{task}.json"
    file.write_text(json.dumps(content))
    return file


def mteb_row(subset: str, value: float, metric: str = "cosine_spearman") -> dict[str, Any]:
    """A subset's entry in a result file of mteb."""
    return {"hf_subset": subset, "languages": ["eng-Latn"], "main_score": value, metric: value}


def taught(path: Path, said: Mapping[str, str], *, chat: bool = False) -> Path:
    """A tiny Llama that continues each text as it was taught; byte-level tokens.

    Args:
        path: Where to.
        said: What the model is given (without BOS) → what it says.
        chat: Whether it has a chat template.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from zoo_parts import BOS, EOS, byte_fast, byte_tokenizer

    core = byte_tokenizer(size=259)
    pairs = [(core.encode(given).ids, core.encode(text).ids[1:]) for given, text in said.items()]
    rows = [(before, [*after, EOS]) for before, after in pairs]
    assert all(before[0] == BOS for before, _ in rows)
    longest = max(len(before) + len(after) for before, after in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    labels = torch.full((len(rows), longest), -100)
    for number, (before, after) in enumerate(rows):
        ids[number, : len(before) + len(after)] = torch.tensor(before + after)
        labels[number, len(before) : len(before) + len(after)] = torch.tensor(after)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=core.get_vocab_size(), hidden_size=96, intermediate_size=192,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        max_position_embeddings=max(512, longest + 64), bos_token_id=BOS, eos_token_id=EOS,
    ))  # fmt: skip
    _learn(model, ids, labels)
    model.save_pretrained(path)
    tokenizer = byte_fast(core)
    if chat:
        tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(path)
    return path


def _learn(model: Any, ids: Any, labels: Any) -> None:
    """Train until every token is the most likely one, by a margin."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for _ in range(2000):
        loss = model(input_ids=ids, labels=labels).loss
        if float(loss) < 1e-3:
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    raise RuntimeError(f"the model has not learned its answers: loss {float(loss)}")


Case = Callable[[Line], None]
