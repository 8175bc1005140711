"""Who asks, and whether he may: every request in, passed on or refused before anything of the console runs.

Invariants: what `needs` does not name is refused; a refusal changes nothing; who a person is and may do is looked up
with every request, so that a change of role or a log-out is in force with the next one. flask-login carries the person
through the request; its own cookies are not used, since a signed cookie is good after the log-out too.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from dash import Dash
from flask import Flask, Request, Response, g, has_request_context, redirect, request
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as Answer

from dashboard import inbound, needs
from dashboard.inbound import Bad, Shape
from domain.access import Person, UserRole
from domain.audit import Action, Actor
from domain.ports import Gate

log = logging.getLogger(__name__)
SESSION_COOKIE: Final = "__Host-forewarn"
BROWSER_COOKIE: Final = "__Host-forewarn-browser"
CALL: Final = "/_dash-update-component"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_HEADER: Final = "X-Forewarn"  # a program that is no browser sends it: a foreign page cannot
ANYBODY: Final = Person("", UserRole.ADMIN)  # where there are no users, or no request
NO_USERS: Final = "anybody"


class _Visitor(UserMixin):  # type: ignore[misc]
    def __init__(self, person: Person) -> None:
        self.person = person


def person() -> Person:
    """Return who asks; ANYBODY where there are no users, and outside of a request."""
    return current_user.person if has_request_context() and current_user.is_authenticated else ANYBODY


def actor(typed: str = "") -> Actor:
    """Return who acts and from where: who is logged in, whatever was typed; without users, who was typed."""
    origin = (request.remote_addr or "") if has_request_context() else ""
    return Actor(person().name or typed.strip() or NO_USERS, origin)


def may_see(path: str) -> bool:
    """Whether who asks may see a page."""
    needed = needs.PAGES.get(path)
    return needed is None or person().role.may(needed)  # of a path that is no page there is nothing to see


def may_call(output: str) -> bool:
    """Whether who asks may call the callback that has an output; one that `needs` does not name, nobody."""
    needed = needs.CALLBACKS.get(needs.key_of(output))
    return needed is not None and person().role.may(needed)


class Guard:
    """Stands before the routes of an app."""

    def __init__(self, app: Dash, gate: Gate) -> None:
        self._gate = gate
        self.shapes: Mapping[str, Shape] = {c["output"]: inbound.shape(c) for c in app._callback_list}
        server: Flask = app.server
        server.config.update(MAX_CONTENT_LENGTH=inbound.MAX_BODY, PROPAGATE_EXCEPTIONS=False)
        server.secret_key = secrets.token_bytes(32)  # flask-login asks for one; nothing is signed with it
        server.config["REMEMBER_COOKIE_NAME"] = "__Host-forewarn-unused"
        manager = LoginManager(server)
        manager.request_loader(self._visitor)
        server.before_request_funcs.setdefault(None, []).insert(0, self._check)
        server.register_error_handler(Exception, _quiet)

    def _visitor(self, asked: Request) -> _Visitor | None:
        if self._gate.is_open():
            return _Visitor(ANYBODY)
        session = asked.cookies.get(SESSION_COOKIE, "")
        found = self._gate.person(session, is_active=not _is_tick(asked)) if session else None
        return None if found is None else _Visitor(found)

    def _check(self) -> Answer | None:
        """Return the refusal of a request, None where it may go on."""
        rule = request.url_rule.rule if request.url_rule is not None else ""
        if not self._is_trusted_way():
            return _refusal("this address is not encrypted, and not this machine's own: ask by https", 403)
        if request.method not in SAFE and not _is_same_origin():
            return self._refuse(f"cross-site request to {rule}", 403)
        if rule in needs.PUBLIC or request.path in needs.PUBLIC_FILES:
            return None
        if not current_user.is_authenticated:
            return _to_log_in()
        if rule in needs.OWN:
            return None
        if person().must_change:
            return redirect("/password") if _is_page() else _refusal("the password must be changed first", 401)
        needed = needs.ROUTES.get(rule)
        if request.routing_exception is None and (needed is None or not person().role.may(needed)):
            return self._refuse(f"route {rule}", 403)
        return self._check_call() if rule == CALL and request.method == "POST" else None

    def _check_call(self) -> Answer | None:
        call = _call()
        declared = self.shapes.get(call.get("output", ""))
        if declared is None:
            raise Bad("no such callback")
        if not may_call(call["output"]):
            return self._refuse(f"callback {call['output']}", 403)
        inbound.check(call, declared)
        key = needs.key_of(call["output"])
        if key in needs.RECORDED:
            who = actor()
            self._gate.note(who.name, needs.RECORDED[key], key.partition("-")[0], who.origin)
        return None

    def _is_trusted_way(self) -> bool:
        """Whether nobody between can read what is sent; and, without users, whether a page elsewhere did not send the
        browser here under a name of its own.
        """
        return _is_loopback(request.host) or (request.is_secure and not self._gate.is_open())

    def _refuse(self, why: str, status: int) -> Answer:
        who = actor()
        log.warning("refused by=%s from=%s what=%r", who.name, who.origin, why)
        self._gate.note(who.name if current_user.is_authenticated else "", Action.REFUSED, why, who.origin)
        return _refusal(why, status)


def _call() -> Mapping[str, Any]:
    """Return the call of this request, read once; raises Bad."""
    if "call" not in g:
        g.call = inbound.parse(request.get_data()) if request.method == "POST" else {}
    found: Mapping[str, Any] = g.call
    return found


def _is_tick(asked: Request) -> bool:
    try:
        return asked.path == CALL and inbound.is_tick(_call())
    except Bad:
        return False


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_same_origin() -> bool:
    """Whether a page of ours asks, or a program that is no browser."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin == request.host_url.rstrip("/")
    site = request.headers.get("Sec-Fetch-Site")
    return site == "same-origin" if site is not None else OWN_HEADER in request.headers


def _is_page() -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


def _to_log_in() -> Answer:
    if not _is_page():
        return _refusal("log in first", 401)
    asked = request.full_path.rstrip("?") if request.path != "/" or request.query_string else ""
    return redirect(f"/login?{urlencode({'next': asked})}" if asked else "/login")


def _refusal(why: str, status: int) -> Response:
    return Response(f"{why}\n", status, mimetype="text/plain")


def _quiet(error: Exception) -> Answer:
    """Answer an error without saying more than its kind; what happened stands in the log."""
    if isinstance(error, Bad):
        return _refusal(error.why, error.status)
    if isinstance(error, RequestEntityTooLarge):
        return _refusal("too large", 413)
    if isinstance(error, HTTPException):
        return _refusal(error.name, error.code or 500)
    log.error("request failed path=%s", request.path, exc_info=error)
    is_input = request.path == CALL and isinstance(error, ValueError | TypeError | LookupError)
    return _refusal(
        "a value cannot be taken" if is_input else "internal error; the log says what", 400 if is_input else 500
    )
