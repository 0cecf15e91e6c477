"""Tasks that a checkpoint was trained on: declared, marked, and left out of averages on request."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evalsuite.commands.compare import compare_command
from evalsuite.commands.judging import Judging
from evalsuite.commands.show import table_view
from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry
from evalsuite.results.check.policy import Policy
from evalsuite.results.compare.suite import Side
from evalsuite.results.in_domain.declared import declarations
from evalsuite.results.in_domain.matching import in_domain, in_domain_notes, plain_name
from evalsuite.results.scores import stored_samples
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Table
from evalsuite.results.view import View
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.records import record

RETRIEVAL = {"NFCorpus": 0.2, "MSMARCO": 0.9, "FiQA2018": 0.4}


def scored(source: str, task: str = "MSMARCO", score: float = 0.5, **given: Any) -> Record:
    known = Registry.load().task(task)
    made = record(known, score, checkpoint=source.rpartition("/")[2], **given)
    about = made.checkpoint.model_copy(update={"source": source})
    return made.model_copy(update={"checkpoint": about})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("microsoft/ms_marco", "MSMARCO"),
        ("mteb:MSMARCO?split=dev", "MSMARCO"),
        ("natural_questions", "NQ"),
        ("google-research-datasets/nq_open", "mteb/nq"),
        ("hotpot_qa", "HotpotQA"),
        ("openai/gsm8k", "lm_eval:gsm8k"),
        ("quora-duplicates", "QuoraRetrieval"),
    ],
)
def test_names_of_one_data_set(one: str, other: str) -> None:
    assert plain_name(one) == plain_name(other)


def test_other_names_stay_apart() -> None:
    assert len({plain_name(name) for name in ("FEVER", "ClimateFEVER", "NQ", "MSMARCO")}) == 4


def test_comparisons_and_checks_name_them(tmp_path: Path) -> None:
    grit = [scored("GritLM/GritLM-7B", task) for task in ("MSMARCO", "NQ", "FiQA2018")]
    other = [scored("runs/other", task, 0.4) for task in ("MSMARCO", "NQ", "FiQA2018")]
    line = "in-domain: GritLM-7B was trained on this data, says the GRIT paper: MSMARCO, NQ"
    assert in_domain_notes({"other": other, "GritLM-7B": grit}) == [line]
    registry, store = Registry.load(), Store(tmp_path)
    for one in (*grit, *other):
        store.put(one)
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    given = {"margin": None, "figure": None, "form": "markdown", "decimals": 1}
    compare_command(tmp_path, registry, None, ["GritLM-7B", "other"], console, **given)
    assert line in shown.getvalue()
    sides = [
        Side(name=name, records={r.signature.task: r for r in of}, load=stored_samples(store))
        for name, of in (("GritLM-7B", grit), ("other", other))
    ]
    suite = registry.suite("grit-embedding")
    result = Judging(Policy(), suite, {}, registry, sides[0]).result(sides[1])
    assert line in result.notes


def test_mteb_and_the_paper_declare() -> None:
    # As mteb's ModelMeta of all-MiniLM-L6-v2 has it; and the paper's section on E5S.
    minilm = scored("sentence-transformers/all-MiniLM-L6-v2")
    assert in_domain(minilm) == "mteb's list of models"
    assert in_domain(scored("sentence-transformers/all-MiniLM-L6-v2", "NFCorpus")) is None
    assert in_domain(scored("GritLM/GritLM-7B", "QuoraRetrieval")) == "the GRIT paper"
    assert in_domain(scored("runs/nobody-knows-this")) is None


def test_an_adapter_has_its_base_s_training() -> None:
    made = scored("runs/adapter")
    based = made.checkpoint.model_copy(update={"base": "intfloat/e5-mistral-7b-instruct"})
    assert in_domain(made.model_copy(update={"checkpoint": based})) == "mteb's list of models"


def test_a_model_card_declares(tmp_path: Path) -> None:
    card = tmp_path / "mine" / "README.md"
    card.parent.mkdir()
    card.write_text("---\ndatasets:\n- BeIR/nfcorpus\n- 3\n---\n# Mine\n")
    source = str(card.parent)
    assert in_domain(scored(source, "NFCorpus")) == "its model card"
    assert in_domain(scored(source, "MSMARCO")) is None


@pytest.mark.parametrize("front", ["datasets: [", "- a", "", "datasets: 3", "datasets:"])
def test_a_card_that_says_nothing_is_no_error(tmp_path: Path, front: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# A model\n")
    assert declarations(scored(str(tmp_path)).checkpoint) == []


def test_the_project_file_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evalsuite.toml").write_text('[training-sets]\n"mine-*" = ["NFCorpus"]\n')
    monkeypatch.chdir(tmp_path)
    assert in_domain(scored("runs/mine-7", "NFCorpus")) == "the project file"
    assert in_domain(scored("runs/other", "NFCorpus")) is None


def shown(*sources: str, without: bool = False) -> Table:
    registry = Registry.load()
    suite = registry.suite("grit")
    small = suite.model_copy(update={"tasks": tuple(RETRIEVAL), "subtask_means": ()})
    records = [scored(s, task, score) for s in sources for task, score in RETRIEVAL.items()]
    categories = {name: registry.task(name).category for name in RETRIEVAL}
    return build_table(records, small, categories=categories, view=View(without_in_domain=without))


def value(table: Table, label: str, row: int = 0) -> float | None:
    place = [head.label for head in table.heads].index(label)
    return table.rows[row].cells[place].value


MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def test_in_domain_tasks_are_marked() -> None:
    table = shown(MINILM, "runs/mine")
    (note,) = [one for one in table.notes if one.text.startswith("in-domain")]
    assert "MSMARCO" in note.text
    assert "NFCorpus" not in note.text
    place = [head.label for head in table.heads].index("Retr.")
    marked = {row.name: note.mark in row.cells[place].mark.split(",") for row in table.rows}
    assert marked == {"all-MiniLM-L6-v2": True, "mine": False}


def test_averages_leave_them_out_in_all_rows_and_say_so() -> None:
    whole, left = shown(MINILM, "runs/mine"), shown(MINILM, "runs/mine", without=True)
    assert value(whole, "Retr.") == pytest.approx(50)
    for row in (0, 1):  # the same tasks in each row, so that rows can be compared
        assert value(left, "Retr.", row) == pytest.approx(30)
    assert "without in-domain tasks" in left.title
    assert any("trained on: MSMARCO" in note.text for note in left.notes)
    clean = shown("runs/mine", without=True)
    assert value(clean, "Retr.") == pytest.approx(50)
    assert any("none is declared" in note.text for note in clean.notes)


def test_published_averages_cannot_leave_tasks_out() -> None:
    with pytest.raises(UsageError, match="published averages"):
        table_view("grit", "table1", None, with_published=True, without_in_domain=True)


@pytest.mark.e2e
def test_the_shipped_list_is_that_of_the_installed_mteb() -> None:
    from importlib.resources import files

    import training_sets  # bench/

    text = (files("evalsuite.results.in_domain") / "mteb.json").read_text()
    assert json.loads(text) == training_sets.declared()
