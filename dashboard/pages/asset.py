"""Asset: any of its tags in one trend with limits, its scores, its alerts as marks, and what moved the newest score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from dashboard import figures, queries, words
from dashboard.pages import parts
from dashboard.source import Source
from domain.errors import RecordError
from domain.life_text import said
from domain.records import Told
from domain.text import Translate, catalogue, mark, spoken

TITLE: Final = mark("Asset")
RANGES: Final = {
    "1": mark("1 day"),
    "3": mark("3 days"),
    "7": mark("7 days"),
    "15": mark("15 days"),
    "all": mark("all"),
    "dates": mark("dates"),
}
FIRST_TAGS: Final = 3
KINDS: Final = {"failure": mark("failure"), "stop": mark("stop"), "maintenance": mark("maintenance")}


def layout(source: Source, t: Translate, _language: str, query: Mapping[str, str]) -> Any:
    """Return the page of the asset in the address, or of the most urgent one."""
    known = source.plant.assets
    chosen = query.get("asset", "")
    if chosen not in known:
        ranked = queries.overview(source)
        chosen = ranked[0].asset if ranked else ""
    if not chosen:
        return html.Div([html.H1(t(TITLE)), html.P(t("The config has no assets."), className="quiet")])
    tags = list(source.plant.tags[chosen].values())
    today = source.now().astimezone(source.zone).date()
    controls = html.Div(
        [
            _labelled(
                t("Asset"),
                dcc.Dropdown(list(known), chosen, id="asset-name", clearable=False, labels=parts.dropdown_labels(t)),
            ),
            _labelled(
                t("Tags"),
                dcc.Dropdown(
                    [{"label": _tag_label(x.name, x.title), "value": x.name} for x in tags],
                    [x.name for x in tags[:FIRST_TAGS]],
                    id="asset-tags",
                    multi=True,
                    labels=parts.dropdown_labels(t),
                    placeholder=t("Choose a tag to see its trend"),
                ),
                "grow",
            ),
            _labelled(
                t("Time range"),
                dcc.Dropdown(
                    {k: t(v) for k, v in RANGES.items()}, "7", id="asset-range", clearable=False, searchable=False
                ),
                "narrow",
            ),
            _labelled(
                t("From – to"),
                dcc.DatePickerRange(
                    id="asset-dates",
                    start_date=today - timedelta(days=7),
                    end_date=today,
                    display_format="YYYY-MM-DD",
                    minimum_nights=0,
                ),
                "dates",
            ),
        ],
        className="controls",
    )
    return html.Div(
        [
            html.H1([t(TITLE), ": ", chosen]),
            html.Div(id="asset-head"),
            controls,
            parts.card(t("Trend"), dcc.Graph(id="asset-trend", config=parts.GRAPH), wide=True),
            parts.card(t("Scores"), dcc.Graph(id="asset-scores", config=parts.GRAPH), wide=True),
            parts.card(t("What moved the newest score"), dcc.Graph(id="asset-why", config=parts.GRAPH), wide=True),
            *_curves(source, chosen, t),
            parts.card(t("Record what happened"), *_form(source, t), wide=True),
            parts.tick("asset", source.refresh_s),
        ]
    )


def _curves(source: Source, asset: str, t: Translate) -> list[Any]:
    """Return a card for each failure detector of the asset's class: what its threshold buys, and at what price."""
    cards = []
    for detector in source.detectors_of(source.plant.assets[asset].class_name):
        if detector.role == "failure":
            figure = figures.operating_curve(queries.operating_curve(source, detector), t)
            title = t("Stops caught and false alarms")
            cards.append(
                parts.card(f"{title}: {detector.name}", dcc.Graph(figure=figure, config=parts.GRAPH), wide=True)
            )
    return cards


def _form(source: Source, t: Translate) -> list[Any]:
    """Return the form for a stop, a failure or maintenance: kind, code, start, end, note, and who says so."""
    kinds = dcc.Dropdown(
        {k: t(v) for k, v in KINDS.items()}, "failure", id="asset-event-kind", clearable=False, searchable=False
    )
    start = source.now().astimezone(source.zone).strftime("%Y-%m-%dT%H:%M")
    fields = [
        (t("What"), kinds, "narrow"),
        (t("Code (failure mode, kind of maintenance)"), dcc.Input(id="asset-event-code"), ""),
        (t("From"), dcc.Input(start, id="asset-event-start", type="datetime-local"), ""),
        (t("To (empty: goes on)"), dcc.Input(id="asset-event-end", type="datetime-local"), ""),
        (t("Note"), dcc.Input(id="asset-event-note"), "grow"),
        (t("Your name"), dcc.Input(id="asset-event-by", autoComplete="name"), ""),
    ]
    controls = [_labelled(*field) for field in fields]
    return [
        html.Div([*controls, html.Button(t("Record"), id="asset-event-record")], className="controls"),
        html.P(id="asset-event-said", className="quiet", role="status"),
    ]


