"""An error that breaks the GPU for its process: the job at fault fails, the others are scored.

The checkpoint brings code of its own, which reads beyond a tensor where a text has a certain token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gpu_stages import models, runs
from gpu_stages.stage import Check, Numbers, Place, require

LETTER = "z"
"""A token that no other text has."""
CODE = """
import torch
from transformers import LlamaModel


class Breaking(LlamaModel):
    def forward(self, input_ids=None, **kwargs):
        found = input_ids == {token}
        if found.any():
            torch.zeros(1, device=input_ids.device)[input_ids + 10**6]
        return super().forward(input_ids=input_ids, **kwargs)
"""
JOBS = ("broken", "second", "third")


def checks(place: Place) -> Iterator[Check]:
    """One check: three jobs, the first of which reads beyond the embedding matrix."""
    yield "restart", partial(restart, place)


def restart(place: Place) -> Numbers:
    """The run ends with 1; jobs 2 and 3 have scores."""
    runs.need_harnesses()
    tasks = place.scratch / "tasks"
    tasks.mkdir()
    for name in JOBS:
        own_task(tasks, name, LETTER if name == "broken" else "")
    folder = models.saved(place.scratch / "model", "llama", models.TINY, place)
    token = models.tokenizer().convert_tokens_to_ids(LETTER)
    (folder / "modeling_breaking.py").write_text(CODE.format(token=token), encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModel": "modeling_breaking.Breaking"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    options = ("--tasks-dir", str(tasks), "--device", place.device, "--trust-remote-code")
    runs.evaluate(place, [folder], JOBS, *options, code=1)
    found = {record.signature.task: record for record in runs.records(place)}
    states = {name: found[name].status if name in found else "missing" for name in JOBS}
    reason = (found["broken"].reason or "") if "broken" in found else ""
    numbers: Numbers = {**states, "reason": reason[:160]}
    require(list(states.values()) == ["failed", "scored", "scored"], "other jobs suffered", numbers)
    if place.device == "cuda":
        require("CUDA error" in reason, "the job failed for another reason", numbers)
    return numbers


def own_task(folder: Path, name: str, word: str) -> None:
    """A task of pairs of sentences, with a word in all of them."""
    rows = [
        {
            "sentence1": f"{word} {models.words(5, number)} {name}",
            "sentence2": models.words(6, number + 40),
            "score": number % 6,
        }
        for number in range(16)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / f"{name}.yaml").write_text(
        f"name: {name}\nkind: mteb\ntype: sts\ndata: {{test: {name}.jsonl}}\n", encoding="utf-8"
    )
