"""Overview: every asset with its verdict, its data's age and its scores; what needs attention comes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, html

from dashboard import queries, words
from dashboard.pages import parts
from dashboard.queries import Tile
from dashboard.source import Source
from domain.scores import Verdict
from domain.text import Translate, catalogue, mark

TITLE: Final = mark("Overview")


def layout(source: Source, t: Translate, language: str, _query: Mapping[str, str]) -> Any:
    """Return the page with its present state."""
    return html.Div([html.H1(t(TITLE)), html.Div(body(source, t, language), id="overview-body"),
                     parts.tick("overview", source.refresh_s)])  # fmt: skip


def register(app: Dash, source: Source) -> None:
    """Add the refresh."""

    def refresh(_n: int, language: str) -> Any:
        return body(source, catalogue(language), language)

    app.callback(
        Output("overview-body", "children"),
        Input("overview-tick", "n_intervals"),
        State("language", "data"),
        running=[(Output("overview-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)


def body(source: Source, t: Translate, language: str) -> list[Any]:
    """Return counts, tiles of running assets, and the stopped ones folded away."""
    tiles = queries.overview(source)
    stopped = [x for x in tiles if x.is_stopped]
    silent = [x for x in tiles if not x.is_stopped and x.age is None]
    running = [x for x in tiles if not x.is_stopped and x.age is not None]
    counts = {t(words.VERDICTS[v]): str(sum(x.verdict is v for x in running)) for v in Verdict}
    folded = {t("never reported"): str(len(silent)), t("stopped"): str(len(stopped))}
    shown: list[Any] = [parts.figures({**counts, **folded})]
    if not running:
        shown.append(html.P(t("No asset is running."), className="quiet"))
    shown.append(html.Div([_tile(x, source, t, language) for x in running], className="tiles"))
    for text, group in (
        (t("{n} assets that have never reported", n=len(silent)), silent),
        (t("{n} stopped assets: no data is expected of them", n=len(stopped)), stopped),
    ):
        if group:
            rows = html.Div([_tile(x, source, t, language) for x in group], className="tiles")
            shown.append(html.Details([html.Summary(text), rows]))
    return shown


def _tile(tile: Tile, source: Source, t: Translate, language: str) -> Any:
    scores = [
        html.Div(
            [html.Span(t(words.ROLES[d.role])), html.Span(words.score(s, _unit(source, tile, d.outcome)))],
            className="score",
        )
        for d, s in tile.scores
        if s.value is not None
    ]
    path, _, name = tile.asset.rpartition("/")
    kind = "stopped" if tile.is_stopped else tile.verdict.value.lower().replace(" ", "-")
    alerts = t("open alerts: {n}", n=tile.n_alerts) if tile.n_alerts else ""
    return html.A(
        [
            html.Div([html.Span(name, className="name"), parts.badge(tile.verdict, t, is_stopped=tile.is_stopped)]),
            html.Div(" · ".join(filter(None, (path, tile.class_name))), className="quiet"),
            html.Div("" if tile.age is None else words.reason(t, tile.reason, source.zone), className="reason"),
            *scores,
            html.Div([html.Span(words.age(t, tile.age)), html.Span(alerts, className="alerts")], className="foot"),
        ],
        href=parts.link("/asset", language, asset=tile.asset),
        className=f"tile {kind}",
    )


def _unit(source: Source, tile: Tile, outcome: str) -> str:
    tag = source.plant.tags[tile.asset].get(outcome)
    return tag.unit if tag else ""
