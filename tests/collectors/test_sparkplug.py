"""Sparkplug B, as an encoder that is not ours writes it: births, data, deaths, and what their numbering tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors import sparkplug_payload as wire
from collectors.connection import talk
from collectors.decode import Raw
from collectors.mqtt import MqttCollector
from collectors.mqtt_settings import SparkplugSettings
from collectors.reception import Reception
from collectors.settings import MqttSettings
from collectors.sparkplug import subscriptions
from domain.instants import to_ns
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.points import Flag, Quality
from domain.records import Decoded, Reason, Rejected
from tests.collectors.plants import MINUTE, NOW
from tests.collectors.test_mqtt import Shelf, StoppedClock, wait_until

HERE = Path(__file__).parent / "sparkplug"
AT_NS = 1772359200_000_000_000
SECOND = 1_000_000_000
NODE, DEVICE = "seoul/gateway", "seoul/gateway/press"
DEVICE_TAGS = (
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float",
    "double",
    "running",
    "recipe",
    "nothing",
)
PLANT = Plant.of(
    [AssetClass("press", Axis.TIME, 1000, 10, MINUTE)],
    [Asset(NODE, "press"), Asset(DEVICE, "press")],
    [Tag(NODE, "temp", "degC"), Tag(NODE, "force"), *(Tag(DEVICE, name) for name in DEVICE_TAGS)],
)
SETTINGS = MqttSettings(sparkplug=SparkplugSettings(is_enabled=True))


def raw(fixture: str, kind: str, device: str = "") -> Raw:
    topic = f"spBv1.0/seoul/{kind}/gateway" + (f"/{device}" if device else "")
    return Raw("mqtt", topic, (HERE / f"{fixture}.bin").read_bytes(), NOW)


NBIRTH, DBIRTH = raw("nbirth", "NBIRTH"), raw("dbirth", "DBIRTH", "press")
NDATA, NDATA_INT = raw("ndata", "NDATA"), raw("ndata_int", "NDATA")


def reception(folder: Path | None = None, settings: MqttSettings = SETTINGS) -> Reception:
    made = Reception(settings, PLANT, folder)
    made.start()
    return made


def values(decoded: Decoded) -> dict[str, float | None]:
    assert decoded.rejected == ()
    return {p.tag_id.rpartition("/")[2]: p.value for p in decoded.points.rows()}


def reasons(decoded: Decoded) -> list[Reason]:
    return [r.reason for r in decoded.rejected]


def requests(found: Reception, seconds: float = 0) -> list[str]:
    return [topic for topic, _ in found.rebirths(1000 + seconds, NOW + timedelta(seconds=seconds))]


def test_birth_gives_values_and_leaves_out_what_is_no_measurement() -> None:
    found = reception()
    decoded = found.decode(NBIRTH)
    assert values(decoded) == {"temp": 20.5, "force": -7}
    assert {p.tag_id for p in decoded.points.rows()} == {f"{NODE}/temp", f"{NODE}/force"}
    assert found.noted().n_ignored == 3  # bdSeq, rebirth control, a property


def test_every_datatype_of_a_device() -> None:
    found = reception()
    found.decode(NBIRTH)
    decoded = found.decode(DBIRTH)
    assert values(decoded) == {
        "int8": -5,
        "int16": -1234,
        "int32": -123456,
        "int64": -(2**40),
        "uint8": 250,
        "uint16": 65000,
        "uint32": 4_000_000_000,
        "uint64": 2**50,
        "float": 1.5,
        "double": -2.25,
        "running": 1,
        "recipe": None,
        "nothing": None,
    }
    by_name = {p.tag_id.rpartition("/")[2]: p for p in decoded.points.rows()}
    assert (by_name["recipe"].text, by_name["recipe"].quality) == ("A-17", Quality.BAD)
    assert (by_name["nothing"].quality, by_name["nothing"].flags) == (Quality.BAD, Flag.NULL)
    assert {p.at for p in by_name.values()} == {AT_NS}


def test_alias_is_read_by_the_birth() -> None:
    found = reception()
    found.decode(NBIRTH)
    found.decode(DBIRTH)
    (point,) = found.decode(NDATA).points.rows()
    assert (point.tag_id, point.at, point.value) == (f"{NODE}/temp", AT_NS + SECOND, 21.5)
    assert values(found.decode(NDATA_INT)) == {"force": -8}  # the datatype is the birth's
    assert requests(found) == []


def test_metrics_with_names_need_a_birth_for_integers_only() -> None:
    found = reception()
    decoded = found.decode(raw("ddata_named", "DDATA", "press"))
    taken = {p.tag_id.rpartition("/")[2]: p.value for p in decoded.points.rows()}
    assert taken == {"float": 1.5, "double": -2.25, "running": 1, "recipe": None, "nothing": None}
    assert reasons(decoded) == [Reason.ALIAS] * 8  # integers: only the birth tells the signed ones
    found.decode(NBIRTH)
    found.decode(DBIRTH)
    assert values(found.decode_again(raw("ddata_named", "DDATA", "press"), ""))["int8"] == -5


def test_historical_value_is_flagged_and_null_kept() -> None:
    found = reception()
    found.decode(NBIRTH)
    found.decode(DBIRTH)
    late, null = found.decode(raw("ddata_historical", "DDATA", "press")).points.rows()
    assert (late.value, late.at, late.flags) == (7.5, AT_NS - 3600 * SECOND, Flag.HISTORICAL)
    assert (null.value, null.quality, null.flags) == (None, Quality.BAD, Flag.NULL)


def test_unit_and_quality_stated_by_the_birth() -> None:
    found = reception()
    (temp, _) = found.decode(raw("nbirth_unit", "NBIRTH")).points.rows()
    assert temp.value == pytest.approx((20.5 - 32) / 1.8)
    assert temp.quality == Quality.UNCERTAIN
    found.decode(DBIRTH)
    assert found.decode(NDATA).points.value[0] == pytest.approx((21.5 - 32) / 1.8)


def test_unknown_alias_is_kept_a_rebirth_asked_for_and_the_message_read_after_it() -> None:
    found = reception()
    decoded = found.decode(NDATA)
    (rejected,) = decoded.rejected
    assert (rejected.reason, rejected.part, rejected.payload) == (Reason.ALIAS, "alias 1", NDATA.payload)
    assert requests(found) == ["spBv1.0/seoul/NCMD/gateway"]
    found.decode(NBIRTH)
    again = found.decode_again(NDATA, rejected.part, rejected.detail)
    assert values(again) == {"temp": 21.5}


def swapped(birth: Raw) -> Raw:
    """Return the birth of a node whose aliases 1 and 2 mean each other's metrics."""
    payload = wire.parse(birth.payload)
    for metric in payload.metrics:
        if metric.alias in (1, 2):
            metric.alias = 3 - metric.alias
    return replace(birth, payload=bytes(payload.SerializeToString()))


