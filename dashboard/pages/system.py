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
    return html.Div(
        [html.H1(t(TITLE)), html.Div(body(source, t), id="system-body"), parts.tick("system", source.refresh_s)]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh."""

    def refresh(_n: int, language: str) -> Any:
        return body(source, catalogue(language))

    app.callback(
        Output("system-body", "children"),
        Input("system-tick", "n_intervals"),
        State("language", "data"),
        running=[(Output("system-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)


def body(source: Source, t: Translate) -> list[Any]:
    """Return all cards."""
    view = queries.system_view(source)
    holds = all(x.difference == 0 for x in view.totals)
    verdict = t("The sum holds: nothing is unaccounted for.") if holds else t("The sum does not hold.")
    sums = [[x.source, *(getattr(x, name) for name in SUM)] for x in view.totals]
    dead = [[words.instant(x.received_at, source.zone), x.reason, x.topic, x.detail] for x in view.dead]
    models = [
        [m.detector, t(ROLES[m.role]), words.age(t, view.now - m.trained_at), m.model_id] for m in view.models
    ] + [[name, t("No model yet"), "–", "–"] for name in view.untrained]
    jobs = [[name, words.instant(at, source.zone), error or "–"] for name, (at, error) in view.jobs.items()]
    outbox = {
        t("points stored"): f"{view.n_points:,}",
        t("waiting in the journal"): f"{view.n_waiting:,}",
        t("notifications sent"): str(view.outbox.sent),
        t("notifications waiting"): str(view.outbox.waiting),
        t("notifications given up"): str(view.outbox.given_up),
    }
    reasons = [[reason, n] for reason, n in view.dead_by_reason.items()]
    return [
        parts.figures(outbox),
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
