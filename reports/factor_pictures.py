"""Pictures of a factor study (SVG): the ranking, an effect with its lots and support, lift by tenth. Pure.

Pictures of their own, so that a report needs nothing from outside, and can be mailed and printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from domain.numerals import numeral
from domain.text import Translate
from reports.factor_text import SIGNS, rank_interval

INK, LINE, BAND, DOT, HOLE, GRID, LIMIT = "#1f2933", "#b7791f", "#f0d9ae", "#2f6f9f", "#f3f4f6", "#e4e7eb", "#2e7d4f"
FONT: Final = "font-family=\"system-ui, 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif\""
ROW: Final = 30
Record = Mapping[str, Any]


def ranking(record: Record, t: Translate, most: int = 10) -> str:
    """Return the factors as bars by importance, each with the interval of its rank."""
    rows = record["factors"][:most]
    width, left = 900, 330
    top = max((f["score"] for f in rows), default=1.0) or 1.0
    body = []
    for i, f in enumerate(rows):
        y = 12 + i * ROW
        long = (width - left - 130) * f["score"] / top
        name = f"{f['rank']}. {f['name']} {SIGNS[f['direction']]}"
        body.append(_text(left - 10, y + 15, _short(name, 44), anchor="end", more=f"<title>{escape(name)}</title>"))
        body.append(f'<rect x="{left}" y="{y}" width="{max(1.0, long):.1f}" height="20" rx="2" fill="{DOT}"/>')
        said = rank_interval(f, t)
        body.append(_text(left + long + 8, y + 15, said, size=12, colour="#52606d"))
    return _picture(width, 24 + ROW * len(rows), body, t("Factors by importance"))


def effect(record: Record, factor: str, t: Translate, advice: Record | None = None) -> str:
    """Return a factor's effect over the lots: band of 90 %, holes of history shaded, a recommended window in green."""
    found = record["effects"][factor]
    width, height, left, right, top, bottom = 380, 250, 62, 16, 14, 46
    x, mean = np.array(found["x"]), found["mean"]
    line, low, high = (np.array(found[k]) + mean for k in ("y", "low", "high"))
    dots = [(a, b) for a, b in zip(*found["dots"], strict=True) if a is not None and x[0] <= a <= x[-1]]
    values = np.array([b for _, b in dots] or [mean])
    floor, ceiling = _span(values, np.concatenate([low, high]))

    def across(v: float) -> float:
        return float(left + (width - left - right) * (v - x[0]) / (x[-1] - x[0]))

    def up(v: float) -> float:
        return float(height - bottom - (height - top - bottom) * (v - floor) / (ceiling - floor))

    body = []
    for a, b, ok in zip(x[:-1], x[1:], found["is_supported"], strict=True):
        if not ok:
            body.append(_box(across(a), top, across(b) - across(a), height - top - bottom, "#d9dde2"))
    if advice is not None and not advice["reason"]:
        a, b = (across(float(np.clip(advice[k], x[0], x[-1]))) for k in ("low", "high"))
        body.append(_box(a, top, b - a, height - top - bottom, "#dcefe2"))
    body += _frame(
        left, top, width - right, height - bottom, [(across(v), v) for v in _ticks(x[0], x[-1])],
        [(up(v), v) for v in _ticks(floor, ceiling)],
    )  # fmt: skip
    body += [
        f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="2.2" fill="{DOT}" fill-opacity="0.28"/>'
        for a, b in dots
        if floor <= b <= ceiling
    ]
    band = [*zip(x, high, strict=True), *reversed(list(zip(x, low, strict=True)))]
    points = " ".join(f"{across(a):.1f},{up(float(np.clip(b, floor, ceiling))):.1f}" for a, b in band)
    body.append(f'<polygon points="{points}" fill="{BAND}" fill-opacity="0.8"/>')
    points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, line, strict=True))
    body.append(f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="2.5"/>')
    body += _support(found, across, height - bottom)
    unit = record["units"].get(factor, "")
    name = f"{factor} [{unit}]" if unit else factor
    body.append(_text((left + width - right) / 2, height - 8, name, anchor="middle", size=12))
    return _picture(width, height, body, t("Effect of {factor}", factor=factor))


def lift(record: Record, t: Translate) -> str:
    """Return the share of bad lots by tenth of the prediction, the worst first."""
    rows = record["deciles"]
    width, height, left, bottom, top = 940, 240, 62, 40, 14
    most = max((d["share"] for d in rows), default=0.0) or 1.0
    step = (width - left - 16) / max(1, len(rows))
    base = sum(d["share"] * d["n"] for d in rows) / max(1, sum(d["n"] for d in rows))
    body = []
    for i, d in enumerate(rows):
        tall = (height - top - bottom) * d["share"] / most
        body.append(_box(left + i * step + 4, height - bottom - tall, step - 8, tall, DOT))
        body.append(_text(left + (i + 0.5) * step, height - bottom + 16, str(d["tenth"]), anchor="middle", size=12))
    y = height - bottom - (height - top - bottom) * base / most
    body.append(f'<path d="M{left} {y:.1f}H{width - 16}" stroke="{LINE}" stroke-width="2" stroke-dasharray="6 3"/>')
    body += [_text(left - 8, height - bottom + 4, "0 %", anchor="end", size=12)]
    body += [_text(left - 8, top + 10, f"{most:.0%}", anchor="end", size=12)]
    said = t("tenth of held-out lots by prediction, the worst first; dashed: share of bad lots in all")
    body.append(_text((left + width) / 2, height - 6, said, anchor="middle", size=12))
    return _picture(width, height, body, t("Bad lots by prediction"))


def _support(found: Record, across: Any, y: float) -> Iterator[str]:
    """Yield how many lots there are, as a dark stripe below the axis: the darker, the more."""
    x, counts = found["x"], np.array(found["counts"], dtype=np.float64)
    density = counts / np.maximum(np.diff(np.array(x)), 1e-12)
    for a, b, d in zip(x[:-1], x[1:], density / (density.max() or 1.0), strict=True):
        yield (
            f'<rect x="{across(a):.1f}" y="{y:.1f}" width="{across(b) - across(a):.1f}" height="5" fill="{INK}" '
            f'fill-opacity="{0.05 + 0.75 * float(d):.2f}"/>'
        )


def _span(values: Any, band: Any) -> tuple[float, float]:
    floor, ceiling = np.quantile(values, (0.01, 0.99))
    floor, ceiling = min(float(floor), float(band.min())), max(float(ceiling), float(band.max()))
    room = (ceiling - floor or 1.0) * 0.04
    return floor - room, ceiling + room


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    if rough <= 0:
        return [low]
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda m: abs(m * power - rough))
    return [float(v) for v in np.arange(np.ceil(low / step) * step, high + step * 1e-9, step)]


def _frame(
    left: float, top: float, right: float, bottom: float, across: Sequence[tuple[float, float]],
    up: Sequence[tuple[float, float]],
) -> Iterator[str]:  # fmt: skip
    for x, v in across:
        yield f'<path d="M{x:.1f} {top}V{bottom}" stroke="{GRID}"/>'
        yield _text(x, bottom + 20, numeral(v), anchor="middle", size=12)
    for y, v in up:
        yield f'<path d="M{left} {y:.1f}H{right}" stroke="{GRID}"/>'
        yield _text(left - 8, y + 4, numeral(v), anchor="end", size=12)
    yield f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{INK}"/>'


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}" fill="{fill}"/>'
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, colour: str = INK, more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
        f"{escape(text)}{more}</text>"
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"


def _picture(width: int, height: int, body: Sequence[str], title: str) -> str:
    inside = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {FONT}>'
        f"<title>{escape(title)}</title>\n{inside}\n</svg>"
    )