def read_again(found: Reception, message: Raw, rejected: Rejected) -> list[tuple[str, float | None]]:
    decoded = found.decode_again(message, rejected.part, rejected.detail)
    return [(p.tag_id.rpartition("/")[2], p.value) for p in decoded.points.rows()]


def test_letter_is_read_by_the_first_birth_after_it_and_by_no_later_one(tmp_path: Path) -> None:
    found = reception(tmp_path)
    (early,) = found.decode(NDATA).rejected
    found.decode(NBIRTH)
    (late,) = found.decode(numbered(NDATA, 9)).rejected  # after a gap: the birth before it does not tell
    assert read_again(found, NDATA, early) == [("temp", 21.5)]
    assert read_again(found, NDATA, late) == []
    found.settle()
    assert read_again(reception(tmp_path), NDATA, early) == [("temp", 21.5)]
    found.decode(swapped(NBIRTH))
    found.settle()
    for later in (found, reception(tmp_path)):
        assert read_again(later, NDATA, early) == []
        assert read_again(later, NDATA, late) == [("force", 21.5)]


def test_births_of_a_device_are_counted_over_sessions_and_restarts(tmp_path: Path) -> None:
    data = numbered(raw("ddata_historical", "DDATA", "press"), 9)
    found = reception(tmp_path)
    for message in (NBIRTH, DBIRTH):
        found.decode(message)
    letter, _ = found.decode(data).rejected
    found.decode(NBIRTH)
    found.settle()  # the device's birth is gone from the disk, and its count is kept
    found = reception(tmp_path)
    assert read_again(found, data, letter) == []
    found.decode(DBIRTH)
    assert read_again(found, data, letter) == [("float", 7.5)]
    found.decode(DBIRTH)
    assert read_again(found, data, letter) == []


