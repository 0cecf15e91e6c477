"""Fixtures and markers shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("EVALSUITE_SHARED", Path(__file__).parents[2] / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip ``realdata`` tests, saying so, where the public datasets are absent."""
    if (SHARED / "data").is_dir():
        return
    skip = pytest.mark.skip(reason=f"needs the public datasets in {SHARED / 'data'}")
    for item in items:
        if "realdata" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public datasets, checkpoints and published results."""
    return SHARED / "data"
