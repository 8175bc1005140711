"""How good the alarms are: load, floods, chatter and stale alarms of each position against their goals, grades of the
equipment, and advice with its replay as proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from alerts.advice import Advice, Figures
from alerts.performance import GOALS, Performance
from dashboard import words
from dashboard.hiding import NEEDS
from dashboard.pages import parts
from dashboard.source import Source
from domain.errors import RecordError
from domain.text import Translate, catalogue, mark, spoken
from reports.week.words import GOALS as NAMES

TITLE: Final = mark("Alarm figures")
DAYS: Final = {"1": mark("1 day"), "7": mark("7 days"), "30": mark("30 days"), "90": mark("90 days")}
SHOWN_GRADES: Final = 30
MOST_PROVED: Final = 10
PROOF: Final = "figures-proof.children"
SHARES: Final = frozenset({"flood_share", "top_share"})


def layout(_source: Source, t: Translate, language: str, _query: Mapping[str, str]) -> Any:
    """Return the page; the figures are counted when it has come."""
    span = dcc.Dropdown({k: t(v) for k, v in DAYS.items()}, "30", id="figures-days", clearable=False, searchable=False)
    return html.Div(
        [
            html.H1(t("Alerts")),
            parts.alert_views("/alerts/figures", t, language),
            html.Div(html.Label([html.Span(t("Time range")), span], className="narrow"), className="controls"),
            dcc.Loading(html.Div(id="figures-body"), type="dot"),
            parts.card(
                t("Proof of the advice"),
                html.P(
                    t("Each change is replayed over what is stored: what it spares, and whether a stop is lost."),
                    className="quiet",
                ),
                html.Button(t("Replay"), id="figures-prove", **{NEEDS: PROOF}),
                dcc.Loading(html.Div(id="figures-proof"), type="dot"),
                wide=True,
            ),
            html.Div(id="figures-grades"),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the figures of a time range, and the proof of the advice."""

    def choose(days: str, language: str) -> tuple[Any, Any]:
        found, t = source.workshop.figures(float(days or "30")), catalogue(language)
        return body(found, source, t, language), grades(found, t)

    app.callback(
        Output("figures-body", "children"),
        Output("figures-grades", "children"),
        Input("figures-days", "value"),
        State("language", "data"),
    )(choose)

    def prove(_n: int, days: str, language: str) -> Any:
        return proofs(source, float(days or "30"), catalogue(language))

    app.callback(
        Output("figures-proof", "children"),
        Input("figures-prove", "n_clicks"),
        State("figures-days", "value"),
        State("language", "data"),
        running=[(Output("figures-prove", "disabled"), True, False)],
        prevent_initial_call=True,
    )(prove)


def body(found: Figures, source: Source, t: Translate, language: str) -> list[Any]:
    """Return a card for each position, and the advice."""
    titles = {r.id: t(r.title) for r in source.rules}
    span = f"{words.instant(found.since, source.zone)} – {words.instant(found.until, source.zone)}"
    positions = [_position(p, titles, t) for p in found.positions]
    if not positions:
        positions = [html.P(t("No alarms in this time."), className="quiet")]
    return [
        html.P(span, className="quiet"),
        *positions,
        parts.card(t("Advice"), _advice(found.advice, titles, t, language), wide=True),
    ]


def grades(found: Figures, t: Translate) -> Any:
    """Return the grades of the assets that had alerts, the worst first, and how many had none."""
    graded = [g for g in found.grades if g.frequency]
    rows = [
        [g.grade, g.asset, f"{g.recency} / 5", f"{g.frequency} / 5", f"{g.magnitude} / 5"]
        for g in graded[:SHOWN_GRADES]
    ]
    heads = [t("grade"), t("Asset"), t("how recent"), t("how many"), t("how urgent")]
    n_more, n_quiet = len(graded) - SHOWN_GRADES, len(found.grades) - len(graded)
    told = [t("and {n} more", n=n_more)] if n_more > 0 else []
    told += [t("{n} assets had no alert: grade A", n=n_quiet)] if n_quiet else []
    return parts.card(
        t("Grades of the equipment, A (quiet) to E"),
        parts.table(heads, rows, t("No asset had an alert.")),
        html.P("; ".join(told), className="quiet"),
        wide=True,
    )


