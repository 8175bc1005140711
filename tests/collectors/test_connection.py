"""Connections to a real broker: right certificates and passwords get in, all others are refused, none falls back."""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors import tls
from collectors.connection import TalkError, client_id, new_client, subscriptions, talk
from collectors.mqtt import MqttCollector
from collectors.mqtt_settings import SparkplugSettings, TlsSettings, TopicSettings
from collectors.settings import MqttSettings
from tests.collectors.brokers import DEBIAN, PASSWORD, SHIPPED, USER, Authority, broker, shipped_config, tls_config
from tests.collectors.plants import PLANT
from tests.collectors.test_mqtt import TOPIC, Shelf, StoppedClock, wait_until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.of(tmp_path / "certificates")


@pytest.fixture
def tls_port(tmp_path: Path, authority: Authority) -> Iterator[int]:
    """A broker that asks for client certificates and has one for localhost."""
    config = tls_config(authority, authority.issue("broker", "localhost", "127.0.0.1"), has_clients=True)
    with broker(tmp_path / "mosquitto", config) as port:
        yield port


def settings(port: int, tls: TlsSettings | None = None, host: str = "localhost", **more: str) -> MqttSettings:
    return MqttSettings(host=host, port=port, tls=tls or TlsSettings(), **more)


def refusal(found: MqttSettings) -> str:
    with pytest.raises(TalkError) as error, talk(found, "test", wait_s=5):
        pass
    said = str(error.value)
    del error
    gc.collect()  # paho leaves the socket of a failed handshake to the garbage collector, which warns of it
    return said


def test_right_certificates_get_in_and_messages_flow(tls_port: int, authority: Authority) -> None:
    found = settings(tls_port, authority.client("collector"))
    with talk(found, "test") as opened:
        assert opened.subscribe("a/#")
        opened.publish("a/b", [b"1", b"2"])
        assert [m.payload for m in opened.hear(5, 2)] == [b"1", b"2"]


def test_collector_receives_over_tls(tls_port: int, authority: Authority) -> None:
    shelf = Shelf()
    found = settings(tls_port, authority.client("collector"))
    collector = MqttCollector(found, PLANT, shelf, StoppedClock())
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        with talk(found, "publisher") as opened:
            opened.publish(TOPIC, [b'{"value": %d}' % i for i in range(300)])
        wait_until(lambda: len(shelf.values) >= 300)
    finally:
        collector.stop()
    assert shelf.values == list(range(300))


def test_broker_of_another_authority_is_refused(tls_port: int, authority: Authority, tmp_path: Path) -> None:
    other = Authority.of(tmp_path / "other")
    wrong = authority.client("collector", ca=str(other.folder / "ca.pem"))
    assert "certificate verify failed" in refusal(settings(tls_port, wrong)).lower()


def test_broker_of_no_known_authority_is_refused(tls_port: int, authority: Authority) -> None:
    system = TlsSettings(is_enabled=True)
    assert "certificate verify failed" in refusal(settings(tls_port, system)).lower()


def test_broker_with_an_expired_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    expired = authority.issue("broker", "localhost", until=datetime.now(UTC) - timedelta(days=1))
    with broker(tmp_path / "mosquitto", tls_config(authority, expired, has_clients=False)) as port:
        assert "expired" in refusal(settings(port, authority.client()))


def test_broker_with_the_name_of_another_host_is_refused(tmp_path: Path, authority: Authority) -> None:
    other = authority.issue("broker", "broker.example")
    with broker(tmp_path / "mosquitto", tls_config(authority, other, has_clients=False)) as port:
        assert "hostname mismatch" in refusal(settings(port, authority.client())).lower()


def test_client_without_a_certificate_is_refused(tls_port: int, authority: Authority) -> None:
    assert refusal(settings(tls_port, authority.client()))


def test_client_with_a_certificate_of_another_authority_is_refused(
    tls_port: int, authority: Authority, tmp_path: Path
) -> None:
    own = Authority.of(tmp_path / "other").client("collector", ca=str(authority.folder / "ca.pem"))
    assert refusal(settings(tls_port, own))


def test_plain_client_at_a_tls_port_is_refused(tls_port: int) -> None:
    assert refusal(settings(tls_port))


def test_tls_client_at_a_plain_port_is_refused_and_does_not_fall_back(mosquitto: int, authority: Authority) -> None:
    assert refusal(settings(mosquitto, authority.client()))


def test_context_asks_for_tls_1_2_and_the_host_name(authority: Authority) -> None:
    assert tls.context(authority.client()).minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.context(authority.client()).check_hostname
    assert tls.context(authority.client()).verify_mode is ssl.CERT_REQUIRED


