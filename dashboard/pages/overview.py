"""Overview: every asset with its verdict, its data's age and its scores; what needs attention comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from dash import Dash, Input, Output, State, html

from alerts.lifecycle import UNACKED
from dashboard import queries, words
from dashboard.pages import parts
from dashboard.queries import Tile
from dashboard.source import DetectorInfo, Source
from domain.scores import Score
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
    shown: list[Any] = [_counts(source, running, len(silent), len(stopped), t, language)]
    state = words.SERVICE_STATES.get(source.state()) if silent else None
    if state:
        shown.append(html.P(t("{state}. Assets appear here with their first data.", state=t(state)), className="bad"))
    elif not running:
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


def _counts(source: Source, running: list[Tile], n_silent: int, n_stopped: int, t: Translate, language: str) -> Any:
    """Return how many alerts wait for somebody and how many assets are how, the most urgent first."""
    found = [a.state for a in source.ledger.alerting.open().values() if a.id and a.state.is_open]
    n_unseen = sum(state in UNACKED for state in found)
    alerts = parts.figure(
        str(len(found)), t("open alerts"), "alarm" if n_unseen else "", parts.link("/alerts", language)
    )
    unseen = parts.figure(
        str(n_unseen), t("not acknowledged"), "alarm", parts.link("/alerts", language, state="unacknowledged")
    )
    assets = [
        parts.figure(str(sum(x.verdict is v for x in running)), t(words.VERDICTS[v]), parts.kind_of(v))
        for v in queries.URGENCY
    ]
    folded = [(n_silent, t("never reported")), (n_stopped, t("stopped"))]
    return html.Div([alerts, unseen, *assets, *(parts.figure(str(n), name) for n, name in folded)], className="figures")


def _tile(tile: Tile, source: Source, t: Translate, language: str) -> Any:
    scores = [_score(tile, d, s, source, t) for d, s in tile.scores if s.value is not None]
    path, _, name = tile.asset.rpartition("/")
    kind = "stopped" if tile.is_stopped else parts.kind_of(tile.verdict)
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


def _score(tile: Tile, detector: DetectorInfo, score: Score, source: Source, t: Translate) -> Any:
    """Return a score by name beside the limit from which it is an alert."""
    unit = _unit(source, tile, detector.outcome)
    limit = tile.limits.get(detector.name)
    said = "" if limit is None else t("limit {value}", value=words.score(replace(score, value=limit), unit))
    return html.Div(
        [
            html.Span([parts.score_name(detector, t), html.Small(said, className="quiet")]),
            html.Span(words.score(score, unit)),
        ],
        className="score",
    )


def _unit(source: Source, tile: Tile, outcome: str) -> str:
    tag = source.plant.tags[tile.asset].get(outcome)
    return tag.unit if tag else ""