def register(app: Dash, source: Source) -> None:
    """Add the change of asset and the refresh, where there is an asset."""
    if not source.plant.assets:
        return

    def choose(asset: str, language: str) -> str:
        return parts.link("", language, asset=asset)

    def record(_n: int, asset: str, *rest: str | None) -> str:
        *fields, language = rest
        return recorded(source, Told(asset, *(x or "" for x in fields)), catalogue(language or source.language))

    app.callback(
        Output("asset-event-said", "children"),
        Input("asset-event-record", "n_clicks"),
        State("asset-name", "value"),
        *(State(f"asset-event-{name}", "value") for name in ("kind", "code", "start", "end", "note", "by")),
        State("language", "data"),
        prevent_initial_call=True,
    )(record)

    app.callback(
        Output("url", "search"), Input("asset-name", "value"), State("language", "data"), prevent_initial_call=True
    )(choose)

    def refresh(_n: int, tags: list[str], chosen: str, first: str, last: str, asset: str, language: str) -> Any:
        return drawn(source, asset, tags or [], time_range(source, asset, chosen, first, last), language)

    app.callback(
        [Output(f"asset-{x}", y) for x, y in _OUTPUTS],
        Input("asset-tick", "n_intervals"),
        Input("asset-tags", "value"),
        Input("asset-range", "value"),
        Input("asset-dates", "start_date"),
        Input("asset-dates", "end_date"),
        State("asset-name", "value"),
        State("language", "data"),
        running=[(Output("asset-tick", "disabled"), True, False)],
    )(refresh)


_OUTPUTS: Final = (("head", "children"), ("trend", "figure"), ("scores", "figure"), ("why", "figure"))


def recorded(source: Source, told: Told, t: Translate) -> str:
    """Record what a person tells; returns what to tell them."""
    if not told.by.strip():
        return t("Give your name first.")
    try:
        source.record(told)
    except RecordError as error:
        return t("Not recorded: {reason}", reason=spoken(t, error.stored))
    return t("Recorded: {what}, {asset}", what=t(KINDS[told.kind]), asset=told.asset)


def time_range(source: Source, asset: str, chosen: str, first: str, last: str) -> tuple[datetime, datetime]:
    """Return the half-open range of a choice; ranges in days end with the asset's newest data."""
    if chosen == "dates" and first and last:
        start, end = (datetime.fromisoformat(x[:10]).replace(tzinfo=source.zone) for x in sorted((first, last)))
        return start, end + timedelta(days=1)
    span = queries.data_span(source, asset)
    now = source.now()
    oldest, newest = span if span is not None else (now - timedelta(days=1), now)
    end = newest + timedelta(seconds=1)
    start = oldest if chosen in ("all", "dates") else end - timedelta(days=int(chosen))
    return max(start, oldest - timedelta(hours=1)), end


def drawn(
    source: Source, asset: str, tags: Sequence[str], span: tuple[datetime, datetime], language: str
) -> tuple[Any, Any, Any, Any]:
    """Return head, trend, scores and contributions of an asset."""
    t = catalogue(language)
    view = queries.asset_view(source, asset, tags, *span)
    tags_of = source.plant.tags[asset].values()
    units, titles = {x.name: x.unit for x in tags_of}, {x.name: x.title for x in tags_of}
    outcome = next((d.outcome for d in view.detectors if d.role == "quality"), "")
    newest = next((s for d, s in view.tile.scores if d.role != "anomaly"), None) if view.tile else None
    return (
        _head(view, source, t),
        figures.trend(view, t, source.zone),
        figures.scores(view, t, source.zone, units.get(outcome, "")),
        figures.contributions(newest, t, units, titles),
    )


def _head(view: queries.AssetView, source: Source, t: Translate) -> Any:
    tile = view.tile
    if tile is None:
        return html.P(t("no data yet"))
    tags = source.plant.tags[view.asset]
    scores = {
        parts.score_name(d, t): words.score(s, tags[d.outcome].unit if d.outcome in tags else "")
        for d, s in tile.scores
    }
    axis = source.plant.class_of(view.asset).axis
    lives = [said(s.life, axis, t) for _, s in tile.scores if s.life is not None]
    untrained = [d.name for d in view.detectors if d.name not in {x.name for x, _ in tile.scores}]
    no_score = t("no score yet")
    return html.Div(
        [
            html.Div(
                [
                    parts.badge(tile.verdict, t, is_stopped=tile.is_stopped),
                    html.Span(words.reason(t, tile.reason, source.zone), className="reason"),
                    *(html.Span(life, className="reason") for life in lives),
                    html.Span(t("data: {age}", age=words.age(t, tile.age)), className="quiet"),
                ],
                className="headline",
            ),
            parts.figures({**scores, **dict.fromkeys((f"{no_score}: {n}" for n in untrained), "–")}),
        ]
    )


def _labelled(text: str, control: Any, kind: str = "") -> Any:
    return html.Label([html.Span(text), control], className=kind)


def _tag_label(name: str, title: str) -> str:
    return f"{name} – {title}" if title else name
