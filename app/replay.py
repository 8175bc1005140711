"""The demo's replay: bundled files in, timed MQTT messages out, some of them bad on purpose; and the publisher."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.settings import Settings
from collectors.dump import format_for, read_dump
from domain.instants import from_ns
from domain.records import Decoded

ACK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message of the replay. n_items: what it counts as; n_repeats: how many of those were published before."""

    at: datetime
    topic: str
    payload: bytes
    n_items: int = 1
    n_repeats: int = 0


def outgoing(settings: Settings, folder: Path, start: datetime) -> list[Outgoing]:
    """Return all messages of the replay in order of their time. A row of an hour is published when it is known."""
    root = settings.root.mqtt.root
    messages: list[Outgoing] = []
    for path in sorted(folder.iterdir()):
        form = format_for(path, settings.root.formats)
        for decoded in read_dump(path, form, settings.plant, start):
            messages += _messages(decoded, settings, root)
    messages += _bad_on_purpose(root, start)
    return sorted(messages, key=lambda m: (m.at, m.topic))


def by_time(messages: Sequence[Outgoing]) -> Iterator[tuple[datetime, list[Outgoing]]]:
    """Yield the messages of each instant."""
    for at, group in groupby(messages, key=lambda m: m.at):
        yield at, list(group)


def _messages(decoded: Decoded, settings: Settings, root: str) -> Iterator[Outgoing]:
    points = decoded.points
    owner = np.array([t.rpartition("/")[0] for t in points.tag_id], dtype=object)
    for asset in sorted(set(owner.tolist())):
        asset_class = settings.plant.class_of(asset)
        # A cycle is known when it ends, which is its time; an hourly mean when its hour is over.
        delay = timedelta(0) if asset_class.cycle else asset_class.period
        part = points.take(owner == asset)
        order = np.argsort(part.at, kind="stable")
        for at, rows in groupby(part.take(order).rows(), key=lambda p: p.at):
            values = {p.tag_id.rpartition("/")[2]: p.value for p in rows}
            row = {"at": from_ns(at).isoformat(), "values": values}
            yield Outgoing(from_ns(at) + delay, f"{root}/points/{asset}", _json(row), len(values))
    for e in decoded.events:
        body = {
            "kind": e.kind.value,
            "code": e.code,
            "start": e.start.isoformat(),
            "known_at": e.known_at.isoformat(),
        }
        yield Outgoing(e.known_at, f"{root}/event/{e.asset}", _json(body))
    for x in decoded.lots:
        span = {k: None if v is None else v.isoformat() for k, v in (("start", x.start), ("end", x.end))}
        yield Outgoing(x.known_at, f"{root}/lot/{x.line}", _json({"lot": x.lot, **span}))
    for r in decoded.results:
        result = {"lot": r.lot, "result": r.result, "value": r.value, "result_at": r.result_at.isoformat()}
        yield Outgoing(r.result_at, f"{root}/result/{r.line}", _json(result))


def _bad_on_purpose(root: str, start: datetime) -> list[Outgoing]:
    """Messages as faulty senders make them: each must be kept with its reason, and sink nothing else."""
    line = "demo/flotation"
    point, points = f"{root}/point/{line}/pulp_ph", f"{root}/points/{line}"

    def at(hours: float) -> datetime:
        return start + timedelta(hours=hours)

    def stamped(hours: float, value: Any) -> bytes:
        return _json({"at": at(hours).isoformat(), "value": value})

    return [
        Outgoing(at(30.5), points, b'{"at": "2026-03-03T02:30:00Z", "values": {"pulp_ph": 9.'),
        Outgoing(at(60.5), f"{root}/point/{line}/pulp_hp", stamped(60.5, 9.6)),
        Outgoing(at(90.5), point, stamped(90.5, float("nan"))),
        Outgoing(at(120.5), point, stamped(120.5, "9.7")),
        Outgoing(at(150.5), point, b'{"at": "2026-03-08T02:30:00", "value": 9.7}'),
        Outgoing(at(180.5), point, stamped(180.5, 9.8)),
        Outgoing(at(180.75), point, stamped(180.5, 9.8), 1, 1),
        Outgoing(at(181.5), point, stamped(180.5, 9.9)),
        Outgoing(at(210.5), f"{root}/points/demo/flotatoin", _json({"values": {"pulp_ph": 9.6}})),
    ]


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


class Publisher:
    """Publishes QoS 1 and waits until the broker has acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="forewarn-replay")
        self._connected = threading.Event()

    def start(self) -> None:
        """Connect; raises TimeoutError where the broker does not answer."""
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._connected.wait(ACK_TIMEOUT_S):
            raise TimeoutError("the broker does not answer")

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish and wait for every acknowledgement; raises TimeoutError."""
        sent = [self._client.publish(m.topic, m.payload, qos=1) for m in messages]
        for each in sent:
            each.wait_for_publish(ACK_TIMEOUT_S)
            if not each.is_published():
                raise TimeoutError("the broker did not acknowledge a message")
