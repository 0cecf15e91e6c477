"""The HTML report in headless Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evalsuite.report.page.document import copies
from evalsuite.report.page.document import page as page_text
from evalsuite.report.page.text import visible
from helpers.page_store import HOSTILE, NUMBER, gathered, make_records

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
COLOURS = """([selector, property]) => {
  const element = document.querySelector(selector);
  const read = (value) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d");
    context.fillStyle = value;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  let behind = element;
  const background = () => read(getComputedStyle(behind).backgroundColor);
  while (background()[3] === 0) behind = behind.parentElement;
  return [read(getComputedStyle(element)[property]), background()];
}"""


class Opened:
    """The page in a window of its own, with all that it asked for and complained of."""

    def __init__(self, browser: Any, file: Path, address: str = "", **look: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, **look})
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(file.as_uri() + address)
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def texts(self, selector: str) -> list[str]:
        return list(self.page.locator(selector).all_inner_texts())

    def samples(self) -> list[str]:
        return self.texts("#list button bdi")

    def shown(self) -> str:
        return str(self.page.locator("#sample-title").inner_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = running.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="module")
def data() -> Any:
    made = make_records()
    gone = ("right", "smoke-sts")
    found = gathered([m for m in made if (m[0].checkpoint.name, m[0].signature.task) != gone])
    return replace(found, exchange=({"schema_version": "0.3.0"},))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, data: Any) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_text(data), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    found = Opened(browser, file)
    yield found
    assert found.complaints == []
    assert found.requests == [file.as_uri()]
    found.context.close()


def test_it_opens_without_a_request_or_a_complaint(opened: Opened) -> None:
    assert opened.page.title() == "smoke: evaluation report"
    assert opened.page.locator("h2").all_inner_texts() == [
        "Summary", "Tables", "Figures", "Samples", "Records",
    ]  # fmt: skip


def test_headers_sort_and_say_so_and_gaps_stay_last(opened: Opened) -> None:
    head = opened.page.locator("#table-scores th[aria-sort]", has_text="STS")
    names = "#table-scores tbody th[scope=row]"
    for direction in ("descending", "ascending"):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == direction
        assert opened.texts(names) == ["left", "right"]  # "right" has no score there
    choice = opened.page.locator("#table-scores th[aria-sort]", has_text="CLF")
    choice.locator("button").press("Enter")
    assert opened.texts(names) == ["right", "left"]
    choice.locator("button").press("Enter")
    assert opened.texts(names) == ["left", "right"]
    assert head.get_attribute("aria-sort") == "none"
    assert opened.page.locator("#table-scores [aria-sort=ascending]").count() == 1


def test_rows_can_be_filtered(opened: Opened) -> None:
    opened.page.locator("#table-compared [data-filter]").fill("CODE")
    rows = opened.page.locator("#table-compared tbody tr:not(.group):visible th")
    assert rows.all_inner_texts() == ["smoke-code"]
    # ten tasks that both have, and the average that both have
    assert "1 of 11 rows" in opened.page.locator("#table-compared .said").inner_text()
    opened.page.locator("#table-compared [data-filter]").fill("")
    assert rows.count() == 11


def test_tables_can_be_copied(opened: Opened, data: Any) -> None:
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = copies(data, "table-scores", data.table)
    assert copied.keys() == {"latex", "csv", "json", "eee"}
    for kind, text in copied.items():
        opened.page.locator(f"#table-scores [data-copy={kind}]").click()
        opened.page.locator("#table-scores .said", has_text="Copied.").wait_for()
        assert opened.page.evaluate("navigator.clipboard.readText()") == text


def test_samples_by_what_went_wrong(opened: Opened) -> None:
    """No answer was found in every 3rd, and every 5th is truncated."""
    page = opened.page
    page.locator("select[name=task]").select_option(label="smoke-arithmetic")
    page.locator("#count", has_text="of smoke-arithmetic").wait_for()
    listed = {int(name.rpartition("/")[2]) for name in opened.samples()}
    choice = page.locator("select[name=problem]")
    for name, every in (("truncated", 5), ("no answer found", 3)):
        expected = {number for number in listed if number % every == 0}
        choice.select_option(label=f"{name} ({len(expected)})")
        page.locator("#count", has_text=f"{len(expected)} listed").wait_for()
        assert {int(name.rpartition("/")[2]) for name in opened.samples()} == expected
    choice.select_option(value="")
    page.locator("#count", has_text=f"{len(listed)} listed").wait_for()
    page.locator("select[name=task]").select_option(label="smoke-sts")
    choice.wait_for(state="hidden")


def test_samples_side_by_side_and_only_the_changed_ones(opened: Opened) -> None:
    """Wrong are every 2nd sample on the left and every 3rd on the right."""
    page = opened.page
    page.locator("select[name=task]").select_option(label="smoke-arithmetic")
    assert page.locator("select[name=a] option:checked").inner_text() == "left"
    assert page.locator("select[name=b] option:checked").inner_text() == "right"
    count = page.locator("#count").inner_text()
    assert f"20 of {NUMBER} samples of smoke-arithmetic are in this page" in count
    assert "--samples" in count
    changed = {n for n in range(NUMBER) if (n % 2 > 0) != (n % 3 > 0)}
    listed = {int(name.rpartition("/")[2]) for name in opened.samples()}
    assert changed <= listed
    assert len(listed) == 20
    page.locator("input[name=changed]").check()
    assert {int(name.rpartition("/")[2]) for name in opened.samples()} == changed
    assert "the same for both" in page.locator("#fields h4", has_text="Prompt").inner_text()
    page.locator("select[name=b]").select_option(label="nothing")
    assert len(opened.samples()) == 20
    assert page.locator("#fields .prompt").inner_text().startswith("Prompt as the model saw it")


def test_samples_can_be_searched(opened: Opened) -> None:
    opened.page.locator("select[name=task]").select_option(label="smoke-code")
    opened.page.locator("input[name=search]").fill("u+202E")
    names = opened.samples()
    assert names
    at = HOSTILE.index(next(text for text in HOSTILE if "\u202e" in text))
    assert {int(name.rpartition("/")[2]) % len(HOSTILE) for name in names} == {at}
    opened.page.locator("input[name=search]").fill("nowhere to be found")
    assert opened.samples() == []
    assert opened.shown() == "No sample"


def test_keys_walk_through_the_samples(opened: Opened) -> None:
    names = opened.samples()
    assert opened.shown() == names[0]
    opened.page.locator("#list button").first.focus()
    for key, at in (("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("k", 0)):
        opened.page.keyboard.press(key)
        assert opened.shown() == names[at]
        current = opened.page.locator("#list [aria-current=true]")
        assert current.locator("bdi").inner_text() == names[at]
        assert current.evaluate("e => e === document.activeElement")
    opened.page.locator("input[name=search]").focus()
    opened.page.keyboard.type("j")
    assert opened.page.locator("input[name=search]").input_value() == "j"


def test_addresses_lead_to_a_sample(opened: Opened, browser: Any, file: Path) -> None:
    opened.page.locator("select[name=task]").select_option(label="smoke-reading")
    opened.page.locator("#list button").nth(3).click()
    address = "#" + opened.page.url.partition("#")[2]
    again = Opened(browser, file, address)
    assert again.shown() == opened.shown() == opened.samples()[3]
    assert again.complaints == []
    again.page.goto(file.as_uri() + "#s/smoke-code/right")
    again.page.locator("#count", has_text="smoke-code").wait_for()
    assert again.page.locator("select[name=a] option:checked").inner_text() == "right"
    again.page.goto(file.as_uri() + "#s/%E0%A4%A/x")  # not an address
    assert again.complaints == []
    again.context.close()


def test_hostile_answers_do_nothing_but_show(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "hostile.html"
    file.write_text(page_text(gathered(make_records(), most=NUMBER)), encoding="utf-8")
    opened = Opened(browser, file)
    page = opened.page
    page.locator("select[name=task]").select_option(label="smoke-code")
    page.locator("select[name=b]").select_option(label="nothing")
    elements = page.evaluate("document.querySelectorAll('script, img, a, svg').length")
    seen = set()
    for number in range(page.locator("#list button").count()):
        page.locator("#list button").nth(number).click()
        seen.add(page.locator("#fields .answer .text").evaluate("e => e.textContent"))
        assert page.locator("#fields").evaluate("e => e.querySelectorAll('*').length") < 40
        overflow = "document.documentElement.scrollWidth - innerWidth"
        assert page.evaluate(overflow) <= 0
    # A store cannot hold a lone surrogate.
    wanted = {visible(text) for text in HOSTILE if len(text) < 1000 and "\ud800" not in text}
    assert wanted <= seen
    assert any("980,000 characters left out" in text for text in seen)
    assert page.evaluate("window.hacked === undefined")
    assert page.evaluate("document.querySelectorAll('script, img, a, svg').length") == elements
    assert opened.complaints == []
    assert opened.requests == [file.as_uri()]
    opened.context.close()


def test_right_to_left_text_stays_in_its_box(opened: Opened) -> None:
    style = "e => getComputedStyle(e).unicodeBidi"
    assert opened.page.locator("#fields .text").first.evaluate(style) in ("isolate", "plaintext")


def test_records_open_on_request(opened: Opened) -> None:
    opened.page.locator("details[data-row='0'] > summary").click()
    opened.page.locator(".records details").first.wait_for()
    assert opened.page.locator("details[data-row='0'] .records details").count() == 11
    opened.page.locator(".records summary").first.click()
    opened.page.locator(".records h4", has_text="Environment").wait_for()
    said = opened.page.locator(".records details").first.inner_text()
    for word in ("Signature", "task_hash", "Environment", "packages.evalsuite"):
        assert word in said


def test_colours_of_the_heat_map_can_be_changed(opened: Opened) -> None:
    cell = opened.page.locator("table.heat td.r10").first
    colour = "e => getComputedStyle(e).backgroundColor"
    before = cell.evaluate(colour)
    opened.page.locator("input[name=heat][value=task]").check()
    assert cell.evaluate(colour) != before


def test_a_phone_scrolls_only_downwards(browser: Any, file: Path) -> None:
    found = Opened(browser, file, viewport=PHONE, is_mobile=True, has_touch=True)
    found.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found.page.locator(".records details").first.wait_for()
    assert found.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert found.page.evaluate("innerWidth") == PHONE["width"]
    found.context.close()


def luminance(colour: list[int]) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4
             for c in colour[:3]]  # fmt: skip
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(browser: Any, file: Path, scheme: str) -> None:
    found = Opened(browser, file, color_scheme=scheme)
    page = found.page
    paper = []
    for selector, of in (
        ("#summary p", "color"), ("header a", "color"), ("#count", "color"),
        (".notes li", "color"), ("#table-scores td.missing", "color"), ("caption", "color"),
        (".field h4", "color"), ("#list .won", "color"), ("#list .lost", "color"),
        ("#table-scores button", "color"), ("table.heat td.h7", "color"),
        ("table.heat td.h5", "color"), ("#scatter svg text", "fill"), ("#forest svg text", "fill"),
        ("select", "color"),
    ):  # fmt: skip
        ink, behind = page.evaluate(COLOURS, [selector, of])
        low, high = sorted((luminance(ink), luminance(behind)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (selector, ink, behind)
        paper.append(luminance(behind))
    assert (paper[0] > 0.5) == (scheme == "light")
    # the deepest colour of the heat map, on a cell that has another one
    page.evaluate("document.querySelector('table.heat td.h7').className = 'h10'")
    ink, behind = page.evaluate(COLOURS, ["table.heat td.h10", "color"])
    low, high = sorted((luminance(ink), luminance(behind)))
    assert (high + 0.05) / (low + 0.05) >= 4.5
    found.context.close()


def test_the_theme_button_turns_the_colours_over(opened: Opened) -> None:
    _, light = opened.page.evaluate(COLOURS, ["#summary p", "color"])
    button = opened.page.locator("#theme")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    _, dark = opened.page.evaluate(COLOURS, ["#summary p", "color"])
    assert luminance(light) > 0.8
    assert luminance(dark) < 0.1
    assert button.get_attribute("aria-pressed") == "true"


def test_print_shows_tables_and_no_controls(browser: Any, file: Path) -> None:
    found = Opened(browser, file, color_scheme="dark")
    found.page.emulate_media(media="print")
    for selector in ("nav", "#choice", "#theme", "[data-copy=csv]", "#list"):
        assert not found.page.locator(selector).first.is_visible()
    for selector in ("#table-scores table", "#heat table", "#scatter svg", "#sample"):
        assert found.page.locator(selector).first.is_visible()
    _, paper = found.page.evaluate(COLOURS, ["#summary p", "color"])
    assert paper[:3] == [255, 255, 255]
    found.context.close()


def test_screen_readers_find_their_way(opened: Opened) -> None:
    page = opened.page
    for role, name in (
        ("navigation", "Sections"), ("main", ""), ("region", "Summary"), ("region", "Samples"),
        ("list", "Samples"), ("combobox", "Task"), ("searchbox", "Search"),
        ("checkbox", "only changed"), ("button", "Dark"), ("img", "Embedding and generative"),
    ):  # fmt: skip
        assert page.get_by_role(role, name=name).count() >= 1, (role, name)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(second - first <= 1 for first, second in pairwise(levels))
    unnamed = """[...document.querySelectorAll('input, select, button')].filter(
      (e) => !e.labels?.length && !e.textContent.trim()).length"""
    assert page.evaluate(unnamed) == 0
    identities = "[...document.querySelectorAll('[id]')].map((e) => e.id)"
    found = page.evaluate(identities)
    assert len(set(found)) == len(found)


def test_motion_is_left_out_when_asked(browser: Any, file: Path) -> None:
    found = Opened(browser, file, reduced_motion="reduce")
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert found.page.evaluate(behaviour) == "auto"
    found.context.close()
