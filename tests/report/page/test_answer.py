"""What a page says first."""

from __future__ import annotations

from urllib.parse import unquote

from evalsuite.report.page.answer import answer_of
from evalsuite.report.page.collect import PageData
from helpers.page_store import gathered, make_records

MANY = tuple(f"run-{number}" for number in range(8))
"""More rows than are compared without being asked."""


def sample_of(link: str) -> tuple[str, ...]:
    assert link.startswith("#s/")
    task, one, two, sample, changed = (unquote(part) for part in link[3:].split("/"))
    assert changed == ""
    return task, one, two, sample


def score(data: PageData, task: str, row: str, sample: str) -> float | None:
    [samples] = [found for found in data.samples if found.task == task]
    values = samples.scores[[one.label for one in data.rows].index(row)]
    assert values is not None
    return values[samples.ids.index(sample)]


def test_a_candidate_that_lost_is_shown_where_it_lost_most() -> None:
    # The first has every second sample wrong, the second every third.
    data = gathered(make_records(), compare=("right", "left"))
    answer = answer_of(data)
    [line] = answer.lines
    assert line.startswith("left against right: Embedding average −16.7 (")
    assert "of 11 tasks worse and 0 better beyond chance" in line
    assert answer.about == "largest losses against right"
    assert len(answer.worst) == 3
    for one in answer.worst:
        assert one.words.startswith("−16.7 (")
        assert "10 samples lost and 5 won" in one.words
        task, mine, theirs, sample = sample_of(one.link)
        assert (task, mine, theirs, sample) == (one.task, "left", "right", one.sample)
        assert (score(data, task, "left", sample), score(data, task, "right", sample)) == (0, 1)


def test_a_candidate_that_lost_nowhere_has_no_worst_task() -> None:
    answer = answer_of(gathered(make_records(), compare=("left", "right")))
    assert "+16.7" in answer.lines[0]
    assert answer.worst == []


def test_without_a_comparison_the_best_comes_first() -> None:
    # Of 30 samples, 1 in 2 to 1 in 9 are wrong: the two last rows have 4 each.
    data = gathered(make_records(MANY))
    answer = answer_of(data)
    embedding, generative = answer.lines
    assert embedding.startswith("Best Embedding average: run-6 with 86.7 ± ")
    assert "level with run-7 with 86.7 ± " in embedding
    assert data.ranked is not None
    place = [head.average for head in data.table.heads].index(True)
    ranks = [line.cells[place].rank for line in data.ranked.rows]
    good = sum(rank is not None and rank.low == 1 for rank in ranks) - 1
    assert 1 <= good < 7
    assert embedding.endswith(f"; {good} of the 7 others may be as good (95 %).")
    assert generative.startswith("Best Generative average: run-6")
    assert answer.worst == [], "it is behind nobody"


def test_one_checkpoint_alone_shows_its_lowest_scores() -> None:
    data = gathered(make_records(("alone",)))
    answer = answer_of(data)
    assert answer.lines[0].startswith("Embedding average of alone: 50.0 ± ")
    assert answer.about == "lowest scores"
    assert [one.words for one in answer.worst] == ["50.0"] * 3
    for one in answer.worst:
        task, mine, theirs, sample = sample_of(one.link)
        assert (mine, theirs) == ("alone", "")
        assert score(data, task, mine, sample) == 0