def test_password_of_the_shipped_broker(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    with broker(folder, shipped_config(folder)) as port:
        right = settings(port, host="127.0.0.1", username=USER, password=PASSWORD)
        with talk(right, "test"):
            pass
        assert "ot authori" in refusal(settings(port, host="127.0.0.1", username=USER, password="wrong"))
        assert "ot authori" in refusal(settings(port, host="127.0.0.1"))


def test_no_broker_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "refused" in refusal(settings(taken.getsockname()[1], host="127.0.0.1")).lower()


def test_client_id_names_the_host_where_it_is_asked_to() -> None:
    assert client_id(MqttSettings(client_id="forewarn-{host}")) == f"forewarn-{socket.gethostname()}"
    assert client_id(MqttSettings()) == "forewarn-collector"


def test_password_is_not_shown() -> None:
    assert "hush" not in repr(MqttSettings(username="u", password="hush"))
    assert new_client(MqttSettings(username="u", password="hush")).username == "u"


def test_subscriptions_are_shared_where_the_config_says_so() -> None:
    own = TopicSettings(pattern="works/{line}/{tag}", asset="{line}", tag="{tag}")
    assert subscriptions(MqttSettings(topics=(own,))) == ("forewarn/#", "works/+/+")
    assert subscriptions(MqttSettings(topics=(own,), share="line-1")) == (
        "$share/line-1/forewarn/#",
        "$share/line-1/works/+/+",
    )
    assert len(subscriptions(MqttSettings(sparkplug=SparkplugSettings(is_enabled=True)))) == 7


def test_collectors_that_share_get_each_message_once(mosquitto: int) -> None:
    shelves = [Shelf(), Shelf()]
    collectors = [
        MqttCollector(MqttSettings(port=mosquitto, client_id=f"member-{i}", share="line"), PLANT, shelf, StoppedClock())
        for i, shelf in enumerate(shelves)
    ]
    try:
        for collector in collectors:
            collector.start()
        wait_until(lambda: all(c.health().is_subscribed for c in collectors))
        with talk(MqttSettings(port=mosquitto), "publisher") as opened:
            opened.publish(TOPIC, [b'{"value": %d}' % i for i in range(400)])
        wait_until(lambda: sum(len(s.values) for s in shelves) >= 400)
    finally:
        for collector in collectors:
            collector.stop()
    assert sorted(shelves[0].values + shelves[1].values) == list(range(400))
    assert min(len(s.values) for s in shelves) > 0


CONTAINER = (SHIPPED / "mosquitto.conf").read_text().replace("/var/lib/mosquitto/", "{folder}/")


@pytest.mark.parametrize(
    "main", [DEBIAN, CONTAINER.replace("/etc/mosquitto/", "{folder}/")], ids=["debian", "container"]
)
def test_session_survives_a_restart_of_the_shipped_broker(main: str, tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    config = shipped_config(folder, main)
    access = {"host": "127.0.0.1", "username": USER, "password": PASSWORD}
    with broker(folder, config) as port:
        with talk(settings(port, **access), "away", is_clean=False) as opened:
            assert opened.subscribe("forewarn/$probe/#")
        with talk(settings(port, **access), "publisher") as opened:
            opened.publish("forewarn/$probe/x", [b"%d" % i for i in range(1500)])
    with broker(folder, config) as port, talk(settings(port, **access), "away", is_clean=False) as opened:
        assert opened.has_session
        assert [int(m.payload) for m in opened.hear(3, 1500)] == list(range(1500))


@pytest.mark.parametrize("wrong", ["ca_file", "certificate_file", "key_file"])
def test_certificate_file_that_cannot_be_used_is_named(authority: Authority, tmp_path: Path, wrong: str) -> None:
    good = authority.client("collector")
    missing = good.model_copy(update={wrong: str(tmp_path / "nowhere.pem")})
    assert wrong in {key for key, _, _ in tls.faults(missing)}
    junk = tmp_path / "junk.pem"
    junk.write_text("not PEM")
    assert list(tls.faults(good.model_copy(update={wrong: str(junk)})))
    assert list(tls.faults(good)) == []


def test_share_of_a_member_that_was_away_waits_for_its_return(mosquitto: int) -> None:
    def member(i: int, shelf: Shelf) -> MqttCollector:
        found = MqttSettings(port=mosquitto, client_id=f"member-{i}", share="line", batch_wait_ms=5)
        made = MqttCollector(found, PLANT, shelf, StoppedClock())
        made.start()
        wait_until(lambda: made.health().is_subscribed)
        return made

    shelves = [Shelf(), Shelf()]
    staying, leaving = member(0, shelves[0]), member(1, shelves[1])
    returned: MqttCollector | None = None
    try:
        leaving.stop()
        with talk(MqttSettings(port=mosquitto), "publisher") as opened:
            opened.publish(TOPIC, [b'{"value": %d}' % i for i in range(400)])
        returned = member(1, shelves[1])
        wait_until(lambda: len(shelves[0].values) + len(shelves[1].values) >= 400)
    finally:
        for collector in (staying, leaving, returned):
            if collector is not None:
                collector.stop()
    assert sorted(shelves[0].values + shelves[1].values) == list(range(400))