def test_letter_of_a_tag_that_was_unknown_is_read_while_its_alias_means_the_same() -> None:
    bare = Plant.of(PLANT.classes.values(), [Asset(NODE, "press")], [Tag(NODE, "force")])
    found = Reception(SETTINGS, bare)
    found.decode(NBIRTH)
    (letter,) = found.decode(numbered(NDATA, 1)).rejected
    assert (letter.reason, letter.part) == (Reason.UNKNOWN_TAG, "alias 1: temp")
    mended = reception()
    for birth in (NBIRTH, NBIRTH):
        mended.decode(birth)
        assert read_again(mended, NDATA, letter) == [("temp", 21.5)]
    mended.decode(swapped(NBIRTH))
    assert read_again(mended, NDATA, letter) == []


@pytest.mark.parametrize("datatype", [16, 17, 18, 19, 20, 21, 22, 26, 27, 34, 35])
def test_value_that_is_no_number_and_no_text_is_rejected(datatype: int) -> None:
    payload = wire.parse(NBIRTH.payload)
    for metric in payload.metrics:
        if metric.name == "temp":
            metric.ClearField("float_value")
            metric.datatype = datatype
    array = bytes(payload.SerializeToString())
    decoded = reception().decode(replace(NBIRTH, payload=array))
    assert [(r.reason, r.part) for r in decoded.rejected] == [(Reason.TYPE, "temp")]
    assert [p.value for p in decoded.points.rows()] == [-7]


def test_metric_with_neither_name_nor_alias_is_not_taken_for_alias_0() -> None:
    birth, data = wire.parse(NBIRTH.payload), wire.parse(NDATA.payload)
    birth.metrics[3].alias = 0
    data.metrics[0].ClearField("alias")
    data.seq = 1
    found = reception()
    found.decode(replace(NBIRTH, payload=bytes(birth.SerializeToString())))
    decoded = found.decode(replace(NDATA, payload=bytes(data.SerializeToString())))
    assert [(r.reason, r.part) for r in decoded.rejected] == [(Reason.NO_KEY, "[0]")]


def test_session_number_that_is_no_number_is_left_out() -> None:
    birth = wire.parse(NBIRTH.payload)
    birth.metrics[0].ClearField("long_value")
    birth.metrics[0].string_value = "seven"
    assert values(reception().decode(replace(NBIRTH, payload=bytes(birth.SerializeToString()))))["temp"] == 20.5


def test_rebirth_is_asked_for_once_per_interval_and_not_after_the_birth() -> None:
    found = reception()
    for seconds, expected in [(0, 1), (30, 0), (61, 1), (90, 0)]:
        found.decode(NDATA)
        assert len(requests(found, seconds)) == expected
    found.decode(NDATA)
    found.decode(NBIRTH)
    assert requests(found, 1000) == []


