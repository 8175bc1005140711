"""Real receivers of notifications for experiments: a web server and a mail server that can be told to fail."""

from __future__ import annotations

import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller

Fail = Callable[[], str]  # "", "500", "404", "429", "slow" or "close" for the web; "", "451", "550" for mail


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def never() -> str:
    """Fail never."""
    return ""


@dataclass(slots=True)
class Taken:
    """What a receiver took, with the time of it."""

    key: str
    at: float
    payload: Any
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def web(fail: Fail = never, slow_s: float = 2.0) -> Iterator[tuple[int, list[Taken]]]:
    """Serve on the loopback; yields the port and what was taken so far."""
    taken: list[Taken] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the sender was killed
                return
            how = fail()
            if how == "slow":
                time.sleep(slow_s)
            if how in ("slow", "close"):
                return
            if how:
                self.send_response(int(how))
            else:
                headers = {k.lower(): v for k, v in self.headers.items()}
                taken.append(Taken(headers["idempotency-key"], time.time(), json.loads(body), headers))
                self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.server_address[1], taken
    finally:
        server.shutdown()
        server.server_close()


class _Mailbox:
    """aiosmtpd's handler: takes mail, or answers as it is told."""

    def __init__(self, fail: Fail, refused: frozenset[str]) -> None:
        self.fail, self.refused = fail, refused
        self.taken: list[Taken] = []

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        how = self.fail()
        if how:
            return f"{how} not now"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        told = {"tls": str(session.ssl is not None), "to": ",".join(envelope.rcpt_tos)}
        self.taken.append(Taken(str(mail["Message-ID"]), time.time(), mail, told))
        return "250 OK"


@contextmanager
def mail(
    fail: Fail = never, tls: ssl.SSLContext | None = None, refused: frozenset[str] = frozenset(), **options: Any
) -> Iterator[tuple[int, list[Taken]]]:
    """Serve SMTP on the loopback, with STARTTLS demanded where a context is given."""
    box = _Mailbox(fail, refused)
    if tls is not None:
        options |= {"tls_context": tls, "require_starttls": True}
    port = free_port()  # the controller tries its own port out, so it must know it
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port, box.taken
    finally:
        controller.stop()


def mail_of(taken: Taken) -> EmailMessage:
    """Return what a mail server took."""
    return cast(EmailMessage, taken.payload)


def failing(seed: int, share: float, *how: str) -> Fail:
    """Return what fails in a share of all calls, in one of several ways."""
    chance = random.Random(seed)
    lock = threading.Lock()

    def fail() -> str:
        with lock:
            return chance.choice(how) if chance.random() < share else ""

    return fail
