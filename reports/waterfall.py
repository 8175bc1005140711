"""A level before, the steps from it and the level after, in; a picture (SVG) of how one became the other, out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

WIDTH: Final = 760
ROW: Final = 30
NAMES: Final = 190  # pixels of the names on the left
FIGURES: Final = 90  # and of the figures on the right
WHOLE, UP, DOWN, INK = "#2f6f9f", "#b7791f", "#5b8c5a", "#1f2933"


def waterfall(
    first: tuple[str, float], steps: Sequence[tuple[str, float]], last: tuple[str, float], told: Callable[[float], str]
) -> str:
    """Return the picture. first, last: name and level; steps: name and what is added; told: a level in words."""
    levels = [first[1]]
    for _, amount in steps:
        levels.append(levels[-1] + amount)
    low, high = min(*levels, last[1]), max(*levels, last[1])
    room = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    low, high = (0.0 if 0 <= low < 3 * (high - low) else low - room), high + room

    def x(level: float) -> float:
        return NAMES + (WIDTH - NAMES - FIGURES) * (level - low) / (high - low)

    rows = [
        _bar(0, first[0], x(low), x(first[1]), WHOLE, told(first[1])),
        *(
            _bar(
                i + 1,
                name,
                x(levels[i]),
                x(levels[i + 1]),
                UP if amount > 0 else DOWN,
                f"{'+' if amount > 0 else ''}{told(amount)}",
            )
            for i, (name, amount) in enumerate(steps)
        ),
        _bar(len(steps) + 1, last[0], x(low), x(last[1]), WHOLE, told(last[1])),
    ]
    for i, level in enumerate(levels):
        line = f"M{x(level):.1f} {i * ROW + ROW - 4}V{(i + 1) * ROW + 6}"
        rows.append(f'<path d="{line}" stroke="#9aa5b1" stroke-dasharray="2 2"/>')
    height = ROW * (len(steps) + 2)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
    inside = "\n".join(rows)
    return f'{head} font-size="13">\n{inside}\n</svg>'


def _bar(row: int, name: str, start: float, end: float, colour: str, figure: str) -> str:
    top, left, right = row * ROW, min(start, end), max(start, end)
    width = max(right - left, 1.0)
    return (
        f'<text x="{NAMES - 10}" y="{top + 20}" text-anchor="end" fill="{INK}">{escape(_short(name))}</text>'
        f'<rect x="{left:.1f}" y="{top + 6}" width="{width:.1f}" height="{ROW - 10}" fill="{colour}"/>'
        f'<text x="{right + 6:.1f}" y="{top + 20}" fill="{INK}">{escape(figure)}</text>'
    )


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
