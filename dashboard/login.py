"""The pages without Dash: log in, log out, change the password. Plain HTML: strangers are served nothing else."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Final

from dash import Dash
from flask import redirect, render_template_string, request
from werkzeug.wrappers import Response

from dashboard.access import ANYBODY, BROWSER_COOKIE, SESSION_COOKIE, actor, person
from domain.access import MAX_NAME, Entry
from domain.passwords import ADVISED, LEAST, MOST
from domain.ports import Gate
from domain.text import LANGUAGES, Translate, catalogue

MAX_FIELD: Final = 1024
KNOWN_S: Final = 180 * 86_400
PAGE: Final = """<!doctype html>
<html lang="{{ language }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Forewarn – {{ title }}</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/console.css"></head>
<body><main class="door">
<div class="brand">Forewarn</div>
<h1>{{ title }}</h1>
{% if said %}<p class="bad" role="alert">{{ said }}</p>{% endif %}
{% if note %}<p class="quiet">{{ note }}</p>{% endif %}
<form method="post" action="{{ action }}">
<input type="hidden" name="next" value="{{ next }}"><input type="hidden" name="lang" value="{{ language }}">
{% for name, label, kind, complete in fields %}
<label><span>{{ label }}</span><input name="{{ name }}" type="{{ kind }}" autocomplete="{{ complete }}" required
 maxlength="{{ most }}"{% if loop.first %} autofocus{% endif %}
{%- if kind == "text" %} value="{{ typed }}"{% endif %}></label>
{% endfor %}
<button class="primary">{{ button }}</button>
</form>
{% if is_inside %}<form method="post" action="/logout"><button>{{ leave }}</button></form>{% endif %}
<nav class="languages">{% for code, name in languages.items() %}
<a href="{{ action }}?lang={{ code }}" class="{{ 'here' if code == language else '' }}">{{ name }}</a>{% endfor %}</nav>
</main></body></html>
"""


def register(app: Dash, gate: Gate, language: str) -> None:
    """Add the routes. language: the console's, where the address names none."""
    for rule, view, methods in (
        ("/login", lambda: _log_in(gate, _language(language)), ["GET", "POST"]),
        ("/logout", lambda: _log_out(gate), ["POST"]),
        ("/password", lambda: _password(gate, _language(language)), ["GET", "POST"]),
    ):
        app.server.add_url_rule(rule, f"forewarn{rule}", view, methods=methods)


def _log_in(gate: Gate, language: str) -> Response | tuple[str, int]:
    if request.method == "GET":
        is_inside = gate.is_open() or person() is not ANYBODY
        return redirect(_next()) if is_inside else (_log_in_page(language), 200)
    t, name, password = catalogue(language), _field("name"), _field("password")
    if len(name) > MAX_NAME or len(password) > MAX_FIELD:
        return _log_in_page(language, t("The name or the password is too long.")), 400
    held = (request.cookies.get(cookie, "") for cookie in (SESSION_COOKIE, BROWSER_COOKIE))
    try:
        entry = gate.log_in(name, password, request.remote_addr or "", *held)
    except ValueError:
        return _log_in_page(language, t("This cannot be a name.")), 400
    if entry.session:
        return _holding(redirect(_next()), entry)
    return _log_in_page(language, _said(entry, t), name), 429 if entry.wait else 401


def _log_out(gate: Gate) -> Response:
    gate.log_out(request.cookies.get(SESSION_COOKIE, ""), request.remote_addr or "")
    answer = redirect("/login")
    answer.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="Lax")
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def _password(gate: Gate, language: str) -> Response | tuple[str, int]:
    if not person().name:
        return redirect("/")  # where there are no users there is no password
    if request.method == "GET":
        return _password_page(language), 200
    t, old, new = catalogue(language), _field("old"), _field("new")
    if max(len(old), len(new)) > MAX_FIELD:
        return _password_page(language, t("The name or the password is too long.")), 400
    if new != _field("again"):
        return _password_page(language, t("The new password was typed in two ways.")), 400
    entry = gate.change_password(person().name, old, new, actor().origin)
    if entry.session:
        return _holding(redirect(_next()), entry)
    return _password_page(language, _said(entry, t)), 429 if entry.wait else 400


def _log_in_page(language: str, said: str = "", typed: str = "") -> str:
    t = catalogue(language)
    fields = [("name", t("Name"), "text", "username"), ("password", t("Password"), "password", "current-password")]
    return _page(t, language, t("Log in"), "/login", fields, said=said, typed=typed, button=t("Log in"))


def _password_page(language: str, said: str = "") -> str:
    t = catalogue(language)
    fields = [
        ("old", t("Password so far"), "password", "current-password"),
        ("new", t("New password"), "password", "new-password"),
        ("again", t("New password again"), "password", "new-password"),
    ]
    rule = t("At least {least} signs, better {advised}; a few words in a row are easy to keep in mind.",
             least=LEAST, advised=ADVISED)  # fmt: skip
    why = f"{t('Your password was made by somebody else: choose your own.')} " if person().must_change else ""
    return _page(t, language, t("Change the password"), "/password", fields, said=said, note=why + rule,
                 button=t("Change"))  # fmt: skip


def _page(
    t: Translate, language: str, title: str, action: str, fields: list[tuple[str, str, str, str]], **more: str
) -> str:
    return render_template_string(
        PAGE, language=language, languages=LANGUAGES, title=title, action=action, fields=fields, next=_next(),
        most=MOST, is_inside=action == "/password", leave=t("Log out"), **{"said": "", "note": "", "typed": "", **more},
    )  # fmt: skip


def _said(entry: Entry, t: Translate) -> str:
    if entry.wait is not None:
        return t("Too many tries. Try again in {n} min.", n=max(1, ceil(entry.wait / timedelta(minutes=1))))
    return t(entry.fault, **entry.values)


def _holding(answer: Response, entry: Entry) -> Response:
    """Let the browser hold the tokens: over TLS or on this machine only, out of reach of scripts, for this host."""
    for cookie, value, seconds in ((SESSION_COOKIE, entry.session, None), (BROWSER_COOKIE, entry.browser, KNOWN_S)):
        if value:
            answer.set_cookie(cookie, value, max_age=seconds, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


def _next() -> str:
    """Return the page that was asked for, of this console only."""
    asked = request.values.get("next", "")
    is_own = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if is_own else "/"


def _language(configured: str) -> str:
    asked = request.values.get("lang", "")
    return asked if asked in LANGUAGES else configured


def _field(name: str) -> str:
    return request.form.get(name, "")
