"""Alarms and stops of each day of a week in, a picture (SVG) of them beside the week before out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH, HEIGHT = 760, 210
LEFT, TOP, BOTTOM = 40, 40, 46
NOW, BEFORE, STOP, INK, LINE = "#2f6f9f", "#c9dcea", "#c0392b", "#1f2933", "#9aa5b1"
MOST_NAMES: Final = 8  # days that are named; of more only some are, and their bars bear no figures
MOST_MARKS: Final = 6  # stops of a day that are drawn one by one


def days(
    names: Sequence[str],
    alarms: Sequence[int],
    alarms_before: Sequence[int],
    stops: Sequence[int],
    legend: tuple[str, str, str],
) -> str:
    """Return the picture: a bar of alarms for each day, the week before's behind it, and a mark for each stop.

    legend: what the bar, the one behind it and the mark are. A week before of fewer days leaves out the others.
    """
    every = -(-len(names) // MOST_NAMES)
    most = max([*alarms, *alarms_before, 1])
    step = (WIDTH - LEFT) / max(1, len(names))
    floor, body = HEIGHT - BOTTOM, []
    for i, name in enumerate(names):
        middle = LEFT + step * (i + 0.5)
        old = alarms_before[i] if i < len(alarms_before) else 0
        body += [_bar(middle - step * 0.30, step * 0.42, old, most, BEFORE, is_told=False)]
        body += [_bar(middle - step * 0.12, step * 0.42, alarms[i], most, NOW, is_told=every == 1)]
        body += [_text(middle, floor + 18, name)] if i % every == 0 else []
        body += _marks(middle, floor + 34, stops[i], 1 if every > 1 else MOST_MARKS)
    body.append(f'<path d="M{LEFT} {floor}H{WIDTH}" stroke="{LINE}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    inside = "\n".join([*_legend(legend), *body])
    return f'{head} font-size="12">\n{inside}\n</svg>'


def _bar(left: float, width: float, n: int, most: int, colour: str, *, is_told: bool) -> str:
    floor = HEIGHT - BOTTOM
    tall = (floor - TOP - 16) * n / most
    bar = f'<rect x="{left:.1f}" y="{floor - tall:.1f}" width="{width:.1f}" height="{tall:.1f}" fill="{colour}"/>'
    return bar + (_text(left + width / 2, floor - tall - 4, f"{n:,}") if is_told and n else "")


def _marks(middle: float, y: float, n: int, most: int) -> list[str]:
    if n > most:
        return [_mark(middle - 10, y), _text(middle + 8, y + 4, f"× {n}")]
    return [_mark(middle + 12 * (i - (n - 1) / 2), y) for i in range(n)]


def _mark(x: float, y: float) -> str:
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z" fill="{STOP}"/>'


def _legend(texts: tuple[str, str, str]) -> list[str]:
    found, x = [], float(LEFT)
    for text, colour in zip(texts[:2], (NOW, BEFORE), strict=True):
        found.append(f'<rect x="{x:.1f}" y="8" width="12" height="12" fill="{colour}"/>')
        found.append(_text(x + 18, 18, text, anchor="start"))
        x += 40 + 8.5 * _wide(text)
    return [*found, _mark(x + 5, 15), _text(x + 16, 18, texts[2], anchor="start")]


def _wide(text: str) -> float:
    """Return about how wide a text is, in letters; signs beyond Latin are wider."""
    return sum(1.0 if sign.isascii() else 1.5 for sign in text)


def _text(x: float, y: float, text: str, *, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
