"""MQTT to the intake: reads a batch of QoS 1 messages, commits it, then acknowledges it on the same connection.

Invariants: a message is acknowledged only after the intake committed it. Reading, committing and acknowledging are one
thread and one connection at a time, so that a late acknowledgement can never confirm a message of another connection,
and while the intake is slow or refuses nothing is read: the broker keeps what it holds. Nothing uncaught ends the
thread; `heal` replaces one that no longer turns. v3.1.1 with a persistent session.
"""

from __future__ import annotations

import logging
import selectors
import ssl
import struct
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from collectors.batch import Arrived, BatchDecoder
from collectors.connection import new_client, subscriptions
from collectors.health import Health
from collectors.reception import Reception
from collectors.settings import MqttSettings
from collectors.wire import Publish, Stream, WireError
from domain.plant import Plant
from domain.ports import Clock, Intake
from domain.records import Decoded

log = logging.getLogger(__name__)
SOURCE: Final = "mqtt"
RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 15.0
TURN_S: Final = 0.2  # the longest wait for traffic before the loop looks up
STUCK_S: Final = 8.0  # with the beat of `heal` and a new connection, values come in again within ten seconds
MOST_PATIENCE_S: Final = 120.0
ACK_S: Final = 5.0
MOST_READ_BYTES: Final = 16_000_000  # read before a commit, and one message more
MOST_LEFT: Final = 3  # replaced threads that may hang at once
FORGET_BATCHES: Final = 64
PUBACK: Final = struct.Struct(">BBH")


class SessionLostError(Exception):
    """The connection ended, or had to be given up; what was not acknowledged comes again."""


class _Patience:
    """How long a commit may take before it counts as hung.

    A slow one cannot be told from a hung one until it comes back; from then on commits may take several times as long.
    Without that a slow disk would bring the same batch for ever: committed, and acknowledged to a connection that a
    replacement has ended.
    """

    def __init__(self) -> None:
        self.seconds = STUCK_S

    def came_back(self, took_s: float) -> None:
        """Learn from a commit that has ended, however it did."""
        self.seconds = min(max(self.seconds, 4 * took_s), MOST_PATIENCE_S)


class MqttCollector:
    """Life cycle: `start` connects in the background and reconnects for ever; `stop` ends between two batches.

    folder: where births and sequence numbers are kept; without one they last as long as this.
    """

    def __init__(
        self, settings: MqttSettings, plant: Plant, intake: Intake, clock: Clock, folder: Path | None = None
    ) -> None:
        self._settings, self._intake, self._clock = settings, intake, clock
        self._reception = Reception(settings, plant, folder)
        self._decoder = BatchDecoder(plant, settings, SOURCE, self._reception.decode)
        self._receiver: _Receiver | None = None
        self._patience = _Patience()
        self._n_restarts = 0
        self._changing = threading.Lock()  # nothing is started once it was stopped
        self._left: list[threading.Thread] = []  # replaced, and not yet ended
        self._before = (0, 0, 0)  # what receivers that were replaced had counted

    def start(self) -> None:
        """Start receiving."""
        if self._receiver is None:
            self._reception.start()
            self._receive()

    def _receive(self) -> None:
        self._receiver = _Receiver(
            self._settings, self._reception, self._decoder, self._intake, self._clock, self._patience
        )
        self._receiver.thread.start()

    def stop(self) -> None:
        """Disconnect; unacknowledged messages stay with the broker."""
        with self._changing:
            receiver = self._receiver
            if receiver is not None:
                receiver.stopping.set()
        if receiver is not None:
            receiver.thread.join(timeout=30)

    def heal(self) -> bool:
        """Replace a receiving thread that has ended or does not turn; returns whether it had to."""
        with self._changing:
            return self._heal()

    def _heal(self) -> bool:
        old = self._receiver
        if old is None or old.stopping.is_set():
            return False
        stuck_s = self._clock.monotonic() - old.last_turn_at
        if old.thread.is_alive() and stuck_s < (self._patience.seconds if old.is_committing else STUCK_S):
            return False
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= MOST_LEFT:
            return False  # what holds them, such as a hung disk, would hold one more as well
        log.error(
            "mqtt receiver replaced alive=%s committing=%s stuck_s=%.1f",
            *(old.thread.is_alive(), old.is_committing, stuck_s),
        )
        old.stopping.set()  # should it come back it ends; its acknowledgements go to a connection that is gone
        committed, unguaranteed, connections = self._before
        self._before = (
            committed + old.n_committed,
            unguaranteed + old.n_unguaranteed,
            connections + old.n_connections,
        )
        self._n_restarts += 1
        self._left.append(old.thread)
        self._receive()
        return True

    def health(self) -> Health:
        """Return what can be said of the collector at this moment."""
        at, committed, unguaranteed, connections = self._receiver, *self._before
        noted = self._reception.noted()
        if at is None:
            return Health(False, False, 0.0, None, committed, unguaranteed, connections, self._n_restarts, "", noted)
        return Health(
            at.is_connected,
            at.is_subscribed,
            at.last_turn_at,
            at.last_received_at,
            committed + at.n_committed,
            unguaranteed + at.n_unguaranteed,
            connections + at.n_connections,
            self._n_restarts,
            at.error,
            noted,
        )


