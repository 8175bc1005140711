"""Rules: what raises an alert; a change tried on history before it is made; who changed what, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard import access, words
from dashboard.hiding import NEEDS
from dashboard.pages import parts
from dashboard.source import Source
from domain.errors import RecordError
from domain.text import Translate, catalogue, mark, printable, spoken

TITLE: Final = mark("Rules")
FIELDS: Final[Mapping[str, str]] = {
    "raise": mark("raises at"),
    "clear": mark("clears at"),
    "deadband": mark("deadband"),
    "on_delay": mark("on-delay"),
    "off_delay": mark("off-delay"),
    "re_alarm": mark("announced again after"),
    "parent": mark("suppressed by rule"),
    "priority": mark("priority"),
    "owner": mark("position"),
    "action": mark("what to do"),
}
NUMBERS: Final = frozenset({"raise", "clear", "deadband"})  # written without quotation marks where they are numbers
DAYS: Final = 30
MOST_DAYS: Final = 400
SHOWN_CHANGES: Final = 50
SAID: Final = "rules-said.children"
TRY, SAVE, TRY_BACK, BACK = "rules-try", "rules-save", "rules-tryback", "rules-back"
Asked = Mapping[str, Any]


def layout(source: Source, t: Translate, language: str, query: Mapping[str, str]) -> Any:
    """Return the page; an address may name a rule, a key and a value to begin with, as advice does."""
    found, fault = entries(source, t)
    ids = [str(e.get("id")) for e in found]
    chosen = query.get("rule", "") if query.get("rule", "") in ids else (ids[0] if ids else None)
    wanted = {query["key"]: query.get("value", "")} if chosen == query.get("rule") and "key" in query else {}
    return html.Div(
        [
            html.H1(t("Alerts")),
            parts.alert_views("/alerts/rules", t, language),
            html.Div(lists(source, t), id="rules-list"),
            html.Div(_form(found, chosen, wanted, t), **{NEEDS: SAID}),
            html.P(fault, className="bad") if fault else None,
            parts.tick("rules", max(source.refresh_s, 5.0)),
        ]
    )


def _form(found: Sequence[Mapping[str, Any]], chosen: str | None, wanted: Mapping[str, str], t: Translate) -> Any:
    was = shown(found, chosen)
    values = {**was, **wanted}
    fields = [
        html.Label([html.Span(t(name)), dcc.Input(values.get(key, ""), id=f"rules-{key}")], className="short")
        for key, name in FIELDS.items()
    ]
    rule = dcc.Dropdown(
        [str(e.get("id")) for e in found], chosen, id="rules-rule", clearable=False, labels=parts.dropdown_labels(t)
    )
    days = dcc.Input(DAYS, id="rules-days", type="number", min=1, max=MOST_DAYS)
    number = dcc.Input(id="rules-number", type="number", min=1, step=1)
    return parts.card(
        t("Change a rule: first try it on history"),
        html.Div([html.Label([html.Span(t("Rule")), rule]), dcc.Store("rules-was", data=was)], className="controls"),
        html.Div(fields, className="controls"),
        html.Div(
            [
                html.Label([html.Span(t("Days to try it on")), days], className="short"),
                html.Button(t("Try on history"), id=TRY, className="primary"),
                html.Label(
                    [html.Span(t("Your name")), dcc.Input(id="rules-by", autoComplete="name")], className="short"
                ),
                html.Label([html.Span(t("Why")), dcc.Input(id="rules-why")], className="grow"),
                html.Button(t("Save the change"), id=SAVE),
            ],
            className="controls",
        ),
        html.Div(
            [
                html.Label([html.Span(t("Number of a change")), number], className="short"),
                html.Button(t("Try to take it back"), id=TRY_BACK),
                html.Button(t("Take it back"), id=BACK),
            ],
            className="controls",
        ),
        dcc.Loading(html.Div([html.P(id="rules-said", role="status", className="said"), html.Div(id="rules-result")])),
        wide=True,
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh, the fields of a chosen rule, and trying and making a change."""

    def refresh(_n: int, _said: str, language: str) -> Any:
        return lists(source, catalogue(language))

    app.callback(
        Output("rules-list", "children"),
        Input("rules-tick", "n_intervals"),
        Input("rules-said", "children"),
        State("language", "data"),
        running=[(Output("rules-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)

    def choose(rule: str, language: str) -> tuple[Any, ...]:
        values = shown(entries(source, catalogue(language))[0], rule)
        return *(values.get(key, "") for key in FIELDS), values

    app.callback(
        *(Output(f"rules-{key}", "value") for key in FIELDS),
        Output("rules-was", "data"),
        Input("rules-rule", "value"),
        State("language", "data"),
        prevent_initial_call=True,
    )(choose)

    def act(*given: Any) -> tuple[Any, Any]:
        rule, was, *fields, days, number, by, why, language = given[4:]
        wanted = dict(zip(FIELDS, (str(x if x is not None else "").strip() for x in fields), strict=True))
        pressed = str(ctx.triggered_id or TRY)
        is_back = pressed in (TRY_BACK, BACK)
        asked = {"undo": number} if is_back else {"rule": rule, "was": was, "wanted": wanted}
        is_try = pressed in (TRY, TRY_BACK)
        return done(source, {**asked, "days": days or DAYS}, None if is_try else (by, why), catalogue(language))

    app.callback(
        Output("rules-said", "children"),
        Output("rules-result", "children"),
        *(Input(name, "n_clicks") for name in (TRY, SAVE, TRY_BACK, BACK)),
        State("rules-rule", "value"),
        State("rules-was", "data"),
        *(State(f"rules-{key}", "value") for key in FIELDS),
        *(State(f"rules-{name}", "value") for name in ("days", "number", "by", "why")),
        State("language", "data"),
        running=[(Output(name, "disabled"), True, False) for name in (TRY, SAVE, TRY_BACK, BACK)],
        prevent_initial_call=True,
    )(act)


def entries(source: Source, t: Translate) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Return the rules as the file has them, and what is wrong where it cannot be read."""
    try:
        return [e for e in source.workshop.entries() if isinstance(e, Mapping)], ""
    except RecordError as error:
        return [], spoken(t, error.stored)


def shown(found: Sequence[Mapping[str, Any]], rule: str | None) -> dict[str, str]:
    """Return the fields of a rule as texts, "" where a key is not set."""
    entry = next((e for e in found if str(e.get("id")) == rule), {})
    return {key: _text(entry[key]) if key in entry else "" for key in FIELDS}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def changed(
    source: Source, rule: str, was: Mapping[str, str], wanted: Mapping[str, str], t: Translate
) -> list[list[str]]:
    """Return what the person has changed, as [rule, key, value as TOML writes it, "" to take the key out].

    was: the fields as they were filled. What somebody else has changed since stays as it is now.
    """
    now = shown(entries(source, t)[0], rule)
    own = {key: text for key, text in wanted.items() if text != was.get(key, "")}
    return [[rule, key, _toml(key, text)] for key, text in own.items() if text != now.get(key, "")]


def _toml(key: str, text: str) -> str:
    if not text or key in NUMBERS:
        return text
    return json.dumps(text, ensure_ascii=False)


def done(source: Source, asked: Asked, signed: tuple[str | None, str | None] | None, t: Translate) -> tuple[Any, Any]:
    """Try a change, or make it where somebody signs it with name and reason; returns what to tell, and its figures."""
    if "undo" in asked:
        if not isinstance(asked["undo"], int):
            return t("Give the number of a change: the history names them."), None
        full: Asked = asked
    else:
        settings = changed(source, str(asked["rule"]), asked["was"] or {}, asked["wanted"], t)
        if not settings:
            return t("Nothing is changed: all fields are as the rule has them."), None
        full = {"settings": settings, "days": asked["days"]}
    try:
        if signed is None:
            return t("Tried on the last {n} days. Nothing is changed yet.", n=asked["days"]), result(
                source.workshop.tried(full), source, t
            )
        by, why = (str(x or "").strip() for x in signed)
        if not (access.person().name or by):
            return t("Give your name first."), no_update
        if not why:
            return t("Say why first: the history keeps it."), no_update
        number = source.workshop.saved(full, by, why)
    except RecordError as error:
        return spoken(t, error.stored), None
    return t("Saved as change {n}; it can be taken back. The service takes it up with its next look.", n=number), None


def result(found: Mapping[str, Any], source: Source, t: Translate) -> list[Any]:
    """Return a preview: alerts now against then, stops still caught, and the load of each position."""
    now, then = found["now"], found["then"]
    caught = [f"{x['n_caught']} / {x['n_stops']}" for x in (now, then)]
    is_lost = then["n_caught"] < now["n_caught"]
    rows = [
        [t("alerts"), str(now["n_alerts"]), str(then["n_alerts"])],
        [t("stops caught"), caught[0], html.Span(caught[1], className="bad" if is_lost else "good")],
        [t("alerts a day"), f"{now['per_day']:.1f}", f"{then['per_day']:.1f}"],
        [t("most in 10 min"), str(now["most_in_10_min"]), str(then["most_in_10_min"])],
    ]
    titles = {r.id: t(r.title) for r in source.rules}
    rows += [[t("alerts of {rule}", rule=titles.get(k, k)), str(a), str(b)] for k, (a, b) in found["rules"].items()]
    rows += [
        [t("alerts a day for {owner}", owner=owner), f"{a:.1f}", f"{b:.1f}"]
        for owner, (a, b) in found["owners"].items()
        if owner
    ]
    warning = [html.P(t("A stop that is caught now would be missed."), className="bad")] if is_lost else []
    return [
        *warning,
        html.Ul([html.Li(_change(*each)) for each in found["changes"]]),
        parts.table(["", t("now"), t("with the change")], rows, ""),
    ]


def _change(rule: str, key: str, old: Any, new: Any) -> str:
    return f"{rule}: {key or '*'} {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = "–" if value is None else printable(_text(value))
    return text if len(text) <= 80 else text[:79] + "…"


def lists(source: Source, t: Translate) -> list[Any]:
    """Return the rules that there are, and the changes that were made of them."""
    found, _ = entries(source, t)
    rules = [
        [
            html.Div([html.B(t(str(e.get("title") or e.get("id")))), html.Div(str(e.get("id")), className="quiet")]),
            str(e.get("asset_class", "")),
            _what(e, t),
            _delays(e, t),
            t(str(e.get("priority", "medium"))),
            str(e.get("owner", "")) or "–",
        ]
        for e in found
    ]
    heads = [t("Rule"), t("class"), t("condition"), t("delays"), t("Priority"), t("position")]
    changes = [
        [
            str(c.id),
            words.instant(c.at, source.zone),
            c.by,
            html.Div([html.Div(_change(k.rule, k.key, k.old, k.new)) for k in c.changes]),
            printable(c.why) + (" " + t("(takes back {n})", n=c.undoes) if c.undoes is not None else ""),
            _figures(c.preview, t),
        ]
        for c in source.ledger.rule_changes.all()[:SHOWN_CHANGES]
    ]
    told = [t("Number"), t("time"), t("who"), t("before → now"), t("Why"), t("preview")]
    return [
        parts.card(t("Rules"), parts.table(heads, rules, t("rules.toml names no rule.")), wide=True),
        parts.card(t("Who changed what"), parts.table(told, changes, t("No rule was changed yet.")), wide=True),
    ]


def _what(entry: Mapping[str, Any], t: Translate) -> str:
    """Say what a rule holds against what."""
    joined = [(name, entry[key]) for key, name in (("all", t("all of")), ("any", t("any of"))) if key in entry]
    if joined:
        name, terms = joined[0]
        return f"{name}: " + "; ".join(_what(term, t) for term in terms if isinstance(term, Mapping))
    if entry.get("condition") == "is":
        return f"{entry.get('watch', '')}: {', '.join(map(str, entry.get('verdicts', ())))}"
    raised = _text(entry["raise"]) if "raise" in entry else "–"
    back = f", {t('clears at')} {_text(entry['clear'])}" if "clear" in entry else ""
    band = f", {t('deadband')} {_text(entry['deadband'])}" if "deadband" in entry else ""
    return f"{entry.get('watch', '')} {entry.get('condition', 'high')} {raised}{back}{band}"


def _delays(entry: Mapping[str, Any], t: Translate) -> str:
    return ", ".join(f"{t(FIELDS[k])} {_text(entry[k])}" for k in ("on_delay", "off_delay") if k in entry) or "–"


def _figures(preview: Mapping[str, Any], t: Translate) -> str:
    if "now" not in preview:
        return "–"
    now, then = preview["now"], preview["then"]
    return t(
        "{a} → {b} alerts, stops caught {c} → {d} of {n}",
        a=now["n_alerts"],
        b=then["n_alerts"],
        c=now["n_caught"],
        d=then["n_caught"],
        n=now["n_stops"],
    )
