"""Published rows and the paper's layouts."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from evalsuite.errors import DataError, UsageError
from evalsuite.importers.mteb import read_mteb
from evalsuite.paths import shipped_published
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Column, Section, Suite
from evalsuite.report.render import to_csv, to_html, to_latex, to_markdown
from evalsuite.results.published import load_published, published_for
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Table
from evalsuite.results.view import View
from helpers.records import record

REVISION = "07163b72af1488142a360786df853f237b1a3ca1"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def imported(folder: Path, registry: Registry, view: View, revision: str | None = None) -> Table:
    found = read_mteb(folder, registry, revision=revision)
    categories = {name: task.category for name, task in registry.tasks.items()}
    records = [record for record, _ in found.records]
    return build_table(records, registry.suite("grit"), categories=categories, view=view)


def shown(table: Table, name: str) -> list[str]:
    (row,) = (row for row in table.rows if row.name == name)
    return [cell.shown(table.decimals) for cell in row.cells]


def notes(table: Table) -> str:
    return "\n".join(f"{note.mark}: {note.text}" for note in table.notes)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("layout", "reference"),
    [("table1", "table1_mteb.csv"), ("table2", "table2_generative.csv")],
)
def test_files_equal_the_reference(shared_data: Path, layout: str, reference: str) -> None:
    with (shared_data.parent / "reference" / reference).open(encoding="utf-8") as stream:
        expected = [[line[0], *map(float, line[1:])] for line in list(csv.reader(stream))[1:]]
    (table,) = (t for t in load_published(shipped_published()) if t.head.layout == layout)
    assert [[r.name, *r.scores.values(), r.average] for r in table.rows] == expected


@pytest.mark.realdata
def test_table_26_equals_the_reference(shared_data: Path) -> None:
    with (shared_data.parent / "reference" / "mteb_table26.csv").open() as stream:
        expected = list(csv.reader(stream))[1:]
    models = published_for("per-dataset", "grit").rows
    assert len(expected) == 56
    for place, model in enumerate(models, 2):
        assert model.scores == {line[1]: float(line[place]) for line in expected}


def test_averages_recompute() -> None:
    table1 = {row.name: row for row in published_for("table1", "grit").rows}
    for row in published_for("per-dataset", "grit").rows:
        values = [value for value in row.scores.values() if value is not None]
        assert len(values) == 56
        average = math.fsum(values) / 56
        assert average == pytest.approx(row.average, abs=0.006)
        assert average == pytest.approx(table1[row.name].average, abs=0.051)
    for row in published_for("table2", "grit").rows:
        values = [value for value in row.scores.values() if value is not None]
        # Each printed figure is rounded to 0.05, and so is the printed average.
        assert math.fsum(values) / 6 == pytest.approx(row.average, abs=0.101)


@pytest.mark.realdata
def test_gritlm_row_of_table_1(shared_data: Path, registry: Registry) -> None:
    folder = shared_data / "mteb-results" / "GritLM__GritLM-7B"
    view = View(layout="table1", published=published_for("table1", "grit"))
    table = imported(folder, registry, view)
    row = ["79.5", "50.6", "87.2", "60.5", "57.4", "83.4", "30.4", "66.8"]
    assert shown(table, "GritLM-7B") == shown(table, "GritLM 7B") == row
    assert "cosine_ap (Pair)" in notes(table)
    # The maximum over similarities: (93.23 + 81.13 + 87.48) / 3, as the model card has it.
    other = imported(folder, registry, View(layout="table1", convention="leaderboard"))
    assert shown(other, "GritLM-7B")[2] == "87.3"
    assert "convention: leaderboard" in notes(other)


@pytest.mark.realdata
def test_gritlm_per_dataset_is_table_26(shared_data: Path, registry: Registry) -> None:
    view = View(layout="per-dataset")
    table = imported(shared_data / "mteb-results" / "GritLM__GritLM-7B", registry, view)
    measured = {row.name: row.cells[0].value or 0.0 for row in table.rows}
    (paper,) = (r for r in published_for("per-dataset", "grit").rows if r.name == "GritLM 7B")
    # The paper printed the merged CQADupstack; the mean of the 12 files is 49.46.
    assert measured.pop("CQADupstackRetrieval") == pytest.approx(49.46, abs=0.006)
    measured.pop("Average")
    assert len(measured) == 55
    for task, value in measured.items():
        assert value == pytest.approx(paper.scores[task], abs=0.0101), task


@pytest.mark.realdata
def test_e5_mistral_row(shared_data: Path, registry: Registry) -> None:
    """Its files are a later rerun (mteb 1.12.75): other classification scores than printed."""
    folder = shared_data / "mteb-results" / "intfloat__e5-mistral-7b-instruct"
    table = imported(folder, registry, View(layout="table1"), REVISION)
    row = [float(text) for text in shown(table, "e5-mistral-7b-instruct")]
    paper = [78.5, 50.3, 88.3, 60.2, 56.9, 84.6, 31.4, 66.6]
    assert [a for a, b in zip(row, paper, strict=True) if a == b] == [50.3, 88.3, 60.2]
    assert all(abs(a - b) <= 1.2 for a, b in zip(row, paper, strict=True))
    assert table.rows[0].mark
    assert "mixed origins: mteb 1.12.75 (48)" in notes(table)


GENERATIVE = ("MMLU", "GSM8K", "BBH", "TyDiQA", "HumanEvalSynthesize", "AlpacaEval")


@pytest.fixture
def generative() -> Suite:
    columns = tuple(Column(label=task, tasks=(task,)) for task in GENERATIVE)
    section = Section(world="generative", title="Generative", columns=columns)
    return Suite(name="grit-generative", tasks=GENERATIVE, sections=(section,))


def test_published_above_measured(generative: Suite) -> None:
    records = [
        record(task, 0.999, checkpoint="mine", world="generative") for task in GENERATIVE[:5]
    ]
    view = View(layout="table2", published=published_for("table2", "grit-generative"))
    table = build_table(records, generative, view=view)
    assert [group for group, _ in table.groups] == ["Published (GRIT paper, Table 2)", "Measured"]
    # No AlpacaEval, so no average over the other five.
    assert shown(table, "mine") == ["99.9"] * 5 + ["–", "–"]
    mine = table.rows[-1]
    assert all(cell.best for cell in mine.cells[:5])
    by_name = {row.name: row for row in table.rows}
    assert by_name["GPT-4-0613"].cells[0].second
    # 0.0 by convention: shown, marked, and its average marked likewise.
    assert shown(table, "Llama 2 70B")[5:] == ["0.0", "46.4"]
    assert by_name["Llama 2 70B"].cells[5].mark == by_name["Llama 2 70B"].cells[6].mark == "2"
    assert "2: 0.0 set by convention" in notes(table)
    for text in (to_markdown(table), to_latex(table), to_html(table), to_csv(table)):
        assert "Published (GRIT paper, Table 2)" in text
        assert "Measured" in text


def test_limited_rows_are_not_compared_with_published(generative: Suite) -> None:
    view = View(layout="table2", published=published_for("table2", "grit-generative"))
    records = [record("MMLU", 0.999, checkpoint="mine", world="generative", limit=20)]
    table = build_table(records, generative, view=view)
    assert not any(row.cells[0].best for row in table.rows)
    assert "rows differ in limit: published ones have none (MMLU)" in notes(table)


def test_one_version_of_each_harness_is_one_origin(generative: Suite) -> None:
    """What a harness read besides its code, and another harness, are no other origin."""
    read = {"MMLU": "lm-eval 0.4.13+mmlu-cc", "GSM8K": "lm-eval 0.4.13+gsm8k-5f"}
    records = [
        record(t, 0.5, checkpoint="mine", world="generative", harness=h) for t, h in read.items()
    ]
    records.append(
        record("AlpacaEval", 0.5, checkpoint="mine", world="generative", harness="alpaca-eval 1")
    )
    assert not build_table(records, generative).rows[0].mark
    later = record(
        "BBH", 0.5, checkpoint="mine", world="generative", harness="lm-eval 0.4.14+bbh-12"
    )
    table = build_table([*records, later], generative)
    assert table.rows[0].mark
    assert "mixed origins: lm-eval 0.4.13 (2), alpaca-eval 1 (1), lm-eval 0.4.14 (1)" in (
        notes(table)
    )


def test_lost_samples_and_warnings_are_shown(generative: Suite) -> None:
    about = {"metrics": {"unparsed": 0.03, "timeouts": 0.0}, "warnings": ("mind the gap",)}
    made = record("GSM8K", 0.5, checkpoint="mine", world="generative", **about)
    table = build_table([made], generative)
    assert ": no answer found: GSM8K 3.0 % (mine)" in notes(table)
    assert ": timed out: 0 % in all columns that know it" in notes(table)
    assert ": warning: mind the gap (mine: GSM8K)" in notes(table)
    head, row = csv.reader(to_csv(table).splitlines())
    cells = dict(zip(head, row, strict=True))
    assert cells["Generative/GSM8K unparsed"] == "0.03"
    assert cells["Generative/GSM8K unjudged"] == ""


def test_a_substitute_is_marked(tmp_path: Path) -> None:
    registry = Registry.load()
    folder = tmp_path / "org__m"
    folder.mkdir()
    rows = '[{"hf_subset": "default", "max_ap": 0.9, "main_score": 0.9}]'
    name = "TwitterURLCorpus"
    (folder / f"{name}.json").write_text(f'{{"task_name": "{name}", "scores": {{"test": {rows}}}}}')
    table = imported(folder, registry, View(layout="per-dataset"))
    assert f"1: max_ap, since the file has no cosine_ap ({name})" in notes(table)


@pytest.mark.realdata
def test_merged_cqadupstack_stands_in(
    shared_data: Path, registry: Registry, tmp_path: Path
) -> None:
    source = shared_data / "mteb-results" / "GritLM__GritLM-7B" / "external"
    folder = tmp_path / "GritLM__GritLM-7B"
    folder.mkdir()
    file = "CQADupstackRetrieval.json"
    (folder / file).write_bytes((source / file).read_bytes())
    table = imported(folder, registry, View(layout="per-dataset"))
    (row,) = (row for row in table.rows if row.name == "CQADupstackRetrieval")
    assert row.cells[0].value == pytest.approx(49.42, abs=0.006)
    assert row.cells[0].mark
    assert "merged value as its file has it" in notes(table)


def test_bad_tables(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no published rows for the layout table1 of suite smoke"):
        published_for("table1", "smoke")
    head = "title: t\nsource: s\nlayout: table1\nsuites: [grit]\ntable: t.csv\n"
    (tmp_path / "t.yaml").write_text(head)
    for content in ("model,A\nm,x\n", "model,A\nm,1,2\n", "model,A\nm,1\nm,2\n", ""):
        (tmp_path / "t.csv").write_text(content)
        with pytest.raises(DataError, match=r"t\.yaml"):
            load_published(tmp_path)


def test_a_suite_says_which_convention_its_table_shows() -> None:
    """MTEB(eng, v2) is a leaderboard; the paper's suites are the paper's."""
    registry = Registry.load()
    assert View().convention_for(registry.suite("mteb-eng-v2")) == "leaderboard"
    assert View().convention_for(registry.suite("grit")) == "paper"
    assert View(convention="paper").convention_for(registry.suite("mteb-eng-v2")) == "paper"
    assert View().convention_for(None) == "paper"
