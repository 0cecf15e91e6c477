from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evalsuite.cli.app import application
from evalsuite.documents.tables import table_document
from evalsuite.errors import UsageError
from evalsuite.report.csvfile import to_csv
from evalsuite.report.html import to_html
from evalsuite.report.latex import to_latex
from evalsuite.report.page.collect import PageData
from evalsuite.report.page.document import page
from evalsuite.report.page.figures import averages_figure, differences_figure
from evalsuite.report.page.steps import PanelDrawing, series, steps_figure
from evalsuite.report.page.summary import Counts, counts
from evalsuite.report.page.text import cut, embedded, packed, visible
from evalsuite.results.tables.model import Cell, Head, Row, Table, TableSection
from evalsuite.results.training_runs import Series
from evalsuite.schema import digest
from evalsuite.store import Store
from helpers.page_store import HOSTILE, fill, gathered, make_records


class Elements(HTMLParser):
    """All elements of a document, and the text of those of one name."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def panel_of(data: PageData, name: str) -> list[str]:
    """What the points of a panel say when they are pointed at."""
    figure = steps_figure(data)
    assert figure is not None
    (panel,) = [panel for panel in figure.panels if panel.name == name]
    return [title.text or "" for title in ET.fromstring(panel.svg).iter("title")]


def row_of(document: str, part: str, name: str) -> str:
    """The line of a checkpoint in one section."""
    section = document[document.index(f'id="{part}"') :]
    found = re.search(
        rf"<tr><th scope=\"row\"[^>]*>(?:<[^>]*>)*{name}<.*?</tr>", section, re.DOTALL
    )
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\u2066\u200f\u061c", "⟨U+2066⟩⟨U+200F⟩⟨U+061C⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\x00\x1b\r", "⟨U+0000⟩⟨U+001B⟩⟨U+000D⟩"),
        ("\u2028\ufeff\u200b\U000e0041", "⟨U+2028⟩⟨U+FEFF⟩⟨U+200B⟩⟨U+E0041⟩"),
        ("é ü 漢字 العربية 👩\u200d👩\n\tx", "é ü 漢字 العربية 👩\u200d👩\n\tx"),
    ],
)
def test_hidden_characters_are_shown_and_scripts_stay(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_what_a_template_shows_is_escaped_and_readable() -> None:
    """In an element and in an attribute: the same characters as those that were given."""
    title = "<a href=\"x\" title='y'>&\u202e"
    head = Head(label="<script>", mark="a&b")
    section = TableSection(world=None, title=title, columns=(head,))
    cell = Cell(status="scored", value=1.0)
    row = Row(name=title, fingerprint="", cells=(cell,), protocol={"embedding": title})
    document = to_html(Table(title=title, sections=(section,), rows=(row,), notes=()))
    elements = Elements(document)
    assert not elements.named("a")
    assert not elements.named("script")
    shown = title.replace("\u202e", "⟨U+202E⟩")
    assert f"embedding: {shown}" in [attributes.get("title") for attributes in elements.named("th")]
    assert "\u202e" not in document
    assert html.escape(shown).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in document


def test_embedded_json_cannot_close_its_element_and_reads_back() -> None:
    value = {"k": [*(text for text in HOSTILE if "\ud800" not in text), "</SCRIPT\n>"]}
    text = embedded(value)
    assert not re.search(r"[<>&\u2028\u2029]", text)
    assert json.loads(text) == value


def test_packing_is_deterministic_and_reads_back() -> None:
    value = {"k": ["</script>", "é", 1.5, None]}
    assert packed(value) == packed(value)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed(value))
    assert json.loads(gzip.decompress(base64.b64decode(packed(value)))) == value


def test_a_long_text_keeps_both_ends_and_says_what_it_lost() -> None:
    text = "A" * 500 + "B" * 500
    short = cut(text, 300)
    assert short.startswith("A" * 200 + "\n⟨")
    assert short.endswith("⟩\n" + "B" * 100)
    assert "700 characters left out" in short
    assert cut(text, 1000) == text


def test_the_page_loads_nothing_and_allows_only_its_own_code() -> None:
    document = page(gathered(make_records()))
    elements = Elements(document)
    for tag, attributes in elements.found:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("style", "srcset", "action", "formaction", "ping"), (tag, name)
            if name in ("src", "href", "xlink:href", "data", "poster", "background"):
                assert (value or "").startswith("#") or (tag, value) == ("link", "data:,")
    for tag in ("iframe", "object", "embed", "img", "base", "video", "audio"):
        assert not elements.named(tag)
    style = re.search(r"<style>(.*?)</style>", document, re.DOTALL)
    script = re.search(r"<script>(.*?)</script>", document, re.DOTALL)
    assert style is not None
    assert script is not None
    assert not re.search(r"@import|url\(|https?:", style[1] + script[1])
    policy = next(
        m["content"] or ""
        for m in elements.named("meta")
        if m.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for kind, text in (("style-src", style[1]), ("script-src", script[1])):
        hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{hashed}'"
    assert document.index("Content-Security-Policy") < document.index("<style>")


def test_the_script_turns_no_text_into_html() -> None:
    script = (Path(__file__).parents[3] / "evalsuite/report/page/page.js").read_text("utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                 "DOMParser", "createContextualFragment", "fetch(", "XMLHttpRequest",
                 "localStorage", "sessionStorage", "import("):  # fmt: skip
        assert word not in script


def test_names_and_reasons_are_escaped() -> None:
    name = '<img src=x onerror="alert(1)">'
    made = make_records((name, "plain"))
    record, flip = made[0]
    failed = {"status": "failed", "score": None, "reason": "</script><script>x", "samples": None}
    made[0] = (record.model_copy(update=failed), flip)
    document = page(gathered(made))
    elements = Elements(document)
    assert not elements.named("img")
    kinds = [attributes.get("type") for attributes in elements.named("script")]
    assert kinds.count(None) == 1
    assert set(kinds) == {None, "application/json", "text/plain"}


def test_a_missing_score_stays_a_gap_and_makes_no_average() -> None:
    made = make_records()
    whole = page(gathered(made))
    gone = [m for m in made if (m[0].checkpoint.name, m[0].signature.task) != ("left", "smoke-sts")]
    data = gathered(gone)
    document = page(data)
    assert counts(data.rows[0]) == Counts(scored=10, failed=0, skipped=0, stopped=0, missing=1)
    assert counts(data.rows[1]) == Counts(scored=11, failed=0, skipped=0, stopped=0, missing=0)
    # half of the samples of every task of "left" are right
    assert 'class="avg scored">50.0' in row_of(whole, "summary", "left")
    left = row_of(document, "summary", "left")
    assert left.count("–") == 1
    assert 'class="avg missing">–' in left
    assert row_of(document, "table-scores", "left").count(">–<") == 2  # the task, the average
    heat = document[document.index('id="heat"') :]
    line = re.search(r'<tr><th scope="row"><a[^>]*>smoke-sts</a></th>.*?</tr>', heat)
    assert line is not None
    assert '<td class="missing">–</td>' in line[0]
    assert "1 missing <small>(smoke-sts)</small>" in document
    scatter = document[document.index('id="scatter"') :]
    assert "left: embedding none, generative 50.0" in scatter


def test_points_of_figures_say_their_numbers() -> None:
    """30 samples of every task: on the left each 2nd is wrong, on the right each 3rd."""
    data = gathered(make_records())
    averages = averages_figure(data.table)
    differences = differences_figure(data.comparisons)
    assert averages is not None
    assert differences is not None
    assert [title.text for title in ET.fromstring(averages.svg).iter("title")] == [
        "left: embedding 50.0, generative 50.0",
        "right: embedding 66.7, generative 66.7",
    ]
    said = [title.text or "" for title in ET.fromstring(differences.svg).iter("title")]
    assert len(said) == len(data.tasks) + 2  # and two averages
    assert all(text.startswith("right: +16.7, ") for text in said)


def test_failures_and_warnings_are_told_once_with_their_tasks() -> None:
    made = make_records(("left",))
    failed = {"status": "failed", "score": None, "reason": "out of memory", "samples": None}
    changed = [(r.model_copy(update=failed), f) for r, f in made[:2]]
    warned = [(r.model_copy(update={"warnings": ("late <b>",)}), f) for r, f in made[2:4]]
    data = gathered([*changed, *warned, *made[4:]])
    document = page(data)
    assert counts(data.rows[0]) == Counts(scored=9, failed=2, skipped=0, stopped=0, missing=0)
    tasks = ", ".join(record.signature.task for record, _ in changed)
    assert f"2 failed: out of memory <small>({tasks})</small>" in document
    warnings = document[document.index("<summary>Warnings (1)") :]
    assert "late &lt;b&gt; <small>(left: " in warnings


def test_copied_texts_are_those_of_the_table_command() -> None:
    data = gathered(make_records())
    found = re.search(r'<script type="text/plain" id="copies">(.*?)</script>', page(data))
    assert found is not None
    copied = json.loads(gzip.decompress(base64.b64decode(found[1])))["table-scores"]
    assert json.loads(copied.pop("json")) == table_document(data.table).model_dump(mode="json")
    assert copied == {"latex": to_latex(data.table), "csv": to_csv(data.table)}


def test_two_to_six_rows_are_compared_with_the_first_one() -> None:
    assert len(gathered(make_records(("a", "b", "c"))).comparisons) == 2
    assert not gathered(make_records(("a",))).comparisons
    assert not gathered(make_records(tuple("abcdefg"))).comparisons


def test_the_comparison_can_be_named() -> None:
    data = gathered(make_records(tuple("abcdefg")), compare=("f", "b"))
    assert [(c.first, c.second) for c in data.comparisons] == [("f", "b")]
    with pytest.raises(UsageError, match="no scores of 'zzz'"):
        gathered(make_records(), compare=("left", "zzz"))


def test_the_forest_shows_each_difference_with_its_interval() -> None:
    """30 samples, every 2nd wrong (50 %) against every 3rd wrong (66.7 %)."""
    data = gathered(make_records())
    document = page(data)
    forest = document[document.index('id="forest"') : document.index('id="heat"')]
    assert forest.count("<tbody>") == len(data.tasks)
    assert forest.count("<td>+16.7</td>") == len(data.tasks) + 2  # and two averages


def test_runs_are_joined_by_their_step_and_gaps_stay() -> None:
    made = []
    for step in (100, 200, 1000):
        for record, flip in make_records((f"sft-checkpoint-{step}",)):
            checkpoint = record.checkpoint.model_copy(update={"step": step})
            made.append((record.model_copy(update={"checkpoint": checkpoint}), flip))
    data = gathered(made)
    (run,) = series(data)
    assert run.name == "sft"
    assert [step for step, _ in run.places] == [100, 200, 1000]
    whole = panel_of(data, "Embedding, average")
    assert [title for title in whole if title.startswith("sft, step")] == [
        "sft, step 100: 50.0",
        "sft, step 200: 50.0",
        "sft, step 1000: 50.0",
    ]
    gap = ("sft-checkpoint-200", "smoke-sts")
    rest = gathered([m for m in made if (m[0].checkpoint.name, m[0].signature.task) != gap])
    assert panel_of(rest, "Embedding, average") == ["sft, step 100: 50.0", "sft, step 1000: 50.0"]


def test_a_step_without_a_score_leaves_a_gap() -> None:
    """A line through the steps before and after it would be read as its score."""
    drawing = PanelDrawing([Series("run", ((100, 0), (200, 1), (1000, 2)))])
    drawing.show([50.0, None, 60.0])
    (line,) = drawing.axes.lines
    assert list(line.get_xdata()) == [100, 200, 1000]
    assert [value if value == value else None for value in line.get_ydata()] == [50.0, None, 60.0]
    low, high = drawing.axes.get_ylim()
    assert low < 50.0 < 60.0 < high


def test_no_step_no_figure() -> None:
    assert steps_figure(gathered(make_records())) is None


def test_records_carry_signature_data_and_environment() -> None:
    made = make_records(("left",))
    data = gathered(made)
    found = re.search(r'id="records-0">(.*?)</script>', page(data))
    assert found is not None
    records = json.loads(gzip.decompress(base64.b64decode(found[1])))
    assert len(records) == len(made)
    parts = dict(records[0]["parts"])
    assert ["data", made[0][0].signature.data] in parts["Signature"]
    assert ["engine", "e 1"] in parts["Signature"]
    assert records[0]["environment"] == 0


def test_the_command_writes_one_file(tmp_path: Path) -> None:
    fill(Store(tmp_path / "res"), make_records())
    file = tmp_path / "out" / "page.html"
    arguments = ["report", "--suite", "smoke", "--out", str(tmp_path / "res"), "--file", str(file)]
    runner = CliRunner()
    assert (
        runner.invoke(application(), arguments, catch_exceptions=False).output == f"wrote {file}\n"
    )
    first = file.read_bytes()
    runner.invoke(application(), arguments, catch_exceptions=False)
    assert file.read_bytes() == first
    assert list(file.parent.iterdir()) == [file]
    runner.invoke(application(), [*arguments, "--samples", "0"], catch_exceptions=False)
    assert b'id="samples-0"' not in file.read_bytes()
    compared = [*arguments, "--compare", "right", "left"]
    runner.invoke(application(), compared, catch_exceptions=False)
    assert "smoke, compared with right" in file.read_text("utf-8")
    with pytest.raises(UsageError, match="at least one candidate"):
        runner.invoke(application(), [*arguments, "--compare", "right"], catch_exceptions=False)


def test_rows_of_one_name_have_labels_of_their_own() -> None:
    made = make_records(("twin",))
    other = [
        (
            record.model_copy(
                update={
                    "checkpoint": record.checkpoint.model_copy(
                        update={"fingerprint": digest("other")}
                    )
                }
            ),
            flip,
        )
        for record, flip in made
    ]
    labels = [row.label for row in gathered([*made, *other]).rows]
    assert len(set(labels)) == 2
