"""The cards of a factor study on the Quality page: what matters, which limits help, when lots turn bad, what if."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from dash import dcc, html

from dashboard import factor_figures, words
from dashboard.hiding import NEEDS
from dashboard.pages import parts
from dashboard.source import Source
from domain.numerals import numeral, numeral_beside
from domain.text import Translate, spoken
from reports import factor_page, factor_text, whatif

Record = Mapping[str, Any]
SLOTS: Final = whatif.MOST_FACTORS
STEPS: Final = 200
SAID: Final = "quality-watch-said.children"


def cards(record: Record | None, source: Source, t: Translate) -> list[Any]:
    """Return the cards; where there is no study yet, that, and the controls hidden."""
    found = [
        _matters(record, t),
        html.Div([_acts(record, t), _limits(record, t)], className="columns"),
        _conditions(record, t),
        _what_if(record, t),
    ]
    if record is None:
        told = t("No factor study yet. It is made with the next training, or by forewarn report factors.")
        return [parts.card(t("Factors"), html.P(told, className="quiet"), wide=True), html.Div(found, hidden=True)]
    return [html.P(_made(record, source, t), className="quiet"), *_warnings(record, t), *found]


def _made(record: Record, source: Source, t: Translate) -> str:
    at = words.instant(datetime.fromisoformat(record["made_at"]), source.zone)
    made = t("Factor study of the process alone, made {at}.", at=at)
    return f"{made} {factor_text.headline(record, t)[0]}"


def _warnings(record: Record, t: Translate) -> list[Any]:
    return [html.P(line, className="bad") for line in factor_text.headline(record, t)[1:]]


def _matters(record: Record | None, t: Translate) -> Any:
    rows = [
        [
            f["rank"],
            f"{f['name']} {factor_text.SIGNS[f['direction']]}",
            f"{f['rank_low']}–{f['rank_high']}",
            factor_text.kind(f, t),
            factor_text.slopes(f, t) or "–",
        ]
        for f in (record["factors"][: factor_figures.MOST] if record else ())
    ]
    heads = [t("Rank"), t("Factor"), t("90 % of ranks"), t("kind"), t("direction by stratum")]
    return parts.card(
        t("Factors of the process, without laboratory history"),
        dcc.Graph(figure=factor_figures.ranking(record, t), config=parts.GRAPH),
        html.P(factor_page.legend(t), className="quiet"),
        *(_divided(record, t) if record else ()),
        html.Details([html.Summary(t("as a table")), parts.table(heads, rows, "–")]),
        wide=True,
    )


def _divided(record: Record, t: Translate) -> list[Any]:
    return [html.P(factor_text.divided(d, record, t)) for d in record.get("divided", ())]


def _acts(record: Record | None, t: Translate) -> Any:
    names = list(record["effects"]) if record else []
    choice = dcc.Dropdown(
        names, names[0] if names else None, id="quality-factor", clearable=False, labels=parts.dropdown_labels(t)
    )
    return parts.card(
        t("How a factor acts"),
        html.Label([html.Span(t("Factor")), choice]),
        dcc.Graph(id="quality-effect", config=parts.GRAPH),
        html.P(id="quality-advice"),
        html.P(factor_page.effect_legend(t), className="quiet"),
    )


def _limits(record: Record | None, t: Translate) -> Any:
    every = record["advice"] if record else []
    given = [a for a in every if not a["reason"]]
    told = [html.Li([html.B(a["factor"]), ": ", factor_text.advice(a, record, t)]) for a in given if record is not None]
    rest = [[a["factor"], spoken(t, a["reason"])] for a in every if a["reason"]]
    names = [a["factor"] for a in given]
    which = dcc.Dropdown(
        names, names[0] if names else None, id="quality-watch", clearable=False, labels=parts.dropdown_labels(t)
    )
    form = html.Div(
        [
            html.Label([html.Span(t("Factor")), which]),
            html.Label([html.Span(t("Why")), dcc.Input(id="quality-watch-why")]),
            html.Label([html.Span(t("Your name")), dcc.Input(id="quality-watch-by", autoComplete="name")]),
            html.Button(t("Watch this window"), id="quality-watch-do", className="primary"),
        ],
        className="controls",
    )
    return parts.card(
        t("Recommended limits"),
        html.Ul(told) if told else html.P(t("No limit is recommended."), className="quiet"),
        html.Div(form, hidden=not given, **{NEEDS: SAID}),
        html.P(id="quality-watch-said", role="status", className="quiet"),
        html.Details(
            [
                html.Summary(t("factors without a limit, and why")),
                parts.table([t("Factor"), t("why there is none")], rest, "–"),
            ]
        ),
    )


def _conditions(record: Record | None, t: Translate) -> Any:
    return parts.card(
        t("When lots turn out bad"),
        html.P(factor_text.bad_text(record, t) if record else ""),
        html.Div(
            [
                dcc.Graph(figure=factor_figures.deciles(record, t), config=parts.GRAPH),
                html.Div(_rules(record, t) if record else []),
            ],
            className="columns",
        ),
        wide=True,
    )


def _rules(record: Record, t: Translate) -> Sequence[Any]:
    heads = [t("Condition"), t("lots, later"), t("lift, later"), t("confirmed")]
    has_costs = record["has_costs"]
    rows = [
        [
            factor_text.rule(c, record["units"], t),
            c["n_later"],
            f"{factor_text.lift(c['lift_later'])} ({factor_text.lift(c['lift'])})",
            factor_page.confirmed(c, t),
            *([numeral(c["net"])] if has_costs else []),
        ]
        for c in record["conditions"]
    ]
    return [
        html.P(factor_page.conditions_head(record, t)),
        parts.table([*heads, *([t("net money, later")] if has_costs else [])], rows,
                    t("No short condition stands out.")),
        html.P(factor_page.conditions_note(record, t), className="quiet"),
    ]  # fmt: skip


def _what_if(record: Record | None, t: Translate) -> Any:
    data = record["what_if"] if record else {"factors": []}
    units = record["units"] if record else {}
    sliders = [_slider(i, data, units) for i in range(SLOTS)]
    is_empty = not data["factors"]
    note = t(
        "Starts from a recent lot. Moves what people can set, all else as it was; "
        "refused where history has no lot like it."
    )
    return parts.card(
        t("What if"),
        html.P(t("No controllable factor is known well enough.") if is_empty else note, className="quiet"),
        html.Div(
            [html.Div(sliders), html.Div(id="quality-whatif", role="status")], className="columns", hidden=is_empty
        ),
        wide=True,
    )


def _slider(i: int, data: Record, units: Mapping[str, str]) -> Any:
    """Return a slider of the i-th controllable factor, over what history has of it; hidden where there is none."""
    if i >= len(data["factors"]):
        return html.Div(dcc.Slider(0, 1, value=0, id=f"quality-move-{i}"), hidden=True)
    factor = data["factors"][i]
    low, high, start = factor["x"][0], factor["x"][-1], data["start"][factor["name"]]
    unit = units.get(factor["name"], "")
    slider = dcc.Slider(
        low, high, value=start, id=f"quality-move-{i}", updatemode="mouseup",
        marks={low: numeral(low), high: numeral(high)},
        tooltip={"placement": "top", "always_visible": True}, allow_direct_input=False,
    )  # fmt: skip
    return html.Div([html.B(f"{factor['name']} [{unit}]" if unit else factor["name"]), slider], className="move")


def answer(record: Record | None, values: Sequence[float], t: Translate) -> Any:
    """Return the what-if's answer in words and figures."""
    if record is None or not record["what_if"]["factors"]:
        return ""
    data = record["what_if"]
    moved = {}
    for factor, value in zip(data["factors"], values, strict=False):
        start = data["start"][factor["name"]]
        if value is not None and abs(value - start) > (factor["x"][-1] - factor["x"][0]) / STEPS:
            moved[factor["name"]] = float(value)
    found, now = whatif.answer(data, moved), whatif.answer(data, {})
    before = t("as it was: {value}", value=_result(now, record))
    if found.reason:
        told = spoken(t, found.reason)
        return [html.P(t("Not predicted: {reason}", reason=told), className="bad"), html.P(before, className="quiet")]
    return [
        parts.figures({t("predicted {outcome}", outcome=record["outcome"]): _result(found, record)}),
        html.P(before, className="quiet"),
    ]


def _result(found: whatif.Answer, record: Record) -> str:
    width = (found.high or 0.0) - (found.low or 0.0)
    middle, low, high = (numeral_beside(x, width) for x in (found.predicted, found.low, found.high))
    return f"{middle} ({low} – {high}) {record['unit']}".rstrip()


def advice_text(record: Record | None, factor: str | None, t: Translate) -> str:
    """Return what is advised of a factor, "" where nothing was asked."""
    found = next((a for a in (record["advice"] if record else ()) if a["factor"] == factor), None)
    return "" if found is None or record is None else factor_text.advice(found, record, t)