def _position(p: Performance, titles: Mapping[str, str], t: Translate) -> Any:
    """Return the figures of one operators' position beside their goals, with its most frequent alarms."""
    values = {
        "per_10_min": p.burden.per_10_min,
        "most_in_10_min": p.burden.most_in_10_min,
        "flood_share": p.burden.flood_share,
        "top_share": p.top_share,
        "n_chattering": len(p.chattering),
        "n_fleeting": p.n_fleeting,
        "most_stale": p.most_stale,
        "n_unauthorised": p.n_unauthorised,
    }
    rows = [
        [t(NAMES[name]), _amount(name, value), "≤ " + _amount(name, GOALS[name]), _verdict(name in p.missed, t)]
        for name, value in values.items()
    ]
    actors = [[a.n, words.share(a.share), titles.get(a.rule, a.rule), a.asset] for a in p.bad_actors]
    mix = " · ".join(f"{t(words.PRIORITIES[k])} {words.share(v)}" for k, v in p.priorities.items())
    return parts.card(
        t("Position: {owner}", owner=p.owner) if p.owner else t("Alarms whose rule names no position"),
        parts.figures(
            {
                t("alarms"): str(p.burden.n),
                t("a day"): f"{p.burden.per_day:.1f}",
                t("floods"): str(p.burden.n_floods),
                t("priorities (goal 5 / 15 / 80 %)"): mix,
            }
        ),
        html.Div(
            [
                parts.table([t("figure"), t("value"), t("goal"), ""], rows, ""),
                html.Div(
                    [
                        html.H3(t("Most frequent")),
                        parts.table([t("number"), t("share"), t("Alert"), t("Asset")], actors, t("None.")),
                    ]
                ),
            ],
            className="columns",
        ),
        wide=True,
    )


def _amount(name: str, value: float) -> str:
    if name in SHARES:
        return words.share(value, 1)
    return f"{value:.2f}" if name == "per_10_min" else f"{value:g}"


def _verdict(is_missed: bool, t: Translate) -> Any:
    return html.Span(t("not met"), className="bad") if is_missed else html.Span(t("met"), className="good")


def _advice(found: tuple[Advice, ...], titles: Mapping[str, str], t: Translate, language: str) -> Any:
    rows = [
        [
            titles.get(x.rule, x.rule),
            x.asset,
            spoken(t, x.why),
            f"{x.key} = {x.value}",
            html.A(
                t("Try it"),
                href=parts.link("/alerts/rules", language, rule=x.rule, key=x.key, value=str(x.value)),
            ),
        ]
        for x in found
    ]
    heads = [t("Alert"), t("Asset"), t("What was seen"), t("What to change"), ""]
    return parts.table(heads, rows, t("No rule came often enough for advice."))


def proofs(source: Source, days: float, t: Translate) -> Any:
    """Return what each advice would have been worth, replayed over the last days."""
    rows = []
    for x in source.workshop.figures(days).advice[:MOST_PROVED]:
        try:
            found = source.workshop.tried({"settings": [[x.rule, x.key, str(x.value)]], "days": days})
        except RecordError as error:
            rows.append([x.rule, f"{x.key} = {x.value}", "–", "–", spoken(t, error.stored)])
            continue
        now, then = found["now"], found["then"]
        is_worth = then["n_alerts"] < now["n_alerts"] and then["n_caught"] >= now["n_caught"]
        rows.append(
            [
                x.rule,
                f"{x.key} = {x.value}",
                f"{now['n_alerts']} → {then['n_alerts']}",
                f"{now['n_caught']}/{now['n_stops']} → {then['n_caught']}/{then['n_stops']}",
                html.Span(t("worth it") if is_worth else t("not worth it"), className="good" if is_worth else "bad"),
            ]
        )
    heads = [t("Rule"), t("What to change"), t("alerts"), t("stops caught"), ""]
    return parts.table(heads, rows, t("There is no advice to prove."))
