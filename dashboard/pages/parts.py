"""Pieces that several pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html

from dashboard import access, words
from domain.scores import Verdict
from domain.text import Translate, mark

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
    """Return a verdict as a coloured badge; the word is always there, so no one depends on the colour."""
    kind = "stopped" if is_stopped else verdict.value.lower().replace(" ", "-")
    return html.Span(t(words.VERDICTS[verdict]), className=f"badge {kind}")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> Any:
    """Return a plain table, or the words that say why it is empty."""
    if not rows:
        return html.P(empty, className="quiet")
    kinds = ["number" if isinstance(c, int) else "" for c in rows[0]]
    head = html.Thead(html.Tr([html.Th(h, className=kind) for h, kind in zip(header, kinds, strict=True)]))
    cells = [html.Tr([html.Td(c, className="number" if isinstance(c, int) else "") for c in row]) for row in rows]
    return html.Div(html.Table([head, html.Tbody(cells)]), className="table")


def card(title: str, *children: Any, wide: bool = False) -> Any:
    """Return a titled box."""
    return html.Section([html.H2(title), *children], className="card wide" if wide else "card")


def figures(pairs: Mapping[str, str]) -> Any:
    """Return named figures in a row."""
    return html.Div(
        [html.Div([html.Span(v, className="value"), html.Span(k, className="name")]) for k, v in pairs.items()],
        className="figures",
    )
