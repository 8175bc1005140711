"""Alerts: every alert in a grid, acknowledged with a name, exported as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import dash_ag_grid as dag
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard import access, queries, words
from dashboard.hiding import NEEDS
from dashboard.pages import parts
from dashboard.source import Source
from domain.text import Translate, catalogue, mark

TITLE: Final = mark("Alerts")
UNNAMED: Final = mark("Select an alert, give your name, and acknowledge it.")
NAMED: Final = mark("Select an alert and acknowledge it.")
COLUMNS: Final = {
    "raised": (mark("Since"), 205),
    "priority": (mark("Priority"), 115),
    "state": (mark("State"), 235),
    "title": (mark("Alert"), 220),
    "asset": (mark("Asset"), 210),
    "value": (mark("Value"), 95),
    "limit": (mark("Limit"), 95),
    "occurrences": (mark("Times"), 105),
    "acked_by": (mark("Acknowledged by"), 190),
    "id": (mark("Id"), 170),
}


def layout(source: Source, t: Translate, _language: str, _query: Mapping[str, str]) -> Any:
    """Return the page with its present rows."""
    grid = dag.AgGrid(
        id="alerts-grid",
        rowData=rows(source, t),
        columnDefs=[
            {"field": field, "headerName": t(title), "width": width, "sortable": True, "filter": True}
            for field, (title, width) in COLUMNS.items()
        ],
        getRowId="params.data.id",
        dashGridOptions={
            "rowSelection": {"mode": "singleRow"},
            "localeText": {"noRowsToShow": t("No alerts so far")},
            "animateRows": False,
        },
        csvExportParams={"fileName": "alerts.csv", "columnKeys": list(COLUMNS)},
        style={"height": "560px"},
    )
    return html.Div(
        [
            html.H1(t(TITLE)),
            html.P(t(NAMED if access.person().name else UNNAMED), className="quiet", **{NEEDS: "alerts-said.children"}),
            html.Div(
                [
                    html.Div(dcc.Input(id="alerts-by", placeholder=t("Your name")), className="field"),
                    html.Div(dcc.Input(id="alerts-note", placeholder=t("Note (optional)")), className="field"),
                    html.Button(t("Acknowledge"), id="alerts-ack", className="primary"),
                    html.Button(t("Download CSV"), id="alerts-csv"),
                    html.Span(id="alerts-said", role="status"),
                ],
                className="controls",
            ),
            grid,
            parts.tick("alerts", source.refresh_s),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh, the acknowledgement and the export."""

    def refresh(_n: int, _said: str, shown: list[Any], language: str) -> Any:
        found = rows(source, catalogue(language))
        return no_update if found == shown else found

    app.callback(
        Output("alerts-grid", "rowData"),
        Input("alerts-tick", "n_intervals"),
        Input("alerts-said", "children"),
        State("alerts-grid", "rowData"),
        State("language", "data"),
        running=[(Output("alerts-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)

    def acknowledge(_n: int, selected: list[Any], by: str, note: str, language: str) -> str:
        return acknowledged(source, selected or [], by or "", note or "", catalogue(language))

    app.callback(
        Output("alerts-said", "children"),
        Input("alerts-ack", "n_clicks"),
        State("alerts-grid", "selectedRows"),
        State("alerts-by", "value"),
        State("alerts-note", "value"),
        State("language", "data"),
        prevent_initial_call=True,
    )(acknowledge)

    def export(_n: int) -> bool:
        return True

    app.callback(Output("alerts-grid", "exportDataAsCsv"), Input("alerts-csv", "n_clicks"), prevent_initial_call=True)(
        export
    )


def rows(source: Source, t: Translate) -> list[dict[str, Any]]:
    """Return the grid's rows."""
    titles = {r.id: r.title for r in source.rules}
    return [
        {
            "id": a.id,
            "raised": words.instant(a.raised_at, source.zone),
            "priority": t(words.PRIORITIES[a.priority]),
            "state": t(words.STATES[a.state]),
            "title": t(titles.get(a.key.rule, a.key.rule)),
            "asset": a.key.asset,
            "value": float(f"{a.value:.4g}"),
            "limit": float(f"{a.limit:.4g}"),
            "occurrences": a.occurrences,
            "acked_by": a.acked_by,
        }
        for a in queries.alerts(source)
    ]


def acknowledged(source: Source, selected: Sequence[Mapping[str, Any]], by: str, note: str, t: Translate) -> str:
    """Acknowledge the selected alert; returns what to tell the person."""
    if not selected:
        return t("Select an alert first.")
    if not by.strip():
        return t("Give your name first.")
    try:
        source.acknowledge(str(selected[0]["id"]), by.strip(), note)
    except ValueError:
        return t("There is nothing to acknowledge: {state}.", state=selected[0]["state"])
    return t("Acknowledged by {by}: {asset}", by=by.strip(), asset=selected[0]["asset"])