def test_rebirth_command_is_what_an_edge_node_reads() -> None:
    found = reception()
    found.decode(NDATA)
    ((_, command),) = found.rebirths(0, NOW)
    payload = wire.parse(command)
    (metric,) = payload.metrics
    assert (metric.name, metric.datatype, metric.boolean_value) == ("Node Control/Rebirth", 11, True)
    assert payload.timestamp == metric.timestamp == to_ns(NOW) // 1_000_000


def numbered(message: Raw, seq: int, **raw: bool) -> Raw:
    payload = wire.parse(message.payload)
    payload.seq = seq
    return replace(message, payload=bytes(payload.SerializeToString()), **raw)


def test_gap_of_the_numbering_is_counted_a_rebirth_asked_for_and_no_alias_read_until_then() -> None:
    found = reception()
    for message in (NBIRTH, DBIRTH, NDATA):
        found.decode(message)
    assert reasons(found.decode(raw("ndata_gap", "NDATA"))) == [Reason.ALIAS]  # seq 9 after 2
    counted = found.noted().publishers["sparkplug seoul/gateway"]
    assert (counted.n_gaps, counted.n_missing) == (1, 6)
    assert requests(found) == ["spBv1.0/seoul/NCMD/gateway"]
    assert reasons(found.decode(numbered(NDATA, 10))) == [Reason.ALIAS]  # going on does not bring back what was missed
    found.decode(NBIRTH)
    assert values(found.decode(numbered(NDATA, 1))) == {"temp": 21.5}


def test_gap_outlasts_a_new_connection_and_a_restart(tmp_path: Path) -> None:
    first = reception(tmp_path)
    for message in (NBIRTH, numbered(NDATA, 9)):
        first.decode(message)
    first.settle()
    first.connected()
    assert reasons(first.decode(numbered(NDATA, 10))) == [Reason.ALIAS]
    second = reception(tmp_path)
    assert reasons(second.decode(numbered(NDATA, 10))) == [Reason.ALIAS]
    assert reasons(second.decode(numbered(NDATA, 11))) == [Reason.ALIAS]


def test_birth_kept_without_a_last_number_is_not_trusted(tmp_path: Path) -> None:
    first = reception(tmp_path)
    first.decode(NBIRTH)
    first.settle()
    (tmp_path / "sequences.json").unlink()
    second = reception(tmp_path)
    assert reasons(second.decode(numbered(NDATA, 1))) == [Reason.ALIAS]
    assert reasons(second.decode(numbered(NDATA, 2))) == [Reason.ALIAS]


def test_birth_of_a_device_after_a_gap_is_read_by() -> None:
    found = reception()
    found.decode(NBIRTH)
    found.decode(numbered(DBIRTH, 7))
    late, _ = found.decode(numbered(raw("ddata_historical", "DDATA", "press"), 8)).points.rows()
    assert late.value == 7.5


def test_message_delivered_again_is_a_repetition_and_confirms_nothing() -> None:
    found = reception()
    for message in (NBIRTH, DBIRTH, NDATA):
        found.decode(message)
    found.connected()
    assert reasons(found.decode(replace(DBIRTH, is_duplicate=True))) == []
    assert reasons(found.decode(numbered(NDATA, 1, is_duplicate=True))) == [Reason.ALIAS]
    counted = found.noted().publishers["sparkplug seoul/gateway"]
    assert (counted.n_missing, counted.n_repeats) == (0, 2)
    assert values(found.decode(NDATA_INT)) == {"force": -8}


def test_death_of_a_node_makes_its_values_and_its_devices_null() -> None:
    found = reception()
    found.decode(NBIRTH)
    found.decode(DBIRTH)
    points = found.decode(raw("ndeath", "NDEATH")).points
    assert set(points.tag_id.tolist()) == {f"{NODE}/temp", f"{NODE}/force"} | {
        f"{DEVICE}/{name}" for name in DEVICE_TAGS
    }
    assert set(points.quality.tolist()) == {Quality.BAD}
    assert set(points.at.tolist()) == {to_ns(NOW)}
    assert reasons(found.decode(NDATA)) == [Reason.ALIAS]  # no session, so no alias means anything


