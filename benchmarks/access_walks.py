"""Walks over a whole console: every route and every callback, as a stranger, as each role, and from a foreign page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dash import Dash
from flask.testing import FlaskClient

from alerts.advice import Figures
from dashboard import needs
from dashboard.access import CALL, SAFE, SESSION_COOKIE
from domain.access import UserRole

OURS: Final = {"Origin": "http://localhost"}
FOREIGN: Final[tuple[Mapping[str, str], ...]] = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:81"},
    {"Origin": "https://localhost"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},
)
VALUES: Final[Mapping[str, Any]] = {
    "n_clicks": 1,
    "n_intervals": 1,
    "pathname": "/",
    "search": "",
    "rowData": [],
    "selectedRows": [],
}
FILLED: Final = {
    "filename": "console.css",
    "package_name": "dash",
    "fingerprinted_path": "dash-renderer/build/dash_renderer.min.js",
    "path": "alerts",
}


class IdleWorkshop:
    """A workshop of one rule, in which a change means two alerts fewer."""

    def __init__(self) -> None:
        self.saved_as: list[tuple[Mapping[str, Any], str, str]] = []

    def figures(self, days: float) -> Figures:
        """Return figures of no alarms."""
        until = datetime(2026, 3, 4, 12, tzinfo=UTC)
        return Figures(until - timedelta(days=days), until, (), (), ())

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Return the one rule."""
        return [{"id": "press-risk", "asset_class": "press", "watch": "tag:oil", "raise": 80.0, "on_delay": "1min"}]

    def tried(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the change would have meant."""
        side = {"n_alerts": 3, "n_stops": 2, "n_caught": 2, "per_day": 0.5, "most_in_10_min": 2}
        changes = [[rule, key, 80.0, text] for rule, key, text in asked.get("settings", ())]
        return {"said": "3 -> 1", "changes": changes, "now": side, "then": {**side, "n_alerts": 1},
                "rules": {"press-risk": [3, 1]}, "owners": {"shop": [0.5, 0.2]}}  # fmt: skip

    def saved(self, asked: Mapping[str, Any], by: str, why: str) -> int:
        """Remember the change."""
        self.saved_as.append((asked, by, why))
        return len(self.saved_as)


def call_of(declared: Mapping[str, Any], *, page: str = "/") -> dict[str, Any]:
    """Return a call of a callback as Dash's renderer sends it."""
    ends = [o.rsplit(".", 1) for o in declared["output"].strip(".").split("...")]
    outputs = [{"id": name, "property": prop} for name, prop in ends]

    def filled(end: Mapping[str, str]) -> dict[str, Any]:
        value = "en" if end["id"] == "language" else VALUES.get(end["property"])
        return {**end, "value": page if end["property"] == "pathname" else value}

    changed = [f"{e['id']}.{e['property']}" for e in declared["inputs"] if e["property"] != "n_intervals"]
    return {
        "output": declared["output"],
        "outputs": outputs if declared["output"].startswith("..") else outputs[0],
        "inputs": [filled(e) for e in declared["inputs"]],
        "state": [filled(e) for e in declared.get("state", ())],
        "changedPropIds": changed or [f"{e['id']}.{e['property']}" for e in declared["inputs"][:1]],
    }


def asked(app: Dash) -> Iterator[tuple[str, str, str, dict[str, Any] | None]]:
    """Yield everything that can be asked: (what, method, address, JSON body)."""
    for rule in app.server.url_map.iter_rules():
        address = rule.rule
        for part in address.split("<")[1:]:
            spec = part.split(">")[0]
            address = address.replace(f"<{spec}>", FILLED[spec.split(":")[-1]])
        for method in sorted((rule.methods or set()) - {"HEAD"}):
            if rule.rule == CALL and method == "POST":
                for declared in app._callback_list:
                    yield declared["output"], method, address, call_of(declared)
            else:
                yield rule.rule, method, address, None


def headers(session: str = "", more: Mapping[str, str] = OURS) -> dict[str, str]:
    """Return the headers of a browser that holds a session."""
    return {**({"Cookie": f"{SESSION_COOKIE}={session}"} if session else {}), **more}


def ask(client: FlaskClient, method: str, address: str, body: Any, sent: Mapping[str, str]) -> tuple[int, str]:
    """Return status and text of an answer."""
    answer = client.open(address, method=method, json=body, headers=dict(sent), buffered=True)
    return answer.status_code, answer.get_data().decode("utf-8", "replace")


def strangers(app: Dash, session: str = "") -> dict[str, int]:
    """Return the status of everything that a browser without a session, or with a forged one, asks; but of what is
    meant for strangers.
    """
    client = app.server.test_client(use_cookies=False)
    return {
        f"{method} {what}": ask(client, method, address, body, headers(session))[0]
        for what, method, address, body in asked(app)
        if what not in needs.PUBLIC and address not in needs.PUBLIC_FILES
    }


def matrix(app: Dash, sessions: Mapping[UserRole, str]) -> dict[tuple[str, UserRole], tuple[bool, bool]]:
    """Return of every action and role whether it is allowed by what is written, and whether the server let it pass."""
    client = app.server.test_client(use_cookies=False)
    found = {}
    for role, session in sessions.items():
        for what, method, address, body in asked(app):
            if what in needs.PUBLIC or what in needs.OWN:
                continue
            needed = needs.ROUTES.get(what) if body is None else needs.CALLBACKS.get(needs.key_of(what))
            if address in needs.PUBLIC_FILES:
                needed = UserRole.VIEWER
            status, _ = ask(client, method, address, body, headers(session))
            found[f"{method} {what}", role] = (needed is not None and role.may(needed), status not in (401, 403))
        (route,) = [c for c in app._callback_list if c["output"] == "shell.children"]
        for page, needed in needs.PAGES.items():
            status, text = ask(client, "POST", CALL, call_of(route, page=page), headers(session))
            is_drawn = status == 200 and "There is no page" not in text
            found[f"page {page}", role] = (role.may(needed), is_drawn)
    return found


def foreign(app: Dash, session: str) -> dict[str, int]:
    """Return the status of everything that changes something, asked by a page elsewhere in a browser with a session."""
    client = app.server.test_client(use_cookies=False)
    found = {}
    for what, method, address, body in asked(app):
        if method in SAFE:
            continue
        for sent in FOREIGN:
            found[f"{method} {what} {sent}"] = ask(client, method, address, body, headers(session, sent))[0]
            form = client.open(address, method=method, data={"name": "x"}, headers=headers(session, sent))
            found[f"{method} {what} {sent} form"] = form.status_code
    return found
