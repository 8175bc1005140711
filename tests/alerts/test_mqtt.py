"""MQTT notifications against a real broker: delivered when acknowledged, and left in no queue when not."""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alerts.mqtt import MqttNotifier
from benchmarks.crash import _broker, mosquitto_path
from domain.alerting import Message
from domain.errors import NotifyError

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