def test_death_of_an_earlier_session_is_not_taken_for_this_one() -> None:
    found = reception()
    found.decode(NBIRTH)
    assert found.decode(raw("ndeath_old", "NDEATH")).n_items == 0
    found.decode(DBIRTH)
    assert values(found.decode(NDATA)) == {"temp": 21.5}


def test_death_of_a_device_leaves_the_node_alive() -> None:
    found = reception()
    found.decode(NBIRTH)
    found.decode(DBIRTH)
    points = found.decode(raw("ddeath", "DDEATH", "press")).points
    assert len(points) == len(DEVICE_TAGS)
    assert values(found.decode(NDATA_INT)) == {"force": -8}


def test_births_and_numbering_survive_a_restart(tmp_path: Path) -> None:
    first = reception(tmp_path)
    first.decode(NBIRTH)
    first.decode(DBIRTH)
    first.settle()
    second = reception(tmp_path)
    assert values(second.decode(NDATA)) == {"temp": 21.5}  # seq 2 follows 1: the same session
    second.settle()
    assert values(reception(tmp_path).decode(NDATA_INT)) == {"force": -8}


def test_births_of_before_a_restart_are_not_trusted_where_the_numbering_has_a_gap(tmp_path: Path) -> None:
    first = reception(tmp_path)
    first.decode(NBIRTH)
    first.settle()
    second = reception(tmp_path)
    assert reasons(second.decode(NDATA_INT)) == [Reason.ALIAS]  # seq 3 after 0
    assert requests(second) == ["spBv1.0/seoul/NCMD/gateway"]


def test_new_connection_asks_the_same_of_births_in_memory() -> None:
    found = reception()
    found.decode(NBIRTH)
    found.connected()
    assert reasons(found.decode(NDATA_INT)) == [Reason.ALIAS]


def test_birth_on_disk_is_replaced_by_the_next_and_its_devices_go(tmp_path: Path) -> None:
    found = reception(tmp_path)
    found.decode(NBIRTH)
    found.decode(DBIRTH)
    found.settle()
    assert len(list((tmp_path / "births").glob("*.birth"))) == 2
    found.decode(NBIRTH)
    found.settle()
    assert len(list((tmp_path / "births").glob("*.birth"))) == 1


def test_damaged_birth_on_disk_is_left_out(tmp_path: Path) -> None:
    first = reception(tmp_path)
    first.decode(NBIRTH)
    first.settle()
    (file,) = (tmp_path / "births").glob("*.birth")
    file.write_bytes(b"\xff\xff")
    (tmp_path / "sequences.json").write_text("{")
    assert reasons(reception(tmp_path).decode(NDATA)) == [Reason.ALIAS]


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("spBv1.0/seoul/NDATA/gateway", b"\xff\xff\xff", Reason.ENCODING),
        ("spBv1.0/seoul/NDATA/gateway", b"", Reason.EMPTY),
        ("spBv1.0/seoul/NBIRTH/gateway", b"{}", Reason.ENCODING),
        ("spBv1.0/seoul/NDATA", b"", Reason.TOPIC),
        ("spBv1.0/seoul/NDATA/gateway/press", b"", Reason.TOPIC),
        ("spBv1.0/seoul/DDATA/gateway", b"", Reason.TOPIC),
        ("spBv1.0/seoul/NCMD/gateway", b"", Reason.TOPIC),
        ("spBv1.0/STATE/host", b"", Reason.TOPIC),
    ],
)
def test_what_is_no_sparkplug_message_is_rejected_whole(topic: str, payload: bytes, expected: Reason) -> None:
    decoded = reception().decode(Raw("mqtt", topic, payload, NOW))
    assert reasons(decoded) == [expected]
    assert decoded.rejected[0].payload == payload


