"""Shift hand-over: what is open, held back, not assessed, or waits for a decision, and what happened; for paper too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from dashboard import words
from dashboard.handover import HandOver, Happened, Held, OpenAlert, hand_over
from dashboard.pages import parts
from dashboard.source import Source
from domain.alerting import AlertState
from domain.text import Translate, catalogue, mark

TITLE: Final = mark("Hand-over")
SPANS: Final = {"this": False, "last": True}


def layout(source: Source, t: Translate, language: str, query: Mapping[str, str]) -> Any:
    """Return the page with its present state."""
    span = query.get("span", "")
    found = hand_over(source, of_last=SPANS.get(span))
    shown = "this" if found.since == found.shift.start else "last"
    choices = [
        dcc.Link(t(text), href=parts.link("/handover", language, span=name), className="here" if name == shown else "")
        for name, text in (("this", mark("this shift")), ("last", mark("last shift and this")))
    ]
    return html.Div(
        [
            html.H1(t("Shift hand-over")),
            html.Div(
                [html.Nav(choices), html.Button(t("Print"), **{"data-print": "page"})], className="controls paperless"
            ),
            html.Div(drawn(found, source, t), id="handover-body"),
            dcc.Store(id="handover-span", data=span),
            parts.tick("handover", source.refresh_s),
        ],
        className="paper",
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh."""

    def refresh(_n: int, span: str, language: str) -> Any:
        return drawn(hand_over(source, of_last=SPANS.get(span)), source, catalogue(language))

    app.callback(
        Output("handover-body", "children"),
        Input("handover-tick", "n_intervals"),
        State("handover-span", "data"),
        State("language", "data"),
        running=[(Output("handover-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)


def drawn(found: HandOver, source: Source, t: Translate) -> list[Any]:
    """Return all cards."""
    return [
        html.P(_head(found, source, t), className="headline"),
        parts.figures(
            {
                t("open alerts"): str(len(found.open)),
                t("not acknowledged"): str(len(found.unacknowledged)),
                t("held back"): str(len(found.held)),
                t("not assessed"): str(len(found.unassessed)),
                t("decisions due"): str(len(_decisions(found, source, t))),
            }
        ),
        parts.card(t("Open alerts"), _open(found, source, t), wide=True),
        parts.card(t("Decisions due"), _list(_decisions(found, source, t), t("No decision is due.")), wide=True),
        parts.card(t("Shelved and held back"), _held(found, source, t), wide=True),
        parts.card(t("Not assessed"), _unassessed(found, source, t), wide=True),
        parts.card(t("Models"), _models(found, t), wide=True),
        parts.card(t("Forewarn itself"), _software(found, t), wide=True),
        parts.card(t("Since {at}", at=words.instant(found.since, source.zone)), _happened(found, source, t), wide=True),
    ]


def _head(found: HandOver, source: Source, t: Translate) -> str:
    start, now = words.instant(found.shift.start, source.zone), words.instant(found.now, source.zone)
    if not found.is_planned:
        return t("{plant}, as of {now}. Nobody says when shifts begin ([plant] shifts, or events): the last 8 hours.",
                 plant=source.title, now=now)  # fmt: skip
    end = words.instant(found.shift.end, source.zone) or "…"
    shift = f"{found.shift.name} {start} – {end}".strip()
    return t("{plant}, as of {now}. Shift: {shift}", plant=source.title, now=now, shift=shift)


def _open(found: HandOver, source: Source, t: Translate) -> Any:
    rows = [
        [
            t(words.PRIORITIES[x.alert.priority]),
            words.instant(x.alert.raised_at, source.zone),
            x.alert.key.asset,
            html.Div([html.B(t(x.title)), html.Div(t(x.action) if x.action else "", className="quiet")]),
            _state(x, source, t),
            x.note or "–",
        ]
        for x in found.open
    ]
    heads = [t("Priority"), t("Since"), t("Asset"), t("Alert, and what to do"), t("State"), t("last note")]
    return parts.table(heads, rows, t("No alert is open."))


def _state(x: OpenAlert, source: Source, t: Translate) -> str:
    state = t(words.STATES[x.alert.state])
    if not x.alert.acked_by:
        return state
    return f"{state}: {x.alert.acked_by}, {words.instant(x.alert.acked_at, source.zone)}"


def _held(found: HandOver, source: Source, t: Translate) -> Any:
    rows = [
        [x.asset, _title(x, source, t), t(words.STATES[x.state]), x.by or "–", _why(x, source, t),
         words.instant(x.until, source.zone) or (t("no end set") if x.by else t("until its cause is gone"))]
        for x in found.held
    ]  # fmt: skip
    heads = [t("Asset"), t("Alert"), t("State"), t("by whom"), t("why"), t("until")]
    return parts.table(heads, rows, t("Nothing is shelved or held back."))


def _title(held: Held, source: Source, t: Translate) -> str:
    return t(next((r.title for r in source.rules if r.id == held.rule), held.rule))


def _why(held: Held, source: Source, t: Translate) -> str:
    is_phrase = held.state is AlertState.SUPPRESSED
    return (words.reason(t, held.why, source.zone) if is_phrase else held.why) or "–"


def _unassessed(found: HandOver, source: Source, t: Translate) -> Any:
    rows = [
        [
            x.asset,
            parts.badge(x.verdict, t),
            words.reason(t, x.reason, source.zone) or "–",
            words.age(t, None if x.newest_at is None else found.now - x.newest_at),
        ]
        for x in found.unassessed
    ]
    heads = [t("Asset"), t("State"), t("reason"), t("newest data")]
    return parts.table(heads, rows, t("Every running asset is assessed."))


def _models(found: HandOver, t: Translate) -> Any:
    told = [t("{detector}: no model yet", detector=m.detector) for m in found.untrained]
    told += [
        t("{detector}: its model is overdue, trained {age}", detector=m.detector, age=words.age(t, m.age))
        for m in found.stale
    ]
    return _list(told, t("Every detector has a model that is not overdue."))


def _decisions(found: HandOver, source: Source, t: Translate) -> list[str]:
    n = len(found.unacknowledged)
    told = [t("open alerts that nobody has acknowledged: {n}", n=n)] if n else []
    told += [
        t("take or leave model {model} of {detector}, trained {age}", model=m.model_id, detector=m.detector,
          age=words.age(t, m.age))
        for m in found.waiting
    ]  # fmt: skip
    told += [
        t("shelving ends {until}: {asset}, {title}", until=words.instant(x.until, source.zone), asset=x.asset,
          title=_title(x, source, t))
        for x in found.ending
    ]  # fmt: skip
    return told


def _software(found: HandOver, t: Translate) -> Any:
    told = [t("job {name} fails: {error}", name=name, error=error) for name, error in found.failing.items()]
    if found.n_given_up:
        told.append(t("{n} notifications were given up: nobody got them", n=found.n_given_up))
    return _list(told, t("No job fails, and every notification went out or is on its way."))


def _happened(found: HandOver, source: Source, t: Translate) -> Any:
    rows = [
        [words.instant(x.at, source.zone), t(words.HAPPENED.get(x.what, x.what)), x.subject or "–", x.by or "–",
         _note(x, source, t)]
        for x in found.happened
    ]  # fmt: skip
    return parts.table([t("time"), t("what happened"), t("where"), t("who"), t("note")], rows, t("Nothing happened."))


def _note(x: Happened, source: Source, t: Translate) -> str:
    """Return a note as it is said: a person's words as they are, Forewarn's own in the reader's language."""
    if x.is_phrase:
        return words.reason(t, x.note, source.zone)
    return (x.note if x.by else x.note and t(x.note)) or "–"


def _list(told: list[str], empty: str) -> Any:
    return html.Ul([html.Li(x) for x in told]) if told else html.P(empty, className="quiet")
