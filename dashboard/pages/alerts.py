"""Alerts: those that a filter holds in a grid, one of them told whole, and what a person does with one or with many."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final

import dash_ag_grid as dag
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard import access, words
from dashboard.alerting import EVERY, FILTERS, Listed, alert_view, listed, measure, usable
from dashboard.hiding import NEEDS
from dashboard.pages import alert_text, parts
from dashboard.source import Act, Doing, Source
from domain.alerting import Alert, Priority
from domain.errors import RecordError
from domain.text import Translate, catalogue, mark, spoken

TITLE: Final = mark("Alerts")
WRAPPED: Final = {"wrapText": True, "autoHeight": True}
NUMBER: Final = {"type": "numericColumn", "filter": False}
# What and where come first: a phone shows two columns. A column with flex takes its share of what is left over.
COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "asset": (mark("Asset"), {"flex": 1, "minWidth": 174, **WRAPPED}),
    "title": (mark("Alert"), {"flex": 1, "minWidth": 130, **WRAPPED}),
    "raised": (mark("Since"), {"width": 110, **WRAPPED}),
    "priority": (mark("Priority"), {"width": 96}),
    "state": (mark("State"), {"flex": 1, "minWidth": 140, **WRAPPED}),
    "value": (mark("Value"), {"width": 78, **NUMBER}),
    "limit": (mark("Limit"), {"width": 78, **NUMBER}),
    "unit": (mark("Unit"), {"width": 58, "filter": False}),
    "occurrences": (mark("Times"), {"width": 90, **NUMBER}),
    "acked_by": (mark("Acknowledged by"), {"width": 150}),
    "id": (mark("Id"), {"width": 170, "hide": True}),
}
PRIORITY_MARKS: Final = {f"priority {p.value}": f"params.data.rank == {p.rank}" for p in Priority}
FILTER_NAMES: Final = {
    "open": mark("open"),
    "unacknowledged": mark("unacknowledged"),
    "shelved": mark("shelved"),
    "suppressed": mark("suppressed"),
    "out": mark("out of service"),
    EVERY: mark("all"),
}
LASTS: Final = {
    "1": mark("1 hour"),
    "2": mark("2 hours"),
    "4": mark("4 hours"),
    "8": mark("8 hours"),
    "24": mark("1 day"),
    "72": mark("3 days"),
    "168": mark("7 days"),
}
BUTTONS: Final = {
    Act.ACKNOWLEDGE: mark("Acknowledge"),
    Act.COMMENT: mark("Comment"),
    Act.SHELVE: mark("Shelve"),
    Act.UNSHELVE: mark("Unshelve"),
    Act.RESET: mark("Reset"),
    Act.OUT_OF_SERVICE: mark("Out of service"),
    Act.IN_SERVICE: mark("Back in service"),
}
DONE: Final = {
    Act.ACKNOWLEDGE: mark("Acknowledged by {by}: {what}"),
    Act.COMMENT: mark("Comment by {by}: {what}"),
    Act.SHELVE: mark("Shelved by {by}: {what}"),
    Act.UNSHELVE: mark("Unshelved by {by}: {what}"),
    Act.RESET: mark("Reset by {by}: {what}"),
    Act.OUT_OF_SERVICE: mark("Taken out of service by {by}: {what}"),
    Act.IN_SERVICE: mark("Put back in service by {by}: {what}"),
}
HOLDING: Final = frozenset({Act.SHELVE, Act.OUT_OF_SERVICE})  # one must not take the place of another unseen
NEED_WORDS: Final = HOLDING | {Act.COMMENT}
SAID: Final = "alerts-said.children"


def layout(source: Source, t: Translate, language: str, query: Mapping[str, str]) -> Any:
    """Return the page: the alert of the address is selected, whatever the filter."""
    linked = query.get("alert", "")
    chosen = query.get("state", "open") if query.get("state", "open") in FILTERS else "open"
    found = listed(source, chosen, linked)
    shown = rows(source, found.alerts, t)
    selected = [row for row in shown if row["id"] == linked]
    return html.Div(
        [
            html.H1(t(TITLE)),
            parts.alert_views("/alerts", t, language),
            html.Div(
                [
                    dcc.RadioItems(_options(found, t), chosen, id="alerts-filter", className="choices", inline=True),
                    html.Button(t("Download CSV"), id="alerts-csv"),
                ],
                className="controls apart",
            ),
            html.Div([_grid(shown, selected, t), _panel(source, selected, t, language)], className="beside"),
            dcc.Store(id="alerts-link", data=linked),
            dcc.Store(id="alerts-seen", data=_seen(found)),
            dcc.Store(id="alerts-shown", data=_digest(shown, found)),
            parts.tick("alerts", source.refresh_s),
        ]
    )


def _grid(shown: list[dict[str, Any]], selected: list[dict[str, Any]], t: Translate) -> Any:
    return dag.AgGrid(
        id="alerts-grid",
        rowData=shown,
        selectedRows=selected,
        scrollTo={"rowId": selected[0]["id"], "rowPosition": "middle"} if selected else None,
        columnDefs=[
            {
                "field": field,
                "headerName": t(title),
                "sortable": True,
                "filter": True,
                **shape,
                **({"cellClassRules": PRIORITY_MARKS} if field == "priority" else {}),
            }
            for field, (title, shape) in COLUMNS.items()
        ],
        getRowId="params.data.id",
        dashGridOptions={
            "rowSelection": {"mode": "multiRow", "enableClickSelection": True, "selectAll": "filtered"},
            "localeText": {"noRowsToShow": t("No alert here")},
            "animateRows": False,
        },
        csvExportParams={"fileName": "alerts.csv", "columnKeys": list(COLUMNS), "allColumns": True},
        className="ag-theme-alpine tall",
        style={"height": None},
    )


def _panel(source: Source, selected: list[dict[str, Any]], t: Translate, language: str) -> Any:
    """Return what stands beside the grid: the alert, what a person can do with it, and why it was raised."""
    told, *disabled, is_unexplained = panel(source, selected, t, language)
    shelf = dcc.Dropdown({k: t(v) for k, v in LASTS.items()}, "2", id="alerts-lasts", clearable=False, searchable=False)
    buttons = {
        act: html.Button(
            t(name), id=f"alerts-{act}", disabled=off, className="primary" if act is Act.ACKNOWLEDGE else ""
        )
        for (act, name), off in zip(BUTTONS.items(), disabled, strict=True)
    }
    shelving = (Act.SHELVE, Act.UNSHELVE)
    return html.Aside(
        [
            html.Div(told, id="alerts-detail"),
            html.Div(
                [
                    html.Div(
                        dcc.Input(id="alerts-by", placeholder=t("Your name"), autoComplete="name"), className="field"
                    ),
                    html.Div(dcc.Input(id="alerts-note", placeholder=t("Reason, or note")), className="field grow"),
                ],
                className="controls tight",
            ),
            html.Div([b for act, b in buttons.items() if act not in shelving], className="controls tight"),
            html.Div(
                [
                    html.Label([html.Span(t("Shelve for")), shelf], className="narrow"),
                    *(buttons[act] for act in shelving),
                ],
                className="controls tight",
            ),
            html.P(id="alerts-said", role="status", className="said", **{NEEDS: SAID}),
            html.Button(t("Score it again, and say why"), id="alerts-explain", hidden=is_unexplained),
            dcc.Loading(html.Div(id="alerts-why"), type="dot"),
        ],
        className="card",
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh, the alert beside the grid, what a person does, why it was raised, and the export."""

    def refresh(_n: int, _said: str, chosen: str, shown: str, linked: str, language: str) -> Any:
        return refreshed(source, chosen, shown, linked, catalogue(language))

    app.callback(
        Output("alerts-grid", "rowData"),
        Output("alerts-filter", "options"),
        Output("alerts-seen", "data"),
        Output("alerts-shown", "data"),
        Input("alerts-tick", "n_intervals"),
        Input("alerts-said", "children"),
        Input("alerts-filter", "value"),
        State("alerts-shown", "data"),
        State("alerts-link", "data"),
        State("language", "data"),
        running=[(Output("alerts-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)

    def choose(selected: list[Any], _shown: str, _said: str, language: str) -> Any:
        return panel(source, selected or [], catalogue(language), language)

    app.callback(
        Output("alerts-detail", "children"),
        *(Output(f"alerts-{act}", "disabled") for act in BUTTONS),
        Output("alerts-explain", "hidden"),
        Input("alerts-grid", "selectedRows"),
        Input("alerts-shown", "data"),
        Input("alerts-said", "children"),
        State("language", "data"),
        prevent_initial_call=True,
    )(choose)

    def attend(*given: Any) -> Any:
        selected, seen, by, note, lasts, language = given[len(BUTTONS) :]
        act = Act(str(ctx.triggered_id or "alerts-comment").removeprefix("alerts-"))
        doing = Doing(
            act, by or "", note or "", seen if isinstance(seen, dict) else {}, timedelta(hours=float(lasts or 0))
        )
        return attended(source, doing, selected or [], catalogue(language))

    app.callback(
        Output("alerts-said", "children"),
        Output("alerts-note", "value"),
        *(Input(f"alerts-{act}", "n_clicks") for act in BUTTONS),
        State("alerts-grid", "selectedRows"),
        State("alerts-seen", "data"),
        State("alerts-by", "value"),
        State("alerts-note", "value"),
        State("alerts-lasts", "value"),
        State("language", "data"),
        running=[(Output(f"alerts-{Act.ACKNOWLEDGE}", "disabled"), True, False)],
        prevent_initial_call=True,
    )(attend)

    def explain(_n: int, selected: list[Any], language: str) -> Any:
        is_asked = ctx.triggered_id == "alerts-explain"
        return explained(source, selected or [], language) if is_asked else None

    app.callback(
        Output("alerts-why", "children"),
        Input("alerts-explain", "n_clicks"),
        Input("alerts-grid", "selectedRows"),
        State("language", "data"),
        prevent_initial_call=True,
    )(explain)

    def export(_n: int) -> bool:
        return True

    app.callback(Output("alerts-grid", "exportDataAsCsv"), Input("alerts-csv", "n_clicks"), prevent_initial_call=True)(
        export
    )


def rows(source: Source, alerts: Sequence[Alert], t: Translate) -> list[dict[str, Any]]:
    """Return the grid's rows."""
    rules = {r.id: r for r in source.rules}
    newest = cache(source.ledger.scoring.latest)
    measures: dict[tuple[str, str], tuple[float, str]] = {}
    found = []
    for a in alerts:
        place = (a.key.rule, a.key.asset)
        rule = rules.get(a.key.rule)
        if place not in measures:
            measures[place] = measure(source, newest, rule, a.key.asset)
        factor, unit = measures[place]
        found.append(
            {
                "id": a.id,
                "raised": words.instant(a.raised_at, source.zone),
                "priority": t(words.PRIORITIES[a.priority]),
                "rank": a.priority.rank,
                "state": t(words.STATES[a.state]),
                "title": t(a.key.rule if rule is None else rule.title),
                "asset": a.key.asset,
                "value": float(f"{a.value * factor:.4g}"),
                "limit": float(f"{a.limit * factor:.4g}"),
                "unit": unit,
                "occurrences": a.occurrences,
                "acked_by": a.acked_by,
            }
        )
    return found


def refreshed(source: Source, chosen: str, shown: str, linked: str, t: Translate) -> tuple[Any, ...]:
    """Return rows, filters, raises and digest where anything is not as it was shown."""
    found = listed(source, chosen, linked or "")
    new = rows(source, found.alerts, t)
    digest = _digest(new, found)
    return (no_update,) * 4 if digest == shown else (new, _options(found, t), _seen(found), digest)


def panel(source: Source, selected: Sequence[Mapping[str, Any]], t: Translate, language: str) -> tuple[Any, ...]:
    """Return what is told of what is selected, for each button whether it is off, and whether there is no score."""
    ids = [str(row["id"]) for row in selected]
    if len(ids) == 1 and (view := alert_view(source, ids[0])) is not None:
        can = usable(view.alert, view.hold, source.now())
        told = alert_text.told(view, source, t, language)
        return told, *(act not in can for act in BUTTONS), not view.is_explained
    alerts = list(source.ledger.alerting.named(ids).values())
    holds = source.ledger.alerting.holds()
    each = [usable(a, holds.get((a.key.rule, a.key.asset)), source.now()) for a in alerts]
    return _many(alerts, each, t), *(not any(act in can for can in each) for act in BUTTONS), True


def _many(alerts: Sequence[Alert], can: Sequence[frozenset[Act]], t: Translate) -> list[Any]:
    if not alerts:
        hint = t("Select an alert to see what, since when and why. The box above the list selects all that it shows.")
        return [html.H2(t("No alert is selected")), html.P(hint, className="quiet")]
    ranks = {t(words.PRIORITIES[p]): str(sum(a.priority is p for a in alerts)) for p in Priority}
    assets = sorted({a.key.asset for a in alerts})
    more = t("and {n} more", n=len(assets) - alert_text.MOST) if len(assets) > alert_text.MOST else ""
    n = sum(Act.ACKNOWLEDGE in each for each in can)
    return [
        html.H2(t("{n} alerts are selected", n=len(alerts))),
        parts.figures({**ranks, t("to acknowledge"): str(n)}),
        html.P(", ".join(filter(None, (*assets[: alert_text.MOST], more))), className="quiet"),
    ]


def attended(source: Source, doing: Doing, selected: Sequence[Mapping[str, Any]], t: Translate) -> tuple[str, Any]:
    """Do it with what is selected; returns what to tell the person, and the note that stays in its field.

    Of many, those are taken that it can be done with. doing.seen: every alert that was shown.
    """
    ids = [str(row["id"]) for row in selected]
    if not ids:
        return t("Select an alert first."), no_update
    if not (doing.by or access.person().name).strip():
        return t("Give your name first."), no_update
    if doing.act in NEED_WORDS and not doing.note.strip():
        return t("Give a reason, or a note, first."), no_update
    alerts = source.ledger.alerting.named(ids)
    holds = source.ledger.alerting.holds()
    if len(ids) > 1 or doing.act in HOLDING:
        can = {k: usable(a, holds.get((a.key.rule, a.key.asset)), source.now()) for k, a in alerts.items()}
        ids = [name for name in ids if doing.act in can.get(name, ())]
    seen = {name: int(doing.seen.get(name, 0)) for name in ids}
    done = source.attend(Doing(doing.act, doing.by.strip(), doing.note.strip(), seen, doing.lasts))
    by = access.person().name or doing.by.strip()
    what = alerts[ids[0]].key.asset if len(ids) == 1 and ids[0] in alerts else t("{n} alerts", n=done.n_done)
    told = [t(DONE[doing.act], by=by, what=what)] if done.n_done else []
    told += [spoken(t, why, state=t) for why in done.refused]
    return "; ".join(told) or t("There is nothing to do."), "" if done.n_done else no_update


def explained(source: Source, selected: Sequence[Mapping[str, Any]], language: str) -> Any:
    """Return why the selected alert was raised, scored again from the stored rows."""
    if len(selected) != 1:
        return None
    try:
        lines = source.explain(str(selected[0]["id"]), language)
    except RecordError as error:
        return html.P(spoken(catalogue(language), error.stored), className="quiet")
    return html.Pre("\n".join(lines), className="payload")


def _options(found: Listed, t: Translate) -> list[dict[str, str]]:
    def label(name: str) -> str:
        n = found.counts.get(name)
        return t(FILTER_NAMES[name]) + ("" if n is None else f" ({n})")

    return [{"label": label(name), "value": name} for name in FILTERS]


def _seen(found: Listed) -> dict[str, int]:
    return {a.id: a.occurrences for a in found.alerts}


def _digest(shown: Sequence[Mapping[str, Any]], found: Listed) -> str:
    text = json.dumps([list(shown), dict(found.counts)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
