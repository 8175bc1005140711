"""The webhook against a real server on the loopback."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts import NOTIFIERS, notifier
from alerts.webhook import WebhookNotifier, signature
from domain.alerting import Message
from domain.errors import NotifyError

INSIDE = ["127.0.0.1"]
MESSAGE = Message("id1:0:hook", "hook", "id1", '{"text": "뜨겁다"}')


@dataclass
class Server:
    """A server that answers with `status` and keeps what it was sent."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(known.status)
            for name, value in known.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            known.got.append((self.path, {}, b"GET"))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    known.url = f"http://127.0.0.1:{httpd.server_port}/hook"
    yield known
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def raw_server() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers each connection with the next of the given bytes, and closes it."""
    answers: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while not request.endswith(b"}"):
                    request += connection.recv(65536)
                connection.sendall(answers.pop(0))

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/", answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def failure(url: str) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        WebhookNotifier(url, timeout_s=2, allow=INSIDE).send(MESSAGE)
    return caught.value


def test_payload_is_posted_with_its_idempotency_key(server: Server) -> None:
    hook = WebhookNotifier(server.url, allow=INSIDE)
    hook.start()
    hook.send(MESSAGE)
    hook.stop()
    ((path, headers, body),) = server.got
    assert path == "/hook"
    assert headers["idempotency-key"] == "id1:0:hook"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert body.decode() == MESSAGE.payload


def test_repeat_carries_the_same_key(server: Server) -> None:
    hook = WebhookNotifier(server.url, allow=INSIDE)
    hook.send(MESSAGE)
    hook.send(MESSAGE)
    assert [headers["idempotency-key"] for _, headers, _ in server.got] == ["id1:0:hook"] * 2


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_delivered(server: Server, status: int) -> None:
    server.status = status
    WebhookNotifier(server.url, allow=INSIDE).send(MESSAGE)
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_trouble_that_may_pass_is_retryable(server: Server, status: int) -> None:
    server.status = status
    error = failure(server.url)
    assert error.is_retryable
    assert str(error) == f"HTTP {status}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_refusal_is_not_retryable(server: Server, status: int) -> None:
    server.status = status
    assert not failure(server.url).is_retryable


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(server: Server, status: int) -> None:
    server.status, server.headers = status, {"Location": server.url + "/elsewhere"}
    assert not failure(server.url).is_retryable
    assert [path for path, _, _ in server.got] == ["/hook"]


def test_refused_connection_is_retryable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert failure(f"http://127.0.0.1:{unused.getsockname()[1]}/").is_retryable


def test_silent_server_is_retryable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotifyError) as caught:
        WebhookNotifier(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.2, allow=INSIDE).send(MESSAGE)
    assert caught.value.is_retryable


@pytest.mark.parametrize(
    "answer",
    [b"", b"this is not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ids=["closed", "no-http", "cut-off"],
)
def test_broken_answer_is_retryable(raw_server: tuple[str, list[bytes]], answer: bytes) -> None:
    url, answers = raw_server
    answers.append(answer)
    assert failure(url).is_retryable


def test_receiver_with_a_korean_name_is_delivered_to(server: Server) -> None:
    WebhookNotifier(server.url, allow=INSIDE).send(Message("id1:0:정비팀", "정비팀", "id1", "{}"))
    assert len(server.got) == 1


def test_registry_makes_each_kind() -> None:
    options: dict[str, dict[str, Any]] = {
        "apprise": {"url": "gotify://example.com/token", "allow": ["example.com"]},
        "email": {"host": "localhost", "to": ["a@example.com"], "sender": "b@example.com"},
        "log": {},
        "mqtt": {"host": "localhost"},
        "webhook": {"url": "https://example.com/"},
    }
    assert {kind: type(notifier(kind, options[kind])).__name__ for kind in NOTIFIERS} == dict(NOTIFIERS)


def test_registry_refuses_unknown_options() -> None:
    with pytest.raises(TypeError):
        notifier("webhook", {"url": "https://example.com/", "uri": 1})


def test_signature_is_that_of_standard_webhooks(server: Server) -> None:
    """The example of the specification's own reference implementation."""
    body = b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(("secret", "key"), [("open sesame", b"open sesame"), ("whsec_c2VzYW1l", b"sesame")])
def test_receiver_can_check_who_sent_it(server: Server, secret: str, key: bytes) -> None:
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    WebhookNotifier(server.url, secret=secret, allow=INSIDE).send(replace(MESSAGE, tried_at=at))
    ((_, headers, body),) = server.got
    assert headers["webhook-id"] == "id1:0:hook"
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert headers["webhook-signature"] == signature(key, "id1:0:hook", at, body)
    assert headers["webhook-signature"] != signature(key, "id1:0:hook", at, body + b" ")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        ({"Retry-After": "999999999"}, timedelta(days=1)),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_receiver_says_how_long_to_wait(server: Server, headers: dict[str, str], wait: timedelta | None) -> None:
    server.status, server.headers = 429, headers
    assert failure(server.url).retry_after == wait


def test_wait_until_a_date_is_held_against_the_answers_own(raw_server: tuple[str, list[bytes]]) -> None:
    url, answers = raw_server
    dates = b"Date: Sun, 01 Mar 2026 10:00:00 GMT\r\nRetry-After: Sun, 01 Mar 2026 10:05:00 GMT\r\n"
    answers.append(b"HTTP/1.1 503 Busy\r\n" + dates + b"Content-Length: 0\r\n\r\n")
    assert failure(url).retry_after == timedelta(minutes=5)


def test_endless_answer_is_read_up_to_a_bound(raw_server: tuple[str, list[bytes]]) -> None:
    url, answers = raw_server
    answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * (1 << 20))
    WebhookNotifier(url, timeout_s=5, allow=INSIDE).send(MESSAGE)


def test_dripping_answer_ends_with_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 ")
                while not ended.wait(0.05):
                    connection.sendall(b"2")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(NotifyError) as caught:
                WebhookNotifier(f"http://127.0.0.1:{listener.getsockname()[1]}/", 0.4, allow=INSIDE).send(MESSAGE)
        finally:
            ended.set()
            thread.join()
    assert caught.value.is_retryable


def test_stop_breaks_off_a_request_under_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook = WebhookNotifier(f"http://127.0.0.1:{silent.getsockname()[1]}/", 30, allow=INSIDE)
        found: list[NotifyError] = []

        def send() -> None:
            try:
                hook.send(MESSAGE)
            except NotifyError as error:
                found.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        connection, _ = silent.accept()
        with connection:
            connection.recv(65536)
            hook.stop()
            thread.join(5)
    assert [error.is_retryable for error in found] == [True]
