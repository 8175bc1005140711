"""E-mail against a real server: encrypted or not sent, refused or tried again, and nothing becomes a header."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from alerts.email import EmailNotifier, written
from alerts.messages import Reader, sample
from benchmarks.receivers import Taken, mail, mail_of
from domain.alerting import Message, Priority
from domain.errors import NotifyError
from tests.alerts.examples import at
from tests.alerts.test_messages import noticed
from tests.alerts.test_messages import written as message_of

READER = Reader("ko", "Asia/Seoul", "작은 공장")
MESSAGE = sample("mail", READER, at(0))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


def notifier(port: int, **options: Any) -> EmailNotifier:
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "to": ["Crew <crew@example.com>"],
        "sender": "forewarn@example.com",
        "port": port,
        "security": "plain",
        "timeout_s": 3,
    }
    return EmailNotifier(**fields | options)


def failure(port: int, **options: Any) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        notifier(port, **options).send(MESSAGE)
    return caught.value


def test_mail_is_received_once_with_text_and_page() -> None:
    with mail() as (port, taken):
        notifier(port).send(message_of(noticed()))
    (found,) = taken
    received = mail_of(found)
    assert received["Subject"] == "[high] The press is too hot: plant/press"
    assert received["To"] == "Crew <crew@example.com>"
    assert received["Date"] == "Sun, 01 Mar 2026 10:00:00 +0000"
    assert received["X-Priority"] == "1"
    plain, html = received.get_body(("plain",)), received.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Since 2026-03-01 19:00 KST: 11.25 degC, limit 10 degC" in plain.get_content()
    assert "The press is too hot" in html.get_content()


def test_korean_comes_through() -> None:
    with mail() as (port, taken):
        notifier(port).send(MESSAGE)
    received = mail_of(taken[0])
    plain = received.get_body(("plain",))
    assert plain is not None
    assert "작은 공장" in plain.get_content()
    assert "시험" in received["Subject"]


def test_repeat_is_known_by_its_message_id() -> None:
    with mail() as (port, taken):
        for _ in range(2):
            notifier(port).send(MESSAGE)
    assert len({each.key for each in taken}) == 1


def test_starttls_encrypts(server_tls: ssl.SSLContext, ca_file: str) -> None:
    with mail(tls=server_tls) as (port, taken):
        notifier(port, security="starttls", ca_file=ca_file).send(MESSAGE)
    assert [each.headers["tls"] for each in taken] == ["True"]


def test_server_without_starttls_is_sent_nothing() -> None:
    with mail() as (port, taken):
        error = failure(port, security="starttls")
    assert error.is_retryable
    assert "STARTTLS" in str(error)
    assert taken == []


def test_server_with_an_unknown_certificate_is_sent_nothing(server_tls: ssl.SSLContext) -> None:
    with mail(tls=server_tls) as (port, taken):
        assert failure(port, security="starttls").is_retryable
    assert taken == []


def test_plain_server_on_a_tls_port_is_sent_nothing() -> None:
    with mail() as (port, taken):
        assert failure(port, security="tls", timeout_s=1).is_retryable
    assert taken == []


def test_starttls_that_is_stripped_on_the_way_sends_no_password() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 hello\r\n")
                for answer in (b"250 hello\r\n", b"250 OK\r\n"):
                    heard.append(connection.recv(4096))
                    connection.sendall(answer)
                heard.append(connection.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        error = failure(listener.getsockname()[1], security="starttls", username="u", password="secret-word")
    assert error.is_retryable
    assert not any(b"AUTH" in each or b"secret" in each for each in heard)


@pytest.mark.parametrize(("answer", "is_retryable"), [("451", True), ("550", False)])
def test_4xx_is_tried_again_and_5xx_is_a_refusal(answer: str, is_retryable: bool) -> None:
    with mail(lambda: answer) as (port, _):
        error = failure(port)
    assert error.is_retryable is is_retryable
    assert answer in str(error)


def test_refused_recipient_is_named_and_the_others_have_it() -> None:
    with mail(refused=frozenset({"gone@example.com"})) as (port, taken):
        error = failure(port, to=["crew@example.com", "gone@example.com"])
    assert not error.is_retryable
    assert "gone@example.com: 550" in str(error)
    assert [each.headers["to"] for each in taken] == ["crew@example.com"]


def test_server_that_hangs_or_is_away_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert failure(silent.getsockname()[1], timeout_s=0.2).is_retryable
        port = silent.getsockname()[1]
    assert failure(port).is_retryable


EVIL = [
    "hot\r\nBcc: x@example.com",
    "hot\nX-Evil: 1",
    "hot\r\n\r\nbody",
    "hot\u2028Bcc: x@example.com",
    "hot\x00",
    "=?utf-8?q?=0D=0ABcc:_x@example.com?=",
]


@pytest.fixture(params=EVIL)
def received(request: pytest.FixtureRequest) -> Iterator[Taken]:
    with mail() as (port, taken):
        payload = {**json.loads(MESSAGE.payload), "subject": request.param, "text": request.param}
        notifier(port).send(Message("k", "mail", "", json.dumps(payload)))
        yield taken[0]


def test_no_text_of_the_plant_becomes_a_header(received: Taken) -> None:
    names = [name.lower() for name in mail_of(received)]
    assert sorted(names) == sorted(set(names))
    assert not {"bcc", "x-evil"} & set(names)
    assert received.headers["to"] == "crew@example.com"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": []}, "list of addresses"),
        ({"to": "crew@example.com"}, "list of addresses"),
        ({"to": ["crew"]}, "not an address"),
        ({"to": ["a@b, c@d"]}, "not an address"),
        ({"to": ["a@b\r\nBcc: c@d"]}, "not an address"),
        ({"sender": ""}, "not an address"),
        ({"security": "ssl"}, "none of starttls, tls, plain"),
        ({"host": "mail.example.com"}, "readable by anybody"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        notifier(25, **options)


def test_message_of_an_earlier_release_is_written_as_text() -> None:
    old = Message("id1:0:mail", "mail", "id1", json.dumps({"text": "hot\nsince"}), priority=Priority.HIGH)
    mail_written = written(old, notifier(25)._sender, notifier(25)._to)
    assert mail_written["Subject"] == "hot"
    assert mail_written.get_content() == "hot\nsince\n"
