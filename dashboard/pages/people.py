"""People: who may use the console and as what, and what they did, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, html

from dashboard import words
from dashboard.pages import parts
from dashboard.source import Source
from domain.access import UserRole
from domain.text import Translate, catalogue, mark

TITLE: Final = mark("People")
SHOWN: Final = 200
ROLES: Final = {
    UserRole.VIEWER: mark("viewer"),
    UserRole.OPERATOR: mark("operator"),
    UserRole.ENGINEER: mark("engineer"),
    UserRole.ADMIN: mark("admin"),
}


def layout(source: Source, t: Translate, _language: str, _query: Mapping[str, str]) -> Any:
    """Return the page with its present state."""
    return html.Div(
        [
            html.H1(t(TITLE)),
            html.P(t("Users are added and changed by the command `forewarn users`."), className="quiet"),
            html.Div(body(source, t), id="people-body"),
            parts.tick("people", source.refresh_s),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh."""

    def refresh(_n: int, language: str) -> Any:
        return body(source, catalogue(language))

    app.callback(
        Output("people-body", "children"),
        Input("people-tick", "n_intervals"),
        State("language", "data"),
        running=[(Output("people-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )(refresh)


def body(source: Source, t: Translate) -> list[Any]:
    """Return users and deeds."""
    users = [
        [
            u.name,
            t(ROLES[u.role]),
            words.instant(u.made_at, source.zone),
            t("disabled") if u.is_disabled else t("password not changed yet") if u.must_change else "–",
        ]
        for u in source.ledger.users.all()
    ]
    deeds = [
        [
            words.instant(d.at, source.zone),
            d.by or "–",
            t(words.HAPPENED.get(d.action, d.action)),
            d.subject or "–",
            " → ".join(x or "–" for x in (d.old, d.new)) if d.old or d.new else "–",
            d.reason or "–",
            d.origin or "–",
        ]
        for d in source.ledger.audit.deeds(most=SHOWN)
    ]
    heads = [t("time"), t("who"), t("deed"), t("of what"), t("before → now"), t("reason"), t("from where")]
    return [
        parts.card(
            t("Users"),
            parts.table(
                [t("Name"), t("role"), t("since"), t("state")],
                users,
                t("No users: anybody on this machine can do everything."),
            ),
            wide=True,
        ),
        parts.card(t("What was done"), parts.table(heads, deeds, t("Nothing was done yet.")), wide=True),
    ]