class _Receiver:
    """One receiving thread: sessions with the broker, one after the other."""

    def __init__(
        self,
        settings: MqttSettings,
        reception: Reception,
        decoder: BatchDecoder,
        intake: Intake,
        clock: Clock,
        patience: _Patience,
    ) -> None:
        self._settings, self._reception, self._decoder = settings, reception, decoder
        self._intake, self._clock, self._patience = intake, clock, patience
        self._filters = subscriptions(settings)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self.last_turn_at = clock.monotonic()
        self.last_received_at: float | None = None
        self.is_connected = self.is_subscribed = self.is_committing = False
        self.n_committed = self.n_unguaranteed = self.n_connections = 0
        self.error = ""
        self._arrived: list[Arrived] = []
        self._acks: list[bytes] = []
        self._plateau = 0  # so many came, and then nothing until they were acknowledged: all that the broker gives
        self._n_batches = 0

    def _run(self) -> None:
        delay_s = RETRY_S
        while not self.stopping.is_set():
            before = self.n_committed
            try:
                self._session()
            except (SessionLostError, WireError, OSError) as error:
                self._note(str(error))
            except Exception as error:  # a driver's own classes, or a defect of ours: neither may end the thread
                log.exception("mqtt session failed")
                self._note(repr(error))
            self.is_connected = self.is_subscribed = False
            delay_s = RETRY_S if self.n_committed > before else min(2 * delay_s, LONGEST_RETRY_S)
            self._pause(delay_s)

    def _note(self, error: str) -> None:
        if not self.stopping.is_set():
            self.error = error
            log.warning("mqtt trying again host=%s port=%d: %s", self._settings.host, self._settings.port, error)

    def _pause(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while not self.stopping.wait(TURN_S) and self._clock.monotonic() < until:
            self._turn()

    def _turn(self) -> None:
        self.last_turn_at = self._clock.monotonic()

    def _session(self) -> None:
        """Connect and receive until told to stop; raises where the connection or the intake fails."""
        self._arrived, self._acks, self._plateau = [], [], 0
        client = new_client(self._settings, is_ahead=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        try:
            while not self.stopping.is_set():
                self._turn()
                if _wait(client, TURN_S):
                    self._read(client)
                is_answered = bool(self._acks)  # which keeps the line alive: a ping's answer may wait behind a backlog
                if self._arrived:
                    self._commit(client)
                if not is_answered:
                    _check(client.loop_misc())
        finally:
            client.disconnect()
            _close(client)

    def _read(self, client: paho.Client) -> None:
        """Take what the broker has sent, up to a batch; waits a little for more, unless more is not to be expected."""
        limit, wait_s = self._settings.batch_messages, self._settings.batch_wait_ms / 1000
        stream = _stream(client)
        until: float | None = None
        n_bytes = 0
        while True:
            for each in stream.publishes(limit - len(self._arrived)):
                self._take(each)
                n_bytes += len(each.payload)
            if len(self._arrived) >= limit or n_bytes >= MOST_READ_BYTES:
                return
            if stream.has_other:
                _check(client.loop_read())
                if client.want_write():
                    _check(client.loop_write())
                continue
            if stream.fill():
                continue
            now = self._clock.monotonic()
            until = now + wait_s if until is None else until
            is_all = not self._arrived or 0 < self._plateau <= len(self._arrived)
            rest_s = 0.0 if is_all else max(0.0, until - now)
            if not rest_s or not _wait(client, rest_s):
                if rest_s > wait_s / 2:
                    self._plateau = len(self._arrived)
                return

    def _take(self, packet: Publish) -> None:
        self.last_received_at = self.last_turn_at
        try:
            topic = packet.topic.decode()
        except UnicodeDecodeError:
            topic = repr(packet.topic)
        self._arrived.append(Arrived(topic, packet.payload, packet.is_retained, packet.is_again, packet.message_id))
        if packet.qos:
            self._acks.append(PUBACK.pack(0x40, 2, packet.message_id))
        else:
            self.n_unguaranteed += 1

    def _commit(self, client: paho.Client) -> None:
        arrived, acks = self._arrived, self._acks
        self._arrived, self._acks = [], []
        now = self._clock.now()
        self._reception.arrived((message.topic for message in arrived), self.last_turn_at)
        decoded = self._decoder.decode(arrived, now, self._turn)
        self._turn()
        self.is_committing = True
        try:
            self._accept(decoded, now, len(arrived))
            _send(client, b"".join(acks))
        finally:
            self._patience.came_back(self._clock.monotonic() - self.last_turn_at)
            self._turn()
            self.is_committing = False
        for topic, payload in self._reception.rebirths(self._clock.monotonic(), now):
            log.warning("sparkplug rebirth asked for topic=%s", topic)
            client.publish(topic, payload, 0)

    def _accept(self, decoded: Decoded, now: datetime, n_messages: int) -> None:
        try:
            self._reception.settle()
            self._intake.accept([(SOURCE, now, decoded)])
        except Exception as error:
            raise SessionLostError(f"the journal refused {n_messages} messages: {error}") from error
        self.n_committed += n_messages
        self.error = ""
        self._n_batches += 1
        if self._n_batches % FORGET_BATCHES == 0:
            self._plateau = 0

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            raise SessionLostError(f"the broker refused the connection: {code}")
        self.is_connected = True
        self.n_connections += 1
        self._reception.connected()
        client.subscribe([(each, 1) for each in self._filters])
        log.info("mqtt connected host=%s port=%d", self._settings.host, self._settings.port)

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: Any, codes: Any, _properties: Any) -> None:
        refused = [each for each, code in zip(self._filters, codes, strict=False) if code.is_failure]
        self.is_subscribed = not refused
        if refused:
            raise SessionLostError(f"the broker refused the subscription to {', '.join(refused)}")


def _check(code: MQTTErrorCode) -> None:
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise SessionLostError(f"connection lost: {paho.error_string(code)}")


def _stream(client: paho.Client) -> Stream:
    stream: Any = client.socket()
    if not isinstance(stream, Stream):
        raise SessionLostError("connection lost")
    return stream


def _wait(client: paho.Client, seconds: float) -> bool:
    """Wait for bytes from the broker; returns whether there are any."""
    stream = _stream(client)
    if stream.has_any:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(stream.fileno(), selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _send(client: paho.Client, block: bytes) -> None:
    """Send acknowledgements in one piece: `client.ack` takes a system call for each four bytes."""
    view = memoryview(block)
    while view:
        stream = _stream(client)
        try:
            view = view[stream.send(view) :]
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            with selectors.DefaultSelector() as selector:
                selector.register(stream.fileno(), selectors.EVENT_WRITE)
                if not selector.select(ACK_S):
                    raise SessionLostError("the broker takes no acknowledgements") from None


def _close(client: paho.Client) -> None:
    socket: Any = client.socket()
    if socket is not None:
        socket.close()
