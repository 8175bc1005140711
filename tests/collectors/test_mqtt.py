"""The MQTT collector against a real broker: acknowledged only after the commit, nothing lost."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collectors.mqtt import MOST_READ_BYTES, MqttCollector
from collectors.settings import MqttSettings
from domain.plant import Plant, Tag
from domain.records import Decoded, Reason
from tests.collectors.plants import NOW, PLANT, PRESS

TOPIC = f"forewarn/point/{PRESS}/force"
CONNECT, PUBACK, SUBSCRIBE, PINGREQ = 1, 4, 8, 12


class StoppedClock:
    """Always the same instant."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


class Shelf:
    """An intake that refuses `n_refusals` times, then keeps what it is given."""

    def __init__(self, n_refusals: float = 0, error: Exception | None = None) -> None:
        self.n_refusals, self.error = n_refusals, error or OSError("no space left on device")
        self.n_asked = 0
        self.kept: list[Decoded] = []

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        self.n_asked += 1
        if self.n_asked <= self.n_refusals:
            raise self.error
        assert all(source == "mqtt" and at == NOW for source, at, _ in batch)
        self.kept += [decoded for _, _, decoded in batch]

    @property
    def values(self) -> list[float]:
        return [v for decoded in self.kept for v in decoded.points.value.tolist()]


class Gate(Shelf):
    """An intake that waits until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.is_open = threading.Event(), threading.Event()

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        self.is_asked.set()
        assert self.is_open.wait(10)
        super().accept(batch)


def wait_until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail("waited in vain")
        time.sleep(0.01)


@contextmanager
def collecting(port: int, intake: Shelf, **settings: int) -> Iterator[MqttCollector]:
    made = MqttCollector(MqttSettings(port=port, batch_wait_ms=5, **settings), PLANT, intake, StoppedClock())
    made.start()
    try:
        wait_until(lambda: made.health().is_subscribed)
        yield made
    finally:
        made.stop()


@contextmanager
def publisher(port: int) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def publish(port: int, values: Sequence[float], topic: str = TOPIC, qos: int = 1) -> None:
    payloads = [json.dumps({"value": value}).encode() for value in values]
    send(port, payloads, topic, qos)


def send(port: int, payloads: Sequence[bytes], topic: str = TOPIC, qos: int = 1) -> None:
    with publisher(port) as client:
        for sent in [client.publish(topic, payload, qos) for payload in payloads]:
            sent.wait_for_publish(10)


def left_with_the_broker(port: int) -> list[float]:
    """Return what a collector of the same client id still gets; a last message of its own marks the end."""
    shelf = Shelf()
    with collecting(port, shelf):
        publish(port, [-1])
        wait_until(lambda: -1 in shelf.values)
    return [v for v in shelf.values if v != -1]


def test_messages_arrive_in_order(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf) as collector:
        publish(mosquitto, range(300))
        wait_until(lambda: len(shelf.values) >= 300)
        wait_until(lambda: collector.health().n_committed >= 300)
        assert collector.health().is_connected
        assert collector.health().last_received_at is not None
    assert shelf.values == list(range(300))
    assert left_with_the_broker(mosquitto) == []


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("database is locked")], ids=repr)
def test_every_message_is_committed_though_the_intake_refuses_at_first(mosquitto: int, error: Exception) -> None:
    shelf = Shelf(n_refusals=2, error=error)
    with collecting(mosquitto, shelf, batch_messages=10):
        publish(mosquitto, range(150))
        wait_until(lambda: len(shelf.values) >= 150)
    assert sorted(shelf.values) == list(range(150))
    assert left_with_the_broker(mosquitto) == []


def test_nothing_is_acknowledged_that_was_not_committed(mosquitto: int) -> None:
    full = Shelf(n_refusals=float("inf"))
    with collecting(mosquitto, full) as collector:
        publish(mosquitto, range(120))
        wait_until(lambda: full.n_asked > 0)
    assert collector.health().n_committed == 0
    assert sorted(left_with_the_broker(mosquitto)) == list(range(120))


def test_nothing_is_lost_while_no_collector_runs(mosquitto: int) -> None:
    with collecting(mosquitto, Shelf()):
        pass
    publish(mosquitto, range(200))
    assert left_with_the_broker(mosquitto) == list(range(200))


def test_nothing_is_lost_when_collectors_take_turns(mosquitto: int) -> None:
    shelf = Shelf()
    done = threading.Event()

    def keep_publishing() -> None:
        publish(mosquitto, range(2000))
        done.set()

    with collecting(mosquitto, shelf):
        pass
    thread = threading.Thread(target=keep_publishing)
    thread.start()
    while not done.is_set():
        with collecting(mosquitto, shelf):
            time.sleep(0.05)
    thread.join()
    rest = left_with_the_broker(mosquitto)
    assert set(shelf.values) | set(rest) == set(range(2000))


def test_bad_message_is_handed_over_and_acknowledged_too(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf) as collector:
        send(mosquitto, [b"", b"{", b'{"value": 1}'])
        send(mosquitto, [b'{"value": 1}'], f"forewarn/point/{PRESS}/speed")
        send(mosquitto, [b"1"], "forewarn")
        wait_until(lambda: collector.health().n_committed >= 5)
    assert sorted(r.reason for d in shelf.kept for r in d.rejected) == sorted(
        [Reason.EMPTY, Reason.JSON, Reason.UNKNOWN_TAG, Reason.TOPIC]
    )
    assert shelf.values == [1]
    assert left_with_the_broker(mosquitto) == []


def test_message_of_qos_0_is_taken_too(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf):
        publish(mosquitto, [5], qos=0)
        wait_until(lambda: shelf.values == [5])


def test_messages_of_other_roots_are_not_taken(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf):
        publish(mosquitto, [1], f"other/point/{PRESS}/force")
        publish(mosquitto, [2])
        wait_until(lambda: bool(shelf.values))
    assert shelf.values == [2]


def test_nothing_is_emitted_after_stop(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf) as collector:
        publish(mosquitto, [1])
        wait_until(lambda: shelf.values == [1])
    collector.stop()
    assert not collector.health().is_connected
    publish(mosquitto, [2])
    time.sleep(0.1)
    assert shelf.values == [1]


def test_collector_that_never_started_can_be_stopped() -> None:
    MqttCollector(MqttSettings(), PLANT, Shelf(), StoppedClock()).stop()


class Line:
    """The broker's end of one connection, spoken by hand."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(10)
        self.expect(CONNECT)
        connection.sendall(bytes([0x20, 2, 0, 0]))
        message_id = self.expect(SUBSCRIBE)[:2]
        connection.sendall(bytes([0x90, 3]) + message_id + b"\x01")

    def exactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            more = self.connection.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def packet(self) -> tuple[int, bytes]:
        kind, length, shift = self.exactly(1)[0] >> 4, 0, 0
        while True:
            byte = self.exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return kind, self.exactly(length)

    def expect(self, wanted: int) -> bytes:
        while True:
            kind, data = self.packet()
            if kind == PINGREQ:
                continue
            assert kind == wanted
            return data

    def publish(self, message_id: int, value: float) -> None:
        body = struct.pack("!H", len(TOPIC)) + TOPIC.encode() + struct.pack("!H", message_id)
        body += json.dumps({"value": value}).encode()
        assert len(body) < 128
        self.connection.sendall(bytes([0x32, len(body)]) + body)

    def acknowledged(self) -> int:
        (message_id,) = struct.unpack("!H", self.expect(PUBACK))
        return int(message_id)