def test_metric_that_no_tag_is_for_does_not_sink_the_others() -> None:
    bare = Plant.of(PLANT.classes.values(), [Asset(NODE, "press")], [Tag(NODE, "temp")])
    decoded = Reception(SETTINGS, bare).decode(NBIRTH)
    assert [p.tag_id for p in decoded.points.rows()] == [f"{NODE}/temp"]
    assert [(r.reason, r.part) for r in decoded.rejected] == [(Reason.UNKNOWN_TAG, "force")]


def test_names_are_mapped_by_template_and_rename() -> None:
    mapped = SparkplugSettings(is_enabled=True, asset="plant/{node}", tag="{metric}", rename={"temp": "oil"})
    plant = Plant.of(
        PLANT.classes.values(),
        [Asset("plant/gateway", "press")],
        [Tag("plant/gateway", "oil"), Tag("plant/gateway", "force")],
    )
    decoded = Reception(MqttSettings(sparkplug=mapped), plant).decode(NBIRTH)
    assert values(decoded) == {"oil": 20.5, "force": -7}


def test_without_sparkplug_in_the_config_its_topics_are_nobodys() -> None:
    assert reasons(Reception(MqttSettings(), PLANT).decode(NBIRTH)) == [Reason.TOPIC]


def test_subscriptions_leave_out_what_edge_nodes_are_told() -> None:
    found = subscriptions(("seoul",))
    assert "spBv1.0/seoul/NBIRTH/+" in found
    assert "spBv1.0/seoul/DDATA/+/+" in found
    assert len(found) == 6
    assert not any("CMD" in each for each in found)


@given(st.binary(max_size=200), st.sampled_from(["NBIRTH", "NDATA", "DDATA", "DBIRTH", "NDEATH", "DDEATH"]))
def test_no_bytes_raise(payload: bytes, kind: str) -> None:
    found = reception()
    found.decode(NBIRTH)
    topic = f"spBv1.0/seoul/{kind}/gateway" + ("/press" if kind[0] == "D" else "")
    decoded = found.decode(replace(NDATA, topic=topic, payload=payload))
    assert all(r.payload == payload for r in decoded.rejected)


@example(208, "ddata_named", b"\x80")  # a name that is not UTF-8
@given(
    st.integers(0, 300), st.sampled_from(["nbirth", "dbirth", "ndata", "ddata_named", "ndeath"]), st.binary(max_size=3)
)
def test_no_damaged_payload_raises(cut: int, fixture: str, more: bytes) -> None:
    payload = (HERE / f"{fixture}.bin").read_bytes()
    found = reception()
    found.decode(NBIRTH)
    found.decode(replace(NDATA, payload=payload[:cut] + more + payload[cut + 1 :]))


def test_collector_asks_a_real_broker_for_births_and_reads_what_comes(mosquitto: int, tmp_path: Path) -> None:
    shelf = Shelf()
    settings = MqttSettings(port=mosquitto, batch_wait_ms=5, sparkplug=SparkplugSettings(is_enabled=True))
    collector = MqttCollector(settings, PLANT, shelf, StoppedClock(), tmp_path)
    collector.start()
    try:
        wait_until(lambda: collector.health().is_subscribed)
        with talk(MqttSettings(port=mosquitto), "gateway") as gateway:
            gateway.subscribe("spBv1.0/seoul/NCMD/gateway")
            gateway.publish(NDATA.topic, [NDATA.payload])
            (command,) = gateway.hear(10, 1)
            assert wire.parse(command.payload).metrics[0].name == "Node Control/Rebirth"
            gateway.publish(NBIRTH.topic, [NBIRTH.payload])
            gateway.publish(DBIRTH.topic, [DBIRTH.payload])
            gateway.publish(NDATA.topic, [NDATA.payload])
            wait_until(lambda: 21.5 in shelf.values)
        assert len(list((tmp_path / "births").glob("*.birth"))) == 2
    finally:
        collector.stop()
    assert [r.reason for d in shelf.kept for r in d.rejected] == [Reason.ALIAS]
