"""Pieces that several pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from dash import dcc, html

from dashboard import access, words
from dashboard.source import DetectorInfo
from domain.scores import Verdict
from domain.text import Translate, mark

FEWEST_STACKED: Final = 5  # columns that a phone has no room for beside each other, where they hold words
GRAPH = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}


def link(path: str, language: str, **query: str) -> str:
    """Return a link inside the console that keeps the language."""
    return f"{path}?{urlencode({**query, 'lang': language})}"


def alert_views(here: str, t: Translate, language: str) -> Any:
    """Return the links between the views of alerts."""
    views = {
        "/alerts": mark("List"),
        "/alerts/worth": mark("Scored warnings"),
        "/alerts/figures": mark("Alarm figures"),
        "/alerts/rules": mark("Rules"),
    }
    links = [
        dcc.Link(t(name), href=link(path, language), className="here" if path == here else "")
        for path, name in views.items()
        if access.may_see(path)
    ]
    return html.Nav(links, className="views")


def tick(name: str, refresh_s: float) -> Any:
    """Return the interval that refreshes a page; it is switched off while a refresh is under way."""
    return dcc.Interval(id=f"{name}-tick", interval=int(refresh_s * 1000))


def dropdown_labels(t: Translate) -> dict[str, str]:
    """Return the words a dropdown says of itself."""
    return {
        "select_all": t("Select all"),
        "deselect_all": t("Deselect all"),
        "selected_count": t("{num_selected} selected"),
        "search": t("Search"),
        "clear_search": t("Clear search"),
        "clear_selection": t("Clear selection"),
        "no_options_found": t("Nothing found"),
    }


def badge(verdict: Verdict, t: Translate, *, is_stopped: bool = False) -> Any:
    """Return a verdict as a coloured badge; the word is always there, so no one depends on the colour.

    is_stopped: no data are expected, and none are missed.
    """
    if is_stopped:
        return html.Span(t("STOPPED"), className="badge stopped")
    return html.Span(t(words.VERDICTS[verdict]), className=f"badge {kind_of(verdict)}")


def score_name(detector: DetectorInfo, t: Translate) -> str:
    """Return what a detector's score is of."""
    is_quality = detector.role == "quality" and detector.outcome
    return t("predicted {outcome}", outcome=detector.outcome) if is_quality else t(words.ROLES[detector.role])


def kind_of(verdict: Verdict) -> str:
    """Return the style of a verdict."""
    return verdict.value.lower().replace(" ", "-")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> Any:
    """Return a plain table, or the words that say why it is empty; on a phone many columns stand below each other."""
    if not rows:
        return html.P(empty, className="quiet")
    kinds = ["number" if isinstance(c, int) else "" for c in rows[0]]
    head = html.Thead(html.Tr([html.Th(h, className=kind) for h, kind in zip(header, kinds, strict=True)]))
    cells = [html.Tr([_cell(c, h) for c, h in zip(row, header, strict=True)]) for row in rows]
    is_stacked = kinds.count("") >= FEWEST_STACKED
    return html.Div(html.Table([head, html.Tbody(cells)]), className="table stacked" if is_stacked else "table")


def _cell(said: Any, head: str) -> Any:
    is_number = isinstance(said, int)
    return html.Td(f"{said:,}" if is_number else said, className="number" if is_number else "", **{"data-label": head})


def card(title: str, *children: Any, wide: bool = False) -> Any:
    """Return a titled box."""
    return html.Section([html.H2(title), *children], className="card wide" if wide else "card")


def figures(pairs: Mapping[str, str]) -> Any:
    """Return named figures in a row."""
    return html.Div([figure(value, name) for name, value in pairs.items()], className="figures")


def figure(value: str, name: str, kind: str = "", href: str = "") -> Any:
    """Return one named figure. kind: the style of what is counted, left out where there is none of it."""
    inside = [html.Span(value, className="value"), html.Span(name, className="name")]
    style = kind if value != "0" else "none" if kind else ""
    return html.A(inside, href=href, className=style) if href else html.Div(inside, className=style)
