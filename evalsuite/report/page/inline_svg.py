"""A matplotlib figure as SVG inside the page, in the page's colours."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

from evalsuite.report.figure_files import BLUE, GREEN, ORANGE, PINK, SKY
from evalsuite.report.page.text import visible

SCALE: Final = 1.6
"""Pixels for each point of a figure: makes its letters as large as those of the page."""
COLOURS: Final = {
    BLUE: "var(--c0)",
    ORANGE: "var(--c1)",
    GREEN: "var(--c2)",
    PINK: "var(--c3)",
    SKY: "var(--c4)",
    "#000000": "var(--ink)",
    "#ffffff": "var(--paper)",
    "#e6e6e6": "var(--line)",
    "#f1f1f1": "var(--raised)",
    "#eeeeee": "var(--raised)",
    "#444444": "var(--soft)",
    "#555555": "var(--soft)",
    "#6a6a6a": "var(--soft)",
    "#8a8a8a": "var(--soft)",
}
"""Colour of a figure → colour of the page, which has a light and a dark one for each."""
_PAGE = {colour.lower(): name for colour, name in COLOURS.items()}
_NAMES: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}
_DROPPED: Final = ("metadata", "style")
"""Elements that the page has no use for; its policy would refuse the style."""
_LONG_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE: Final = re.compile(r"^(?:url\(#(.+)\)|#(.+))$")


def inline_svg(
    figure: Any,
    ident: str,
    label: str,
    about: str,
    points: Mapping[str, Sequence[str]],
    *,
    fluid: bool = False,
) -> str:
    """Turn a figure into an ``svg`` element.

    The page allows no inline styles and no identifier twice: styles become attributes, and
    identifiers that nothing refers to are dropped.

    Args:
        figure: The ``matplotlib.figure.Figure``.
        ident: Unlike that of any other figure of the page; begins the identifiers.
        label: Name for screen readers.
        about: Description for screen readers.
        points: ``gid`` of a line or collection → the text that each of its points shows when it
            is pointed at, in order.
        fluid: Whether the figure takes the width of its place, not its own.
    """
    out = io.StringIO()
    with warnings.catch_warnings():  # the browser has other fonts, with more letters
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata=_NAMES)
    drawn = ET.fromstring(out.getvalue())  # noqa: S314 (made here)
    _without_dropped(drawn)
    for gid, texts in points.items():
        _say(drawn, gid, texts)
    references = {found for element in drawn.iter() for found in _referred(element)}
    for element in drawn.iter():
        _adapt(element, ident, references)
    width, height = (float(drawn.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    size = (
        {"width": "100%"}
        if fluid
        else {"width": f"{SCALE * width:.0f}", "height": f"{SCALE * height:.0f}"}
    )
    for name in ("width", "height", "version"):
        drawn.attrib.pop(name)
    drawn.attrib.update(
        {
            **size,
            "class": "plot",
            "role": "img",
            "aria-label": visible(label),
            "stroke-linejoin": "round",
        }
    )
    description = ET.Element("desc")
    description.text = visible(about)
    drawn.insert(0, description)
    return ET.tostring(drawn, encoding="unicode")


def _without_dropped(parent: ET.Element) -> None:
    for child in list(parent):
        if child.tag.rpartition("}")[2] in _DROPPED:
            parent.remove(child)
        else:
            _without_dropped(child)


def _say(drawn: ET.Element, gid: str, texts: Sequence[str]) -> None:
    """Give each point of a group the text that browsers show when it is pointed at."""
    group = next(element for element in drawn.iter() if element.get("id") == gid)
    marks = [element for element in group.iter() if element.tag.endswith("}use")]
    for mark, text in zip(marks, texts, strict=True):
        ET.SubElement(mark, "title").text = text


def _referred(element: ET.Element) -> list[str]:
    """The identifiers that an element refers to."""
    found = (_REFERENCE.match(value) for value in element.attrib.values())
    return [match[1] or match[2] for match in found if match]


def _adapt(element: ET.Element, ident: str, references: set[str]) -> None:
    """Rewrite an element's name, styles, identifiers and text for the page."""
    element.tag = element.tag.rpartition("}")[2]
    attributes: dict[str, str] = {}
    for name, value in element.attrib.items():
        plain = name.rpartition("}")[2]
        if plain == "style":
            attributes.update(_presentation(value))
        elif plain == "id":
            attributes.update({"id": f"{ident}-{value}"} if value in references else {})
        elif plain == "transform" and value.startswith("rotate(-0 "):
            pass
        elif match := _REFERENCE.match(value):
            at = f"#{ident}-{match[1] or match[2]}"
            attributes[plain] = f"url({at})" if match[1] else at
        else:
            attributes[plain] = _LONG_NUMBER.sub(_rounded, " ".join(value.split()))
    element.attrib.clear()
    element.attrib.update(attributes)
    element.text = visible(element.text.strip()) if element.text and element.text.strip() else None
    element.tail = None


def _rounded(number: re.Match[str]) -> str:
    """A coordinate in hundredths of a point: finer than any screen."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _presentation(style: str) -> dict[str, str]:
    """A style as attributes; the font is the page's own."""
    found = (part.partition(":") for part in style.split(";") if part.strip())
    pairs = {name.strip(): value.strip() for name, _, value in found}
    pairs.pop("font-family", None)
    return {name: _PAGE.get(value, value) for name, value in pairs.items()}
