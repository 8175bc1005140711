"""A batch of messages gives the items that its messages give one by one."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.batch import Arrived, BatchDecoder, joined
from collectors.decode import Raw, decode
from domain.plant import Plant, Tag
from domain.points import Flag, Quality
from domain.records import Decoded
from tests.collectors.plants import NOW, OVEN, PLANT, PRESS, SETTINGS

TOPIC = f"forewarn/points/{PRESS}"
AT = '"2026-03-01T10:00:00Z"'


def one_by_one(batch: list[Arrived]) -> Decoded:
    times = [NOW + timedelta(microseconds=i) for i in range(len(batch))]
    raws = [Raw("mqtt", m.topic, m.payload, at) for m, at in zip(batch, times, strict=True)]
    return joined([decode(raw, PLANT, SETTINGS) for raw in raws])


def shown(decoded: Decoded) -> Any:
    rows = [p._replace(received_at=0) for p in decoded.points.rows()]
    return sorted(map(str, rows)), [getattr(decoded, f.name) for f in fields(decoded)][1:]


def agree(*payloads: bytes, topic: str = TOPIC) -> Decoded:
    batch = [Arrived(topic, payload) for payload in payloads]
    found = BatchDecoder(PLANT, SETTINGS, "mqtt").decode(batch, NOW)
    assert shown(found) == shown(one_by_one(batch))
    return found


PAYLOADS = {
    "plain": f'{{"at": {AT}, "values": {{"force": 1, "temp": 2.5}}}}',
    "no spaces": f'{{"at":{AT},"values":{{"force":1}}}}',
    "a space before the colon": f'{{"at" :{AT},"values" :{{"force" :1}}}}',
    "a key twice": f'{{"at": {AT}, "values": {{"force": 1, "force": 2}}}}',
    "a key twice and a space": f'{{"at": {AT}, "values": {{"force" :1, "force":2}}}}',
    "values twice": f'{{"values": {{"temp": 3}}, "at": {AT}, "values": {{"force": 1}}}}',
    "two times": f'{{"at": "2026-03-01T09:00:00Z", "at": {AT}, "values": {{"force": 1}}}}',
    "no time": '{"values": {"force": 1}}',
    "null time": '{"at": null, "values": {"force": 1}}',
    "quality": f'{{"at": {AT}, "values": {{"force": 1}}, "quality": "bad"}}',
    "an unknown tag": f'{{"at": {AT}, "values": {{"force": 1, "odd": 2}}}}',
    "a boolean": f'{{"at": {AT}, "values": {{"force": true}}}}',
    "a text": f'{{"at": {AT}, "values": {{"force": "1"}}}}',
    "null": f'{{"at": {AT}, "values": {{"force": null}}}}',
    "NaN": f'{{"at": {AT}, "values": {{"force": NaN}}}}',
    "a huge number": f'{{"at": {AT}, "values": {{"force": 1e999}}}}',
    "an integer beyond 2^53": f'{{"at": {AT}, "values": {{"force": 9007199254740993}}}}',
    "an integer beyond 2^64": f'{{"at": {AT}, "values": {{"force": 99999999999999999999999}}}}',
    "5,000 digits": f'{{"at": {AT}, "values": {{"force": {"9" * 5000}}}}}',
    "a tiny number": f'{{"at": {AT}, "values": {{"force": 5e-324}}}}',
    "the future": '{"at": "2026-03-01T11:00:00Z", "values": {"force": 1}}',
    "the last century": '{"at": "1970-01-01T00:00:00Z", "values": {"force": 1}}',
    "a naive time": '{"at": "2026-03-01T10:00:00", "values": {"force": 1}}',
    "a list": f'{{"at": {AT}, "values": [1]}}',
    "no values": f'{{"at": {AT}, "values": {{}}}}',
    "an escape": f'{{"at": {AT}, "values": {{"f\\u006frce": 1}}}}',
    "half a character": f'{{"at": {AT}, "values": {{"\\ud800": 1}}}}',
    "a mark of byte order": f'\ufeff{{"at": {AT}, "values": {{"force": 1}}}}',
    "cut off": f'{{"at": {AT}, "values": {{"force": 1',
    "another language": f'{{"at": {AT}, "values": {{"압력": 1}}}}',
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_batch_agrees_with_single_messages(payload: str) -> None:
    agree(payload.encode(), PAYLOADS["plain"].encode())


def test_order_and_times_of_a_batch() -> None:
    found = agree(
        *(f'{{"at": "2026-03-01T09:00:0{i}Z", "values": {{"temp": {i}, "force": -{i}}}}}'.encode() for i in range(3))
    )
    assert found.points.value.tolist() == [0, 0, 1, -1, 2, -2]
    assert found.points.tag_id.tolist()[:2] == [f"{PRESS}/temp", f"{PRESS}/force"]


def test_topics_of_all_kinds_in_one_batch() -> None:
    batch = [
        Arrived(TOPIC, PAYLOADS["plain"].encode()),
        Arrived(f"forewarn/point/{OVEN}/temp", b'{"value": 3}'),
        Arrived(f"forewarn/event/{PRESS}", b'{"kind": "stop", "start": "2026-03-01T09:00:00Z"}'),
        Arrived("forewarn/nonsense", b"1"),
        Arrived(TOPIC, b"\xff\xfe"),
    ]
    found = BatchDecoder(PLANT, SETTINGS, "mqtt").decode(batch, NOW)
    assert shown(found) == shown(one_by_one(batch))
    assert (len(found.points), len(found.events), len(found.rejected)) == (3, 1, 2)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["force", "temp", "at", "x:y"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={"at": json_like | st.just("2026-03-01T10:00:00Z"), "values": json_like}),
        max_size=4,
    )
)
def test_any_json_agrees(bodies: list[dict[str, Any]]) -> None:
    agree(*(json.dumps(body).encode() for body in bodies))


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_agree(payloads: list[bytes]) -> None:
    agree(*payloads)


def test_values_without_a_time_that_come_together_are_different_points() -> None:
    batch = [Arrived(f"forewarn/point/{PRESS}/force", b'{"value": %d}' % i) for i in range(5)]
    points = BatchDecoder(PLANT, SETTINGS, "mqtt").decode(batch, NOW).points
    assert points.value.tolist() == [0, 1, 2, 3, 4]
    assert len(set(points.at.tolist())) == 5


@pytest.mark.parametrize(
    ("again", "is_same"),
    [
        (Arrived(f"forewarn/point/{PRESS}/force", b'{"value": 1}', is_duplicate=True, message_id=7), True),
        (Arrived(f"forewarn/point/{PRESS}/force", b'{"value": 1}', is_duplicate=True, message_id=8), False),
        (Arrived(f"forewarn/point/{PRESS}/force", b'{"value": 2}', is_duplicate=True, message_id=7), False),
        (Arrived(f"forewarn/point/{PRESS}/force", b'{"value": 1}', is_duplicate=False, message_id=7), False),
        (Arrived(f"forewarn/point/{PRESS}/force", b'{"value": 1}', is_duplicate=True, message_id=0), False),
    ],
    ids=["again", "another id", "another value", "not given again", "without guarantee"],
)
def test_message_without_a_time_that_is_given_again_keeps_that_of_its_receipt(again: Arrived, is_same: bool) -> None:
    decoder = BatchDecoder(PLANT, SETTINGS, "mqtt")
    first = decoder.decode([again._replace(payload=b'{"value": 1}', is_duplicate=False, message_id=7)], NOW)
    for seconds in (5, 10):
        found = decoder.decode([again], NOW + timedelta(seconds=seconds))
        assert (found.points.at.tolist() == first.points.at.tolist()) == is_same


def test_value_that_is_physically_impossible_is_kept_and_graded_bad() -> None:
    tags = [replace(t, least=0.0, most=None) for t in PLANT.tags[PRESS].values() if t.name == "force"]
    plant = Plant.of(PLANT.classes.values(), PLANT.assets.values(), [*tags, Tag(PRESS, "temp")])
    payload = f'{{"at": {AT}, "values": {{"force": -1, "temp": -1}}}}'.encode()
    points = BatchDecoder(plant, SETTINGS, "mqtt").decode([Arrived(TOPIC, payload)], NOW).points
    assert points.value.tolist() == [-1, -1]
    assert points.quality.tolist() == [Quality.BAD, Quality.GOOD]
    assert points.flags.tolist() == [Flag.RANGE, Flag.NONE]
