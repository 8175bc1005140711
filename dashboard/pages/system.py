"""System: the sum, what could not be taken and why, model ages, jobs, notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, html

from dashboard import queries, words
from dashboard.pages import parts
from dashboard.source import Source
from domain.text import Translate, catalogue, mark

TITLE: Final = mark("System")
SUM: Final = {
    "received": mark("received"),
    "stored": mark("stored"),
    "dead_lettered": mark("dead-lettered"),
    "duplicates": mark("duplicates"),
    "conflicts": mark("conflicts"),
    "in_journal": mark("in the journal"),
    "difference": mark("unaccounted for"),
}
ROLES: Final = {"champion": mark("champion"), "challenger": mark("challenger"), "retired": mark("retired")}


def layout(source: Source, t: Translate, _language: str, _query: Mapping[str, str]) -> Any:
    """Return the page with its present state."""
    again = parts.card(
        t("Read dead letters again"),
        html.P(
            t("After the config is mended and the service started again: what is good now is stored and counted."),
            className="quiet",
        ),
        html.Div(
            [
                html.Button(t("Read again"), id="system-reread", className="primary"),
                html.Span("", id="system-reread-told", className="quiet", role="status"),
            ],
            className="controls",
        ),
        wide=True,
    )
    return html.Div(
        [
            html.H1(t(TITLE)),
            html.Div(body(source, t), id="system-body"),
            again,
            parts.tick("system", source.refresh_s),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh, and reading dead letters again."""

    def refresh(_n: int, language: str) -> Any:
        return body(source, catalogue(language))

    app.callback(
        Output("system-body", "children"),
        Input("system-tick", "n_intervals"),
        State("language", "data"),
        running=[(Output("system-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)

    def reread(_n: int, language: str) -> str:
        return reread_told(source, catalogue(language))

    app.callback(
        Output("system-reread-told", "children"),
        Input("system-reread", "n_clicks"),
        State("language", "data"),
        running=[(Output("system-reread", "disabled"), True, False)],
        prevent_initial_call=True,
    )(reread)


def reread_told(source: Source, t: Translate) -> str:
    """Read all dead letters again; returns what to tell the person."""
    n, n_mended = source.reread(None)
    if not n:
        return t("No dead letters.")
    return t("{n} read again: {mended} mended, {left} as bad as before.", n=n, mended=n_mended, left=n - n_mended)


def body(source: Source, t: Translate) -> list[Any]:
    """Return all cards."""
    view = queries.system_view(source)
    holds = all(x.difference == 0 for x in view.totals)
    verdict = t("The sum holds: nothing is unaccounted for.") if holds else t("The sum does not hold.")
    sums = [[x.source, *(getattr(x, name) for name in SUM)] for x in view.totals]
    dead = [
        [words.instant(x.received_at, source.zone), x.reason, f"{x.topic} {x.part}".rstrip(), x.detail]
        for x in view.dead
    ]
    models = [
        [m.detector, t(ROLES[m.role]), words.age(t, view.now - m.trained_at), m.model_id] for m in view.models
    ] + [[name, t("No model yet"), "–", "–"] for name in view.untrained]
    jobs = [[name, words.instant(at, source.zone), error or "–"] for name, (at, error) in view.jobs.items()]
    outbox = {
        t("items stored"): f"{view.n_stored:,}",
        t("waiting in the journal"): f"{view.n_waiting:,}",
        t("notifications sent"): str(view.outbox.sent),
        t("notifications waiting"): str(view.outbox.waiting),
        t("notifications given up"): str(view.outbox.given_up),
    }
    health = [[t(words.MEASURES.get(x.name, x.name)), words.measure(x), x.detail or "–"] for x in view.health]
    reasons = [[reason, n] for reason, n in view.dead_by_reason.items()]
    return [
        parts.figures(outbox),
        parts.card(
            t("Health of the software"),
            parts.table(
                [t("measure"), t("value"), t("detail")], health, t("The service has not looked at itself yet.")
            ),
            wide=True,
        ),
        parts.card(
            t("The sum: what was received, and what became of it"),
            html.P(verdict, className="good" if holds else "bad"),
            parts.table([t("source"), *(t(x) for x in SUM.values())], sums, t("Nothing was received yet.")),
            wide=True,
        ),
        parts.card(
            t("Dead letters"),
            parts.table([t("reason"), t("number")], reasons, t("No dead letters.")),
            *([parts.table([t("received"), t("reason"), t("topic or file"), t("detail")], dead, "")] if dead else []),
            wide=True,
        ),
        parts.card(
            t("Models"),
            parts.table([t("detector"), t("role"), t("trained"), t("Id")], models, t("No detector is configured.")),
            wide=True,
        ),
        parts.card(
            t("Jobs"),
            parts.table(
                [t("job"), t("last success"), t("last error")], jobs, t("No job has run: the replay drives the ticks.")
            ),
            wide=True,
        ),
    ]
