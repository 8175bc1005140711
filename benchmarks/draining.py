"""What it costs to take a broker's backlog: a preloaded session drained by a bare client, by the usual stack, by us."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.clock import SystemClock
from benchmarks import peers
from collectors.mqtt import MqttCollector
from collectors.settings import MqttSettings
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.points import Points
from domain.ports import PointStore
from store.journal import Journal
from store.settings import InfluxSettings

ASSETS: Final = 50
TAGS: Final = 8  # values per message
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
SPACING: Final = timedelta(milliseconds=10)
CLAIM: Final = 80_000
OUTSTANDING: Final = 5_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one drain took, in seconds of CPU of this process and of the clock, for `n_values`."""

    cpu_s: float
    wall_s: float
    n_values: int

    @property
    def values_per_s(self) -> float:
        """Values per second of the clock."""
        return self.n_values / self.wall_s


def plant() -> Plant:
    """Return the plant that the messages are of."""
    assets = [Asset(f"bench/machine-{i}", "machine") for i in range(ASSETS)]
    machine = AssetClass("machine", Axis.TIME, 1000, 10, timedelta(minutes=1))
    return Plant.of([machine], assets, [Tag(a.path, f"tag{j}") for a in assets for j in range(TAGS)])


def preload(port: int, sessions: Sequence[str], n_messages: int) -> None:
    """Leave `n_messages` with the broker for each session."""
    for name in sessions:
        _subscribe(port, name)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    values = np.round(np.random.default_rng(1).normal(50, 3, (n_messages, TAGS)), 3).tolist()
    sent = None
    for i, row in enumerate(values):
        body = {"at": (START + i * SPACING).isoformat(), "values": {f"tag{j}": v for j, v in enumerate(row)}}
        sent = client.publish(f"forewarn/points/bench/machine-{i % ASSETS}", json.dumps(body), 1)
        if i % OUTSTANDING == 0:
            sent.wait_for_publish(600)  # the client numbers 65,535 messages, and keeps no more
    if sent is not None:
        sent.wait_for_publish(600)
    client.disconnect()
    client.loop_stop()


def bare(port: int, session: str, n_messages: int) -> Cost:
    """Drain with paho alone: QoS 1, acknowledged by itself, parsed, nothing kept."""
    n = 0

    def on_message(client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        nonlocal n
        json.loads(message.payload)
        n += 1
        if n == n_messages:
            client.disconnect()

    return _drain(port, session, on_message, lambda: None, n_messages)


def usual_stack(port: int, session: str, n_messages: int, settings: InfluxSettings) -> Cost:
    """Drain with paho into influxdb-client's batching writer, as its documentation shows it."""
    library: Any = import_module("influxdb_client")  # its constructors carry no types
    service: Any = import_module("influxdb_client.service.write_service").WriteService

    class V1(service):  # type: ignore[misc]  # the address that Debian's server knows
        def post_write(self, org: str, bucket: str, body: Any, precision: str = "ns", **options: Any) -> Any:  # noqa: ARG002
            asked = {k: v for k, v in options.items() if k in ("urlopen_kw", "_request_timeout", "async_req")}
            return self.api_client.call_api(
                "/write",
                "POST",
                query_params=[("db", settings.database), ("precision", precision)],
                body=body,
                header_params={"Content-Type": "text/plain; charset=utf-8"},
                _return_http_data_only=True,
                _preload_content=False,
                **asked,
            )

    token = f"{settings.username}:{settings.password.get_secret_value()}"
    store = library.InfluxDBClient(settings.url, token=token, org="-", auth_basic=True)
    writer = store.write_api(write_options=library.WriteOptions(batch_size=5000))
    writer._write_service = V1(store.api_client)
    n = 0

    def on_message(client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        nonlocal n
        body = json.loads(message.payload)
        point = library.Point("machine").tag("asset", message.topic.rsplit("/", 1)[-1]).time(body["at"])
        for name, value in body["values"].items():
            point.field(name, value)
        writer.write(settings.database, "-", point)
        n += 1
        if n == n_messages:
            client.disconnect()

    def finish() -> None:
        writer.close()
        store.close()

    return _drain(port, session, on_message, finish, n_messages)


def ours(port: int, session: str, n_messages: int, folder: Path, store: PointStore) -> Cost:
    """Drain with the collector, the journal and a store; all of it durable before it is acknowledged."""
    journal = Journal(folder)
    journal.start()
    store.start()
    settings = MqttSettings(port=port, client_id=session)
    collector = MqttCollector(settings, plant(), journal, SystemClock())
    cpu, wall, n_stored = time.process_time(), time.perf_counter(), 0
    collector.start()
    while n_stored < n_messages * TAGS:
        claimed = journal.claim(CLAIM)
        if claimed is None:
            time.sleep(0.1)
            continue
        outcome = store.apply(claimed.batch, Points.concat([d.points for d in claimed.decoded]))
        journal.finish(claimed, outcome)
        n_stored += outcome.stored + outcome.duplicates
    cost = Cost(time.process_time() - cpu, time.perf_counter() - wall, n_stored)
    collector.stop()
    store.stop()
    journal.stop()
    return cost


def broker(folder: Path) -> peers.Peer:
    """Return a broker with the bounds that the shipped config has."""
    made = peers.mosquitto(folder)
    conf = folder / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("autosave_interval 1\n", "autosave_interval 1800\n") + LIMITS)
    return made


LIMITS: Final = "max_inflight_messages 1000\n"


def _subscribe(port: int, session: str) -> None:
    done = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=session, clean_session=False, protocol=paho.MQTTv311)
    client.on_connect = lambda client, *_: client.subscribe("forewarn/#", 1)
    client.on_subscribe = lambda *_: done.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not done.wait(10):
        raise TimeoutError("the broker takes no subscription")
    client.disconnect()
    client.loop_stop()


def _drain(
    port: int, session: str, on_message: Callable[..., None], finish: Callable[[], None], n_messages: int
) -> Cost:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=session, clean_session=False, protocol=paho.MQTTv311)
    client.on_message = on_message
    cpu, wall = time.process_time(), time.perf_counter()
    client.connect("127.0.0.1", port)
    client.loop_forever()
    finish()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, n_messages * TAGS)
