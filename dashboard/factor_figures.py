"""A factor study's record in, Plotly figures out. Knows no Dash; an empty figure says why it is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import INK, LINE, QUIET, SECOND, empty, layout_of
from domain.text import Translate
from reports import factor_text
from reports.figures import percent

GRID: Final = "#e4e7eb"
GOOD: Final = "rgba(45,122,70,0.14)"
HOLE: Final = "rgba(97,110,124,0.22)"
MOST: Final = 10
LONGEST: Final = 34  # signs of a name beside a bar
Record = Mapping[str, Any]


def ranking(record: Record | None, t: Translate) -> go.Figure:
    """Draw the factors by importance, the first at the top, each with the interval of its rank."""
    if record is None:
        return empty(t("No factor study yet"))
    rows = list(reversed(record["factors"][:MOST]))
    names = [f"{f['rank']}. {_short(f['name'])} {factor_text.SIGNS[f['direction']]}" for f in rows]
    bars = go.Bar(
        x=[f["score"] for f in rows],
        y=names,
        orientation="h",
        marker={"color": [LINE if f["controllable"] else QUIET for f in rows]},
        text=[factor_text.rank_interval(f, t) for f in rows],
        textposition="outside",
        cliponaxis=False,
        hovertext=[f"{f['name']}<br>{factor_text.slopes(f, t)}" for f in rows],
        hoverinfo="text",
        showlegend=False,
    )
    figure = go.Figure(bars, layout=layout_of(height=80 + 30 * len(rows), hovermode="closest"))
    top = max(f["score"] for f in rows)
    figure.update_xaxes(
        title_text=t("share of what the factors explain"), tickformat=".0%", gridcolor=GRID, range=[0, top * 1.22]
    )
    return figure.update_yaxes(automargin=True)


def effect(record: Record | None, factor: str | None, t: Translate) -> go.Figure:
    """Draw a factor's effect over its lots, holes of history grey, a recommended window green, below it how many lots
    there are.
    """
    found = None if record is None or factor is None else record["effects"].get(factor)
    if record is None or found is None:
        return empty(t("No factor study yet") if record is None else t("Choose a factor"))
    x, mean = np.array(found["x"]), found["mean"]
    figure = go.Figure(layout=layout_of(height=400, hovermode="closest"))
    dots = [(a, b) for a, b in zip(*found["dots"], strict=True) if a is not None and x[0] <= a <= x[-1]]
    figure.add_trace(
        go.Scatter(
            x=[a for a, _ in dots], y=[b for _, b in dots], mode="markers", name=t("one lot"),
            marker={"color": "rgba(47,111,159,0.30)", "size": 5},
        )
    )  # fmt: skip
    low, line, high = (np.array(found[k]) + mean for k in ("low", "y", "high"))
    hidden = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=low, **hidden))
    figure.add_trace(go.Scatter(x=x, y=high, fill="tonexty", fillcolor="rgba(183,121,31,0.25)", **hidden))
    figure.add_trace(
        go.Scatter(x=x, y=line, mode="lines", name=t("effect, with 90 % band"), line={"color": SECOND, "width": 2.5})
    )
    for a, b, ok in zip(x[:-1], x[1:], found["is_supported"], strict=True):
        if not ok:
            figure.add_vrect(x0=a, x1=b, fillcolor=HOLE, line_width=0, layer="below")
    for a in record["advice"]:
        if a["factor"] == factor and not a["reason"]:
            figure.add_vrect(x0=a["low"], x1=a["high"], fillcolor=GOOD, line_width=0, layer="below")
    _support(figure, x, np.array(found["counts"], dtype=np.float64))
    ends = np.quantile([b for _, b in dots] or [mean], (0.01, 0.99))
    floor, ceiling = min(float(ends[0]), float(low.min())), max(float(ends[1]), float(high.max()))
    room = (ceiling - floor or 1.0) * 0.06
    unit = record["units"].get(factor, "")
    figure.update_xaxes(title_text=f"{factor} [{unit}]" if unit else factor, gridcolor=GRID, zeroline=False)
    name = f"{record['outcome']} [{record['unit']}]" if record["unit"] else record["outcome"]
    return figure.update_yaxes(title_text=name, gridcolor=GRID, zeroline=False, range=[floor - room, ceiling + room])


def _support(figure: go.Figure, x: Any, counts: Any) -> None:
    density = counts / np.maximum(np.diff(x), 1e-12)
    for a, b, share in zip(x[:-1], x[1:], density / (density.max() or 1.0), strict=True):
        colour = f"rgba(31,41,51,{0.06 + 0.74 * float(share):.2f})"
        figure.add_shape(type="rect", x0=a, x1=b, y0=0, y1=0.025, yref="paper", fillcolor=colour, line={"width": 0})


def deciles(record: Record | None, t: Translate) -> go.Figure:
    """Draw the share of bad lots by tenth of the held-out prediction, and that of all lots."""
    if record is None or not record["deciles"]:
        return empty(t("No factor study yet"))
    rows = record["deciles"]
    total = sum(d["n"] for d in rows)
    base = sum(d["share"] * d["n"] for d in rows) / total
    bars = go.Bar(
        x=[d["tenth"] for d in rows],
        y=[d["share"] for d in rows],
        marker={"color": LINE},
        text=[factor_text.lift(d["lift"]) for d in rows],
        textposition="outside",
        cliponaxis=False,
        showlegend=False,
    )
    figure = go.Figure(bars, layout=layout_of(height=280, hovermode="closest"))
    figure.add_hline(y=base, line={"color": SECOND, "width": 2, "dash": "dash"})
    figure.add_annotation(
        text=t("all lots: {share}", share=percent(base)), x=1, y=base, xref="paper", xanchor="right",
        yanchor="bottom", showarrow=False, font={"color": INK},
    )  # fmt: skip
    top = max(d["share"] for d in rows) or 1.0
    figure.update_xaxes(title_text=t("tenth of held-out lots by prediction, the worst first"), dtick=1)
    return figure.update_yaxes(title_text=t("bad lots"), tickformat=".0%", gridcolor=GRID, range=[0, top * 1.18])


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
