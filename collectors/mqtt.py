"""MQTT to the intake: receives QoS 1, commits, then acknowledges.

Invariants: a message is acknowledged only after the intake committed it, and only on the connection it came in by;
nothing uncaught reaches paho's thread. v3.1.1 with a persistent session, so the broker keeps what is not acknowledged.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collectors.decode import NO_POINTS, Raw, decode
from collectors.settings import MqttSettings
from domain.plant import Plant
from domain.ports import Clock, Intake
from domain.records import Decoded, Reason

log = logging.getLogger(__name__)
SOURCE: Final = "mqtt"
MAX_WAITING: Final = 20_000
RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Received:
    generation: int
    message_id: int
    qos: int
    raw: Raw


class MqttCollector:
    """Life cycle: `start` connects in the background and reconnects for ever; `stop` commits what was received."""

    def __init__(self, settings: MqttSettings, plant: Plant, intake: Intake, clock: Clock) -> None:
        self._settings, self._plant, self._intake, self._clock = settings, plant, intake, clock
        self._queue: queue.Queue[_Received] = queue.Queue(MAX_WAITING)
        self._generation = 0
        self._stopping = threading.Event()
        self._subscribed = threading.Event()
        self._client: paho.Client | None = None
        self._writer: threading.Thread | None = None
        self.n_committed = 0  # messages
        self.last_received_at: float | None = None  # monotonic seconds

    def start(self) -> None:
        """Start the writer and the network loop."""
        if self._client is not None:
            return
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        client.suppress_exceptions = True
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password.get_secret_value())
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_connect_fail = self._on_connect_fail
        client.reconnect_delay_set(1, 15)
        self._client = client
        self._writer = threading.Thread(target=self._write, name="mqtt-writer", daemon=True)
        self._writer.start()
        client.connect_async(self._settings.host, self._settings.port, self._settings.keepalive_s)
        client.loop_start()

    def stop(self) -> None:
        """Disconnect, and commit what was already received; unacknowledged messages stay with the broker."""
        if self._client is None:
            return
        self._stopping.set()
        if self._writer is not None:
            self._writer.join(timeout=30)
        self._client.disconnect()
        self._client.loop_stop()
        self._client = None

    @property
    def is_subscribed(self) -> bool:
        """Whether a broker has taken the subscription."""
        return self._subscribed.is_set()

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection; says nothing about data coming in."""
        return self._client is not None and self._client.is_connected()

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            log.error("mqtt refused code=%s host=%s", code, self._settings.host)
            return
        self._generation += 1
        client.subscribe(f"{self._settings.root}/#", qos=1)
        log.info("mqtt connected host=%s port=%d", self._settings.host, self._settings.port)

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        log.warning("mqtt no broker host=%s port=%d: trying again", self._settings.host, self._settings.port)

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: Any, codes: Any, _properties: Any) -> None:
        if any(code.is_failure for code in codes):
            log.error("mqtt subscription refused topic=%s/# codes=%s", self._settings.root, codes)
        else:
            self._subscribed.set()

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._generation += 1  # what came by this connection can no longer be acknowledged
        if not self._stopping.is_set():
            log.warning("mqtt disconnected code=%s", code)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self.last_received_at = self._clock.monotonic()
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)
        raw = Raw(SOURCE, topic, bytes(message.payload), self._clock.now())
        received = _Received(self._generation, message.mid, message.qos, raw)
        while not self._stopping.is_set():
            try:
                self._queue.put(received, timeout=0.5)
                return
            except queue.Full:
                continue

    def _write(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            batch = self._next_batch()
            if batch:
                self._commit(batch)

    def _next_batch(self) -> list[_Received]:
        try:
            batch = [self._queue.get(timeout=0.2)]
        except queue.Empty:
            return []
        deadline = self._clock.monotonic() + self._settings.batch_wait_ms / 1000
        while len(batch) < self._settings.batch_messages:
            wait = deadline - self._clock.monotonic()
            try:
                batch.append(self._queue.get(timeout=wait) if wait > 0 else self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _decoded(self, raw: Raw) -> Decoded:
        try:
            return decode(raw, self._plant, self._settings)
        except Exception as error:  # decoding must not raise; if it does, the message is kept
            log.exception("decoding failed topic=%s", raw.topic)
            return Decoded(NO_POINTS, rejected=(raw.rejected(Reason.FORMAT, f"decoding failed: {error!r}"),))

    def _commit(self, batch: list[_Received]) -> None:
        """Commit a batch and acknowledge it; keeps trying while the disk refuses, so nothing is acknowledged
        unsaved.
        """
        decoded = [(SOURCE, item.raw.received_at, self._decoded(item.raw)) for item in batch]
        while True:
            try:
                self._intake.accept(decoded)
                break
            except OSError as error:
                log.error("journal refused error=%s waiting=%d", error, len(batch))
            except Exception as error:  # noqa: BLE001 - a database driver's own error classes; retried, then left unacknowledged
                log.error("journal refused error=%r waiting=%d", error, len(batch))
            if self._stopping.wait(RETRY_S):
                return
        self.n_committed += len(batch)
        for item in batch:
            if self._client is not None and item.qos and item.generation == self._generation:
                self._client.ack(item.message_id, item.qos)
