"""Where the labels of a scatter plot go: deterministic, and never on top of anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ANGLES = (0, 180, 90, 270, 30, 150, 330, 210, 60, 120, 300, 240)
"""Directions to try, in degrees: beside the point first, then above and below."""

_STEPS_ON_LINE = 24
_RINGS = 20
_ALONE = 1.6
"""A label without a line keeps this many gaps away from all points but its own."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Whether two rectangles share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def inside(self, other: Box) -> bool:
        """Whether this rectangle lies within another one."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies within."""
        return self.left < x < self.right and self.bottom < y < self.top

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The point of the rectangle that is nearest to another point."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)


@dataclass(frozen=True, slots=True)
class Label:
    """Where a label goes."""

    box: Box
    line: tuple[float, float] | None
    """Where the line from the point ends; ``None`` right beside the point."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A point with a label to place; all in pixels."""

    x: float
    y: float
    width: float
    height: float


def place(
    anchors: Sequence[Anchor], obstacles: Sequence[Box], bounds: Box, *, gap: float
) -> list[Label | None]:
    """Find a place for each label.

    First all labels that fit right beside their point and beside no other one, the loneliest
    first; then the others, the most crowded first, each at the nearest place that covers no
    obstacle, label or line and whose own line crosses none.

    Args:
        anchors: Points and label sizes.
        obstacles: What must stay visible, the points' own markers included.
        bounds: Where labels may be.
        gap: Least distance of a label from its point; also the step by which it moves away.

    Returns:
        One place for each point; ``None`` where there is no room.
    """
    order = sorted(range(len(anchors)), key=lambda i: (_crowd(anchors, i), anchors[i].y, i))
    placed: dict[int, Label] = {}
    taken = list(obstacles)

    def try_rings(index: int, rings: range) -> None:
        anchor = anchors[index]
        others = [other for at, other in enumerate(anchors) if at != index]
        for ring, box in _candidates(anchor, gap, rings):
            if not box.inside(bounds) or any(box.overlaps(other) for other in taken):
                continue
            if ring == 1 and any(_distance(box, other) < _ALONE * gap for other in others):
                continue
            line = _line(anchor, box, _ALONE * gap) if ring > 1 else []
            if any(_crosses(line, other, anchor) for other in taken):
                continue
            placed[index] = Label(box, box.nearest(anchor.x, anchor.y) if ring > 1 else None)
            taken.extend([box, *(Box(x - 2, y - 2, x + 2, y + 2) for x, y in line)])
            return

    for index in order:
        try_rings(index, range(1, 2))
    for index in reversed(order):
        if index not in placed:
            try_rings(index, range(2, _RINGS))
    return [placed.get(index) for index in range(len(anchors))]


def _crowd(anchors: Sequence[Anchor], index: int) -> int:
    own = anchors[index]
    reach = own.width + own.height
    return sum(math.hypot(own.x - other.x, own.y - other.y) < reach for other in anchors)


def _candidates(anchor: Anchor, gap: float, rings: range) -> Iterator[tuple[int, Box]]:
    for ring in rings:
        for angle in _ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            x, y = anchor.x + ring * gap * dx, anchor.y + ring * gap * dy
            # The label touches (x, y) with the side that faces the point.
            left = x - anchor.width * (1 - dx) / 2
            bottom = y - anchor.height * (1 - dy) / 2
            yield ring, Box(left, bottom, left + anchor.width, bottom + anchor.height)


def _line(anchor: Anchor, box: Box, start: float) -> list[tuple[float, float]]:
    """Places on the line from a point to its label, from ``start`` pixels off the point.

    Markers that touch could otherwise never send off two lines.
    """
    end_x, end_y = box.nearest(anchor.x, anchor.y)
    length = math.hypot(end_x - anchor.x, end_y - anchor.y)
    shares = [step / _STEPS_ON_LINE for step in range(1, _STEPS_ON_LINE)]
    return [
        (anchor.x + share * (end_x - anchor.x), anchor.y + share * (end_y - anchor.y))
        for share in shares
        if share * length > start
    ]


def _crosses(line: Sequence[tuple[float, float]], other: Box, anchor: Anchor) -> bool:
    own = other.holds(anchor.x, anchor.y)  # a line may leave its own marker
    return not own and any(other.holds(x, y) for x, y in line)


def _distance(box: Box, anchor: Anchor) -> float:
    x, y = box.nearest(anchor.x, anchor.y)
    return math.hypot(x - anchor.x, y - anchor.y)
