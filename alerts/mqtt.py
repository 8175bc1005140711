"""Notifications as JSON by MQTT, QoS 1: a message is delivered when the broker has acknowledged it.

Invariant: each message is a connection of its own, and nothing is left in a queue of the library, so that a message
that was not acknowledged in time goes out again by the outbox only.
"""

from __future__ import annotations

import queue
import ssl
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from domain.alerting import Message
from domain.errors import NotifyError


class MqttNotifier:
    """Publishes to one topic. Everything that fails is tried again. ca_file: with is_tls, see the webhook."""

    def __init__(
        self,
        host: str,
        topic: str = "forewarn/alert",
        port: int = 0,
        username: str = "",
        password: str = "",
        is_tls: bool = False,
        ca_file: str = "",
        timeout_s: float = 10.0,
    ) -> None:
        if not topic or any(c in topic for c in "+#\0"):
            raise ValueError(f"topic {topic!r} is empty or holds + or #")
        if ca_file and not is_tls:
            raise ValueError("ca_file is named, but is_tls is false: the connection would be plain")
        self._host, self._port, self._topic = host, port or (8883 if is_tls else 1883), topic
        self._username, self._password, self._timeout_s = username, password, timeout_s
        self._tls = ssl.create_default_context(cafile=ca_file or None) if is_tls else None

    def start(self) -> None:
        """Nothing to connect."""

    def stop(self) -> None:
        """Nothing to close: a talk ends by itself within its time-out."""

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        if self._username:
            client.username_pw_set(self._username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.connect_timeout = self._timeout_s
        answers: queue.Queue[Any] = queue.Queue()
        client.on_connect = lambda _c, _d, _f, code, _p: answers.put(code)
        client.on_publish = lambda *_: answers.put("acknowledged")
        try:
            client.connect(self._host, self._port)
            client.loop_start()
            code = answers.get(timeout=self._timeout_s)
            if code != "acknowledged" and code.is_failure:
                raise NotifyError(f"the broker refused the connection: {code}", is_retryable=True)
            client.publish(self._topic, message.payload.encode(), 1)
            answers.get(timeout=self._timeout_s)
        except queue.Empty as error:
            raise NotifyError("the broker does not answer", is_retryable=True) from error
        except (OSError, ValueError) as error:
            raise NotifyError(str(error) or type(error).__name__, is_retryable=True) from error
        finally:
            client.disconnect()
            client.loop_stop()
