"""Where panels go: beside what they belong to, inside the image, never on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEFT_COST = 80
"""Keeps the panel of a face in the middle from jumping between its two sides."""


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels; ``right`` and ``bottom`` are outside of it."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.y + self.height

    def overlap(self, other: Box) -> int:
        """Return the area in pixels that both cover."""
        columns = min(self.right, other.right) - max(self.x, other.x)
        rows = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(columns, 0) * max(rows, 0)

    def within(self, area: Box) -> bool:
        """Return whether it lies inside an area."""
        return (
            self.x >= area.x
            and self.y >= area.y
            and self.right <= area.right
            and self.bottom <= area.bottom
        )


def place(
    size: tuple[int, int],
    anchor: Box | None,
    taken: Sequence[Box],
    avoid: Sequence[Box],
    area: Box,
    gap: int,
) -> Box | None:
    """Find a place for a panel.

    Args:
        size: (width, height) of the panel.
        anchor: what it belongs to; None puts it at the lower left.
        taken: panels that are there already; never covered.
        avoid: other faces; at most a twentieth of the panel may cover them.
        area: where panels may lie.
        gap: pixels between the anchor and its panel.

    Returns:
        The place that covers least of the anchor and lies nearest to it, rather beside than
        below; None when no free place is left.
    """
    width, height = size
    best: tuple[float, Box] | None = None
    for x, y in _candidates(size, anchor, taken, area, gap):
        box = Box(
            min(max(x, area.x), max(area.right - width, area.x)),
            min(max(y, area.y), max(area.bottom - height, area.y)),
            width,
            height,
        )
        if not box.within(area) or any(box.overlap(other) for other in taken):
            continue
        if sum(box.overlap(other) for other in avoid) * 20 > width * height:
            continue
        cost = 0.0
        if anchor is not None:
            cost += 4 * box.overlap(anchor)
            cost += abs(2 * box.x + width - 2 * anchor.x - anchor.width)
            cost += LEFT_COST if box.x < anchor.x else 0
            cost += 1.5 * abs(2 * box.y + height - 2 * anchor.y - anchor.height)
        if best is None or cost < best[0]:
            best = (cost, box)
    return None if best is None else best[1]


def _candidates(
    size: tuple[int, int], anchor: Box | None, taken: Sequence[Box], area: Box, gap: int
) -> list[tuple[int, int]]:
    """Return the corners worth trying: around the anchor, along the other panels, the corners."""
    width, height = size
    corners = [
        (area.x, area.bottom - height),
        (area.right - width, area.bottom - height),
        (area.x, area.y),
        (area.right - width, area.y),
    ]
    if anchor is not None:
        beside = [anchor.y, anchor.y + (anchor.height - height) // 2, anchor.bottom - height]
        above = [anchor.x, anchor.x + (anchor.width - width) // 2, anchor.right - width]
        around = [(x, y) for y in beside for x in (anchor.right + gap, anchor.x - gap - width)]
        around += [(x, y) for x in above for y in (anchor.bottom + gap, anchor.y - gap - height)]
        corners = around + corners
    for panel in taken:
        corners += [
            (panel.x, panel.y - gap - height),
            (panel.x, panel.bottom + gap),
            (panel.right + gap, panel.y),
            (panel.x - gap - width, panel.y),
        ]
    return corners
