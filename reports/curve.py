"""A detector's curve to a picture: stops caught against false alarms a week, with its band and what it costs.

A picture of its own (SVG), so that it can be mailed and printed without a browser's plot library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from domain.numerals import numeral, numeral_beside
from domain.text import Translate

WIDTH: Final = 760
HEIGHT: Final = 420
LEFT, RIGHT, TOP, BOTTOM = 70, 80, 50, 60
FEWEST: Final = 5
LINE, BAND, MONEY, TAKEN, OTHER = "#2f6f9f", "#c9dcea", "#b7791f", "#c0392b", "#9aa5b1"


def picture(curve: Sequence[Mapping[str, Any]], title: str, currency: str, t: Translate) -> str:
    """Return the curve as SVG; with fewer than FEWEST events it says so across the picture."""
    rows = frontier(curve)
    n = rows[0]["events"] if rows else 0
    most = max((r["false_alarms_per_week"] for r in curve), default=0.0) or 1.0
    body = [_text(LEFT, 24, title, size=16), *_axes(most, rate(rows, t), t)]
    if n:
        upper = [(_x(r["false_alarms_per_week"], most), _y(_band(r, 1, n))) for r in rows]
        lower = [(_x(r["false_alarms_per_week"], most), _y(_band(r, 0, n))) for r in reversed(rows)]
        body.append(f'<polygon points="{_points([*upper, *lower])}" fill="{BAND}"/>')
        line = [(_x(r["false_alarms_per_week"], most), _y(r["caught"] / n)) for r in rows]
        body.append(f'<polyline points="{_points(line)}" fill="none" stroke="{LINE}" stroke-width="2"/>')
        dots = [(_x(r["false_alarms_per_week"], most), _y(r["caught"] / n)) for r in curve]
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{OTHER}"/>' for x, y in dots]
        body += _money(rows, most, currency, t)
        for r in curve:
            if r["is_taken"]:
                x, y = _x(r["false_alarms_per_week"], most), _y(r["caught"] / n)
                body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{TAKEN}"/>')
    if n < FEWEST:
        body.append(_text(WIDTH / 2, HEIGHT / 2, t("not enough events: {n}", n=n), anchor="middle", size=20))
    inside = "\n".join(body)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return f'{head}\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{inside}\n</svg>\n'


def frontier(curve: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the points that no other beats, by false alarms and so by stops caught.

    The others are no choice: a higher limit raises too late, a lower one an alert that never ends; both count as false.
    """
    found: list[Mapping[str, Any]] = []
    for row in sorted(curve, key=lambda r: (r["false_alarms_per_week"], -r["caught"])):
        if not found or row["caught"] > found[-1]["caught"]:
            found.append(row)
    return found


def rate(curve: Sequence[Mapping[str, Any]], t: Translate) -> str:
    """Return what false alarms are counted by: a week of an asset, or a case."""
    if curve and curve[0].get("is_per_case"):
        return t("false alarms per lot")
    return t("false alarms per asset and week")


def _band(row: Mapping[str, Any], end: int, n: int) -> float:
    band = row["recall_band"]
    return float(band[end]) if band else row["caught"] / n


def _money(rows: Sequence[Mapping[str, Any]], most: float, currency: str, t: Translate) -> list[str]:
    spent = [r["money_per_week"] for r in rows]
    if any(m is None for m in spent):
        return []
    top = max(spent) or 1.0
    points = [(_x(r["false_alarms_per_week"], most), _y(m / top)) for r, m in zip(rows, spent, strict=True)]
    name = t("cost per asset and week, at most {most} {currency}", most=numeral(top), currency=currency).rstrip()
    return [
        f'<polyline points="{_points(points)}" fill="none" stroke="{MONEY}" stroke-width="2" stroke-dasharray="6 3"/>',
        _text(WIDTH - RIGHT, TOP - 8, name, anchor="end", colour=MONEY),
    ]


def _axes(most: float, title: str, t: Translate) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    found = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#1f2933"/>']
    for i in range(5):
        share = i / 4
        found.append(_text(LEFT - 8, _y(share) + 4, f"{share:.0%}", anchor="end"))
        found.append(_text(_x(share * most, most), bottom + 18, numeral_beside(share * most, most), anchor="middle"))
    found.append(_text((LEFT + right) / 2, HEIGHT - 12, title, anchor="middle"))
    turned = f'transform="rotate(-90 18 {(TOP + bottom) / 2})"'
    found.append(_text(18, (TOP + bottom) / 2, t("stops caught"), anchor="middle", more=turned))
    return found


def _x(weekly: float, most: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * weekly / most


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#1f2933", more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" {more}>'
        f"{escape(text)}</text>"
    )