def test_acknowledgement_of_an_older_connection_is_not_sent() -> None:
    gate = Gate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        settings = MqttSettings(port=listener.getsockname()[1], batch_wait_ms=5)
        collector = MqttCollector(settings, PLANT, gate, StoppedClock())
        collector.start()
        try:
            first = Line(listener.accept()[0])
            first.publish(7, 1.0)
            assert gate.is_asked.wait(10)
            first.connection.close()
            gate.is_open.set()
            second = Line(listener.accept()[0])
            wait_until(lambda: gate.values == [1.0])
            second.publish(8, 2.0)  # 7 may mean another message on this connection
            assert second.acknowledged() == 8
            wait_until(lambda: gate.values == [1.0, 2.0])
        finally:
            gate.is_open.set()
            collector.stop()
        second.connection.close()


def test_message_is_acknowledged_only_after_its_commit() -> None:
    gate = Gate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        settings = MqttSettings(port=listener.getsockname()[1], batch_wait_ms=5)
        collector = MqttCollector(settings, PLANT, gate, StoppedClock())
        collector.start()
        try:
            line = Line(listener.accept()[0])
            line.publish(7, 1.0)
            assert gate.is_asked.wait(10)
            line.connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                line.acknowledged()
            line.connection.settimeout(10)
            gate.is_open.set()
            assert line.acknowledged() == 7
        finally:
            gate.is_open.set()
            collector.stop()
        line.connection.close()


class Broken(Shelf):
    """An intake with a defect: it ends the thread that calls it."""

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        self.n_asked += 1
        raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_ended_is_noticed_and_replaced(mosquitto: int) -> None:
    shelf: Shelf = Broken()
    with collecting(mosquitto, shelf) as collector:
        assert not collector.heal()
        publish(mosquitto, [1])
        wait_until(lambda: shelf.n_asked == 1)
        shelf.accept = Shelf.accept.__get__(shelf)  # type: ignore[method-assign]
        wait_until(collector.heal)
        wait_until(lambda: shelf.values == [1])
        assert collector.health().n_restarts == 1
        assert not collector.heal()


