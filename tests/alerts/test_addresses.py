"""Where a notifier may connect to: nothing inside unless allowed, and the checked address is the one connected to."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from alerts.addresses import AllowList, place, refuse_inside, resolve
from alerts.apprise import AppriseNotifier
from alerts.webhook import WebhookNotifier
from domain.alerting import Message
from domain.errors import NotifyError

MESSAGE = Message("id1:0:hook", "hook", "id1", '{"text": "hot"}')
PUBLIC = "93.184.215.14"
INSIDE_URLS = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://0/",
    "http://0.0.0.0:8080/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "https://255.255.255.255/",
    f"http://{PUBLIC}:22/",
    f"http://{PUBLIC}:25/",
]


def answering(*addresses: str) -> Any:
    """Look names up as a server would that answers with these addresses, the last one for ever."""
    left = list(addresses)

    def look_up(_host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    return look_up


@pytest.mark.parametrize("url", INSIDE_URLS)
def test_url_that_is_written_as_an_inside_place_is_refused_by_the_config(url: str) -> None:
    with pytest.raises(ValueError, match="allow"):
        WebhookNotifier(url)


@pytest.mark.parametrize("url", ["", "ftp://host/", "file:///etc/passwd", "host:80", "gopher://x/", "javascript:1"])
def test_url_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="neither http nor https"):
        WebhookNotifier(url)


@pytest.mark.parametrize("url", ["http:///x", "http://a b/", "http://a/\r\nX: 1", "http://user:pass@example.com/"])
def test_url_that_is_odd_is_refused_and_shows_no_password(url: str) -> None:
    with pytest.raises(ValueError, match="url") as caught:
        WebhookNotifier(url)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fd00::2"])
def test_name_that_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(NotifyError, match="inside address") as caught:
        WebhookNotifier("https://hooks.example.com/", look_up=answering(address)).send(MESSAGE)
    assert not caught.value.is_retryable


def test_one_inside_address_among_several_is_refused() -> None:
    def both(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [*answering(PUBLIC)(host, port), *answering("127.0.0.1")(host, port)]

    with pytest.raises(NotifyError, match="inside address"):
        resolve(place("http://example.com/"), AllowList([]), both)


def test_name_that_changes_its_answer_after_the_check_leads_nowhere_else() -> None:
    """DNS rebinding: what is looked up once is what is connected to."""
    asked: list[str] = []
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as inside:
        port = inside.getsockname()[1]
        inside.settimeout(0.5)
        answers = answering("127.0.0.2", "127.0.0.1")

        def look_up(host: str, asked_port: int, **more: Any) -> Any:
            asked.append(host)
            return answers(host, asked_port, **more)

        hook = WebhookNotifier(f"http://rebind.example.com:{port}/", 0.5, allow=["127.0.0.2"], look_up=look_up)
        with pytest.raises(NotifyError):
            hook.send(MESSAGE)  # 127.0.0.2 has no such listener; 127.0.0.1 has, and is not asked
        try:
            inside.accept()
            reached.set()
        except TimeoutError:
            pass
        assert asked == ["rebind.example.com"]
        assert not reached.is_set()
        with pytest.raises(NotifyError, match="inside address"):
            hook.send(MESSAGE)


def test_name_that_is_not_found_is_tried_again() -> None:
    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("no such name")

    with pytest.raises(NotifyError) as caught:
        resolve(place("http://example.com/"), AllowList([]), nowhere)
    assert caught.value.is_retryable


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        (["127.0.0.1"], "http://127.0.0.1:8080/"),
        (["127.0.0.0/8"], "http://0x7f.1/"),
        (["[::1]:8080"], "http://[::1]:8080/"),
        (["10.0.0.0/24:9000"], "http://10.0.0.7:9000/"),
        ([f"{PUBLIC}:22"], f"http://{PUBLIC}:22/"),
    ],
)
def test_what_is_allowed_is_let_through(allow: list[str], url: str) -> None:
    refuse_inside(place(url), AllowList(allow))


@pytest.mark.parametrize(("allow", "address"), [(["hooks.plant.local"], "10.0.0.7"), (["HOOKS.plant.local:80"], "::1")])
def test_host_may_be_allowed_by_name(allow: list[str], address: str) -> None:
    assert resolve(place("http://hooks.plant.local/"), AllowList(allow), answering(address))


@pytest.mark.parametrize("allow", [["10.0.0.0/24:9000"], ["10.0.1.0/24"], ["other.local"]])
def test_what_is_allowed_is_no_wider_than_written(allow: list[str]) -> None:
    with pytest.raises(ValueError, match="inside address"):
        refuse_inside(place("http://10.0.0.7:9001/"), AllowList(allow))


def test_allow_list_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="no address, network or host name"):
        AllowList(["10.0.0.0/99"])


@pytest.mark.parametrize(
    "url",
    [
        "json://example.com",
        "XML://example.com",
        "forms://example.com",
        "syslog://",
        "mailto://a:b@example.com",
        "gotify://example.com/token?redirect=yes",
        "no-such://x",
        "gotify://127.0.0.1/token",
        "gotify://10.0.0.1:8080/token",
        "gotify://0x7f.1/token",
        "gotify://example.com/token",
    ],
)
def test_apprise_refuses_what_leads_inside_or_around_the_check(url: str) -> None:
    with pytest.raises(ValueError, match=r"refused|inside address|not a URL|by itself"):
        AppriseNotifier(url)


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("gotify://chat.example.com/token", ["chat.example.com"]),
        ("gotify://chat.example.com:8443/token", ["chat.example.com:8443"]),
        ("gotify://10.0.0.1:8080/token", ["10.0.0.0/8"]),
        ("gotify://93.184.215.14/token", []),
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12315544", []),  # the vendor's own address
    ],
)
def test_apprise_goes_where_somebody_vouches_for_the_host(url: str, allow: list[str]) -> None:
    AppriseNotifier(url, allow)


def test_a_network_does_not_vouch_for_a_name_that_apprise_looks_up_by_itself() -> None:
    with pytest.raises(ValueError, match="up by itself"):
        AppriseNotifier("gotify://chat.example.com/token", ["10.0.0.0/8", "chat.example.com:8443"])
