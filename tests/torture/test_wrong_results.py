"""Wrong results, planted: each is named in the record, in the table and in the exit code.

Every fault has a control beside it that must pass without a word.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import ExitCode
from helpers.tiny_lm import TEMPLATE
from wrong_results import (
    LONG,
    CommandLine,
    changed,
    checkpoint,
    choice,
    sts,
    talk,
    with_template,
)

pytestmark = pytest.mark.e2e

DROPS = "{{ bos_token }}Answer, please.{% if add_generation_prompt %}\nA:{% endif %}"
CUTS = TEMPLATE.replace("message.content", "message.content[:12]")
STRIPS = TEMPLATE.replace("message.content", "message.content | trim | upper")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("sound") / "model")


@pytest.fixture
def line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


def fails(line: CommandLine, model: Path, task: str, code: str, *more: object) -> str:
    """A job is refused: no score, and its code in record, table and exit code. The reason."""
    done, text = line.run(model, task, more=more)
    assert done == ExitCode.TASK_FAILED, text
    record = line.records[task]
    assert record.score is None
    assert record.reason is not None
    assert record.reason.startswith(f"{code}: ")
    assert ";" in record.reason, "no next step"
    assert f"failed: {code}: " in text
    assert f"failed: {code}: " in line.table()[1]
    return record.reason


def marked(line: CommandLine, model: Path, task: str, code: str, *more: object) -> str:
    """A score is marked: its code in record, tables and exit code. What is said."""
    done, text = line.run(model, task, more=more)
    assert done == ExitCode.SUSPECT, text
    assert text.count(f"suspect: {code}: ") == 1, "in the table's notes"
    assert f" {task}: {code}: " in text, "in the run's last lines"
    shown(line, code)
    again, text = line.run(model, task, more=more)
    assert again == ExitCode.SUSPECT, "as long as it is shown"
    assert "1 already stored" in text
    [suspicion] = line.records[task].suspicions
    assert suspicion.code == code
    return suspicion.what


def shown(line: CommandLine, code: str) -> None:
    """Every form of the table names the code, with a mark at the score."""
    for form in ("terminal", "markdown", "latex", "html"):
        done, text = line.table(form)
        assert done == ExitCode.SUSPECT
        assert f"suspect: {code}" in text
    assert "<sup>1</sup>" in line.table("markdown")[1].partition("| model ")[2].splitlines()[0]
    assert f"suspect: {code}" in line.table("csv")[1]
    line("report", "--tasks-dir", line.tasks, "--file", line.folder / "page.html")
    assert "Suspect scores (1)" in (line.folder / "page.html").read_text()


def passes(line: CommandLine, model: Path, *tasks: str, more: tuple[object, ...] = ()) -> None:
    done, text = line.run(model, *tasks, more=more)
    assert done == ExitCode.OK, text
    assert all(record.suspicions == () for record in line.records.values())
    done, text = line.table()
    assert done == ExitCode.OK
    assert "suspect" not in text


def test_a_sound_checkpoint_passes_without_a_word(line: CommandLine, sound: Path) -> None:
    passes(line, sound, choice(line), talk(line), sts(line))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("make", [choice, talk])
def test_logits_that_are_not_finite(
    line: CommandLine, sound: Path, tmp_path: Path, make: Any, value: float
) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["lm_head.weight"][5] = value

    fails(line, changed(sound, tmp_path / "model", spoil), make(line), "not-finite")


def test_embeddings_that_are_not_finite(line: CommandLine, sound: Path, tmp_path: Path) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["model.norm.weight"][3] = float("nan")

    fails(line, changed(sound, tmp_path / "model", spoil), sts(line), "not-finite")


def flatten(noise: float) -> Any:
    """Layers that add nothing, and token embeddings that are alike up to some noise."""

    def change(tensors: dict[str, Any]) -> None:
        import torch

        torch.manual_seed(0)
        for name, tensor in tensors.items():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                tensor.zero_()
        table = tensors["model.embed_tokens.weight"]
        tensors["model.embed_tokens.weight"] = 1 + noise * torch.randn_like(table)

    return change


def test_vectors_that_are_nearly_alike(line: CommandLine, sound: Path, tmp_path: Path) -> None:
    model = changed(sound, tmp_path / "model", flatten(1e-3))
    said = marked(line, model, sts(line), "collapsed-embeddings")
    assert said.startswith("24 different texts")


def test_vectors_that_are_alike(line: CommandLine, sound: Path, tmp_path: Path) -> None:
    model = changed(sound, tmp_path / "model", flatten(0))
    fails(line, model, sts(line), "collapsed-embeddings")


def test_vectors_that_are_somewhat_alike(line: CommandLine, sound: Path, tmp_path: Path) -> None:
    """A cosine of 0.99 or so: usual for models that were never trained to embed."""
    passes(line, changed(sound, tmp_path / "model", flatten(0.3)), sts(line))


@pytest.mark.parametrize("twice", ["<s><s>", "<s>\n<s>"])
def test_a_template_with_two_bos(
    line: CommandLine, sound: Path, tmp_path: Path, twice: str
) -> None:
    model = with_template(sound, tmp_path / "model", TEMPLATE.replace("{{ bos_token }}", twice))
    fails(line, model, choice(line), "double-bos")


def test_a_wrapper_with_a_bos(line: CommandLine, sound: Path) -> None:
    """The encoder puts no second one before it; who does is refused (``test_watched.py``)."""
    how = ("--protocol", "grit", "--instructions", "task", "--wrapper", "<s>{instruction}:")
    passes(line, sound, sts(line), more=how)
    assert line.records["sts"].details["rendered"]["text"]["token_ids"].count(0) == 1


@pytest.mark.parametrize("template", [DROPS, CUTS])
@pytest.mark.parametrize("make", [choice, talk])
def test_a_template_that_drops_the_prompt(
    line: CommandLine, sound: Path, tmp_path: Path, make: Any, template: str
) -> None:
    model = with_template(sound, tmp_path / "model", template)
    asked = make(line, ["What colour has the sky over a desert at noon, if there is one?"])
    reason = fails(line, model, asked, "prompt-dropped")
    assert "--chat-template" in reason


def test_a_template_that_changes_letters(line: CommandLine, sound: Path, tmp_path: Path) -> None:
    model = with_template(sound, tmp_path / "model", STRIPS)
    passes(line, model, choice(line, ["  Mixed Case  ", "Another one "]))


def test_answers_that_cannot_be_parsed(line: CommandLine, sound: Path) -> None:
    task = talk(line, extract="(?i)the answer is ([0-9]+)")
    assert marked(line, sound, task, "nothing-parsed").endswith("in 100 % of the responses")


def test_prompts_that_are_cut(line: CommandLine, sound: Path) -> None:
    said = marked(line, sound, talk(line, ["1 + 2", LONG, "2 + 1", "3"]), "truncated-prompts")
    assert said == "1 of 4 prompts were truncated on the left to 96 tokens"


def test_a_handful_of_prompts_that_are_cut(line: CommandLine, sound: Path) -> None:
    """Less than one in a hundred is a warning, which the table shows too."""
    texts = [f"{n} + 1" for n in range(100)]
    done, text = line.run(sound, choice(line, [*texts, LONG]))
    assert done == ExitCode.OK
    assert "warning: truncated-prompts: 2 of 202 prompts" in text


def test_a_tokenizer_with_more_words_than_embeddings(
    line: CommandLine, sound: Path, tmp_path: Path
) -> None:
    model = smaller(sound, tmp_path / "model", 200)
    done, text = line.run(model, choice(line))
    assert done == ExitCode.CHECKPOINT
    assert "evalsuite: vocabulary-mismatch: " in text
    assert "goes up to token 257, but there are 200 embeddings; copy the tokenizer" in text


def smaller(sound: Path, path: Path, rows: int) -> Path:
    def cut(tensors: dict[str, Any]) -> None:
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            tensors[name] = tensors[name][:rows].clone()

    changed(sound, path, cut)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "vocab_size": rows}))
    return path


@pytest.mark.parametrize("make", [choice, talk, sts])
def test_an_added_token_without_an_embedding(
    line: CommandLine, sound: Path, tmp_path: Path, make: Any
) -> None:
    """Not known before it is fed: a padding token behind the matrix is usual."""
    from transformers import AutoTokenizer

    model = with_template(sound, tmp_path / "model", TEMPLATE.replace("<|", "<|new|><|"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|new|>"]})
    tokenizer.save_pretrained(model)
    plain = ("--chat-template", "none") if make is not sts else ()
    passes(line, model, make(line), more=plain)
    how: tuple[object, ...] = ("--fresh",)
    if make is sts:
        how = ("--protocol", "grit", "--instructions", "task", "--wrapper", "<|new|>{instruction}")
    reason = fails_again(line, model, make(line), *how)
    assert "the token 258, but model has 258 embeddings" in reason


def fails_again(line: CommandLine, model: Path, task: str, *more: object) -> str:
    """As :func:`fails`, where another protocol has a score."""
    done, text = line.run(model, task, more=more)
    assert done == ExitCode.TASK_FAILED, text
    assert "failed: vocabulary-mismatch: " in text
    return next(row for row in text.splitlines() if row.startswith("failed: model"))


def test_a_score_whose_data_changed(line: CommandLine, sound: Path) -> None:
    passes(line, sound, choice(line))
    choice(line, ["The sea", "Blood"])
    shown(line, "stale")
    done, text = line.run(sound, "choice")
    assert "1 job: 1 to run (1 stale: the data changed)" in text, "and is measured again"
    assert done == ExitCode.OK
    assert line.table()[0] == ExitCode.OK


def test_a_score_whose_task_changed(line: CommandLine, sound: Path) -> None:
    passes(line, sound, choice(line))
    rows = [json.loads(row) for row in (line.tasks / "choice.jsonl").read_text().splitlines()]
    asked = {"prompt": "{{q}} was", "choices": ["red", "blue"], "target": "{{a}}"}
    line.task("choice", rows, kind="lm_eval", type="multiple_choice", **asked)
    shown(line, "stale")
    assert "the task's definition changed after this was measured" in line.table()[1]
    done, text = line.run(sound, "choice")
    assert "1 job: 1 to run" in text, "it does not count as done"
    assert done == ExitCode.OK


def test_a_score_of_older_code(line: CommandLine, sound: Path) -> None:
    passes(line, sound, choice(line))
    [path] = (line.folder / "results").glob("*/choice.*.r1.json")
    stored = json.loads(path.read_text())
    stored["signature"]["code"] = 0
    path.write_text(json.dumps(stored))
    shown(line, "stale")
    assert "evalsuite's code for scores (version 0, 1 now)" in line.table()[1]


def test_a_check_is_not_green(line: CommandLine, sound: Path) -> None:
    task = talk(line, extract="(?i)the answer is ([0-9]+)")
    (line.tasks / "suites").mkdir()
    (line.tasks / "suites" / "one.yaml").write_text("name: one\ntasks: [talk]\n")
    marked(line, sound, task, "nothing-parsed")
    verdict = ("--baseline", "model", "--candidate", "model", "--tasks-dir", line.tasks)
    done, text = line("check", *verdict, "--suite", "one", "--device", "cpu")
    assert done == ExitCode.SUSPECT, text
    assert "SUSPECT: 0 of 1 tasks pass; 1 suspect (talk)" in text
    assert "nothing-parsed: " in (line.folder / "reports/check/check.xml").read_text()
    done, text = line("compare", "model", "model", "--tasks-dir", line.tasks)
    assert done == ExitCode.SUSPECT
    assert "suspect: nothing-parsed: " in text


def test_the_same_with_processes_of_their_own(
    line: CommandLine, sound: Path, tmp_path: Path
) -> None:
    """Engines as a run starts them; one checkpoint is marked, the other refused."""
    task = talk(line, extract="(?i)the answer is ([0-9]+)")
    dropping = with_template(sound, tmp_path / "dropping", DROPS)
    command = [sys.executable, "-m", "evalsuite.cli", "run", "--tasks", task]
    command += ["--tasks-dir", str(line.tasks), "--engine", "transformers", "--device", "cpu"]
    for models, code in (([sound], ExitCode.SUSPECT), ([sound, dropping], ExitCode.TASK_FAILED)):
        asked = [word for model in models for word in ("--ckpt", str(model))]
        done = subprocess.run([*command, *asked], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert f"suspect: model {task}: nothing-parsed: " in done.stdout
    assert f"failed: dropping {task}: prompt-dropped: " in done.stdout
