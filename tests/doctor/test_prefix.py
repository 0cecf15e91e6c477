"""``doctor --prefix``: the real engine on a tiny model, and what is said of answers that differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalsuite.commands.doctor import prefix_command
from evalsuite.doctor import prefix
from evalsuite.errors import CheckpointError
from helpers.tiny_lm import make_tiny_lm


def answers(*logprobs: float) -> list[tuple[float, bool]]:
    """Choices that are not greedy."""
    return [(one, False) for one in logprobs]


def said(monkeypatch: pytest.MonkeyPatch, shared: dict[str, Any], apart: Any) -> list[str]:
    """Lines about an engine that gives these answers with and without sharing."""
    about = {"engine": "vllm 1", "dtype": "bfloat16", "why_not": None}

    def probe(*arguments: str, seconds: float) -> dict[str, Any]:
        return about | (shared if arguments[-1] == "yes" else {"cold": apart})

    monkeypatch.setattr(prefix, "probe", probe)
    return [finding.line for finding in prefix.findings("mine", "vllm")]


def test_scores_that_move_with_time_batches_or_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"cold": answers(-1, -2), "warm": answers(-1, -2), "others": answers(-1, -2.0625)}
    repeat, batches, apart = said(monkeypatch, shared, answers(-1, -2.0625))
    assert repeat.startswith("ok ")
    assert repeat.endswith("asked again: the same, bit by bit")
    assert batches.startswith("warn ")
    assert "differ by up to 6.2e-02, 0 of 2" in batches
    assert batches.endswith("--dtype float32")
    assert apart.startswith("ok ")
    assert "rounding" in apart


def test_scores_that_are_others_without_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {name: answers(-1, -2) for name in ("cold", "warm", "others")}
    *_, apart = said(monkeypatch, shared, [(-1.0, True), (-4.0, False)])
    assert apart.startswith("fail ")
    assert "up to 2.0e+00, 1 of 2" in apart
    assert apart.endswith("--no-prefix-caching")


def test_an_engine_that_fails_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix, "probe", lambda *_, **__: {"error": "no memory"})
    (finding,) = prefix.findings("mine", "vllm")
    assert (finding.state, finding.text) == ("fail", "no memory")


def test_the_questions_share_their_examples() -> None:
    asked = prefix.few_shot()
    assert len(set(asked)) == len(asked) == prefix.QUESTIONS * prefix.CHOICES
    assert len({one.context_ids[: prefix.EXAMPLES] for one in asked}) == 1
    assert len({one.context_ids for one in asked}) == prefix.QUESTIONS


@pytest.mark.e2e
def test_a_tiny_model_is_checked_with_the_real_engine(tmp_path: Path) -> None:
    make_tiny_lm(tmp_path)
    found = list(prefix.findings(str(tmp_path), "transformers"))
    assert [finding.state for finding in found][0::2] == ["ok", "ok"], found
    assert all("bfloat16" in finding.text for finding in found)
    assert len(found) == 3


def test_a_checkpoint_that_cannot_generate_is_refused() -> None:
    with pytest.raises(CheckpointError, match="minilm cannot generate"):
        prefix_command("demo:minilm", lambda _: None)
