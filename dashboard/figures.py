"""Page data in, Plotly figures out. Knows no Dash; an empty figure says why it is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard import words
from dashboard.queries import AssetView, QualityView
from domain.instants import to_ns
from domain.numerals import numeral
from domain.scores import Contribution, Scale, Score
from domain.text import Translate
from reports.curve import frontier

INK: Final = "#1f2933"
LINE: Final = "#2f6f9f"
SECOND: Final = "#b7791f"
ALARM: Final = "#c0392b"
QUIET: Final = "#9aa5b1"
LONGEST: Final = 28  # letters of a line of a title that a chart has room for
FEWEST_EVENTS: Final = 5
FONT: Final = "system-ui, 'Segoe UI', 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif"


def layout_of(**extra: Any) -> dict[str, Any]:
    """Return what every figure's layout has, and what this one has beside."""
    base = {
        "margin": {"l": 64, "r": 20, "t": 36, "b": 44},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": FONT, "size": 13, "color": INK},
        "hovermode": "x unified",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "uirevision": "keep",
    }
    return {**base, **extra}


def empty(reason: str, height: int = 260) -> go.Figure:
    """Return a figure that says why there is nothing to show."""
    figure = go.Figure(layout=layout_of(height=height))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(text=reason, showarrow=False, font={"size": 15, "color": QUIET}, xref="paper", yref="paper")
    return figure


def trend(view: AssetView, t: Translate, zone: ZoneInfo) -> go.Figure:
    """Draw the chosen tags one below the other on one time axis, with limits and alerts."""
    drawn = [s for s in view.series if len(s.times)]
    if not view.series:
        return empty(t("Choose a tag to see its trend"))
    if not drawn:
        return empty(t("No data of these tags in this time range"))
    figure = make_subplots(rows=len(drawn), cols=1, shared_xaxes=True, vertical_spacing=0.04)
    for row, series in enumerate(drawn, start=1):
        tag = series.tag
        name = f"{tag.name} [{tag.unit}]" if tag.unit else tag.name
        figure.add_trace(
            go.Scatter(
                x=words.local_times(series.times, zone),
                y=series.values,
                name=name,
                mode="lines",
                line={"color": LINE, "width": 1.6},
                showlegend=False,
            ),
            row=row,
            col=1,
        )
        figure.update_yaxes(title_text=name, row=row, col=1, gridcolor="#e4e7eb", zeroline=False)
        for limit in (tag.low, tag.high):
            if limit is not None:
                figure.add_hline(y=limit, line={"color": ALARM, "width": 1, "dash": "dash"}, row=row, col=1)
    _marks(figure, view, t, zone)
    figure.update_layout(layout_of(height=max(260, 150 * len(drawn) + 80)))
    _time_axis(figure, view, t, zone)
    return figure


def scores(view: AssetView, t: Translate, zone: ZoneInfo, unit: str = "") -> go.Figure:
    """Draw each detector's score with its interval and its alert limit."""
    drawn = [d for d in view.detectors if any(s.value is not None for s in view.scores[d.name])]
    if not drawn:
        return empty(t("No score in this time range: no model yet, or too little data"))
    figure = make_subplots(rows=len(drawn), cols=1, shared_xaxes=True, vertical_spacing=0.07)
    for row, detector in enumerate(drawn, start=1):
        found = [s for s in view.scores[detector.name] if s.value is not None]
        name = t(words.ROLES[detector.role])
        factor = 1.0 if found[0].scale is Scale.PHYSICAL else 100.0
        shown = unit if found[0].scale is Scale.PHYSICAL else "%"
        _band(figure, found, factor, name, row, zone)
        figure.update_yaxes(title_text=f"{name} [{shown}]", row=row, col=1, gridcolor="#e4e7eb", zeroline=False)
        if found[0].scale is not Scale.PHYSICAL:
            figure.update_yaxes(range=[-2, 104], row=row, col=1)
        if detector.name in view.thresholds:
            limit = view.thresholds[detector.name] * factor
            figure.add_hline(y=limit, line={"color": ALARM, "width": 1, "dash": "dash"}, row=row, col=1)
    _marks(figure, view, t, zone)
    figure.update_layout(layout_of(height=150 * len(drawn) + 110))
    _time_axis(figure, view, t, zone)
    return figure


