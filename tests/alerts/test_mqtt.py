"""MQTT notifications to a real broker, plain and by TLS: delivered when acknowledged, left in no queue when not."""

from __future__ import annotations

import gc
import json
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alerts.mqtt import MqttNotifier
from benchmarks.crash import _broker, mosquitto_path
from domain.alerting import Message
from domain.errors import NotifyError
from tests.collectors.brokers import Authority, tls_config
from tests.collectors.brokers import broker as tls_broker

MESSAGE = Message("id1:0:mqtt", "mqtt", "id1", '{"key": "id1:0:mqtt", "text": "뜨겁다"}')
needs_mosquitto = pytest.mark.skipif(mosquitto_path() is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    process, port = _broker(tmp_path)
    yield port
    process.terminate()
    process.wait()


@needs_mosquitto
def test_message_is_received_once(broker: int) -> None:
    heard: queue.Queue[bytes] = queue.Queue()
    subscribed: queue.Queue[object] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener")
    client.on_message = lambda _c, _d, message: heard.put(message.payload)
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.connect("127.0.0.1", broker)
    client.loop_start()
    client.subscribe("forewarn/alert", 1)
    subscribed.get(timeout=5)
    try:
        MqttNotifier("127.0.0.1", port=broker, timeout_s=5).send(MESSAGE)
        assert json.loads(heard.get(timeout=5)) == {"key": "id1:0:mqtt", "text": "뜨겁다"}
        with pytest.raises(queue.Empty):
            heard.get(timeout=0.3)
    finally:
        client.disconnect()
        client.loop_stop()


def test_broker_that_is_away_or_silent_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotifyError) as caught:
            MqttNotifier("127.0.0.1", port=port, timeout_s=0.3).send(MESSAGE)
        assert caught.value.is_retryable
    with pytest.raises(NotifyError) as caught:
        MqttNotifier("127.0.0.1", port=port, timeout_s=0.3).send(MESSAGE)
    assert caught.value.is_retryable


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#"])
def test_topic_that_cannot_be_published_to_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        MqttNotifier("127.0.0.1", topic)


def test_certificates_without_tls_are_refused() -> None:
    with pytest.raises(ValueError, match="plain"):
        MqttNotifier("127.0.0.1", ca_file="ca.pem")


@needs_mosquitto
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused socket to Python
def test_by_tls_a_message_is_received_and_a_broker_of_another_authority_or_name_is_refused(tmp_path: Path) -> None:
    own, other = Authority.of(tmp_path / "own"), Authority.of(tmp_path / "other")
    ca, wrong_ca = (str(a.folder / "ca.pem") for a in (own, other))
    certificate = own.issue("broker", "127.0.0.1")
    with tls_broker(tmp_path / "good", tls_config(own, certificate, has_clients=False)) as port:
        with listening(port, ca) as heard:
            MqttNotifier("127.0.0.1", port=port, is_tls=True, ca_file=ca, timeout_s=5).send(MESSAGE)
            assert json.loads(heard.get(timeout=5))["text"] == "뜨겁다"
        for refused in (
            MqttNotifier("127.0.0.1", port=port, is_tls=True, ca_file=wrong_ca, timeout_s=5),
            MqttNotifier("127.0.0.1", port=port, is_tls=True, timeout_s=5),  # the system's authorities
            MqttNotifier("127.0.0.1", port=port, timeout_s=1),  # plain
            MqttNotifier(
                "localhost", port=port, is_tls=True, ca_file=ca, timeout_s=5
            ),  # the certificate says 127.0.0.1
        ):
            with pytest.raises(NotifyError) as caught:
                refused.send(MESSAGE)
            assert caught.value.is_retryable
        del refused, caught
        gc.collect()  # here, and not in a test that minds the warning


@contextmanager
def listening(port: int, ca: str) -> Iterator[queue.Queue[bytes]]:
    heard: queue.Queue[bytes] = queue.Queue()
    subscribed: queue.Queue[object] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="tls-listener")
    client.tls_set(ca)
    client.on_message = lambda _c, _d, message: heard.put(message.payload)
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("forewarn/alert", 1)
    subscribed.get(timeout=5)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()
