"""A small real training with LoRA, watched live; its second checkpoint is broken on purpose."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.errors import ExitCode
from evalsuite.store import Store

pytestmark = pytest.mark.e2e

TRAINING = '''
import sys, time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments
)

from evalsuite.callbacks import EvaluateCheckpoints

BASE, TEXT = sys.argv[1], Path(sys.argv[2]).read_text()
BROKEN = 2


class BreakOne(TrainerCallback):
    """Noise in the weights of one checkpoint; the training goes on from the right ones."""

    def on_step_begin(self, args, state, control, **kwargs):
        time.sleep(6)  # a real training has minutes between checkpoints

    def on_step_end(self, args, state, control, model, **kwargs):
        self.kept = {n: w.detach().clone() for n, w in model.named_parameters() if "lora_" in n}
        if state.global_step == BROKEN:
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    if "lora_" in name:
                        weight.normal_(0, 0.1)

    def on_save(self, args, state, control, model, **kwargs):
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if name in self.kept:
                    weight.copy_(self.kept[name])


torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(BASE)
model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
ids = tokenizer(TEXT)["input_ids"]
rows = [ids[at : at + 48] for at in range(0, 48 * 12, 48)]
watch = EvaluateCheckpoints(
    wait=True, devices="", suite="gate", baseline="demo:smollm2", policy="policy.yaml",
    tasks_dirs=["own"], engine="transformers", limit=48,
    hook=["cat >> told.jsonl; echo >> told.jsonl"],
)
Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="run", max_steps=3, save_steps=1, save_total_limit=2, report_to=[],
        per_device_train_batch_size=2, learning_rate=1e-5, use_cpu=True, disable_tqdm=True,
    ),
    train_dataset=[{"input_ids": row, "labels": row} for row in rows],
    processing_class=tokenizer,
    callbacks=[BreakOne(), watch],
).train()
print("exit code", int(watch.exit_code))
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder in which the training has run, with a suite of one task."""
    made = tmp_path_factory.mktemp("watch")
    (made / "own" / "suites").mkdir(parents=True)
    (made / "own" / "suites" / "gate.yaml").write_text(
        "name: gate\ntasks: [smoke-multiple-choice]\n"
    )
    (made / "policy.yaml").write_text("suite: gate\ntolerance: {default: 10}\n")
    (made / "train.py").write_text(TRAINING)
    text = Path(__file__).parents[2] / "docs" / "uncertainty.md"
    base = resolve("demo:smollm2").path
    done = subprocess.run(
        [sys.executable, "train.py", str(base), str(text)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        cwd=made,
    )
    log = made / "reports" / "watch" / "run" / "watch.log"
    said = log.read_text() if log.is_file() else "no log"
    assert done.returncode == 0, done.stdout + done.stderr + said
    assert f"exit code {int(ExitCode.REGRESSION)}" in done.stdout, done.stdout + said
    return made


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "told.jsonl").read_text().splitlines()]


def test_the_broken_checkpoint_is_red_and_the_others_are_green(folder: Path) -> None:
    told = events(folder)
    assert [event["step"] for event in told] == [1, 2, 3]
    assert [event["exit_code"] for event in told] == [0, int(ExitCode.REGRESSION), 0]
    assert told[1]["verdict"] == "regression"
    verdicts = folder / "reports" / "watch" / "run"
    report = json.loads((verdicts / "run-checkpoint-2" / "check.json").read_text())
    assert report["exit_code"] == int(ExitCode.REGRESSION)


def test_records_name_the_trainers_folders(folder: Path) -> None:
    found = Store(folder / "results").records()
    steps = {one.checkpoint.source: one.checkpoint.step for one in found if one.checkpoint.step}
    assert steps == {str(folder / "run" / f"checkpoint-{step}"): step for step in (1, 2, 3)}
    # The trainer has deleted the first one, as save_total_limit says.
    assert not (folder / "run" / "checkpoint-1").exists()
    assert len({one.checkpoint.fingerprint for one in found}) == 4


def test_the_curve_is_drawn_and_nothing_is_left_behind(folder: Path) -> None:
    reports = folder / "reports" / "watch" / "run"
    curve = (reports / "steps.svg").read_text()
    assert "training step" in curve
    table = (reports / "table.md").read_text()
    assert all(f"run-checkpoint-{step}" in table for step in (1, 2, 3))
    (place,) = (folder / "results" / ".work" / "watch").iterdir()
    assert not list((place / "held").iterdir())