def _band(figure: go.Figure, found: Sequence[Score], factor: float, name: str, row: int, zone: ZoneInfo) -> None:
    times = words.local_times(np.array([to_ns(s.at) for s in found]), zone)
    low, high, value = ([(getattr(s, k) or 0.0) * factor for s in found] for k in ("low", "high", "value"))
    band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=times, y=low, **band), row=row, col=1)
    figure.add_trace(
        go.Scatter(x=times, y=high, fill="tonexty", fillcolor="rgba(47,111,159,0.18)", **band), row=row, col=1
    )
    figure.add_trace(
        go.Scatter(x=times, y=value, name=name, mode="lines", line={"color": LINE, "width": 1.8}, showlegend=False),
        row=row,
        col=1,
    )


def _marks(figure: go.Figure, view: AssetView, t: Translate, zone: ZoneInfo) -> None:
    for mark in view.marks:
        start, end = max(mark.raised_at, view.start), min(mark.returned_at or view.end, view.end)
        x0, x1 = words.local_times(np.array([to_ns(start), to_ns(end)]), zone)
        figure.add_vrect(x0=x0, x1=x1, fillcolor=ALARM, opacity=0.09, line_width=0)
        if mark.raised_at >= view.start:
            figure.add_vline(x=x0, line={"color": ALARM, "width": 1.4})
    if view.marks:
        figure.add_annotation(
            text=t("red: alert"), x=1, y=1.0, xref="paper", yref="paper", xanchor="right", yanchor="bottom",
            showarrow=False, font={"color": ALARM, "size": 12},
        )  # fmt: skip


def _time_axis(figure: go.Figure, view: AssetView, t: Translate, zone: ZoneInfo) -> None:
    span = words.local_times(np.array([to_ns(view.start), to_ns(view.end)]), zone)
    figure.update_xaxes(range=span, gridcolor="#eef1f4", tickformat="%m-%d %H:%M")
    figure.update_xaxes(title_text=t("time, {zone}", zone=zone.key), row=_rows(figure), col=1)


def _rows(figure: go.Figure) -> int:
    return len(figure._grid_ref)


def contributions(score: Score | None, t: Translate, units: Mapping[str, str], titles: Mapping[str, str]) -> go.Figure:
    """Draw what moved the newest score, the strongest at the top; red raises it, blue lowers it.

    units, titles: by tag.
    """
    if score is None or not score.contributions:
        return empty(t("Nothing scored yet"))
    top = list(reversed(score.contributions))
    labels = [_moved_by(c, units.get(c.source, ""), titles.get(c.source, "")) for c in top]
    colours = [ALARM if c.amount > 0 else LINE for c in top]
    bars = go.Bar(x=[c.amount for c in top], y=labels, orientation="h", marker={"color": colours}, showlegend=False)
    figure = go.Figure(bars, layout=layout_of(height=110 + 50 * len(top), hovermode="closest"))
    figure.update_xaxes(
        title_text=t("raises the score (red), lowers it (blue)"), gridcolor="#e4e7eb", zerolinecolor=INK
    )
    return figure.update_yaxes(automargin=True)


def _moved_by(one: Contribution, unit: str, title: str) -> str:
    """Return a tag with its value, and its title in small letters below, in two lines at most."""
    value = "" if one.value is None else f"  {numeral(one.value, unit)}"
    said = wrap(title, LONGEST, max_lines=2, placeholder="…")
    small = "<br>".join(escape(line, quote=False) for line in said)
    name = escape(f"{one.source}{value}", quote=False)
    return f"{name}<br><span style='font-size:10px'>{small}</span>" if small else name


