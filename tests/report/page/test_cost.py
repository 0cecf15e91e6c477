"""Time and tokens beside scores, from the records as they are stored."""

from __future__ import annotations

from evalsuite.report.page.cost import cost_table
from evalsuite.report.page.document import page
from evalsuite.schema import Record, Timings
from helpers.page_store import gathered, make_records


def timed(record: Record, number: int) -> Record:
    """Every second one without tokens, as a task whose answers were all kept from before."""
    tokens = {} if number % 2 else {"tokens_read": 12_345 + number, "tokens_written": 67}
    return record.model_copy(update={"timings": Timings(total=1.25 + number, **tokens)})


def test_a_line_a_task_with_what_is_known() -> None:
    made = make_records()
    left = [(timed(record, n), flip) for n, (record, flip) in enumerate(made[:11])]
    table = cost_table(gathered([*left, *made[11:]]))
    assert table is not None
    # Nothing is known of the right one's time: it has no columns.
    [section] = table.sections
    assert section.title == "left"
    assert [head.label for head in section.columns] == [
        "Score", "Seconds", "Tokens read", "Tokens written",
    ]  # fmt: skip
    lines = {row.name: [cell.shown(1) for cell in row.cells] for row in table.rows}
    first, second = (record.signature.task for record, _ in left[:2])
    assert lines[first] == ["50.0", "1.2", "12,345", "67"]
    assert lines[second] == ["50.0", "2.2", "–", "–"]
    assert len(lines) == 11


def test_a_page_without_times_has_no_such_table() -> None:
    data = gathered(make_records())
    assert cost_table(data) is None
    assert "table-cost" not in page(data)
    made = [(timed(record, 0), flip) for record, flip in make_records(("left",))]
    assert 'id="table-cost"' in page(gathered(made))
