"""The plant's own topics by config: patterns to entries, levels and JSON paths to tags and values."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collectors.decode import Raw
from collectors.json_paths import MISSING, found_at, parse_path
from collectors.mapping import TopicMap
from collectors.mqtt_settings import TopicSettings
from collectors.reception import Reception
from collectors.settings import MqttSettings
from domain.plant import Asset, Plant, Tag
from domain.points import Flag, Quality
from domain.records import Decoded, Reason
from tests.architecture.product import ROOT
from tests.collectors.plants import NOW, PLANT, PRESS

AT = "2026-03-01T10:00:00Z"
AT_NS = 1772359200_000_000_000
TOPIC = "works/plant/press/force"


def entry(**changes: Any) -> TopicSettings:
    return TopicSettings(
        **{"pattern": "works/{line}/{machine}/{tag}", "asset": "{line}/{machine}", "tag": "{tag}"} | changes
    )


def take(body: Any, topic: str = TOPIC, **changes: Any) -> Decoded:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = Reception(MqttSettings(topics=(entry(**changes),)), PLANT)
    return found.decode(Raw("mqtt", topic, data, NOW))


def rows(decoded: Decoded) -> list[tuple[str, float | None]]:
    assert decoded.rejected == ()
    return [(p.tag_id, p.value) for p in decoded.points.rows()]


def reasons(decoded: Decoded) -> list[tuple[Reason, str]]:
    return [(r.reason, r.part) for r in decoded.rejected]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", {"a": {"b": [10, {"c.d": 5}]}}),
        ("a.b[0]", 10),
        ('a.b[1]["c.d"]', 5),
        ("a.b[2]", MISSING),
        ("a.x", MISSING),
        ("a.b.c", MISSING),
        ("a[0]", MISSING),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    assert found_at(parse_path(path), {"a": {"b": [10, {"c.d": 5}]}}) == expected


@pytest.mark.parametrize("path", [".a", "a.", "a..b", "a[", "a[x]", "a]b", '["a'])
def test_text_that_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        parse_path(path)


@pytest.mark.parametrize(
    ("pattern", "topic", "levels"),
    [
        ("a/{x}/c", "a/b/c", {"x": "b"}),
        ("a/{x}/c", "a//c", None),
        ("a/{x}/c", "a/b/c/", None),
        ("a/{x}/c", "/a/b/c", None),
        ("a/{x}/c", "a/b/b/c", None),
        ("a/+/{x}", "a/b/c", {"x": "c"}),
        ("a/#", "a/b/c", {}),
        ("a/#", "a", {}),
        ("a/#", "ab", None),
        ("a/{x#}", "a/b/c", {"x": "b/c"}),
        ("a.b/{x}", "aXb/c", None),
        ("a/{x}", "a/ b=\n", {"x": " b=\n"}),
        ("#", "any/thing", {}),
    ],
)
def test_patterns(pattern: str, topic: str, levels: dict[str, str] | None) -> None:
    found = TopicMap([TopicSettings(pattern=pattern, asset="a", tag="t")]).find(topic)
    assert (None if found is None else dict(found[1])) == levels


def test_subscriptions_have_wildcards_for_names() -> None:
    found = TopicMap([entry(), entry(pattern="a/{b#}", asset="{b}", tag="t"), entry()])
    assert found.subscriptions == ("works/+/+/+", "a/#")


@pytest.mark.parametrize(
    "wrong",
    [
        {"pattern": "$SYS/{line}/{machine}/{tag}"},
        {"pattern": "works/#/{line}/{machine}/{tag}"},
        {"pattern": "works/{line}{machine}/{tag}"},
        {"pattern": "works//{line}/{machine}/{tag}"},
        {"pattern": "works/{tag}/{tag}/{line}/{machine}"},
        {"asset": "{lane}/{machine}"},
        {"tag": "{name}"},
        {"value_path": "a..b"},
        {"fields": {"x": "["}},
        {"payload": "plain", "values_path": "v"},
    ],
    ids=str,
)
def test_entries_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry(**wrong)


def test_one_value_with_time_quality_and_unit_from_its_places() -> None:
    (point,) = take(
        {"meta": {"ts": 1772359200000, "st": 0x40900000}, "data": [{"v": 212.0, "u": "degF"}]},
        topic="works/plant/press/temp",
        value_path="data[0].v",
        time_path="meta.ts",
        time_unit="ms",
        quality_path="meta.st",
        unit_path="data[0].u",
    ).points.rows()
    assert (point.tag_id, point.at, point.value) == (f"{PRESS}/temp", AT_NS, 212.0)  # the tag has no unit to compare
    assert point.quality == Quality.UNCERTAIN


def test_object_of_values() -> None:
    decoded = take(
        {"ts": AT, "tags": {"force": 1.5, "temp": 20}},
        topic="works/plant/press/all",
        tag="{name}",
        values_path="tags",
        time_path="ts",
    )
    assert rows(decoded) == [(f"{PRESS}/force", 1.5), (f"{PRESS}/temp", 20.0)]
    assert decoded.points.at.tolist() == [AT_NS, AT_NS]


def test_list_of_records_with_names_and_a_shared_time() -> None:
    payload = {
        "ts": AT,
        "records": [
            {"id": "force", "v": 1},
            {"id": "temp", "v": 2, "ts": "2026-03-01T10:00:01Z"},
            {"id": "temp", "v": "x", "ts": "2026-03-01T10:00:02Z"},
            {"v": 3},
            7,
        ],
    }
    decoded = take(
        payload,
        topic="works/plant/press/all",
        tag="{name}",
        records_path="records",
        name_path="id",
        value_path="v",
        time_path="ts",
    )
    assert [(p.tag_id, p.at) for p in decoded.points.rows()] == [
        (f"{PRESS}/force", AT_NS),
        (f"{PRESS}/temp", AT_NS + 1_000_000_000),
    ]
    assert reasons(decoded) == [(Reason.TYPE, "[2]"), (Reason.NO_KEY, "[3]"), (Reason.NO_KEY, "[4]")]


def test_asset_and_tag_named_in_the_payload_and_renamed() -> None:
    decoded = take(
        {"machine": "press", "signal": 4711, "value": 5},
        topic="works/plant",
        pattern="works/{line}",
        asset="{line}/{m}",
        tag="{s}",
        fields={"m": "machine", "s": "signal"},
        rename={"4711": "force"},
    )
    assert rows(decoded) == [(f"{PRESS}/force", 5.0)]


@pytest.mark.parametrize(
    ("payload", "value", "flags"),
    [
        (b"12.5\n", 12.5, Flag.SERVER_TIME),
        (b"-3e2", -300.0, Flag.SERVER_TIME),
        (b"I/O Timeout", None, Flag.SERVER_TIME | Flag.NULL | Flag.TEXT),
        (b"NaN", None, Flag.SERVER_TIME | Flag.NON_FINITE),
    ],
)
def test_plain_number(payload: bytes, value: float | None, flags: int) -> None:
    (point,) = take(payload, payload="plain").points.rows()
    assert (point.value, point.flags) == (value, flags)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", Reason.EMPTY),
        (b"\xff", Reason.ENCODING),
        (b"x" * 1_000_001, Reason.SIZE),
        (b"12 kg", Reason.NUMBER_FORMAT),
    ],
    ids=["empty", "bytes", "long", "text"],
)
def test_plain_payload_that_is_no_number(payload: bytes, expected: Reason) -> None:
    assert [r.reason for r in take(payload, payload="plain").rejected] == [expected]


def test_decimal_comma_is_taken_where_the_config_says_so() -> None:
    assert rows(take(b"12,5", payload="plain", decimal=",")) == [(f"{PRESS}/force", 12.5)]
    assert rows(take({"value": "12,5"}, has_text_numbers=True, decimal=",")) == [(f"{PRESS}/force", 12.5)]


def test_lines_are_documents_of_their_own() -> None:
    decoded = take(b'{"value": 1}\n\n{"value": \n{"value": 3}', payload="lines")
    assert [p.value for p in decoded.points.rows()] == [1.0, 3.0]
    assert reasons(decoded) == [(Reason.JSON, "line 3")]
    assert [r.reason for r in take(b"\n", payload="lines").rejected] == [Reason.EMPTY]
    assert [r.reason for r in take(b"", payload="lines").rejected] == [Reason.EMPTY]


def test_topic_that_no_pattern_matches_is_rejected() -> None:
    for topic in ("works/plant/press", "works/plant/press/force/x", "works//press/force", "/works/plant/press/force"):
        assert [r.reason for r in take({"value": 1}, topic=topic).rejected] == [Reason.TOPIC]


def test_native_topics_stay_as_they_are() -> None:
    native = take({"value": 1}, topic=f"forewarn/point/{PRESS}/force", pattern="forewarn/{line}/{machine}/{a}/{tag}")
    assert rows(native) == [(f"{PRESS}/force", 1.0)]


def test_first_entry_that_matches_reads_the_topic() -> None:
    settings = MqttSettings(topics=(entry(value_path="a"), entry(value_path="b")))
    decoded = Reception(settings, PLANT).decode(Raw("mqtt", TOPIC, b'{"a": 1, "b": 2}', NOW))
    assert rows(decoded) == [(f"{PRESS}/force", 1.0)]


@given(st.binary(max_size=300), st.sampled_from(["json", "lines", "plain"]))
def test_no_payload_raises(payload: bytes, kind: str) -> None:
    decoded = take(payload, payload=kind)
    assert decoded.n_items >= 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["r", "v", "id", "t", "q", "u"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_document_raises(document: Any) -> None:
    decoded = take(
        document,
        records_path="r",
        name_path="id",
        value_path="v",
        time_path="t",
        quality_path="q",
        unit_path="u",
        fields={"f": "id"},
        tag="{name}{f}",
    )
    assert decoded.n_items >= 1


def test_examples_of_the_documentation_read_what_they_say() -> None:
    text = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    settings = MqttSettings.model_validate(tomllib.loads(block)["mqtt"])
    examples = re.findall(r"\[\[mqtt\.topics\]\]\s+# (\S+)\s+(\{.*\})", block)
    asset = "line-1/press-04"
    plant = Plant.of(
        PLANT.classes.values(), [Asset(asset, "press")], [Tag(asset, name) for name in ("oil_temperature", "T1", "P1")]
    )
    reception = Reception(settings, plant)
    found = [reception.decode(Raw("mqtt", topic, body.encode(), NOW)) for topic, body in examples]
    assert [rows(each) for each in found] == [
        [(f"{asset}/oil_temperature", 71.5)],
        [(f"{asset}/T1", 71.5), (f"{asset}/P1", 3.2)],
        [(f"{asset}/oil_temperature", 71.5)],
    ]
    assert {at for each in found for at in each.points.at.tolist()} == {AT_NS}
