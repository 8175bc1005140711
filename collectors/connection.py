"""Settings to a paho client that speaks to the plant's broker, and short talks with a broker to examine it.

Invariants: MQTT 3.1.1; with TLS there is no way back to plain; credentials are never logged.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collectors import tls
from collectors.mapping import TopicMap
from collectors.settings import MqttSettings
from collectors.sparkplug import subscriptions as sparkplug_subscriptions
from collectors.wire import Stream


def client_id(settings: MqttSettings) -> str:
    """Return the client id with `{host}` filled in: the same at every start, another on every machine."""
    return settings.client_id.replace("{host}", socket.gethostname())


class AheadClient(paho.Client):
    """A client whose socket reads ahead (`collectors.wire`). The library has no public place to give it one."""

    def _create_socket(self) -> Any:
        return Stream(super()._create_socket())


def new_client(
    settings: MqttSettings, name: str = "", *, is_clean: bool = False, is_ahead: bool = False
) -> paho.Client:
    """Return a client that acknowledges by hand; raises OSError for TLS files that cannot be used.

    name: a client id in place of the config's. is_clean: the broker keeps nothing for it. is_ahead: its socket is a
    `collectors.wire.Stream`, out of which the caller takes the PUBLISH packets itself.
    """
    client = (AheadClient if is_ahead else paho.Client)(
        CallbackAPIVersion.VERSION2,
        client_id=name or client_id(settings),
        clean_session=is_clean,
        protocol=paho.MQTTv311,
        manual_ack=True,
    )
    if settings.username:
        client.username_pw_set(settings.username, settings.password.get_secret_value())
    if settings.tls.is_enabled:
        client.tls_set_context(tls.context(settings.tls))
    return client


def subscriptions(settings: MqttSettings) -> tuple[str, ...]:
    """Return the topic filters of the config: below the root, the plant's own topics, Sparkplug; shared if so said."""
    filters = (f"{settings.root}/#", *TopicMap(settings.topics).subscriptions)
    if settings.sparkplug.is_enabled:
        filters += sparkplug_subscriptions(settings.sparkplug.groups)
    return tuple(f"$share/{settings.share}/{each}" if settings.share else each for each in filters)


class TalkError(Exception):
    """The broker could not be reached, or refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it came in a talk."""

    topic: str
    payload: bytes
    is_retained: bool


class Talk:
    """One short connection to a broker, waited on step by step."""

    def __init__(self, client: paho.Client, wait_s: float) -> None:
        self.has_session = False
        self._client, self._wait_s = client, wait_s
        self._answer: queue.Queue[Any] = queue.Queue()
        self._granted: queue.Queue[Sequence[Any]] = queue.Queue()
        self._heard: queue.Queue[Heard] = queue.Queue()

    def open(self, settings: MqttSettings) -> None:
        """Connect; raises TalkError."""
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = lambda _c, _d, _flags, code, _p: self._answer.put(code)
        self._client.on_subscribe = lambda _c, _d, _mid, codes, _p: self._granted.put(codes)
        try:
            self._client.connect(settings.host, settings.port, settings.keepalive_s)
            self._client.loop_start()
            code = self._answer.get(timeout=self._wait_s)
        except (OSError, ValueError) as error:
            raise TalkError(str(error) or type(error).__name__) from error
        except queue.Empty as error:
            raise TalkError("no answer: is this an MQTT listener, with or without TLS as set?") from error
        if code.is_failure:
            raise TalkError(f"the broker ended it: {code}")

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic: str) -> bool:
        """Subscribe with QoS 1; says whether the broker granted it. Raises TalkError without an answer."""
        self._client.subscribe(topic, 1)
        try:
            return not any(code.is_failure for code in self._granted.get(timeout=self._wait_s))
        except queue.Empty as error:
            raise TalkError(f"no answer to the subscription of {topic}") from error

    def publish(self, topic: str, payloads: Sequence[bytes]) -> None:
        """Publish with QoS 1 and wait for the acknowledgements; raises TalkError where they do not come."""
        for sent in [self._client.publish(topic, payload, 1) for payload in payloads]:
            try:
                sent.wait_for_publish(self._wait_s)
            except (RuntimeError, ValueError) as error:
                raise TalkError(f"publishing failed: {error}") from error
            if not sent.is_published():
                raise TalkError("the broker did not acknowledge a publish")

    def hear(self, seconds: float, most: int | None = None) -> list[Heard]:
        """Return what came, until `most` are there or none came for `seconds`."""
        heard: list[Heard] = []
        while most is None or len(heard) < most:
            try:
                heard.append(self._heard.get(timeout=seconds))
            except queue.Empty:
                break
        return heard

    def _on_connect(self, _client: Any, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        self.has_session = flags.session_present
        self._answer.put(code)

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)
        self._heard.put(Heard(topic, bytes(message.payload), message.retain))
        client.ack(message.mid, message.qos)


@contextmanager
def talk(settings: MqttSettings, name: str, *, is_clean: bool = True, wait_s: float = 10) -> Iterator[Talk]:
    """Open a talk under a client id of its own; raises TalkError."""
    try:
        found = Talk(new_client(settings, name, is_clean=is_clean), wait_s)
    except OSError as error:
        raise TalkError(f"TLS files cannot be used: {error}") from error
    try:
        found.open(settings)
        yield found
    finally:
        found.close()
