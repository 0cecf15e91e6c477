"""The undisturbed run that killed and disturbed runs are compared with, made once."""

from __future__ import annotations

import pytest

from kills import EMBEDDING, Reference, Scenario, reference
from real_runs import adopt_orphans


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Scenario, Reference]:
    adopt_orphans()
    return {EMBEDDING: reference(EMBEDDING, tmp_path_factory.mktemp("undisturbed"))}
