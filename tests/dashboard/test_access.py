"""No route and no callback without a log-in, roles on the server, sessions, foreign pages, and quiet failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient

from app.access import ConsoleGate
from benchmarks.access_walks import OURS, ask, call_of, foreign, headers, matrix, strangers
from dashboard import needs
from dashboard.access import BROWSER_COOKIE, CALL, SESSION_COOKIE
from dashboard.console import create_app
from dashboard.pages import PAGES
from dashboard.source import Source
from domain.access import UserRole
from domain.audit import Action, Deed
from tests.dashboard.conftest import ALERT, NOW, PRESS
from tests.dashboard.gates import PASSWORD, Hands, cookies, open_gate, with_people


@pytest.fixture
def hands() -> Hands:
    return Hands(NOW)


@pytest.fixture
def gate(source: Source, hands: Hands) -> ConsoleGate:
    with_people(source.ledger, NOW)
    return ConsoleGate(source.ledger, hands.now, is_beyond=False)


@pytest.fixture
def app(source: Source, gate: ConsoleGate) -> Dash:
    return create_app(source, gate)


@pytest.fixture
def client(app: Dash) -> Iterator[FlaskClient]:
    with app.server.test_client(use_cookies=False) as client:
        yield client


def session(gate: ConsoleGate, name: str = "viewer") -> str:
    return cookies(gate, name)[SESSION_COOKIE]


def callback(app: Dash, output: str) -> dict[str, Any]:
    (found,) = [c for c in app._callback_list if needs.key_of(c["output"]) == output]
    return dict(found)


def status(client: FlaskClient, held: str, path: str = "/_dash-layout") -> int:
    return client.get(path, headers=headers(held)).status_code


def test_every_callback_page_and_route_says_what_it_needs_and_nothing_else_is_named(app: Dash) -> None:
    assert {needs.key_of(c["output"]) for c in app._callback_list} == set(needs.CALLBACKS)
    assert set(needs.PAGES) == set(PAGES)
    rules = {r.rule for r in app.server.url_map.iter_rules()}
    named = set(needs.ROUTES) | needs.PUBLIC | needs.OWN
    assert named <= rules
    assert rules - named == {"/static/<path:filename>", "/_reload-hash"}  # Flask's and Dash's own, which nobody needs


@pytest.mark.parametrize("held", ["", "forged", "x" * 5000])
def test_a_stranger_gets_nothing(app: Dash, held: str) -> None:
    found = strangers(app, held)
    assert len(found) > 20
    assert {what: s for what, s in found.items() if s not in (401, 302)} == {}


def test_a_stranger_sees_the_log_in_page_and_is_led_to_it(client: FlaskClient) -> None:
    assert client.get("/login").status_code == 200
    assert client.get("/assets/console.css", buffered=True).status_code == 200
    answer = client.get("/alerts?lang=ko", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=%2Falerts%3Flang%3Dko")


def test_roles_are_kept_by_the_server_for_every_action(app: Dash, gate: ConsoleGate, source: Source) -> None:
    found = matrix(app, {role: session(gate, role.value) for role in reversed(UserRole)})
    assert {what: pair for what, pair in found.items() if pair[0] != pair[1]} == {}
    assert {pair[0] for pair in found.values()} == {True, False}
    refused = [d for d in source.ledger.audit.deeds() if d.action == Action.REFUSED]
    assert {d.by for d in refused} == {r.value for r in UserRole}  # even an admin asks for what nobody needs


def test_what_needs_does_not_name_is_refused_even_to_an_admin(
    app: Dash, client: FlaskClient, gate: ConsoleGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, declared = session(gate, "admin"), callback(app, "overview-body.children")
    assert ask(client, "POST", CALL, call_of(declared), headers(held))[0] == 200
    lacking = {k: v for k, v in needs.CALLBACKS.items() if k != "overview-body.children"}
    monkeypatch.setattr(needs, "CALLBACKS", lacking)
    assert ask(client, "POST", CALL, call_of(declared), headers(held))[0] == 403


def test_a_demotion_is_in_force_with_the_next_request(
    app: Dash, client: FlaskClient, gate: ConsoleGate, source: Source
) -> None:
    held, declared = session(gate, "engineer"), callback(app, "system-reread-told.children")
    assert ask(client, "POST", CALL, call_of(declared), headers(held))[0] == 200
    source.ledger.users.change("engineer", {"role": "operator"}, Deed(NOW, "x", "y"), keeps_sessions=True)
    assert ask(client, "POST", CALL, call_of(declared), headers(held))[0] == 403


def test_the_name_of_who_is_logged_in_counts_and_not_what_is_typed(
    app: Dash, client: FlaskClient, gate: ConsoleGate, source: Source, hands: Hands
) -> None:
    from dashboard.access import actor

    with app.server.test_request_context("/", headers=headers(session(gate, "operator"))):
        assert actor("somebody else").name == "operator"
    with app.server.test_request_context("/"):
        assert actor(" Kim ").name == "Kim"


def test_a_viewer_sees_no_control_that_he_may_not_use(app: Dash, client: FlaskClient, gate: ConsoleGate) -> None:
    def hidden(name: str) -> set[str]:
        page = call_of(callback(app, "shell.children"), page="/alerts")
        _, text = ask(client, "POST", CALL, page, headers(session(gate, name)))
        return set(_hidden(json.loads(text)["response"]["shell"]["children"], False))

    assert {"alerts-ack", "alerts-by", "alerts-note"} <= hidden("viewer")
    assert hidden("operator") == {"alerts-by"}  # filled with the name


def _hidden(tree: Any, is_inside: bool) -> Iterator[str]:
    if isinstance(tree, list):
        for each in tree:
            yield from _hidden(each, is_inside)
    elif isinstance(tree, dict) and "props" in tree:
        is_inside = is_inside or bool(tree["props"].get("hidden"))
        if is_inside and tree["props"].get("id"):
            yield tree["props"]["id"]
        yield from _hidden(tree["props"].get("children"), is_inside)


def test_a_log_in_sets_guarded_cookies_and_a_new_session(client: FlaskClient) -> None:
    answer = client.post("/login", data={"name": "Viewer", "password": PASSWORD, "next": "/alerts"},
                         headers={**OURS, "Cookie": f"{SESSION_COOKIE}=fixed"})  # fmt: skip
    assert (answer.status_code, answer.headers["Location"]) == (302, "/alerts")
    made = answer.headers.getlist("Set-Cookie")
    assert len(made) == 2
    for cookie, name in zip(made, (SESSION_COOKIE, BROWSER_COOKIE), strict=True):
        assert cookie.startswith(f"{name}=")
        assert name.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert len(cookie.split("=")[1].split(";")[0]) >= 43  # 256 bits
    assert "fixed" not in made[0]
    assert status(client, "fixed") == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "\n/x", ""])
def test_a_log_in_leads_nowhere_else(client: FlaskClient, target: str) -> None:
    answer = client.post("/login", data={"name": "viewer", "password": PASSWORD, "next": target}, headers=OURS)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_a_session_is_of_no_use_after_the_log_out(client: FlaskClient, gate: ConsoleGate, source: Source) -> None:
    held = session(gate)
    assert status(client, held) == 200
    client.get("/logout", headers=headers(held))  # a picture elsewhere logs nobody out
    assert status(client, held) == 200
    assert client.post("/logout", headers=headers(held)).status_code == 302
    assert status(client, held) == 401
    assert source.ledger.audit.deeds()[0].action == Action.LOGGED_OUT


def test_a_session_ends_after_half_an_hour_of_nothing_though_the_page_goes_on_asking(
    app: Dash, client: FlaskClient, gate: ConsoleGate, hands: Hands
) -> None:
    held = session(gate)
    tick = {**call_of(callback(app, "overview-body.children")), "changedPropIds": ["overview-tick.n_intervals"]}
    for _ in range(3):
        hands.move(minutes=10)
        assert ask(client, "POST", CALL, tick, headers(held))[0] == 200
    hands.move(minutes=1)
    assert ask(client, "POST", CALL, tick, headers(held))[0] == 401


def test_a_session_ends_after_twelve_hours_however_busy(client: FlaskClient, gate: ConsoleGate, hands: Hands) -> None:
    held = session(gate)
    for _ in range(36):
        hands.move(minutes=20)
        assert status(client, held) == 200
    hands.move(minutes=1)
    assert status(client, held) == 401


def test_a_disabled_user_is_out_at_once_and_cannot_come_in(
    client: FlaskClient, gate: ConsoleGate, source: Source
) -> None:
    held = session(gate)
    source.ledger.users.change("viewer", {"is_disabled": 1}, Deed(NOW, "x", "y"))
    assert status(client, held) == 401
    answer = client.post("/login", data={"name": "viewer", "password": PASSWORD}, headers=OURS)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.get_data(as_text=True)


def test_a_password_that_somebody_else_has_seen_opens_only_its_change(
    client: FlaskClient, gate: ConsoleGate, source: Source
) -> None:
    source.ledger.users.change("viewer", {"must_change": 1}, Deed(NOW, "x", "y"))
    held = session(gate)
    answer = client.get("/alerts", headers={**headers(held), "Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/password")
    assert status(client, held) == 401
    for new, again, code in (("short", "short", 400), ("a" * 12, "b" * 12, 400), ("password1", "password1", 400),
                             (PASSWORD, PASSWORD, 400), ("grey cat at noon", "grey cat at noon", 302)):  # fmt: skip
        sent = {"old": PASSWORD, "new": new, "again": again}
        answer = client.post("/password", data=sent, headers=headers(held))
        assert answer.status_code == code, new
    assert status(client, held) == 401  # the session before
    renewed = answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    assert status(client, renewed) == 200


def test_a_page_elsewhere_changes_nothing_and_it_is_recorded(app: Dash, gate: ConsoleGate, source: Source) -> None:
    found = foreign(app, session(gate, "admin"))
    assert len(found) > 100
    assert {what: s for what, s in found.items() if s != 403} == {}
    alert = source.ledger.alerting.alert(ALERT)
    assert alert is not None
    assert alert.acked_by == ""
    assert "cross-site" in source.ledger.audit.deeds()[0].subject


def test_a_program_that_is_no_browser_says_so(client: FlaskClient, gate: ConsoleGate) -> None:
    held = session(gate)
    assert client.post("/logout", headers=headers(held, {"X-Forewarn": "1"})).status_code == 302


def test_without_users_this_machine_may_do_everything_and_the_page_says_so(source: Source) -> None:
    app = create_app(source, open_gate(source))
    client = app.server.test_client()
    code, text = ask(client, "POST", CALL, call_of(callback(app, "shell.children"), page="/people"), OURS)
    assert code == 200
    assert "no log-in: anybody on this machine" in text
    assert client.get("/login").headers["Location"] == "/"
    assert ask(client, "POST", CALL, call_of(callback(app, "alerts-said.children")), OURS)[0] == 200


def test_without_users_a_name_elsewhere_that_leads_here_is_refused(source: Source) -> None:
    client = create_app(source, open_gate(source)).server.test_client()
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"Host": "evil.example"}, base_url="https://evil.example").status_code == 403


def test_no_password_is_asked_for_over_a_plain_connection(client: FlaskClient) -> None:
    assert client.get("/login", base_url="http://plant.example").status_code == 403
    assert client.get("/login", base_url="https://plant.example").status_code == 200


def test_every_answer_carries_its_headers_and_data_are_not_kept(client: FlaskClient, gate: ConsoleGate) -> None:
    held = session(gate)
    for path in ("/", "/login", "/nowhere", "/_dash-layout", "/assets/console.css", "/assets/no.css"):
        answer = client.get(path, headers=headers(held), buffered=True)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self' 'sha256-" in policy
        assert "unsafe-eval" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (answer.headers.get("Cache-Control") == "no-store") == (path != "/assets/console.css"), path
    assert "Strict-Transport-Security" in client.get("/login", base_url="https://plant.example").headers


def test_fifty_errors_show_no_trace(
    app: Dash, client: FlaskClient, gate: ConsoleGate, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = headers(session(gate, "admin"))
    paths = ("/x/y", "/password", "/_reload-hash", "/static/x", "/assets/x", "/_dash-component-suites/x/y", "/people")
    said = [client.open(p, method=m, headers=held) for m in ("PUT", "DELETE", "PATCH", "POST") for p in paths]
    said += [client.get(p, headers=held) for p in (*paths[2:4], paths[5], "/assets/no.css")]
    for bad in (b"", b"{", b"[]", b"null", b"\xff", b'{"output": 5}', b'{"output": NaN}', b"[" * 200_000):
        said.append(client.post(CALL, data=bad, headers=held, content_type="application/json"))
    good = call_of(callback(app, "asset-head.children"))
    for change in ({"output": "no.such"}, {"inputs": []}, {"inputs": {}}, {"state": [1, 2]}, {"state": None},
                   {"changedPropIds": 5}, {"outputs": 7}, {"inputs": good["inputs"][::-1]}):  # fmt: skip
        said.append(client.post(CALL, json={**good, **change}, headers=held))
    monkeypatch.setattr(type(source.ledger.alerting), "alerts", _break)
    for output in ("alerts-grid.rowData", "asset-head.children", "handover-body.children", "shell.children"):
        said.append(client.post(CALL, json=call_of(callback(app, output), page="/alerts"), headers=held))
    assert len(said) >= 50
    assert all(a.status_code >= 400 for a in said), [a.status_code for a in said]
    texts = [a.get_data(as_text=True) for a in said]
    assert not [x for x in texts if "Traceback" in x or "File " in x or "secret cause" in x or ".py" in x]
    assert {a.status_code for a in said} >= {400, 403, 404, 405, 500}


def _break(*_: Any, **__: Any) -> None:
    raise RuntimeError("secret cause")


def test_where_the_check_itself_fails_nothing_passes(
    client: FlaskClient, gate: ConsoleGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = session(gate)
    monkeypatch.setattr(type(gate), "person", _break)
    answer = client.get("/_dash-layout", headers=headers(held))
    assert (answer.status_code, answer.get_data(as_text=True)) == (500, "internal error; the log says what\n")


@pytest.mark.parametrize(
    ("output", "name", "value", "code"),
    [
        ("alerts-said.children", "alerts-note", "x" * 1_000_000, 413),
        ("alerts-said.children", "alerts-note", {"a": 1}, 400),
        ("alerts-said.children", "alerts-grid", "x", 400),
        ("system-shown.children", "system-show", "1", 400),
        ("system-shown.children", "system-show", True, 400),
        ("asset-head.children", "asset-tags", ["t"] * 10_000, 400),
        ("asset-head.children", "asset-tags", [["t"]], 400),
        ("asset-head.children", "asset-range", "50 years", 400),
        ("asset-head.children", "asset-name", "no/such", 400),
        ("overview-body.children", "language", "xx", 400),
    ],
)
def test_a_value_that_cannot_be_taken_is_refused(
    app: Dash, client: FlaskClient, gate: ConsoleGate, output: str, name: str, value: Any, code: int
) -> None:
    call = asset_call(app) if output.startswith("asset") else call_of(callback(app, output))
    for end in (*call["inputs"], *call["state"]):
        if end["id"] == name:
            end["value"] = value
    assert ask(client, "POST", CALL, call, headers(session(gate, "admin")))[0] == code


def asset_call(app: Dash, **values: Any) -> dict[str, Any]:
    call = call_of(callback(app, "asset-head.children"))
    known = {"asset-name": PRESS, "asset-tags": ["oil"], "asset-range": "7", **values}
    for end in (*call["inputs"], *call["state"]):
        end["value"] = values.get(f"{end['id']}.{end['property']}", known.get(end["id"], end["value"]))
    return call


@pytest.mark.parametrize(("first", "last"), [("2026-03-04", "2026-03-01"), ("1976-01-01", "2026-03-04")])
def test_a_range_that_is_reversed_or_of_fifty_years_is_drawn(
    app: Dash, client: FlaskClient, gate: ConsoleGate, first: str, last: str
) -> None:
    dates = {"asset-dates.start_date": first, "asset-dates.end_date": last, "asset-range": "dates"}
    code, text = ask(client, "POST", CALL, asset_call(app, **dates), headers(session(gate)))
    assert code == 200
    assert len(text) < 200_000


def test_a_body_of_a_hundred_megabytes_is_refused_before_it_is_read(served: str) -> None:
    import http.client
    from urllib.parse import urlsplit

    with_length = {"Content-Length": str(100 << 20), "Content-Type": "application/json", "Origin": served}
    connection = http.client.HTTPConnection(urlsplit(served).netloc, timeout=10)
    connection.request("POST", CALL, body=None, headers=with_length)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("name", ["kim\nadmin", "x" * 65, "<script>", "a b", ""])
def test_what_cannot_be_a_name_is_refused_and_no_row_of_the_log_is_made(
    client: FlaskClient, source: Source, name: str
) -> None:
    before = len(source.ledger.audit.deeds())
    answer = client.post("/login", data={"name": name, "password": "x"}, headers=OURS)
    assert answer.status_code == 400
    assert "<script>" not in answer.get_data(as_text=True)
    assert len(source.ledger.audit.deeds()) == before


def test_an_export_is_recorded_and_bounded(app: Dash, client: FlaskClient, gate: ConsoleGate, source: Source) -> None:
    held = headers(session(gate, "viewer"))
    assert ask(client, "POST", CALL, call_of(callback(app, "alerts-grid.exportDataAsCsv")), held)[0] == 200
    deed = source.ledger.audit.deeds()[0]
    assert (deed.by, deed.action, deed.subject, deed.origin) == ("viewer", "exported", "alerts", "127.0.0.1")
    import inspect

    most = inspect.signature(source.ledger.alerting.alerts).parameters["most"].default
    assert most <= 1000  # what the page holds, and so what it exports