class FastClock(StoppedClock):
    """A monotonic clock that can be moved on."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


def test_thread_that_hangs_is_replaced_and_its_acknowledgement_is_void(mosquitto: int) -> None:
    gate, clock = Gate(), FastClock()
    collector = MqttCollector(MqttSettings(port=mosquitto), PLANT, gate, clock)
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        publish(mosquitto, [1])
        assert gate.is_asked.wait(10)
        assert not collector.heal()
        clock.ahead_s = 60
        assert collector.heal()
        wait_until(lambda: collector.health().n_connections == 2)  # the message may come again before the subscription
        gate.is_open.set()
        wait_until(lambda: gate.values == [1, 1])  # once by the thread that hung, once more by the new one
    finally:
        gate.is_open.set()
        collector.stop()


class SlowTags(dict[str, Tag]):
    """Tags that take their time to be looked up; tells what `look` says meanwhile."""

    def __init__(self, tags: Mapping[str, Tag], look: Callable[[], bool]) -> None:
        super().__init__(tags)
        self.look = look
        self.seen: list[bool] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.seen.append(self.look())
        return super().get(name, default)


def test_slow_decoding_of_many_messages_is_no_hang(mosquitto: int) -> None:
    clock, shelf = FastClock(), Shelf()

    def look() -> bool:
        clock.ahead_s += 5
        return collector.heal()

    tags = SlowTags(PLANT.tags[PRESS], look)
    plant = Plant(PLANT.classes, PLANT.assets, {**PLANT.tags, PRESS: tags})
    collector = MqttCollector(MqttSettings(port=mosquitto, batch_wait_ms=500), plant, shelf, clock)
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        publish(mosquitto, range(20))
        wait_until(lambda: len(shelf.values) == 20)
    finally:
        collector.stop()
    assert tags.seen == [False] * 20


class SlowShelf(Shelf):
    """An intake that is slow to commit; tells what `look` says meanwhile."""

    def __init__(self, look: Callable[[], bool]) -> None:
        super().__init__()
        self.look = look
        self.seen: list[bool] = []

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        self.seen.append(self.look())
        super().accept(batch)


def test_slow_commit_leads_to_one_replacement_at_most_and_is_acknowledged(mosquitto: int) -> None:
    clock = FastClock()
    steps = iter([1.0, *[12.0] * 10])

    def look() -> bool:
        clock.ahead_s += next(steps)
        return collector.heal()

    shelf = SlowShelf(look)
    collector = MqttCollector(MqttSettings(port=mosquitto, batch_wait_ms=5), PLANT, shelf, clock)
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        publish(mosquitto, [1])
        wait_until(lambda: shelf.values == [1])
        publish(mosquitto, [2])
        wait_until(lambda: 2 in shelf.values)
        wait_until(lambda: collector.health().n_connections == 2)
        publish(mosquitto, [3])  # 2 has come once more, unless its acknowledgement was faster than the replacement
        wait_until(lambda: 3 in shelf.values)
        assert shelf.seen.count(True) == 1  # once it has come back it is known to be slow
    finally:
        collector.stop()
    assert left_with_the_broker(mosquitto) == []


def test_reading_stops_at_some_bytes(mosquitto: int) -> None:
    gate = Gate()
    settings = MqttSettings(port=mosquitto, batch_wait_ms=500)
    collector = MqttCollector(settings, PLANT, gate, StoppedClock())
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        send(mosquitto, [b" " * 900_000 + b'{"value": 1}'] * 40)
        assert gate.is_asked.wait(10)
        gate.is_open.set()
        wait_until(lambda: len(gate.values) == 40)
    finally:
        gate.is_open.set()
        collector.stop()
    assert max(len(decoded.points) for decoded in gate.kept) * 900_000 <= MOST_READ_BYTES + 1_000_000


def test_batches_are_decoded_as_single_messages_are(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf):
        send(
            mosquitto,
            [b'{"at": "2026-03-01T10:00:00Z", "values": {"force": 1, "temp": 2.5}}'],
            f"forewarn/points/{PRESS}",
        )
        wait_until(lambda: len(shelf.values) == 2)
    assert shelf.values == [1, 2.5]


def test_threads_that_hang_are_not_replaced_for_ever(mosquitto: int) -> None:
    gate, clock = Gate(), FastClock()
    collector = MqttCollector(MqttSettings(port=mosquitto), PLANT, gate, clock)
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        publish(mosquitto, [1])
        for n in range(3):
            wait_until(gate.is_asked.is_set)
            gate.is_asked.clear()
            clock.ahead_s += 60
            assert collector.heal(), n
        wait_until(gate.is_asked.is_set)
        clock.ahead_s += 60
        assert not collector.heal()
        gate.is_open.set()
        wait_until(lambda: len(gate.values) >= 4)
    finally:
        gate.is_open.set()
        collector.stop()
