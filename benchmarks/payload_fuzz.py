"""Fuzzed MQTT messages through the real reception: native topics, the plant's own, Sparkplug B; nothing may escape."""

from __future__ import annotations

import base64
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from collectors.batch import Arrived, BatchDecoder
from collectors.mqtt import SOURCE
from collectors.reception import Reception
from collectors.settings import MqttSettings
from domain.plant import Asset, AssetClass, Axis, Plant, Tag

NOW: Final = datetime(2026, 3, 1, 10, tzinfo=UTC)
BATCH: Final = 200
ESCAPED: Final = "decoding failed"  # what the last net says of an exception that a reader did not see coming
PRESS: Final = "plant/press"
SETTINGS: Final = MqttSettings.model_validate(
    {
        "topics": [
            {"pattern": "raw/{machine}/{signal}", "asset": "plant/{machine}", "tag": "{signal}", "payload": "plain"},
            {
                **{"pattern": "obj/{machine}", "asset": "plant/{machine}", "tag": "{name}"},
                **{"values_path": "d", "time_path": "t", "quality_path": "q", "unit_path": "u"},
            },
        ],
        "sparkplug": {"is_enabled": True, "groups": ["plant"], "asset": "plant/{device}"},
    }
)
SEEDS: Final = (
    (f"forewarn/points/{PRESS}", b'{"at": "2026-03-01T10:00:00Z", "values": {"force": 1.5, "temp": 21}, "seq": 4}'),
    (f"forewarn/point/{PRESS}/force", b'{"at": 1772359200, "value": "12,5", "quality": "good", "unit": "kN"}'),
    (f"forewarn/event/{PRESS}", b'{"kind": "stop", "code": "F1", "start": "2026-03-01T09:00:00Z", "end": null}'),
    (f"forewarn/lot/{PRESS}", b'{"lot": "L1", "start": "2026-03-01T09:00:00Z", "values": {"a": 1}}'),
    (
        f"forewarn/result/{PRESS}",
        b'{"lot": "L1", "result": "silica", "value": 2.1, "result_at": "2026-03-01T09:00:00Z"}',
    ),
    ("raw/press/force", b"12.75"),
    ("obj/press", b'{"t": "2026-03-01T09:00:00Z", "d": {"force": 1, "temp": null}}'),
    ("spBv1.0/plant/NBIRTH/node", base64.b64decode("CODUwd7KMxINCgViZFNlcSAHWAAYABIQCgVmb3JjZSAKZQAAwD8YAA==")),
    ("spBv1.0/plant/DDATA/node/press", base64.b64decode("CODUwd7KMxIMCgVmb3JjZSAKZQAAwD8YAQ==")),
)
PIECES: Final = (
    *(b"NaN", b"-Infinity", b"1e999", b"null", b"true", b'"', b"\\ud800", b"\xff\xfe", b"\x00", b"[" * 300, b"{" * 40),
    *(b"9" * 400, b"1_000", b"\xef\xbb\xbf", b'{"a":1}', b'"values":', b'"at":', b",,", b"23:59:60", b"9999999999999"),
)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What a run showed; reasons count the rejected items."""

    n_uncaught: int
    n_taken: int
    reasons: dict[str, int]
    first: str


def run(n: int, seed: int) -> Fuzzed:
    """Decode `n` damaged messages in batches, as the collector does."""
    chance = random.Random(seed)
    machine = AssetClass("press", Axis.TIME, 1000, 10, timedelta(minutes=1))
    plant = Plant.of([machine], [Asset(PRESS, "press")], [Tag(PRESS, "force", "kN"), Tag(PRESS, "temp")])
    reception = Reception(SETTINGS, plant)
    decoder = BatchDecoder(plant, SETTINGS, SOURCE, reception.decode)
    reasons: Counter[str] = Counter()
    n_uncaught, n_taken, first = 0, 0, ""
    for start in range(0, n, BATCH):
        batch = [_damaged(chance) for _ in range(min(BATCH, n - start))]
        try:
            decoded = decoder.decode(batch, NOW)
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            n_uncaught, first = n_uncaught + 1, first or repr(error)
            continue
        n_taken += decoded.n_good
        reasons.update(item.reason.value for item in decoded.rejected)
        for item in decoded.rejected:
            if item.detail.startswith(ESCAPED):
                n_uncaught, first = n_uncaught + 1, first or f"{item.detail} {item.topic} {item.payload!r}"
    return Fuzzed(n_uncaught, n_taken, dict(reasons), first)


def _damaged(chance: random.Random) -> Arrived:
    topic, payload = chance.choice(SEEDS)
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        place = chance.randrange(len(payload) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            payload = payload[:place]
        elif kind == 1:
            payload = payload[:place] + chance.choice(PIECES) + payload[place:]
        elif kind == 2:
            payload = payload[:place] + bytes([chance.randrange(256)]) + payload[place + 1 :]
        elif kind == 3:
            payload = payload[:place] + payload[place + chance.randrange(8) :]
        else:
            topic = topic[: chance.randrange(len(topic) + 1)] + chance.choice(("", "/", "//", "é", "#", "\udc80"))
    return Arrived(topic, payload, chance.random() < 0.05)
