"""System: the sum, what could not be taken and why, conflicts, model ages, jobs, notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from dashboard import queries, words
from dashboard.hiding import NEEDS
from dashboard.pages import parts
from dashboard.source import Source
from domain.text import Translate, catalogue, mark, printable

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
        [
            html.H1(t(TITLE)),
            html.Div(body(source, t), id="system-body"),
            _letters(source, t),
            parts.tick("system", source.refresh_s),
        ]
    )


def _letters(source: Source, t: Translate) -> Any:
    """Return the card on which a person looks at dead letters and has them read again; no refresh takes it away."""
    reasons = source.journal.dead_letters_by_reason()
    number = dcc.Input(id="system-number", type="number", min=1, step=1, debounce=True)
    reason = dcc.Dropdown(
        id="system-reason",
        options=[{"label": f"{name} ({n})", "value": name} for name, n in reasons.items()],
        placeholder=t("every reason"),
        labels=parts.dropdown_labels(t),
    )
    return parts.card(
        t("Look at dead letters, and read them again"),
        html.P(
            t("After the config is mended and the service started again: what is good now is stored and counted."),
            className="quiet",
            **{NEEDS: "system-reread-told.children"},
        ),
        html.Div(
            [html.Label([html.Span(t("Number")), number]), html.Button(t("Show"), id="system-show")],
            className="controls",
        ),
        html.Div(id="system-shown"),
        html.Div(
            [
                html.Label([html.Span(t("Reason")), reason]),
                html.Button(t("Read again"), id="system-reread", className="primary"),
                html.Span("", id="system-reread-told", className="quiet", role="status"),
            ],
            className="controls",
        ),
        html.P(
            t("With a number, that one is read; else those of the chosen reason, or all."),
            className="quiet",
            **{NEEDS: "system-reread-told.children"},
        ),
        dcc.Store(id="system-left"),
        wide=True,
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh, and showing dead letters and reading them again."""

    def refresh(_n: int, language: str) -> Any:
        return body(source, catalogue(language))

    app.callback(
        Output("system-body", "children"),
        Input("system-tick", "n_intervals"),
        State("language", "data"),
        running=[(Output("system-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)

    def show(_n: int, number: int | None, language: str) -> Any:
        return letter(source, catalogue(language), number)

    app.callback(
        Output("system-shown", "children"),
        Input("system-show", "n_clicks"),
        State("system-number", "value"),
        State("language", "data"),
        prevent_initial_call=True,
    )(show)

    def reread(_n: int, number: int | None, reason: str | None, left: Any, language: str) -> tuple[str, Any]:
        return read_again(source, catalogue(language), number, reason, left)

    app.callback(
        Output("system-reread-told", "children"),
        Output("system-left", "data"),
        Input("system-reread", "n_clicks"),
        State("system-number", "value"),
        State("system-reason", "value"),
        State("system-left", "data"),
        State("language", "data"),
        running=[(Output("system-reread", "disabled"), True, False)],
        prevent_initial_call=True,
    )(reread)


def letter(source: Source, t: Translate, number: int | None) -> Any:
    """Return one dead letter whole: where it came from and when, why it was not taken, and its bytes."""
    found = None if number is None else source.journal.dead_letter(number)
    if found is None:
        return html.P(t("No dead letter has this number."), className="quiet")
    shown, n_more = queries.payload_text(found.payload)
    rows = {
        t("source"): found.source,
        t("received"): words.instant(found.received_at, source.zone),
        t("topic or file"): f"{found.topic} {found.part}".rstrip(),
        t("reason"): found.reason,
        t("detail"): found.detail,
        t("items"): str(found.n_items),
        t("read again"): words.instant(found.replayed_at, source.zone) or "–",
        "SHA-256": found.sha256,
    }
    more = [html.P(t("{n} more bytes are not shown.", n=n_more), className="quiet")] if n_more else []
    table = parts.table(["", ""], [[name, printable(value)] for name, value in rows.items()], "")
    return html.Div([table, html.Pre(shown, className="payload"), *more])


def read_again(
    source: Source, t: Translate, number: int | None, reason: str | None, left: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """Read dead letters again: one by its number, else those of a reason, or all.

    left: what the last press left of the same reason; that is where this one goes on. Returns what to tell the person,
    and what is left now.
    """
    before = left["before"] if left and number is None and left["reason"] == reason else None
    found = source.reread(number, reason, before)
    if not found.n_letters:
        return t("No dead letters."), None
    n_bad = found.n_letters - found.n_mended
    told = t(
        "{n} read again: {mended} mended, {left} as bad as before.",
        n=found.n_letters,
        mended=found.n_mended,
        left=n_bad,
    )
    if found.before is None:
        return told, None
    rest = t("There are more, below number {n}: press again to go on.", n=found.before)
    return f"{told} {rest}", {"reason": reason, "before": found.before}


def body(source: Source, t: Translate) -> list[Any]:
    """Return all cards."""
    view = queries.system_view(source)
    holds = all(x.difference == 0 for x in view.totals)
    verdict = t("The sum holds: nothing is unaccounted for.") if holds else t("The sum does not hold.")
    sums = [[x.source, *(getattr(x, name) for name in SUM)] for x in view.totals]
    dead = [
        [
            str(x.id),
            words.instant(x.received_at, source.zone),
            x.reason,
            *map(printable, (f"{x.topic} {x.part}".rstrip(), x.detail)),
        ]
        for x in view.dead
    ]
    conflicts = [
        [printable(x.key), words.instant(x.at, source.zone), printable(x.stored), printable(x.offered), x.source]
        for x in view.conflicts
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
    heads = [t("Number"), t("received"), t("reason"), t("topic or file"), t("detail")]
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
            *([parts.table(heads, dead, "")] if dead else []),
            wide=True,
        ),
        parts.card(
            t("Conflicts"),
            parts.table(
                [t("what"), t("time"), t("stored value"), t("value that came too"), t("source")],
                conflicts,
                t("No conflicts."),
            ),
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
