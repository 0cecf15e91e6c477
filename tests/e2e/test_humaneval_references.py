"""Reference solutions of HumanEvalSynthesize in the sandbox: a quarter; with --torture all."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.kinds.lm_eval.grit import humaneval
from evalsuite.sandbox.sandbox import why_unavailable


@pytest.mark.e2e
@pytest.mark.realdata
@pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.torture)])
def test_reference_solutions_pass_and_broken_ones_fail(shared_data: Path, step: int) -> None:
    from datasets import load_dataset

    rows = load_dataset(str(shared_data / "hub/bigcode/humanevalpack"), "python")["test"]
    assert len(rows) == 164
    for row in rows.select(range(0, len(rows), step)):
        # What a model would have to write behind the header, and what would be wrong.
        written = [f"\n{row['canonical_solution']}", "\n    return None\n"]
        found = humaneval.score(row, [written])
        assert found == {"pass@1": 0.5, "timeouts": 0.0}, row["task_id"]
