"""What the page's figures share: axes, colours and the frame around a figure.

Places inside a drawing are percentages of its width, so that it fits any screen while its lines
and letters keep their size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalsuite.report.page.text import esc

COLOURS = 6
"""Series that differ in colour and shape; further ones begin again."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values with round ticks."""

    low: float
    high: float

    @classmethod
    def around(cls, values: list[float], pad: float = 0.06) -> Axis:
        """The axis that holds some values, with room at both ends."""
        low, high = min(values), max(values)
        room = pad * (high - low) or 1.0
        return cls(low - room, high + room)

    def at(self, value: float) -> float:
        """Where a value stands, in percent from the low end."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers inside the range."""
        rough = (self.high - self.low) / most
        scale = 10.0 ** math.floor(math.log10(rough))
        step = next(s * scale for s in (1, 2, 5, 10) if s * scale >= rough * 0.999)
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [round(n * step, 10) for n in range(first, last + 1)]


def colour(index: int) -> str:
    """Class of a series."""
    return f"c{index % COLOURS}"


def marker(index: int, x: str, y: str, title: str, size: float = 4.5) -> str:
    """A shape at a place: circle, square, diamond, then again; it says its value when pointed at.

    Args:
        index: Of the series.
        x: Place, with its unit.
        y: Place, with its unit.
        title: What it stands for.
        size: Half of its width, in pixels.
    """
    about = f"<title>{esc(title)}</title>"
    kind = index % 3
    if kind == 0:
        return f'<circle class="{colour(index)}" cx="{x}" cy="{y}" r="{size}">{about}</circle>'
    side = 2 * size - 1
    turn = ' transform="rotate(45)"' if kind == 2 else ""
    box = f'<rect x="{-side / 2}" y="{-side / 2}" width="{side}" height="{side}"{turn}>'
    return (
        f'<svg class="{colour(index)} mark" x="{x}" y="{y}" overflow="visible">'
        f"{box}{about}</rect></svg>"
    )


def figure(ident: str, title: str, body: str, about: str = "") -> str:
    """A figure under its own heading.

    Args:
        ident: Unlike any other on the page.
        title: Its heading.
        body: HTML.
        about: HTML of the line below the heading.
    """
    line = f"<p>{about}</p>" if about else ""
    return (
        f'<section class="figure" id="{ident}" aria-labelledby="{ident}-title">'
        f'<h3 id="{ident}-title">{esc(title)}</h3>{line}{body}</section>'
    )


def scrolled(label: str, body: str, names: str = "scroll") -> str:
    """HTML that scrolls inside its own box, with the keyboard as well."""
    return f'<div class="{names}" tabindex="0" role="region" aria-label="{esc(label)}">{body}</div>'
