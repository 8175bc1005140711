"""Scored warnings: what each was worth, one tap where only a person knows, and why stops came without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import dash_ag_grid as dag
from dash import Dash, Input, Output, State, ctx, dcc, html

from dashboard import words
from dashboard.hiding import NEEDS
from dashboard.pages import alerts, parts
from dashboard.scored import Scored, scored
from dashboard.source import Review, Source
from domain.rulings import Ruling, Worth
from domain.text import Translate, catalogue, mark, spoken
from reports.autopsy_text import CAUSES, sentences

TITLE: Final = mark("Scored warnings")
WORTHS: Final = {
    Worth.HIT: mark("hit"),
    Worth.FALSE: mark("false"),
    Worth.EXCUSED: mark("excused"),
    Worth.UNCLEAR: mark("unclear"),
}
COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "asset": (mark("Asset"), {"flex": 2, "minWidth": 174}),
    "title": (mark("Alert"), {"flex": 2, "minWidth": 140}),
    "raised": (mark("Since"), {"width": 110}),
    "worth": (mark("Worth"), {"width": 120}),
    "why": (mark("Why"), {"flex": 5, "minWidth": 200}),
    "by": (mark("Said by"), {"width": 130}),
}
SLOW_S: Final = 30.0  # everything is read anew, and warnings are ruled on every ten minutes
BUTTONS: Final = {
    "review-true": (Worth.HIT, mark("It was true")),
    "review-false": (Worth.FALSE, mark("It was false")),
    "review-unclear": (Worth.UNCLEAR, mark("Unclear")),
}


def layout(source: Source, t: Translate, language: str, _query: Mapping[str, str]) -> Any:
    """Return the page with its present rows."""
    found = scored(source)
    grid = dag.AgGrid(
        id="review-grid",
        rowData=rows(found, source, t),
        columnDefs=[
            {
                "field": field,
                "headerName": t(title),
                "sortable": True,
                "filter": True,
                **shape,
                **alerts.WRAPPED,
            }
            for field, (title, shape) in COLUMNS.items()
        ],
        getRowId="params.data.id",
        dashGridOptions={
            "rowSelection": {"mode": "singleRow", "enableClickSelection": True},
            "localeText": {"noRowsToShow": t("No warnings so far")},
            "animateRows": False,
        },
        style={"height": "380px", "marginBottom": "16px"},
    )
    fields = {
        "review-cause": t("Cause, e.g. the failure's code"),
        "review-found": t("What was found"),
        "review-by": t("Your name"),
    }
    controls = [html.Div(dcc.Input(id=name, placeholder=text), className="field") for name, text in fields.items()]
    buttons = [html.Button(t(text), id=name) for name, (_, text) in BUTTONS.items()]
    return html.Div(
        [
            html.H1(t(alerts.TITLE)),
            parts.alert_views("/alerts/worth", t, language),
            html.P(
                t("Select a warning and say whether it was true. What waits for you stands first."),
                className="quiet",
                **{NEEDS: "review-said.children"},
            ),
            html.Div([*controls, *buttons, html.Span(id="review-said", role="status")], className="controls"),
            grid,
            html.Div(drawn(found, source, t), id="review-body"),
            parts.tick("review", max(source.refresh_s, SLOW_S)),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh and the three buttons."""

    def refresh(_n: int, _said: str, language: str) -> Any:
        found, t = scored(source), catalogue(language)
        return rows(found, source, t), drawn(found, source, t)

    app.callback(
        Output("review-grid", "rowData"),
        Output("review-body", "children"),
        Input("review-tick", "n_intervals"),
        Input("review-said", "children"),
        State("language", "data"),
        running=[(Output("review-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)

    def review(*given: Any) -> str:
        selected, cause, found, by, language = given[len(BUTTONS) :]
        pressed = BUTTONS.get(str(ctx.triggered_id), (Worth.UNCLEAR, ""))[0]
        return reviewed(source, selected or [], pressed, (cause or "", found or "", by or ""), catalogue(language))

    app.callback(
        Output("review-said", "children"),
        *(Input(name, "n_clicks") for name in BUTTONS),
        State("review-grid", "selectedRows"),
        *(State(f"review-{name}", "value") for name in ("cause", "found", "by")),
        State("language", "data"),
        prevent_initial_call=True,
    )(review)


def rows(found: Scored, source: Source, t: Translate) -> list[dict[str, Any]]:
    """Return the grid's rows."""
    titles = {r.id: r.title for r in source.rules}
    return [
        {
            "id": alert.id,
            "raised": words.instant(alert.raised_at, source.zone),
            "title": t(titles.get(alert.key.rule) or alert.key.rule),
            "asset": alert.key.asset,
            "worth": _worth(ruling, t),
            "why": _why(ruling, source, t),
            "by": "" if ruling is None else ruling.by or t("rule of events"),
        }
        for alert, ruling in found.alerts
    ]


def _worth(ruling: Ruling | None, t: Translate) -> str:
    if ruling is None:
        return t("not known yet")
    return t("please say") if ruling.asks else t(WORTHS[ruling.worth])


def _why(ruling: Ruling | None, source: Source, t: Translate) -> str:
    if ruling is None:
        return ""
    if ruling.by:
        return "; ".join(x for x in (ruling.cause, ruling.found) if x)
    return spoken(t, ruling.because, at=lambda at: words.instant(datetime.fromisoformat(at), source.zone))


def drawn(found: Scored, source: Source, t: Translate) -> list[Any]:
    """Return the figures, and a card for each stop without a warning."""
    share = "–" if found.precision is None else words.share(found.precision)
    figures = {t(WORTHS[w]): str(found.counts[w]) for w in Worth}
    missed = {(r.asset, r.start) for r in found.autopsies}
    return [
        parts.figures({**figures, t("waits for a person"): str(found.n_asking), t("share that was true"): share}),
        html.H2(t("Stops without a warning: {n}", n=len(missed))),
        *(_autopsy(row, source, t) for row in found.autopsies),
        *([] if missed else [html.P(t("Every stop of the last 90 days was warned of."), className="quiet")]),
    ]


def _autopsy(row: Any, source: Source, t: Translate) -> Any:
    def at(text: str) -> str:
        return words.instant(datetime.fromisoformat(text), source.zone)

    said = list(sentences(row.finding, row.evidence, t, at))
    head = f"{words.instant(row.start, source.zone)} · {row.asset} · {row.code}".rstrip(" ·")
    body = [html.P([html.B(t(CAUSES[row.finding])), html.Span(f" {row.detector}", className="quiet")])]
    return parts.card(head, *body, html.Ul([html.Li(x) for x in said[1:]]), wide=True)


def reviewed(
    source: Source, selected: Sequence[Mapping[str, Any]], worth: Worth, said: tuple[str, str, str], t: Translate
) -> str:
    """Keep what a person says of the selected warning (cause, what was found, who); returns what to tell them."""
    cause, found, by = said
    if not selected:
        return t("Select a warning first.")
    if not by.strip():
        return t("Give your name first.")
    try:
        source.review(Review(str(selected[0]["id"]), worth, by.strip(), cause, found))
    except ValueError as error:
        return t("Not kept: {why}", why=error)
    return t("{worth}: {asset}, said by {by}", worth=t(WORTHS[worth]), asset=selected[0]["asset"], by=by.strip())
