"""MQTT messages to items: good ones taken, bad ones rejected with their reason, never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.decode import Raw, decode
from collectors.settings import MqttSettings
from domain.instants import to_ns
from domain.points import Flag, Point, Quality
from domain.records import Decoded, Event, EventKind, Lot, Outcome, Reason, Result
from store.journal import Journal
from tests.collectors.plants import NOW, OVEN, PLANT, PRESS, SETTINGS

AT = "2026-03-01T10:00:00Z"
AT_NS, NOW_NS = 1772359200_000_000_000, to_ns(NOW)
POINTS, POINT = f"forewarn/points/{PRESS}", f"forewarn/point/{PRESS}/force"
EVENT, LOT, RESULT = (f"forewarn/{kind}/{PRESS}" for kind in ("event", "lot", "result"))


def take(topic: str, payload: Any, settings: MqttSettings = SETTINGS) -> Decoded:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(Raw("mqtt", topic, data, NOW), PLANT, settings)


def reasons(decoded: Decoded) -> list[Reason]:
    assert decoded.n_good == 0
    return [r.reason for r in decoded.rejected]


def reason(topic: str, payload: Any, settings: MqttSettings = SETTINGS) -> Reason:
    (found,) = reasons(take(topic, payload, settings))
    return found


def body(**changes: Any) -> dict[str, Any]:
    return {"at": AT, "values": {"force": 1.5}} | changes


def test_many_values_of_one_time() -> None:
    found = take(POINTS, {"at": AT, "values": {"force": 1.5, "temp": 20, "압력": -3e-3}})
    assert found.rejected == ()
    assert found.points.rows() == [
        Point(f"{PRESS}/{name}", AT_NS, value, None, Quality.GOOD, Flag.NONE, NOW_NS)
        for name, value in (("force", 1.5), ("temp", 20.0), ("압력", -0.003))
    ]


def test_one_value() -> None:
    assert take(POINT, {"at": AT, "value": 2}).points.rows() == [
        Point(f"{PRESS}/force", AT_NS, 2.0, received_at=NOW_NS)
    ]


def test_byte_order_mark_is_accepted() -> None:
    found = take(POINTS, b"\xef\xbb\xbf" + json.dumps(body()).encode())
    assert len(found.points) == 1


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", Reason.EMPTY),
        (b"\xff\xfe{", Reason.ENCODING),
        ('{"at": "2026", "values": {"온도": 1}}'.encode("cp949"), Reason.ENCODING),
        (b'{"at": "2026-03-01T10:00:00Z", "val', Reason.JSON),
        (b"not json", Reason.JSON),
        (b"{'at': 1}", Reason.JSON),
        (b'{"a": 1} {"b": 2}', Reason.JSON),
        (b"   ", Reason.JSON),
        (b"[1, 2]", Reason.TYPE),
        (b"12", Reason.TYPE),
        (b"null", Reason.TYPE),
        (b'{"at": 1, "at": 2, "values": {"force": 1}}', Reason.DUPLICATE_KEY),
        (b'{"values": {"force": 1, "force": 2}}', Reason.DUPLICATE_KEY),
        (b"[" * 100_000, Reason.DEPTH),
        (b'{"a":' * 100_000, Reason.DEPTH),
        (b'{"values": {"force": ' + b"9" * 401 + b"}}", Reason.NUMBER_SIZE),
        (b'{"values": {"force": ' + b"9" * 5000 + b"}}", Reason.NUMBER_SIZE),
        (b'{"values": {"force": ' + b"9" * 400 + b"}}", Reason.NUMBER_SIZE),
        (b"{" + b" " * 1_000_001 + b"}", Reason.SIZE),
        (b"{}", Reason.TYPE),
        (b'{"values": {}}', Reason.TYPE),
        (b'{"values": [1]}', Reason.TYPE),
        (b'{"values": null}', Reason.TYPE),
    ],
    ids=lambda v: str(v)[:40],
)
def test_payload_that_cannot_be_read_is_one_rejected_item(payload: bytes, expected: Reason) -> None:
    found = take(POINTS, payload)
    assert reasons(found) == [expected]
    assert found.rejected[0].payload == payload
    assert found.rejected[0].source == "mqtt"
    assert found.rejected[0].detail


def test_size_limit_is_the_configs() -> None:
    small = MqttSettings(max_payload_bytes=100)
    assert reason(POINTS, body(note="x" * 100), small) is Reason.SIZE
    assert len(take(POINTS, body(), small).points) == 1


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_number_that_is_not_finite_is_kept_as_null_and_bad(number: bytes) -> None:
    (point,) = take(POINTS, b'{"values": {"force": ' + number + b"}}").points.rows()
    assert (point.value, point.quality) == (None, Quality.BAD)
    assert point.flags == Flag.NON_FINITE | Flag.SERVER_TIME


def test_null_is_kept_as_null_and_bad() -> None:
    (point,) = take(POINTS, body(values={"force": None})).points.rows()
    assert (point.value, point.quality, point.flags) == (None, Quality.BAD, Flag.NULL)


def test_integer_beyond_exact_floats_is_uncertain() -> None:
    (point,) = take(POINTS, body(values={"force": 2**53 + 1})).points.rows()
    assert point.quality == Quality.UNCERTAIN


@pytest.mark.parametrize("value", ["12.5", "12 kg", True, False, [1], {"v": 1}], ids=str)
def test_value_that_is_no_number_is_rejected(value: Any) -> None:
    assert reason(POINTS, body(values={"force": value})) is Reason.TYPE
    assert reason(POINT, {"at": AT, "value": value}) is Reason.TYPE


def test_text_number_is_taken_where_the_config_says_so() -> None:
    lenient = MqttSettings(has_text_numbers=True)
    assert take(POINTS, body(values={"force": "12.5"}), lenient).points.value.tolist() == [12.5]
    assert reason(POINTS, body(values={"force": "1_000"}), lenient) is Reason.NUMBER_FORMAT


def test_one_bad_value_does_not_sink_its_neighbours() -> None:
    found = take(POINTS, body(values={"force": 1.5, "speed": 3, "temp": True, "압력": 2}))
    assert [(p.tag_id, p.value) for p in found.points.rows()] == [(f"{PRESS}/force", 1.5), (f"{PRESS}/압력", 2.0)]
    assert [(r.part, r.reason) for r in found.rejected] == [
        ("speed", Reason.UNKNOWN_TAG),
        ("temp", Reason.TYPE),
    ]
    assert found.n_items == 4


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("forewarn/points/plant/nothing", Reason.UNKNOWN_ASSET),
        ("forewarn/points/plant", Reason.UNKNOWN_ASSET),
        (f"forewarn/points/{PRESS.upper()}", Reason.UNKNOWN_ASSET),
        ("forewarn/point/force", Reason.UNKNOWN_ASSET),
        (f"forewarn/point/{PRESS}/speed", Reason.UNKNOWN_TAG),
        (f"other/points/{PRESS}", Reason.TOPIC),
        (f"forewarnx/points/{PRESS}", Reason.TOPIC),
        ("forewarn", Reason.TOPIC),
        ("forewarn/", Reason.TOPIC),
        ("forewarn/points", Reason.TOPIC),
        ("forewarn/points/", Reason.TOPIC),
        (f"forewarn/points//{PRESS}", Reason.TOPIC),
        (f"forewarn/points/{PRESS}/", Reason.TOPIC),
        (f"forewarn/values/{PRESS}", Reason.TOPIC),
        ("", Reason.TOPIC),
    ],
)
def test_topic_that_is_not_known_is_rejected(topic: str, expected: Reason) -> None:
    assert reason(topic, body(value=1)) is expected


def test_root_of_several_levels() -> None:
    deep = MqttSettings(root="seoul/forewarn")
    assert len(take(f"seoul/forewarn/points/{PRESS}", body(), deep).points) == 1
    assert reason(POINTS, body(), deep) is Reason.TOPIC


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-01T10:00:00", Reason.TIME_NAIVE),
        ("yesterday", Reason.TIME_FORMAT),
        ("", Reason.TIME_FORMAT),
        (1772359200, Reason.TIME_FORMAT),
        (True, Reason.TIME_FORMAT),
        ({"t": 1}, Reason.TIME_FORMAT),
        ("1970-01-01T00:00:00Z", Reason.EPOCH),
        ("1989-12-31T23:59:59Z", Reason.EPOCH),
        ((NOW + timedelta(seconds=301)).isoformat(), Reason.FUTURE),
    ],
    ids=str,
)
def test_bad_time_rejects_each_value(at: Any, expected: Reason) -> None:
    found = take(POINTS, {"at": at, "values": {"force": 1, "temp": 2}})
    assert reasons(found) == [expected, expected]
    assert [r.part for r in found.rejected] == ["force", "temp"]


def test_time_a_little_ahead_is_taken() -> None:
    ahead = (NOW + timedelta(seconds=300)).isoformat()
    assert len(take(POINTS, body(at=ahead)).points) == 1


@pytest.mark.parametrize("stated", [{}, {"at": None}], ids=str)
def test_missing_time_is_the_time_of_receipt(stated: dict[str, None]) -> None:
    (point,) = take(POINTS, {"values": {"force": 1}} | stated).points.rows()
    assert (point.at, point.flags) == (NOW_NS, Flag.SERVER_TIME)


@pytest.mark.parametrize(
    ("unit", "at"), [("s", 1772359200), ("ms", 1772359200_000), ("ns", AT_NS), ("s", "1772359200")]
)
def test_epoch_times(unit: str, at: Any) -> None:
    assert take(POINTS, body(at=at), MqttSettings(time_unit=unit)).points.at.tolist() == [AT_NS]


@pytest.mark.parametrize("digits", [b"9" * 400, b"1e400", b"1e300", b"-1e300", b'"' + b"9" * 5000 + b'"', b"NaN"])
def test_epoch_time_without_end_is_rejected(digits: bytes) -> None:
    payload = b'{"values": {"force": 1}, "at": ' + digits + b"}"
    for unit in ("s", "ms", "us", "ns"):
        assert len(reasons(take(POINTS, payload, MqttSettings(time_unit=unit)))) == 1


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("good", Quality.GOOD),
        ("GOOD", Quality.GOOD),
        (None, Quality.GOOD),
        ("bad", Quality.BAD),
        ("uncertain", Quality.UNCERTAIN),
        ("192", Quality.UNCERTAIN),
        (7, Quality.UNCERTAIN),
        ([], Quality.UNCERTAIN),
    ],
    ids=str,
)
def test_stated_quality(stated: Any, expected: Quality) -> None:
    (point,) = take(POINTS, body(quality=stated)).points.rows()
    assert (point.value, point.quality) == (1.5, expected)


def test_null_stays_bad_whatever_is_stated() -> None:
    assert take(POINTS, body(quality="good", values={"force": None})).points.quality.tolist() == [Quality.BAD]


def test_event() -> None:
    found = take(
        EVENT,
        {
            "kind": "failure",
            "code": "F7",
            "start": AT,
            "end": "2026-03-01T11:00:00+00:00",
            "known_at": AT,
            "note": "온도",
        },
    )
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert found.events == (Event(PRESS, EventKind.FAILURE, "F7", at, at + timedelta(hours=1), at, "온도"),)
    assert found.n_items == 1


def test_event_still_open_is_known_from_its_receipt() -> None:
    (event,) = take(EVENT, {"kind": "stop", "start": AT, "end": None}).events
    assert (event.end, event.known_at, event.code, event.note) == (None, NOW, "", "")


@pytest.mark.parametrize(("code", "expected"), [(7, "7"), (0, "0"), (None, ""), ("", "")], ids=str)
def test_event_code_that_is_a_number_is_kept_as_text(code: Any, expected: str) -> None:
    (event,) = take(EVENT, {"kind": "alarm", "start": AT, "code": code}).events
    assert event.code == expected


def test_event_of_an_instant() -> None:
    (event,) = take(EVENT, {"kind": "alarm", "start": AT, "end": AT}).events
    assert event.end == event.start


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"start": AT}, Reason.NO_KEY),
        ({"kind": 3, "start": AT}, Reason.NO_KEY),
        ({"kind": "", "start": AT}, Reason.NO_KEY),
        ({"kind": "earthquake", "start": AT}, Reason.KIND),
        ({"kind": "stop"}, Reason.TIME_FORMAT),
        ({"kind": "stop", "start": "2026-03-01T10:00:00"}, Reason.TIME_NAIVE),
        ({"kind": "stop", "start": AT, "end": "2026-03-01T09:59:59Z"}, Reason.INTERVAL),
        ({"kind": "stop", "start": AT, "end": "soon"}, Reason.TIME_FORMAT),
        ({"kind": "stop", "start": AT, "known_at": "soon"}, Reason.TIME_FORMAT),
    ],
    ids=str,
)
def test_bad_event(payload: dict[str, Any], expected: Reason) -> None:
    assert reason(EVENT, payload) is expected


def test_lot_is_known_from_its_receipt() -> None:
    found = take(LOT, {"lot": "0012", "start": AT, "end": "2026-03-01T10:00:10Z", "values": {"feed": 1, "pH": None}})
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    end = at + timedelta(seconds=10)
    assert found.lots == (Lot(PRESS, "0012", at, end, NOW, {"feed": 1.0}),)


def test_lot_that_says_when_it_was_known() -> None:
    (lot,) = take(LOT, {"lot": "1", "known_at": AT}).lots
    assert lot.known_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_lot_with_texts() -> None:
    (lot,) = take(LOT, {"lot": "1", "values": {"feed": 1}, "texts": {"product": "A"}}).lots
    assert (dict(lot.values), dict(lot.texts)) == ({"feed": 1.0}, {"product": "A"})


def test_lot_without_times_is_known_from_its_receipt() -> None:
    assert take(LOT, {"lot": "1"}).lots == (Lot(PRESS, "1", None, None, NOW, {}),)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({}, Reason.NO_KEY),
        ({"lot": 12}, Reason.NO_KEY),
        ({"lot": "1", "start": AT, "end": "2026-03-01T09:00:00Z"}, Reason.INTERVAL),
        ({"lot": "1", "values": [1]}, Reason.TYPE),
        ({"lot": "1", "values": {"feed": "1"}}, Reason.TYPE),
        ({"lot": "1", "texts": ["A"]}, Reason.TYPE),
        ({"lot": "1", "texts": {"product": 1}}, Reason.TYPE),
        ({"lot": "1", "values": {"feed": True}}, Reason.TYPE),
    ],
    ids=str,
)
def test_bad_lot(payload: dict[str, Any], expected: Reason) -> None:
    assert reason(LOT, payload) is expected


def test_result() -> None:
    found = take(RESULT, {"lot": "1", "result": "silica", "value": 2, "result_at": AT, "lab": "A"})
    assert found.results == (Result(PRESS, "1", "silica", 2.0, datetime(2026, 3, 1, 10, tzinfo=UTC), "A"),)


def test_text_result_is_kept_as_text() -> None:
    (result,) = take(RESULT, {"lot": "1", "result": "silica", "value": "below limit"}).results
    assert (result.value, result.text, result.result_at) == (None, "below limit", NOW)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"lot": "1", "value": 1}, Reason.NO_KEY),
        ({"result": "silica", "value": 1}, Reason.NO_KEY),
        ({"lot": "1", "result": "silica", "value": True}, Reason.TYPE),
        ({"lot": "1", "result": "silica", "value": 1, "result_at": "2026-03-01"}, Reason.TIME_NAIVE),
    ],
    ids=str,
)
def test_bad_result(payload: dict[str, Any], expected: Reason) -> None:
    assert reason(RESULT, payload) is expected


@pytest.mark.parametrize("kind", ["event", "lot", "result"])
def test_record_of_an_unknown_asset_is_rejected(kind: str) -> None:
    payload = {"kind": "stop", "start": AT, "lot": "1", "result": "silica", "value": 1}
    assert reason(f"forewarn/{kind}/plant/nothing", payload) is Reason.UNKNOWN_ASSET
    assert take(f"forewarn/{kind}/{OVEN}", payload).n_good == 1


@pytest.mark.parametrize(
    ("topic", "template"),
    [
        (POINTS, '{"values": {"force": 1}, "quality": %s}'),
        (POINTS, '{"values": {"force": 1}, "at": %s}'),
        (POINTS, '{"values": {"force": %s}}'),
        (EVENT, '{"kind": "stop", "start": "2026-03-01T10:00:00Z", "code": %s}'),
        (EVENT, '{"kind": "stop", "start": %s}'),
        (RESULT, '{"lot": "1", "result": "silica", "value": 1, "lab": %s}'),
    ],
)
def test_nesting_of_any_depth_is_taken_or_rejected(topic: str, template: str) -> None:
    for depth in range(700, 1000):
        assert take(topic, (template % ("[" * depth + "]" * depth)).encode()).n_items == 1


tokens = st.sampled_from(
    [
        "at",
        "values",
        "value",
        "force",
        "temp",
        "quality",
        "kind",
        "stop",
        "start",
        "end",
        "lot",
        "result",
        "code",
        AT,
        "bad",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | tokens,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tokens | st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
shaped = st.fixed_dictionaries(
    {},
    optional={
        "at": st.just(AT) | json_values,
        "values": st.dictionaries(tokens | st.text(max_size=5), json_values, min_size=1, max_size=3),
        "value": json_values,
        "quality": json_values,
        "kind": st.sampled_from(["stop", "failure"]) | json_values,
        "start": st.just(AT) | json_values,
        "end": st.just(AT) | json_values,
        "lot": st.text(max_size=3) | json_values,
        "result": st.text(max_size=3) | json_values,
        "code": json_values,
        "lab": json_values,
    },
)
payloads = st.binary(max_size=60) | (shaped | json_values).map(lambda v: json.dumps(v).encode())
topics = st.sampled_from([POINTS, POINT, EVENT, LOT, RESULT, "forewarn/points/x", "x"]) | st.text(max_size=30)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path)
    made.start()
    yield made
    made.stop()


@given(topics, payloads, st.sampled_from(["iso", "s", "ms", "ns"]), st.booleans())
def test_decode_never_raises_and_counts_something(topic: str, payload: bytes, unit: str, has_text: bool) -> None:
    settings = MqttSettings(time_unit=unit, has_text_numbers=has_text)
    found = decode(Raw("mqtt", topic, payload, NOW), PLANT, settings)
    assert found.n_items >= 1
    assert all(r.payload == payload for r in found.rejected)
    assert all((p.value is not None) or p.quality == Quality.BAD for p in found.points.rows())


@given(topics, payloads)
@example(LOT, rb'{"lot": "a\u0000b"}')
def test_journal_takes_whatever_decode_returns(journal: Journal, topic: str, payload: bytes) -> None:
    before = sum(t.received for t in journal.totals())
    found = decode(Raw("mqtt", topic, payload, NOW), PLANT, SETTINGS)
    journal.accept([("mqtt", NOW, found)])
    assert sum(t.received for t in journal.totals()) == before + found.n_items
    while (batch := journal.claim(10)) is not None:
        (back,) = batch.decoded
        assert (back.events, back.lots, back.results) == (found.events, found.lots, found.results)
        assert back.points.rows() == found.points.rows()
        journal.finish(batch, Outcome(stored=found.n_good))


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (POINTS, rb'{"values": {"force": 1, "\ud800": 2}}'),
        (EVENT, rb'{"kind": "stop", "start": "2026-03-01T10:00:00Z", "code": "\ud800"}'),
        (EVENT, rb'{"kind": "stop", "start": "2026-03-01T10:00:00Z", "note": "\ud800"}'),
        (LOT, rb'{"lot": "\ud800"}'),
        (LOT, rb'{"lot": "1", "values": {"\ud800": 1}}'),
        (RESULT, rb'{"lot": "1", "result": "r", "value": "\ud800"}'),
    ],
)
def test_half_a_character_does_not_block_the_journal(journal: Journal, topic: str, payload: bytes) -> None:
    found = decode(Raw("mqtt", topic, payload, NOW), PLANT, SETTINGS)
    journal.accept([("mqtt", NOW, found)])
    assert sum(t.received for t in journal.totals()) == found.n_items


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (f"forewarn/event/{PRESS}", {"kind": "alarm", "code": "x" * 601, "start": "2026-03-01T10:00:00Z"}),
        (f"forewarn/lot/{PRESS}", {"lot": "강" * 201}),
        (f"forewarn/result/{PRESS}", {"lot": "L1", "result": "x" * 601, "value": 1}),
        (f"forewarn/result/{PRESS}", {"lot": "L1", "result": "x", "lab": "x" * 601, "value": 1}),
    ],
)
def test_key_that_no_index_takes_is_rejected(topic: str, body: dict[str, object]) -> None:
    found = decode(Raw("mqtt", topic, json.dumps(body).encode(), NOW), PLANT, MqttSettings())
    assert [item.reason for item in found.rejected] == [Reason.SIZE]
