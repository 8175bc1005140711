"""The catalogue of bad MQTT input: each situation with the outcome that it must have.

For all of them: nothing raises, the next good message is taken, and every item is either taken or rejected.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collectors.decode import Raw
from collectors.mqtt import MqttCollector
from collectors.mqtt_settings import SparkplugSettings, TopicSettings
from collectors.reception import Reception
from collectors.settings import MqttSettings
from domain.instants import to_ns
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.points import Flag, Quality
from domain.records import Decoded, Reason
from store.duckdb import DuckDBPoints
from tests.collectors.brokers import SHIPPED
from tests.collectors.plants import MINUTE, NOW
from tests.collectors.test_mqtt import Line, Shelf, StoppedClock, collecting, publish, publisher, send, wait_until

PRESS = "plant/press"
SQL, HTML = "x'; drop table points; --", "<script>alert(1)<script>"
NFC, NFD = "temp\u00e9", "tempe\u0301"
PLANT = Plant.of(
    [AssetClass("press", Axis.TIME, 1000, 10, MINUTE)],
    [Asset(PRESS, "press")],
    [
        Tag(PRESS, "force"),
        Tag(PRESS, "temp", "degC"),
        Tag(PRESS, "pressure", "bar"),
        Tag(PRESS, "width", "mm"),
        Tag(PRESS, "scrap", "%"),
        Tag(PRESS, "running", "bool"),
        Tag(PRESS, NFC),
        Tag(PRESS, SQL),
        Tag(PRESS, HTML),
    ],
)
AT = "2026-03-01T10:00:00Z"
AT_NS = 1772359200_000_000_000
POINTS, FORCE = f"forewarn/points/{PRESS}", f"forewarn/point/{PRESS}/force"
OWN = TopicSettings(
    pattern="works/{asset#}",
    asset="{asset}",
    tag="{name}",
    values_path="v",
    time_path="t",
    quality_path="q",
    unit_path="u",
)
LINES = TopicSettings(pattern="lines/{asset#}", asset="{asset}", tag="force", payload="lines")
RECORDS = TopicSettings(
    pattern="batch/{asset#}",
    asset="{asset}",
    tag="force",
    records_path="",
    value_path="v",
    time_path="t",
    time_unit="ms",
)
MAPPED = MqttSettings(topics=(OWN, LINES, RECORDS))


class Seen(NamedTuple):
    """What became of a message: values taken with quality and flags, reasons of what was rejected."""

    values: list[float | None]
    qualities: set[int]
    flags: int
    reasons: list[Reason]


def decoded(topic: str, payload: bytes, settings: MqttSettings = MAPPED, plant: Plant = PLANT, **raw: Any) -> Decoded:
    reception = Reception(settings, plant)
    found = reception.decode(Raw("mqtt", topic, payload, NOW, **raw))
    after = reception.decode(Raw("mqtt", FORCE, b'{"value": 4711}', NOW))
    assert after.points.value.tolist() == [4711.0], "the next good message is taken"
    is_whole = len(payload) <= settings.max_payload_bytes
    assert all(r.detail for r in found.rejected)
    assert all(r.payload == payload for r in found.rejected if is_whole), "a rejected message is kept whole"
    return found


def seen(topic: str, payload: bytes, settings: MqttSettings = MAPPED, **raw: Any) -> Seen:
    found = decoded(topic, payload, settings, **raw)
    rows = found.points.rows()
    flags = 0
    for row in rows:
        flags |= row.flags
    return Seen(
        [r.value for r in rows],
        {r.quality for r in rows},
        flags & ~Flag.SERVER_TIME,
        [r.reason for r in found.rejected],
    )


def accepted(*values: float) -> Seen:
    return Seen(list(values), {Quality.GOOD}, 0, [])


def kept(quality: Quality, flags: int, *values: float | None) -> Seen:
    return Seen(list(values), {quality}, flags, [])


def dead(*reasons: Reason) -> Seen:
    return Seen([], set(), 0, list(reasons))


def value(raw: str) -> bytes:
    return b'{"at": "2026-03-01T10:00:00Z", "values": {"force": ' + raw.encode() + b"}}"


def own(**body: Any) -> bytes:
    return json.dumps({"t": AT} | body).encode()


TEXTS = MqttSettings(has_text_numbers=True)
COMMA = MqttSettings(topics=(OWN.model_copy(update={"has_text_numbers": True, "decimal": ","}),))
HERE = Path(__file__).parent

PAYLOADS: Mapping[str, tuple[str, bytes, MqttSettings, Seen]] = {
    "an empty payload": (POINTS, b"", MAPPED, dead(Reason.EMPTY)),
    "bytes that are not UTF-8": (POINTS, b"\xff\xfe\x00\x01", MAPPED, dead(Reason.ENCODING)),
    "a Sparkplug payload on a JSON topic": (
        POINTS,
        (HERE / "sparkplug" / "dbirth.bin").read_bytes(),
        MAPPED,
        dead(Reason.ENCODING),
    ),
    "a byte order mark": (POINTS, b"\xef\xbb\xbf" + value("1.5"), MAPPED, accepted(1.5)),
    "UTF-16 without a byte-order mark": (
        POINTS,
        value("1.5").decode().encode("utf-16-le"),
        MAPPED,
        dead(Reason.ENCODING),
    ),
    "UTF-16 as plain text": (
        "plain/1",
        "1.5".encode("utf-16-le"),
        MqttSettings(topics=(TopicSettings(pattern="plain/+", asset=PRESS, tag="force", payload="plain"),)),
        dead(Reason.ENCODING),
    ),
    "UTF-16": (POINTS, value("1.5").decode().encode("utf-16"), MAPPED, dead(Reason.ENCODING)),
    "cut JSON": (POINTS, value("1.5")[:-3], MAPPED, dead(Reason.JSON)),
    "garbage after the JSON": (POINTS, value("1.5") + b"x", MAPPED, dead(Reason.JSON)),
    "two objects in a message": (POINTS, value("1") + value("2"), MAPPED, dead(Reason.JSON)),
    "two objects in lines where lines are expected": (
        f"lines/{PRESS}",
        b'{"value": 1}\n{"value": 2}',
        MAPPED,
        accepted(1, 2),
    ),
    "a key that stands twice": (
        POINTS,
        b'{"at": "2026-03-01T10:00:00Z", "values": {"force": 1, "force": 2}}',
        MAPPED,
        dead(Reason.DUPLICATE_KEY),
    ),
    "not a number": (POINTS, value("NaN"), MAPPED, kept(Quality.BAD, Flag.NON_FINITE, None)),
    "infinity": (POINTS, value("Infinity"), MAPPED, kept(Quality.BAD, Flag.NON_FINITE, None)),
    "minus infinity": (POINTS, value("-Infinity"), MAPPED, kept(Quality.BAD, Flag.NON_FINITE, None)),
    "a number beyond floats": (POINTS, value("1e999"), MAPPED, kept(Quality.BAD, Flag.NON_FINITE, None)),
    "null": (POINTS, value("null"), MAPPED, kept(Quality.BAD, Flag.NULL, None)),
    "an empty text for a value": (POINTS, value('""'), MAPPED, kept(Quality.BAD, Flag.NULL, None)),
    "no value at all": (FORCE, b"{}", MAPPED, kept(Quality.BAD, Flag.NULL, None)),
    "a number as text": (POINTS, value('"12.5"'), MAPPED, dead(Reason.TYPE)),
    "a number as text where the config takes it": (POINTS, value('"12.5"'), TEXTS, accepted(12.5)),
    "a decimal comma": (POINTS, value('"12,5"'), TEXTS, dead(Reason.NUMBER_FORMAT)),
    "a decimal comma where the config takes it": (f"works/{PRESS}", own(v={"force": "12,5"}), COMMA, accepted(12.5)),
    "a mark of thousands": (POINTS, value('"1.234,5"'), TEXTS, dead(Reason.NUMBER_FORMAT)),
    "an underscore in a number": (POINTS, value('"1_000"'), TEXTS, dead(Reason.NUMBER_FORMAT)),
    "blanks around a number": (POINTS, value('" 12 "'), TEXTS, dead(Reason.NUMBER_FORMAT)),
    "Arabic digits": (POINTS, value('"\u0663"'), TEXTS, dead(Reason.NUMBER_FORMAT)),
    "true for a numeric tag": (POINTS, value("true"), MAPPED, dead(Reason.TYPE)),
    "true for a boolean tag": (f"works/{PRESS}", own(v={"running": True}), MAPPED, accepted(1)),
    "0 for a boolean tag": (f"forewarn/point/{PRESS}/running", b'{"value": 0}', MAPPED, accepted(0)),
    "an integer": (POINTS, value("21"), MAPPED, accepted(21.0)),
    "a float after it": (POINTS, value("21.5"), MAPPED, accepted(21.5)),
    "an integer that no float holds": (
        POINTS,
        value(str(2**53 + 1)),
        MAPPED,
        kept(Quality.UNCERTAIN, Flag.PRECISION, float(2**53 + 1)),
    ),
    "a number of 5,000 digits": (POINTS, value("9" * 5000), MAPPED, dead(Reason.NUMBER_SIZE)),
    "the smallest number": (POINTS, value("5e-324"), MAPPED, accepted(5e-324)),
    "a list for a value": (POINTS, value("[1]"), MAPPED, dead(Reason.TYPE)),
    "an object for a value": (POINTS, value('{"x": 1}'), MAPPED, dead(Reason.TYPE)),
    "100,000 brackets": (POINTS, b"[" * 100_000, MAPPED, dead(Reason.DEPTH)),
    "ten megabytes": (POINTS, b"{" + b" " * 10_000_000 + b"}", MAPPED, dead(Reason.SIZE)),
    "keys that nobody knows": (
        POINTS,
        b'{"at": "2026-03-01T10:00:00Z", "site": 1, "values": {"force": 1}, "x": {}}',
        MAPPED,
        accepted(1),
    ),
    "Fahrenheit where the tag is in Celsius": (f"works/{PRESS}", own(v={"temp": 212}, u="degF"), MAPPED, accepted(100)),
    "psi where the tag is in bar": (
        f"forewarn/point/{PRESS}/pressure",
        b'{"value": 100, "unit": "psi"}',
        MAPPED,
        accepted(6.89475729316836),
    ),
    "inches where the tag is in millimetres": (f"works/{PRESS}", own(v={"width": 2}, u="in"), MAPPED, accepted(50.8)),
    "a fraction where the tag is in percent": (
        f"works/{PRESS}",
        own(v={"scrap": 0.5}, u="fraction"),
        MAPPED,
        accepted(50),
    ),
    "a unit without a listed conversion": (
        f"works/{PRESS}",
        own(v={"pressure": 1}, u="degC"),
        MAPPED,
        dead(Reason.UNIT),
    ),
    "a good quality": (f"works/{PRESS}", own(v={"force": 1}, q="GOOD"), MAPPED, accepted(1)),
    "an uncertain quality": (
        f"works/{PRESS}",
        own(v={"force": 1}, q="UNCERTAIN"),
        MAPPED,
        kept(Quality.UNCERTAIN, 0, 1),
    ),
    "a bad quality": (f"works/{PRESS}", own(v={"force": 1}, q="BAD"), MAPPED, kept(Quality.BAD, 0, 1)),
    "an OPC status": (f"works/{PRESS}", own(v={"force": 1}, q=0x40900000), MAPPED, kept(Quality.UNCERTAIN, 0, 1)),
    "a device state of NE 107": (f"works/{PRESS}", own(v={"force": 1}, q="Failure"), MAPPED, kept(Quality.BAD, 0, 1)),
    "a quality that nobody knows": (
        f"works/{PRESS}",
        own(v={"force": 1}, q="so so"),
        MAPPED,
        kept(Quality.UNCERTAIN, 0, 1),
    ),
}


@pytest.mark.parametrize("situation", PAYLOADS)
def test_payload(situation: str) -> None:
    topic, payload, settings, expected = PAYLOADS[situation]
    found = seen(topic, payload, settings)
    assert found._replace(values=[]) == expected._replace(values=[])
    assert found.values == pytest.approx(expected.values)


def test_keys_that_nobody_knows_are_counted() -> None:
    topic, payload, settings, _ = PAYLOADS["keys that nobody knows"]
    reception = Reception(settings, PLANT)
    for known in (payload, b'{"values": {"force": 1}, "seq": 1, "publisher": "p", "unit": "", "quality": "good"}'):
        assert reception.decode(Raw("mqtt", topic, known, NOW)).n_good == 1
    assert reception.noted().n_extra_keys == 2


@pytest.mark.parametrize("text", ["Bad", "I/O Timeout", "Configure", "-", "#N/A", "****"])
@pytest.mark.parametrize("settings", [MAPPED, TEXTS], ids=["numbers", "text numbers"])
def test_word_of_a_historian_is_null_and_bad_and_kept(text: str, settings: MqttSettings) -> None:
    (point,) = decoded(POINTS, value(json.dumps(text)), settings).points.rows()
    assert (point.value, point.text, point.quality) == (None, text, Quality.BAD)


def test_one_bad_record_of_a_thousand_leaves_the_others() -> None:
    records: list[dict[str, Any]] = [{"v": float(i), "t": 1772359200000 + i} for i in range(1000)]
    records[500]["v"] = "broken"
    found = decoded(f"batch/{PRESS}", json.dumps(records).encode())
    assert len(found.points) == 999
    assert [(r.reason, r.part) for r in found.rejected] == [(Reason.TYPE, "[500]")]


@pytest.mark.parametrize("topic", [POINTS, f"lines/{PRESS}", "spBv1.0/plant/NDATA/node"])
def test_of_a_message_that_is_too_large_the_head_is_kept_and_never_read_as_all_of_it(topic: str) -> None:
    settings = MAPPED.model_copy(update={"sparkplug": SparkplugSettings(is_enabled=True)})
    payload = b'{"value": 1}\n' * 100_000
    (letter,) = decoded(topic, payload, settings).rejected
    assert (letter.reason, letter.part, letter.payload) == (Reason.SIZE, "$head", payload[:1000])
    assert "1300000 bytes" in letter.detail
    assert hashlib.sha256(payload).hexdigest() in letter.detail
    again = Reception(settings, PLANT).decode_again(Raw("mqtt", topic, letter.payload, NOW), letter.part, letter.detail)
    assert (again.n_good, again.rejected) == (0, (letter,))


def test_shipped_broker_hands_on_what_is_too_large_so_that_people_are_told() -> None:
    config = (SHIPPED / "forewarn.conf").read_text().splitlines()
    (limit,) = [int(line.split()[1]) for line in config if line.startswith("message_size_limit ")]
    assert limit == 10 * MqttSettings().max_payload_bytes


def test_retained_message_that_is_cleared_is_ignored_and_counted() -> None:
    reception = Reception(MAPPED, PLANT)
    assert reception.decode(Raw("mqtt", POINTS, b"", NOW, is_retained=True)).n_items == 0
    assert reception.noted().n_ignored == 1


def test_retained_message_is_taken_as_old_news() -> None:
    reception = Reception(MAPPED, PLANT)
    found = reception.decode(Raw("mqtt", POINTS, value("1"), NOW, is_retained=True))
    assert found.points.flags.tolist() == [Flag.RETAINED]
    assert reception.noted().n_retained == 1


@pytest.mark.parametrize(("number", "n_duplicates", "n_conflicts"), [("1.5", 1, 0), ("1.6", 0, 1)])
def test_same_message_twice_is_stored_once_and_another_value_is_a_conflict(
    tmp_path: Path, number: str, n_duplicates: int, n_conflicts: int
) -> None:
    store = DuckDBPoints(tmp_path)
    store.start()
    try:
        assert store.apply("a", decoded(POINTS, value("1.5")).points).stored == 1
        again = store.apply("b", decoded(POINTS, value(number), is_duplicate=True).points)
        assert (again.stored, again.duplicates, len(again.conflicts)) == (0, n_duplicates, n_conflicts)
        assert store.read([f"{PRESS}/force"], 0, 2**62).value.tolist() == [1.5]
    finally:
        store.stop()


def test_message_without_guarantee_is_taken_and_counted(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf) as collector:
        publish(mosquitto, [5], qos=0)
        publish(mosquitto, [6])
        wait_until(lambda: len(shelf.values) == 2)
        assert collector.health().n_unguaranteed == 1


class MinuteClock(StoppedClock):
    """A monotonic clock that stands still until it is moved."""

    at_s = 0.0

    def monotonic(self) -> float:
        return self.at_s


def test_client_that_floods_is_noted_and_the_others_are_taken(mosquitto: int) -> None:
    shelf, clock = Shelf(), MinuteClock()
    collector = MqttCollector(MqttSettings(port=mosquitto, batch_wait_ms=5), PLANT, shelf, clock)
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        other = f"forewarn/point/{PRESS}/width"
        for minute in range(6):
            publish(mosquitto, range(10))
            publish(mosquitto, [-minute], other)
            wait_until(lambda n=11 * (minute + 1): len(shelf.values) == n)  # type: ignore[misc]
            clock.at_s += 61
            time.sleep(0.3)  # the collector looks at the clock
        assert collector.health().noted.floods == {}
        publish(mosquitto, range(2000))
        publish(mosquitto, [-1000], other)
        wait_until(lambda: len(shelf.values) == 66 + 2001)
        assert FORCE in collector.health().noted.floods
        assert other not in collector.health().noted.floods
    finally:
        collector.stop()


@pytest.mark.parametrize(
    ("numbers", "missing", "gaps", "repeats", "restarts"),
    [
        ([5, 6, 7], 0, 0, 0, 0),
        ([5, 6, 9, 10, 12], 3, 2, 0, 0),
        ([5, 6, 5, 6, 7], 0, 0, 2, 0),
        ([5, 6, 0, 1, 2], 0, 0, 0, 1),
        ([90_000, 50, 51], 0, 0, 0, 1),
        ([1, 10**399, -(10**398), 2**63, 2], 0, 0, 0, 0),
        ([1, 2**63 - 1], 10**9, 1, 0, 0),
    ],
    ids=["in order", "gap", "jump back", "restart at 0", "far back", "no numbers of messages", "far ahead"],
)
def test_numbering_of_a_publisher(numbers: list[int], missing: int, gaps: int, repeats: int, restarts: int) -> None:
    reception = Reception(MAPPED, PLANT)
    for number in numbers:
        body = {"seq": number, "publisher": "gateway-1", "value": float("nan")}
        found = reception.decode(Raw("mqtt", FORCE, json.dumps(body).encode(), NOW))
        assert found.n_good == 1
    counted = reception.noted().publishers.get("gateway-1")
    told = (
        (0, 0, 0, 0) if counted is None else (counted.n_missing, counted.n_gaps, counted.n_repeats, counted.n_restarts)
    )
    assert told == (missing, gaps, repeats, restarts)


def test_numbering_goes_on_over_a_restart_of_the_collector(tmp_path: Path) -> None:
    def numbered(reception: Reception, number: int, **raw: bool) -> None:
        reception.decode(Raw("mqtt", FORCE, b'{"value": 1, "seq": %d}' % number, NOW, **raw))
        reception.settle()

    first, second = Reception(MAPPED, PLANT, tmp_path), Reception(MAPPED, PLANT, tmp_path)
    first.start()
    numbered(first, 10)
    second.start()
    numbered(second, 10, is_duplicate=True)  # it was committed, and not acknowledged in time
    numbered(second, 14)
    assert second.noted().n_missing == 3


TOPICS: Mapping[str, tuple[str, Reason]] = {
    "an unknown tag": (f"forewarn/point/{PRESS}/speed", Reason.UNKNOWN_TAG),
    "an unknown asset": ("forewarn/point/plant/oven/force", Reason.UNKNOWN_ASSET),
    "nobody's topic": ("elsewhere/plant/press", Reason.TOPIC),
    "too few levels": ("forewarn/point", Reason.TOPIC),
    "an empty level": (f"forewarn/point//{PRESS}/force", Reason.TOPIC),
    "a leading slash": (f"/{FORCE}", Reason.TOPIC),
    "a topic of the broker's own": ("$SYS/broker/uptime", Reason.TOPIC),
    "blanks": (f"{FORCE} ", Reason.UNKNOWN_TAG),
    "a comma and an equals sign": (f"{FORCE},a=b", Reason.UNKNOWN_TAG),
    "a quotation mark": (f'{FORCE}"', Reason.UNKNOWN_TAG),
    "a line feed": (f"{FORCE}\n", Reason.UNKNOWN_TAG),
    "a number sign first": (f"forewarn/point/{PRESS}/#force", Reason.UNKNOWN_TAG),
    "an emoji": (f"{FORCE}\U0001f525", Reason.UNKNOWN_TAG),
    "a mark for right to left": (f"{FORCE}\u200f", Reason.UNKNOWN_TAG),
    "65,535 bytes": (f"{FORCE}{'x' * (65_535 - len(FORCE))}", Reason.UNKNOWN_TAG),
    "another case": (f"forewarn/point/{PRESS}/Force", Reason.AMBIGUOUS_TAG),
    "another Unicode form": (f"forewarn/point/{PRESS}/{NFD}", Reason.AMBIGUOUS_TAG),
}


@pytest.mark.parametrize("situation", TOPICS)
def test_topic(situation: str) -> None:
    topic, reason = TOPICS[situation]
    found = decoded(topic, b'{"value": 1}')
    assert [(r.reason, r.topic) for r in found.rejected] == [(reason, topic)]
    assert len(found.points) == 0


def test_twin_in_a_payload_is_ambiguous_too() -> None:
    assert seen(POINTS, b'{"values": {"FORCE": 1}}') == dead(Reason.AMBIGUOUS_TAG)
    assert seen(f"works/{PRESS}", own(v={"Force": 1})) == dead(Reason.AMBIGUOUS_TAG)


def test_topic_that_is_not_utf_8_is_kept_and_the_thread_lives() -> None:
    shelf = Shelf()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        settings = MqttSettings(port=listener.getsockname()[1], batch_wait_ms=5)
        collector = MqttCollector(settings, PLANT, shelf, StoppedClock())
        collector.start()
        try:
            line = Line(listener.accept()[0])
            topic = b"forewarn/point/\xff\xfe"
            body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", 7) + b'{"value": 1}'
            line.connection.sendall(bytes([0x32, len(body)]) + body)
            assert line.acknowledged() == 7
            line.publish(8, 2.0)
            assert line.acknowledged() == 8
        finally:
            collector.stop()
        line.connection.close()
    assert shelf.values == [2.0]
    (rejected,) = [r for d in shelf.kept for r in d.rejected]
    assert rejected.reason in (Reason.TOPIC, Reason.UNKNOWN_ASSET)
    assert "xff" in rejected.topic


@pytest.mark.parametrize("name", [SQL, HTML, NFC])
def test_code_in_a_tag_name_is_a_name_and_nothing_more(tmp_path: Path, name: str) -> None:
    store = DuckDBPoints(tmp_path)
    store.start()
    try:
        points = decoded(POINTS, json.dumps({"at": AT, "values": {name: 1.5}}).encode()).points
        assert store.apply("a", points).stored == 1
        assert store.read([f"{PRESS}/{name}"], 0, 2**62).tag_id.tolist() == [f"{PRESS}/{name}"]
        assert store.count() == 1
    finally:
        store.stop()


def test_explosion_of_names_is_bounded() -> None:
    reception = Reception(MqttSettings(max_unknown_tags=100), PLANT)
    found = [
        reception.decode(Raw("mqtt", f"forewarn/point/{PRESS}/tag-{i}", b'{"value": 1}', NOW)).rejected[0].reason
        for i in range(500)
    ]
    assert found == [Reason.UNKNOWN_TAG] * 100 + [Reason.CARDINALITY] * 400
    again = reception.decode(Raw("mqtt", f"forewarn/point/{PRESS}/tag-7", b'{"value": 1}', NOW))
    assert again.rejected[0].reason is Reason.UNKNOWN_TAG
    assert reception.noted().rejected == {"unknown_tag": 101, "cardinality": 400}


def test_names_of_the_broker_and_wildcards_do_not_arrive(mosquitto: int) -> None:
    shelf = Shelf()
    with collecting(mosquitto, shelf):
        send(mosquitto, [b"1"], "$SYS/forewarn/point/x", qos=0)
        with publisher(mosquitto) as client, pytest.raises(ValueError, match="wildcards"):
            client.publish("forewarn/point/+", b"1")
        publish(mosquitto, [2])
        wait_until(lambda: bool(shelf.values))
    assert shelf.values == [2]
    assert [r for d in shelf.kept for r in d.rejected] == []


def timed(at: Any) -> bytes:
    return json.dumps({"at": at, "values": {"force": 1.0}}).encode()


def ago(**parts: float) -> str:
    return (NOW - timedelta(**parts)).isoformat()


def unit(name: str) -> MqttSettings:
    return MqttSettings.model_validate({"time_unit": name})


TIMES: Mapping[str, tuple[Any, str, int | Reason]] = {
    "seconds since 1970": (1772359200, "s", AT_NS),
    "milliseconds": (1772359200_000, "ms", AT_NS),
    "microseconds": (1772359200_000_000, "us", AT_NS),
    "nanoseconds": (AT_NS, "ns", AT_NS),
    "seconds where milliseconds are expected": (1772359200, "ms", Reason.TIME_UNIT),
    "milliseconds where seconds are expected": (1772359200_000, "s", Reason.TIME_UNIT),
    "nanoseconds where seconds are expected": (AT_NS, "s", Reason.TIME_UNIT),
    "a day and month in doubt": ("03/04/2026", "iso", Reason.TIME_FORMAT),
    "a day that cannot be a month": ("13/04/2026", "iso", Reason.TIME_FORMAT),
    "a year of two digits": ("26-03-01T10:00:00Z", "iso", Reason.TIME_FORMAT),
    "a time without a zone": ("2026-03-01T10:00:00", "iso", Reason.TIME_NAIVE),
    "a leap second": ("2016-12-31T23:59:60Z", "iso", 1483228800_000_000_000),
    "24 o'clock": ("2026-02-28T24:00:00Z", "iso", 1772323200_000_000_000),
    "29 February of no leap year": ("2026-02-29T10:00:00Z", "iso", Reason.TIME_FORMAT),
    "five minutes ahead": ((NOW + timedelta(seconds=300)).isoformat(), "iso", to_ns(NOW) + 300_000_000_000),
    "more than five minutes ahead": ((NOW + timedelta(seconds=301)).isoformat(), "iso", Reason.FUTURE),
    "the year 2100": ("2100-01-01T00:00:00Z", "iso", Reason.FUTURE),
    "2038 and later": (2**31, "s", Reason.FUTURE),
    "zero": (0, "s", Reason.EPOCH),
    "a negative time": (-5, "s", Reason.EPOCH),
    "1970": ("1970-01-01T00:00:01Z", "iso", Reason.EPOCH),
    "1601": ("1601-01-01T00:00:00Z", "iso", Reason.EPOCH),
    "50 minutes late": (ago(minutes=50), "iso", to_ns(NOW - timedelta(minutes=50))),
    "24 hours late": (ago(hours=24), "iso", to_ns(NOW - timedelta(hours=24))),
    "30 days late": (ago(days=30), "iso", to_ns(NOW - timedelta(days=30))),
}


@pytest.mark.parametrize("situation", TIMES)
def test_time(situation: str) -> None:
    at, how, expected = TIMES[situation]
    found = decoded(POINTS, timed(at), unit(how))
    if isinstance(expected, Reason):
        assert [r.reason for r in found.rejected] == [expected]
    else:
        assert found.rejected == ()
        assert found.points.at.tolist() == [expected]


def test_week_date_is_an_iso_date() -> None:
    assert decoded(POINTS, timed("2026-W09-7T10:00:00Z")).points.at.tolist() == [AT_NS]


def test_message_without_a_time_gets_that_of_its_receipt() -> None:
    (point,) = decoded(POINTS, b'{"values": {"force": 1}}').points.rows()
    assert (point.at, point.flags) == (to_ns(NOW), Flag.SERVER_TIME)


def test_fault_that_a_person_must_mend_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    reception = Reception(MAPPED, PLANT)
    for _ in range(5):
        reception.decode(Raw("mqtt", f"works/{PRESS}", own(v={"pressure": 1}, u="degC"), NOW))
        reception.decode(Raw("mqtt", POINTS, timed(1772359200_000), NOW))
    said = [r.getMessage() for r in caplog.records]
    assert len([s for s in said if "reason=unit" in s]) == 1
    noted = reception.noted()
    assert noted.rejected["unit"] == 5
    assert noted.faults["unit"] == f"works/{PRESS} pressure"
