"""The console behind a proxy that speaks HTTPS: whose word is taken for who asks, and by which way."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest

from app.access import ConsoleGate
from dashboard.console import ConsoleServer, create_app
from dashboard.source import Source
from tests.dashboard.conftest import NOW
from tests.dashboard.gates import PASSWORD, Hands, with_people

FORWARDED = {"X-Forwarded-For": "10.0.0.5", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "plant.example"}


def asked(port: int, sent: Mapping[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = urlencode({"name": "viewer", "password": PASSWORD})
    connection.request("POST", "/login", body, {"Content-Type": "application/x-www-form-urlencoded", **sent})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.fixture(params=["127.0.0.1", "", "10.99.0.1"], ids=["trusted", "none", "another"])
def behind(request: pytest.FixtureRequest, source: Source) -> Iterator[tuple[str, int]]:
    with_people(source.ledger, NOW)
    gate = ConsoleGate(source.ledger, Hands(NOW).now, is_beyond=True)
    server = ConsoleServer(create_app(source, gate), "127.0.0.1", 0, request.param)
    server.start()
    yield request.param, server.port
    server.stop()


def test_only_the_trusted_proxy_is_believed(behind: tuple[str, int], source: Source) -> None:
    proxy, port = behind
    is_trusted = proxy == "127.0.0.1"
    answer = asked(port, {**FORWARDED, "Origin": "https://plant.example"})
    assert answer.status == (302 if is_trusted else 403)
    deed = source.ledger.audit.deeds()[0]
    assert (deed.action, deed.origin) == (("logged in", "10.0.0.5") if is_trusted else ("refused", "127.0.0.1"))
    if is_trusted:
        assert answer.getheader("Strict-Transport-Security")
        plain = asked(port, {**FORWARDED, "X-Forwarded-Proto": "http", "Origin": "http://plant.example"})
        assert plain.status == 403
