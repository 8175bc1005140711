"""The webhook against a real server on the loopback."""

from __future__ import annotations

import socket
import threading
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts import NOTIFIERS, notifier
from alerts.webhook import WebhookNotifier
from domain.alerting import Message
from domain.errors import NotifyError

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
        WebhookNotifier(url, timeout_s=2).send(MESSAGE)
    close_answer(caught.value)
    return caught.value


def close_answer(error: NotifyError) -> None:
    """Close what the error holds, so that a forgotten answer fails its own test and no other."""
    if isinstance(error.__cause__, urllib.error.HTTPError):
        error.__cause__.close()


def test_answer_of_a_refusal_is_closed(server: Server) -> None:
    server.status = 404
    with pytest.raises(NotifyError) as caught:
        WebhookNotifier(server.url).send(MESSAGE)
    answer = caught.value.__cause__
    is_closed = not isinstance(answer, urllib.error.HTTPError) or answer.closed
    close_answer(caught.value)
    assert is_closed


def test_payload_is_posted_with_its_idempotency_key(server: Server) -> None:
    hook = WebhookNotifier(server.url)
    hook.start()
    hook.send(MESSAGE)
    hook.stop()
    ((path, headers, body),) = server.got
    assert path == "/hook"
    assert headers["idempotency-key"] == "id1:0:hook"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert body.decode() == MESSAGE.payload


def test_repeat_carries_the_same_key(server: Server) -> None:
    hook = WebhookNotifier(server.url)
    hook.send(MESSAGE)
    hook.send(MESSAGE)
    assert [headers["idempotency-key"] for _, headers, _ in server.got] == ["id1:0:hook"] * 2


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_delivered(server: Server, status: int) -> None:
    server.status = status
    WebhookNotifier(server.url).send(MESSAGE)
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
        WebhookNotifier(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.2).send(MESSAGE)
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
    WebhookNotifier(server.url).send(Message("id1:0:정비팀", "정비팀", "id1", "{}"))
    assert len(server.got) == 1


@pytest.mark.parametrize("url", ["", "ftp://host/", "file:///etc/passwd", "host:80"])
def test_url_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="neither http nor https"):
        WebhookNotifier(url)


def test_registry_makes_each_kind() -> None:
    options = {"log": {}, "webhook": {"url": "http://127.0.0.1/"}}
    assert {kind: type(notifier(kind, options[kind])).__name__ for kind in NOTIFIERS} == dict(NOTIFIERS)


def test_registry_refuses_unknown_options() -> None:
    with pytest.raises(TypeError):
        notifier("webhook", {"url": "http://127.0.0.1/", "uri": 1})
