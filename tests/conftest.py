"""Fixtures and markers shared by all tests."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import hypothesis
import pytest

# A busy machine may take long over any example. The same examples in each run: a change that fails
# has itself to blame. ``--hypothesis-profile explore`` draws others.
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.register_profile("same examples", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same examples")

# Tests start hundreds of Python processes: each would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Processes run tests side by side: each gets a core, and so do the engines that it starts.
    cores = sorted(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    core = cores[int(worker.removeprefix("gw")) % len(cores)]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", str(core))

SHARED = Path(os.environ.get("EVALSUITE_SHARED", Path(__file__).parents[2] / "shared"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--torture``: with the tests that ``make torture`` runs beside its programs."""
    parser.addoption("--torture", action="store_true", help="also run the tests of make torture")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave ``torture`` tests out, order, and skip ``realdata`` tests without the datasets."""
    if not config.getoption("--torture"):
        # By the mark: the keywords of an item also name its folders.
        long = [item for item in items if item.get_closest_marker("torture")]
        config.hook.pytest_deselected(items=long)
        kept = set(items).difference(long)
        items[:] = [item for item in items if item in kept]
    # Those with real engines first: the many short ones fill what is left at the end.
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
    if (SHARED / "data").is_dir():
        return
    skip = pytest.mark.skip(reason=f"needs the public datasets in {SHARED / 'data'}")
    for item in items:
        if "realdata" in item.keywords:
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """Leave out of every later collection of garbage what the imports of all tests made."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public datasets, checkpoints and published results."""
    return SHARED / "data"
