"""The console as a whole: a source and a gate in, a Dash app out, and the server that serves it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from dash import Dash, Input, Output, State, dcc, html

from dashboard import access, headers, hiding, login, words
from dashboard.access import Guard
from dashboard.inbound import MAX_BODY
from dashboard.pages import PAGES, parts, people
from dashboard.source import Source
from domain.ports import Gate
from domain.text import LANGUAGES, Translate, catalogue

log = logging.getLogger(__name__)
PROXY_HEADERS: Final = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})


def create_app(source: Source, gate: Gate) -> Dash:
    """Return the app; nothing is read from outside, and every callback's ids stand in some page's layout.

    gate: who may come in.
    """
    # Plotly takes pandas from sys.modules where it finds it. A page asked for while another thread was in the middle of
    # importing pandas would get an unfinished module, and an error; so it is complete before anything is served.
    import_module("pandas")
    app = Dash(
        "forewarn",
        title=f"Forewarn – {source.title}",
        update_title="",
        assets_folder=str(Path(__file__).parent / "assets"),
        serve_locally=True,
    )
    app.layout = html.Div([dcc.Location(id="url", refresh="callback-nav"), html.Div(id="shell")])
    pages = [page(source, path, "") for path in PAGES]
    app.validation_layout = html.Div([app.layout, *pages])
    for module in PAGES.values():
        module.register(app, source)
    _register_shell(app, source)
    login.register(app, gate, source.language)
    app.server.extensions["guard"] = Guard(app, gate)
    headers.harden(app.server, app.csp_hashes())
    return app


def _register_shell(app: Dash, source: Source) -> None:
    def route(path: str, search: str) -> Any:
        return for_reader(app, page(source, path, search))

    app.callback(Output("shell", "children"), Input("url", "pathname"), Input("url", "search"))(route)

    def clock(_n: int, language: str) -> str:
        return now_text(source, catalogue(language))

    app.callback(Output("shell-now", "children"), Input("shell-tick", "n_intervals"), State("language", "data"))(clock)


def for_reader(app: Dash, drawn: Any) -> Any:
    """Return a page as who asks may use it."""
    guard: Guard = app.server.extensions["guard"]
    unusable = hiding.unusable(guard.shapes, access.may_call)
    return hiding.fit(drawn, unusable, access.person().name, access.may_call)


def page(source: Source, path: str, search: str) -> Any:
    """Return a whole page: navigation and content, in the language of the address or the config's."""
    query = {k: v[0] for k, v in parse_qs(search.lstrip("?")).items()}
    language = query.get("lang", source.language)
    language = language if language in LANGUAGES else source.language
    t = catalogue(language)
    module = PAGES.get(path) if access.may_see(path) else None
    content = (
        html.P(t("There is no page {path}.", path=path))
        if module is None
        else module.layout(source, t, language, query)
    )
    return html.Div(
        [
            dcc.Store(id="language", data=language),
            dcc.Interval(id="shell-tick", interval=int(source.refresh_s * 1000)),
            _header(source, t, language, path, query),
            html.Main(content),
        ],
        lang=language,
    )


def now_text(source: Source, t: Translate) -> str:
    """Return the plant's present time and what the service is doing, where it is out of the ordinary."""
    state = words.SERVICE_STATES.get(source.state())
    at = words.instant(source.now(), source.zone)
    return f"{at} · {t(state)}" if state else at


def _header(source: Source, t: Translate, language: str, path: str, query: Mapping[str, str]) -> Any:
    links = [
        dcc.Link(
            t(module.TITLE),
            href=parts.link(p, language),
            className="here" if path == p or (path or "").startswith(f"{p}/") else "",
        )
        for p, module in PAGES.items()
        if p.count("/") == 1 and access.may_see(p)
    ]
    kept = {k: v for k, v in query.items() if k != "lang"}
    switches = [
        dcc.Link(name, href=parts.link(path or "/", code, **kept), className="here" if code == language else "")
        for code, name in LANGUAGES.items()
    ]
    return html.Header(
        [
            html.Span(["Forewarn", html.Small(source.title)], className="brand"),
            html.Nav(links),
            html.Span(
                [
                    html.Span(now_text(source, t), id="shell-now", className="now"),
                    _reader(t, language),
                    html.Nav(switches, className="languages"),
                ],
                className="side",
            ),
        ]
    )


def _reader(t: Translate, language: str) -> Any:
    """Return who reads and the ways out; where there are no users, that everybody may do everything."""
    who = access.person()
    if not who.name:
        return html.Span(t("no log-in"), title=t("no log-in: anybody on this machine"), className="reader")
    leave = html.Form(html.Button(t("Log out")), action="/logout", method="post")
    password = html.A(t("Password"), href=f"/password?lang={language}")
    return html.Span([html.B(who.name), html.Small(t(people.ROLES[who.role])), password, leave], className="reader")


class PortTakenError(Exception):
    """The console's address is taken by another program."""


class ConsoleServer:
    """Serves an app with waitress in a thread; `port` is the real one once started."""

    def __init__(self, app: Dash, host: str, port: int, trusted_proxy: str = "") -> None:
        """trusted_proxy: the address whose word is taken for who asks, and that it was by TLS."""
        self._app, self._host, self.port, self._proxy = app, host, port, trusted_proxy
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._sockets: dict[int, Any] = {}
        self._is_stopping = threading.Event()

    def start(self) -> None:
        """Listen; raises PortTakenError."""
        from waitress import create_server

        logging.getLogger("waitress").setLevel(logging.ERROR)
        try:
            trusted: dict[str, Any] = {"trusted_proxy": self._proxy, "trusted_proxy_headers": PROXY_HEADERS}
            self._server = create_server(
                self._app.server,
                map=self._sockets,
                host=self._host,
                port=self.port,
                threads=8,
                ident=None,
                max_request_body_size=MAX_BODY,
                clear_untrusted_proxy_headers=True,
                **(trusted if self._proxy else {}),
            )
        except OSError as error:
            raise PortTakenError(f"{self._host}:{self.port} is in use") from error
        self.port = int(self._server.effective_port)
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._serve, name="console", daemon=True)
        self._thread.start()
        log.info("console url=http://%s:%d", self._host, self.port)

    def stop(self) -> None:
        """Stop listening; what is being answered is given a few seconds."""
        if self._server is not None and self._thread is not None:
            self._is_stopping.set()
            self._server.pull_trigger()
            self._thread.join(timeout=10)
            self._server = None

    def _serve(self) -> None:
        """Serve until told to stop, and close each socket here: under a loop that waits on it none may be closed."""
        from waitress import wasyncore

        while not self._is_stopping.is_set():
            wasyncore.loop(timeout=1.0, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets, ignore_all=True)
