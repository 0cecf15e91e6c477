"""Bad inputs through the real command line: one line with a next step, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bad_checkpoints import good
from bad_inputs import CASES, KINDS, run, write
from evalsuite.checkpoint import resolve
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest
from helpers.command_line import CommandLine, shared_server

SHARE, FAST = 2, 4
"""``make test`` runs every second case, ``make check`` every fourth of these, ``make torture`` all
(``bad_inputs.py``)."""


@pytest.fixture
def server() -> CommandLine:
    return shared_server()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(*case, marks=[pytest.mark.e2e] if number % FAST else [])
        for number, case in enumerate(CASES[::SHARE])
    ],
    ids=lambda value: value,
)
def test_a_bad_input_is_refused_in_one_line(
    kind: str, name: str, server: CommandLine, tmp_path: Path
) -> None:
    assert run(kind, name, server, tmp_path / "case").wrong == ()


def test_what_is_right_is_not_refused(tmp_path: Path) -> None:
    """The damaged checkpoints differ in one thing from one that is taken without a word."""
    good(tmp_path)
    checkpoint = resolve(str(tmp_path), cache=tmp_path / "cache")
    assert checkpoint.kind == "causal"
    generator = load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")
    (answer,) = generator.generate([GenerationRequest((1, 2), 3)])
    assert answer.tokens == 3


def test_a_silent_command_would_be_seen(server: CommandLine, tmp_path: Path) -> None:
    """The checks themselves: a command that works is not a refusal."""
    KINDS["command line"]["--help"] = lambda _: ["--help"]
    try:
        finding = run("command line", "--help", server, tmp_path / "case")
    finally:
        del KINDS["command line"]["--help"]
    assert {"exit code 0", "0 lines", "no next step"} <= set(finding.wrong)
    assert write([finding], tmp_path).startswith("0 of 1 bad inputs")