def operating_curve(curve: Sequence[Mapping[str, Any]], t: Translate) -> go.Figure:
    """Draw stops caught against false alarms a week, with the bootstrap band, the threshold taken, and the cost."""
    if not curve:
        return empty(t("No model yet"))
    n = curve[0]["events"]
    if n < FEWEST_EVENTS:
        return empty(t("not enough events: {n}", n=n))
    rows = frontier([r for r in curve if r.get("recall_band")])
    x = [r["false_alarms_per_week"] for r in rows]
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=[r["recall_band"][0] for r in rows], **band))
    figure.add_trace(
        go.Scatter(
            x=x, y=[r["recall_band"][1] for r in rows], fill="tonexty", fillcolor="rgba(47,111,159,0.18)", **band
        )
    )
    line = {"mode": "lines+markers", "line": {"color": LINE, "width": 2}, "marker": {"size": 5}}
    caught = {"x": x, "y": [r["caught"] / n for r in rows], **line}
    figure.add_trace(go.Scatter(name=t("stops caught"), **caught))
    if all(r["money_per_week"] is not None for r in rows):
        spent = {"x": x, "y": [r["money_per_week"] for r in rows], "line": {"color": SECOND, "dash": "dash"}}
        figure.add_trace(go.Scatter(name=t("cost per asset and week"), mode="lines", **spent), secondary_y=True)
    every = {"x": [r["false_alarms_per_week"] for r in curve], "y": [r["caught"] / n for r in curve], "mode": "markers"}
    figure.add_trace(go.Scatter(name=t("other thresholds"), marker={"color": "#9aa5b1", "size": 5}, **every))
    taken = [r for r in curve if r["is_taken"]]
    if taken:
        at = {"x": [r["false_alarms_per_week"] for r in taken], "y": [r["caught"] / n for r in taken]}
        figure.add_trace(
            go.Scatter(name=t("threshold taken"), mode="markers", marker={"color": ALARM, "size": 11}, **at)
        )
    figure.update_layout(layout_of(height=380, hovermode="closest"))
    rate = t("false alarms per lot") if rows[0].get("is_per_case") else t("false alarms per asset and week")
    figure.update_xaxes(title_text=rate, gridcolor="#eef1f4", rangemode="tozero")
    figure.update_yaxes(title_text=t("stops caught"), range=[0, 1.03], tickformat=".0%", secondary_y=False)
    return figure.update_yaxes(showgrid=False, rangemode="tozero", secondary_y=True)


def predicted(view: QualityView, t: Translate, zone: ZoneInfo) -> go.Figure:
    """Draw predictions with their interval, measurements, and persistence beside them."""
    if not len(view.times):
        return empty(t("No lot has been predicted yet"), 340)
    times = words.local_times(view.times, zone)
    band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure = go.Figure(layout=layout_of(height=380))
    outcome = view.detector.outcome
    last, title = t("persistence (last known)"), f"{outcome} [{view.unit}]" if view.unit else outcome
    if view.is_of_classes:
        last, title = t("share of bad lots among the newest results"), t("probability of a bad lot")
    else:
        figure.add_trace(go.Scatter(x=times, y=view.low, **band))
        figure.add_trace(
            go.Scatter(
                x=times, y=view.high, fill="tonexty", fillcolor="rgba(47,111,159,0.15)",
                **{**band, "showlegend": True}, name=t("90 % interval"),
            )
        )  # fmt: skip
    figure.add_trace(go.Scatter(x=times, y=view.persistence, name=last, line={"color": QUIET, "width": 1.2}))
    figure.add_trace(go.Scatter(x=times, y=view.predicted, name=t("predicted"), line={"color": LINE, "width": 2}))
    for name, y, colour, size in _results(view, t):
        marker = {"color": colour, "size": size}
        figure.add_trace(go.Scatter(x=times, y=y, name=name, mode="markers", marker=marker))
    figure.update_xaxes(title_text=t("time, {zone}", zone=zone.key), tickformat="%m-%d %H:%M", gridcolor="#eef1f4")
    limit = view.model.details.get("threshold") if view.model is not None and view.is_of_classes else None
    if limit is not None:
        figure.add_hline(y=limit, line={"color": QUIET, "dash": "dot"}, annotation_text=t("called bad from here on"))
    return figure.update_yaxes(title_text=title, gridcolor="#e4e7eb")


def _results(view: QualityView, t: Translate) -> list[tuple[str, NDArray[np.float64], str, int]]:
    """Return what came of the lots as name, heights, colour and size: a number at its own height; a good or bad lot at
    what was predicted of it, for where few lots are bad, 0 and 1 would press all that was predicted flat.
    """
    if not view.is_of_classes:
        return [(t("measured"), view.measured, SECOND, 6)]
    of = [np.where(view.measured == kind, view.predicted, np.nan) for kind in (0.0, 1.0)]
    return [(t("was good"), of[0], SECOND, 4), (t("was bad"), of[1], ALARM, 9)]
