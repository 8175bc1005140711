"""One alert as it stands beside the list: what, where, since when, value and limit, why, what to do, and its story."""

from __future__ import annotations

from typing import Any, Final

from dash import html

from dashboard import words
from dashboard.alerting import AlertView
from dashboard.pages import parts
from dashboard.source import Source
from domain.alerting import AlertState, Change, Transition
from domain.numerals import numeral
from domain.text import Translate, printable

MOST: Final = 12  # names in one line


def told(view: AlertView, source: Source, t: Translate, language: str) -> list[Any]:
    """Return the alert with its story, the newest change first."""
    alert = view.alert
    head = html.Div(
        [
            html.H2(t(view.title)),
            html.Span(t(words.PRIORITIES[alert.priority]), className=f"badge priority {alert.priority.value}"),
        ],
        className="headline",
    )
    place = parts.link("/asset", language, asset=alert.key.asset)
    facts = {
        t("Asset"): html.A(alert.key.asset, href=place, title=t("its tags, scores and alerts")),
        t("State"): _state(view, source, t),
        t("Since"): words.instant(alert.raised_at, source.zone),
        t("Value"): numeral(alert.value * view.factor, view.unit),
        t("Limit"): numeral(alert.limit * view.factor, view.unit),
        t("Moved most by"): ", ".join(view.why),
        t("Remaining life"): view.life_text(t),
        t("Affected"): ", ".join(view.affected[:MOST]) + ("…" if len(view.affected) > MOST else ""),
        t("What to do"): html.B(t(view.action)) if view.action else "",
        t("Times"): str(alert.occurrences) if alert.occurrences > 1 else "",
        t("Acknowledged"): _acknowledged(view, source),
        t("Rule"): f"{alert.key.rule} ({alert.key.subject})",
        t("Id"): alert.id,
    }
    rows = [html.Tr([html.Th(name), html.Td(value)]) for name, value in facts.items() if value]
    story = [
        [words.instant(row.at, source.zone), t(words.HAPPENED[row.change]), row.by or "–", _note(row, source, t)]
        for row in reversed(view.story)
    ]
    heads = [t("time"), t("what happened"), t("who"), t("note")]
    return [
        head,
        html.Table(html.Tbody(rows), className="facts"),
        html.Details([html.Summary(t("What happened to it")), parts.table(heads, story, "")], open=True),
    ]


def _state(view: AlertView, source: Source, t: Translate) -> str:
    """Return the state, and who or what holds the alert back, why and until when."""
    alert, hold = view.alert, view.hold
    said = t(words.STATES[alert.state])
    if alert.state is AlertState.SUPPRESSED:
        return f"{said}: {words.reason(t, alert.cause, source.zone)}"
    if hold is None:
        return said
    if hold.until is None:
        return f"{said}; " + t("out of service by {by}: {why}", by=hold.by, why=hold.why)
    until = words.instant(hold.until, source.zone)
    return f"{said}; " + t("shelved until {until} by {by}: {why}", until=until, by=hold.by, why=hold.why)


def _acknowledged(view: AlertView, source: Source) -> str:
    alert = view.alert
    return f"{alert.acked_by}, {words.instant(alert.acked_at, source.zone)}" if alert.acked_by else ""


def _note(row: Transition, source: Source, t: Translate) -> str:
    """Return a note as it is said: a person's words as they are, Forewarn's own in the reader's language."""
    if row.by or not row.note:
        return printable(row.note) or "–"
    if row.state is AlertState.SUPPRESSED and row.change in (Change.HELD, Change.RAISED_HELD):
        return words.reason(t, row.note, source.zone)
    return t(row.note)
