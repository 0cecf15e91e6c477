"""AlpacaEval's instructions and references, as they lie in a mirror of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.data import local_info
from evalsuite.errors import DataError
from evalsuite.kinds.alpaca_eval.data import load_rows
from evalsuite.kinds.table import make_task
from evalsuite.registry.load import Registry

DATA = "tatsu-lab/alpaca_eval"
TASK = make_task(name="mine", kind="alpaca_eval", source="alpaca_eval", datasets={DATA: "0" * 40})


def test_data_is_read_in_both_layouts(tmp_path: Path, shared_layout: Path) -> None:
    rows, info = load_rows(TASK, shared_layout, 1)
    assert rows == [{"instruction": "i", "output": "o"}]
    assert info == local_info({DATA: shared_layout / DATA})
    with pytest.raises(DataError, match="is not in"):
        load_rows(TASK, tmp_path / "none", None)
    folder = tmp_path / "bad" / DATA
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match=r"has neither alpaca_eval.json nor"):
        load_rows(TASK, tmp_path / "bad", None)
    for text, words in (
        ("{}", "is not a list of rows"),
        ("[", "cannot be read"),
        ('[{"output": "x"}]', "row 0"),
    ):
        (folder / "alpaca_eval.json").write_text(text)
        with pytest.raises(DataError, match=words):
            load_rows(TASK, tmp_path / "bad", None)


@pytest.fixture
def shared_layout(tmp_path: Path) -> Path:
    """The layout with Parquet files."""
    import pyarrow as pa
    from pyarrow import parquet

    folder = tmp_path / "parquet" / DATA / "alpaca_eval"
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist([{"instruction": t, "output": "o"} for t in "ij"])
    parquet.write_table(table, folder / "eval-00000-of-00001.parquet")
    return tmp_path / "parquet"


def test_the_shipped_tasks_say_what_the_paper_does() -> None:
    registry = Registry.load()
    full, quick = registry.task("AlpacaEval"), registry.task("AlpacaEval-quick")
    assert (full.kind, full.category) == ("alpaca_eval", "AlpacaEval")
    assert (full.generation.max_tokens, full.generation.temperature) == (6144, 0)
    assert (full.limit, quick.limit) == (None, 40)
    assert list(full.datasets) == [DATA]


@pytest.mark.realdata
def test_the_real_data_has_805_instructions(shared_data: Path) -> None:
    rows, _ = load_rows(Registry.load().task("AlpacaEval"), shared_data / "hub", None)
    assert len(rows) == 805
    assert len({row["instruction"] for row in rows}) == 805
    assert {row["generator"] for row in rows} == {"text_davinci_003"}
