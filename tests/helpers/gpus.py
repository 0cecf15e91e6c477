"""A GPU that is not there: what a driver and torch would say of it."""

from __future__ import annotations

from typing import Any

import pytest

from evalsuite.engines.cuda import survey as gpu_survey
from evalsuite.engines.cuda.gpu import GIB, Gpu, Survey

FAKE = Gpu(
    name="NVIDIA H200",
    capability=(9, 0),
    driver="580.95.05",
    total=140 * GIB,
    free=139 * GIB,
    cores=132,
)


def survey(**changes: Any) -> Survey:
    """What a machine with :data:`FAKE` says, but for some changes."""
    usual = Survey(
        driver="580.95.05",
        cards=1,
        built="13.0",
        architectures=("sm_75", "sm_80", "sm_90", "compute_120"),
        gpu=FAKE,
    )
    return usual.model_copy(update={"seen": 1 + len(changes.get("beside", ()))} | changes)


def pretend(monkeypatch: pytest.MonkeyPatch, found: Survey) -> None:
    """Have this process take the machine for one that says this."""
    monkeypatch.setattr(gpu_survey, "has_driver", lambda: found.node)
    for ask in ("survey_apart", "look"):
        monkeypatch.setattr(gpu_survey, ask, lambda _=1: found)
