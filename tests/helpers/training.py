"""Checkpoints as trainers write them, without a model that could be loaded; and a clock."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

BYTES = 64
"""Of the only tensor."""


def safetensors(content: int) -> bytes:
    """A whole safetensors file with one tensor, each byte of it ``content``."""
    entry = {"dtype": "U8", "shape": [BYTES], "data_offsets": [0, BYTES]}
    header = json.dumps({"w": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([content % 256]) * BYTES


def write_json(path: Path, plain: Any) -> None:
    path.write_text(json.dumps(plain))


def write_checkpoint(
    folder: Path,
    step: int,
    *,
    name: str | None = None,
    state: bool = True,
    content: int | None = None,
) -> Path:
    """Write a checkpoint of transformers' Trainer, its files in the Trainer's order."""
    path = folder / (name or f"checkpoint-{step}")
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "config.json", {"architectures": ["LlamaForCausalLM"], "model_type": "llama"})
    (path / "model.safetensors").write_bytes(safetensors(step if content is None else content))
    write_json(path / "tokenizer.json", {})
    (path / "training_args.bin").write_bytes(b"args")
    (path / "optimizer.pt").write_bytes(b"large" * 100)
    if state:
        write_json(path / "trainer_state.json", {"global_step": step})
    return path


class ScriptedClock:
    """A clock that waits for nobody; at given seconds it does what a trainer would do."""

    def __init__(self, start: float) -> None:
        self.time = start
        self._start = start
        self._script: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something once so many seconds have passed."""
        self._script.append((self._start + seconds, do))
        self._script.sort(key=lambda one: one[0])

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds
        while self._script and self._script[0][0] <= self.time:
            self._script.pop(0)[1]()
