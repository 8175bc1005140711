"""Dead letters read again after the cause was mended: stored, counted where they belong, once."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.drain import drain
from app.loading import load_file
from app.rereading import replay, reread
from app.rooms import Rooms
from app.settings import Settings, load
from collectors.decode import Raw, decode
from collectors.reception import Reception
from collectors.settings import MqttSettings
from domain.instants import from_ns
from domain.records import Outcome, Reason, Refused
from tests.app import tiny_plant as tiny
from tests.architecture.product import ROOT


class PowerCutError(Exception):
    """The process ends just here."""


@dataclass
class CutOff:
    """Rooms, and their journal and books, in which the power is cut before a replay is settled."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return CutOff(found) if name in ("journal", "books") else found

    def settle_replay(self, *_: Any) -> None:
        raise PowerCutError


def received(rooms: Rooms, topic: str, payload: bytes) -> None:
    raw = Raw("mqtt", topic, payload, tiny.T0)
    rooms.journal.accept([("mqtt", tiny.T0, decode(raw, rooms.settings.plant, rooms.settings.root.mqtt))])
    drain(rooms, 1000)


def mended(rooms: Rooms, folder: Path) -> Settings:
    """Return the settings of a plant whose pump has the tag that was unknown."""
    tags = folder / "tags.csv"
    tags.write_text(
        tags.read_text() + "plant/pump-1,odd" + "," * (tags.read_text().split("\n")[0].count(",") - 1) + "\n"
    )
    return load(folder)


def test_value_of_a_tag_that_was_unknown_is_stored_after_the_tag_was_added(rooms: Rooms, plant: Settings) -> None:
    received(rooms, "forewarn/points/plant/pump-1", b'{"at": "2026-01-04T23:00:00Z", "values": {"odd": 7, "worse": 8}}')
    assert rooms.journal.dead_letters_by_reason() == {"unknown_tag": 2}
    assert reread(rooms, rooms.journal.dead_letters(), tiny.T0).n_mended == 0
    rooms.settings = mended(rooms, plant.folder)
    letters = rooms.journal.dead_letters()
    found = reread(rooms, letters, tiny.T0)
    assert (found.n_letters, found.n_mended, found.outcome.stored) == (2, 1, 1)
    assert [p.value for p in rooms.points.read(["plant/pump-1/odd"], 0, 2**62).rows()] == [7.0]
    (total,) = rooms.journal.totals()
    assert (total.received, total.stored, total.dead_lettered, total.difference) == (2, 1, 1, 0)
    assert [letter.part for letter in rooms.journal.dead_letters()] == ["worse"]
    reread(rooms, letters, tiny.T0)
    assert rooms.journal.totals() == [total]


def test_message_that_was_one_item_may_turn_out_to_hold_more(rooms: Rooms, plant: Settings) -> None:
    payload = b'{"at": 1767567600000, "values": {"odd": 7, "worse": 8}}'
    received(rooms, "forewarn/points/plant/nowhere", payload)
    (letter,) = rooms.journal.dead_letters()
    assert letter.reason == Reason.UNKNOWN_ASSET
    rooms.settings = mended(rooms, plant.folder)
    rooms.settings = replace(
        rooms.settings,
        root=rooms.settings.root.model_copy(
            update={"mqtt": rooms.settings.root.mqtt.model_copy(update={"time_unit": "ms"})}
        ),
    )
    moved = replace(letter, topic="forewarn/points/plant/pump-1")
    assert reread(rooms, [moved], tiny.T0).outcome.stored == 1
    (total,) = rooms.journal.totals()
    assert (total.received, total.stored, total.dead_lettered, total.difference) == (2, 1, 1, 0)


def test_point_that_the_store_refused_is_offered_to_it_again(rooms: Rooms) -> None:
    received(rooms, "forewarn/points/plant/pump-1", b'{"values": {"odd": 7}}')
    claimed = rooms.journal.claim(10)
    assert claimed is None
    raw = Raw("mqtt", "forewarn/points/plant/pump-1", b'{"at": "2026-01-04T23:00:00Z", "values": {"flow": 7}}', tiny.T0)
    tag = next(iter(rooms.settings.plant.tags["plant/pump-1"]))
    raw = replace(raw, payload=raw.payload.replace(b"flow", tag.encode()))
    decoded = decode(raw, rooms.settings.plant, rooms.settings.root.mqtt)
    rooms.journal.accept([("mqtt", tiny.T0, decoded)])
    claimed = rooms.journal.claim(10)
    assert claimed is not None
    (point,) = decoded.points.rows()
    refused = Refused(point.tag_id, from_ns(point.at), point.value, None, Reason.RETENTION, "too old")
    rooms.journal.finish(claimed, Outcome(refused=(refused,)))
    (letter,) = rooms.journal.dead_letters(reason="retention")
    assert reread(rooms, [letter], tiny.T0).outcome.stored == 1
    assert [p.value for p in rooms.points.read([point.tag_id], 0, 2**62).rows()] == [7.0]


RECORDS = {
    "pattern": "works/{machine}",
    "asset": "plant/{machine}",
    "tag": "{name}",
    "records_path": "",
    "name_path": "id",
    "time_path": "t",
}


def with_mqtt(settings: Settings, **mqtt: object) -> Settings:
    """Return settings whose `[mqtt]` is another."""
    root = settings.root.model_copy(update={"mqtt": MqttSettings.model_validate(mqtt)})
    return replace(settings, root=root)


def taken(rooms: Rooms, topic: str, payload: bytes) -> None:
    """Receive a message as the collector does, with what it keeps in the data folder."""
    settings = rooms.settings
    reception = Reception(settings.root.mqtt, settings.plant, settings.collector_folder)
    reception.start()
    decoded = reception.decode(Raw("mqtt", topic, payload, tiny.T0))
    reception.settle()
    rooms.journal.accept([("mqtt", tiny.T0, decoded)])
    drain(rooms, 1000)


def test_record_of_the_plants_own_topic_is_read_again_alone(rooms: Rooms, plant: Settings) -> None:
    rooms.settings = with_mqtt(plant, topics=[RECORDS])
    body = [{"id": name, "value": i, "t": "2026-01-04T23:00:00Z"} for i, name in enumerate(("flow", "odd", "worse"))]
    taken(rooms, "works/pump-1", json.dumps(body).encode())
    before = rooms.journal.dead_letters()
    assert "[1]" in [letter.part for letter in before]
    rooms.settings = with_mqtt(mended(rooms, plant.folder), topics=[RECORDS])
    assert reread(rooms, before, tiny.T0).outcome.stored == 1
    assert [p.value for p in rooms.points.read(["plant/pump-1/odd"], 0, 2**62).rows()] == [1.0]
    assert len(rooms.journal.dead_letters()) == len(before) - 1
    assert all(total.difference == 0 for total in rooms.journal.totals())


def test_sparkplug_data_that_came_before_its_birth_is_read_after_it(rooms: Rooms, plant: Settings) -> None:
    sparkplug = {"is_enabled": True, "asset": tiny.PUMP, "rename": {"temp": "pressure", "force": "pressure"}}
    rooms.settings = with_mqtt(plant, sparkplug=sparkplug, max_future_s=10**9)
    fixtures = ROOT / "tests" / "collectors" / "sparkplug"
    taken(rooms, "spBv1.0/seoul/NDATA/gateway", (fixtures / "ndata.bin").read_bytes())
    letters = rooms.journal.dead_letters(reason="alias")
    assert reread(rooms, letters, tiny.T0).outcome.stored == 0
    taken(rooms, "spBv1.0/seoul/NBIRTH/gateway", (fixtures / "nbirth.bin").read_bytes())
    assert reread(rooms, letters, tiny.T0).outcome.stored == 1
    assert 21.5 in rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62).value.tolist()
    assert rooms.journal.dead_letters(reason="alias") == []


def test_large_message_of_many_unknown_tags_is_one_letter_and_read_again_whole(rooms: Rooms, plant: Settings) -> None:
    names = ["odd", *(f"unknown_{i}" for i in range(999)), "pressure"]
    body = {"at": "2026-01-04T23:00:00Z", "values": dict.fromkeys(names, 7.0)}
    taken(rooms, "forewarn/points/plant/pump-1", json.dumps(body).encode())
    (letter,) = rooms.journal.dead_letters()
    assert (letter.n_items, letter.reason, letter.part) == (1000, "unknown_tag", "")
    assert "1000 parts, the first 'odd'" in letter.detail
    (total,) = rooms.journal.totals()
    assert (total.received, total.stored, total.dead_lettered) == (1001, 1, 1000)
    rooms.settings = mended(rooms, plant.folder)
    assert reread(rooms, [letter], tiny.T0).n_mended == 1
    (total,) = rooms.journal.totals()
    assert (total.stored, total.duplicates, total.dead_lettered, total.difference) == (2, 1, 999, 0)


def test_row_that_lay_ahead_of_the_clock_stays_a_dead_letter(rooms: Rooms, tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    file.write_text(
        f"time,asset,pressure\n2099-01-01T00:00:00Z,{tiny.PUMP},1\n{tiny.at(1).isoformat()},{tiny.PUMP},2\n"
    )
    load_file(rooms, file, tiny.at(2))
    (letter,) = rooms.journal.dead_letters(reason="future")
    found = reread(rooms, [letter], tiny.at(10**6))
    assert (found.n_mended, found.outcome) == (0, Outcome())
    assert rooms.points.count() == 1


def test_every_letter_is_reached_also_behind_many_that_stay_bad(rooms: Rooms, plant: Settings) -> None:
    received(rooms, "forewarn/points/plant/pump-1", b'{"at": "2026-01-04T23:00:00Z", "values": {"odd": 7}}')
    for _ in range(25):
        received(rooms, "forewarn/points/plant/nowhere", b"{}")
    rooms.settings = mended(rooms, plant.folder)
    told: list[str] = []
    first = replay(rooms, tiny.T0, is_stopping=lambda: True, progress=told.append, page=10)
    assert (first.n_letters, first.n_mended, told) == (10, 0, ["10 read again, 0 mended"])
    assert first.before == rooms.journal.dead_letters(10)[-1].id
    rest = replay(rooms, tiny.T0, before=first.before, page=10)
    assert (rest.n_letters, rest.n_mended, rest.outcome.stored, rest.before) == (16, 1, 1, None)
    assert len(rooms.journal.dead_letters()) == 25
    assert replay(rooms, tiny.T0, reason="json").n_letters == 0


def test_one_letter_is_read_by_its_number_once(rooms: Rooms, plant: Settings) -> None:
    received(rooms, "forewarn/points/plant/pump-1", b'{"at": "2026-01-04T23:00:00Z", "values": {"odd": 7, "worse": 8}}')
    rooms.settings = mended(rooms, plant.folder)
    (letter,) = (x for x in rooms.journal.dead_letters() if x.part == "odd")
    assert replay(rooms, tiny.T0, letter.id).outcome.stored == 1
    assert replay(rooms, tiny.T0, letter.id).n_letters == 0


def test_other_letters_of_the_same_shape_are_another_batch_after_a_crash(rooms: Rooms, plant: Settings) -> None:
    for minute in range(4):
        body = f'{{"at": "2026-01-04T23:0{minute}:00Z", "values": {{"odd": {minute}}}}}'
        received(rooms, "forewarn/points/plant/pump-1", body.encode())
    rooms.settings = mended(rooms, plant.folder)
    fourth, third, second, first = rooms.journal.dead_letters()

    with pytest.raises(PowerCutError):
        reread(cast(Rooms, CutOff(rooms)), [fourth, second, first], tiny.T0)
    found = reread(rooms, [fourth, third, first], tiny.T0)
    assert (found.outcome.stored, found.outcome.duplicates) == (1, 2)
    assert sorted(rooms.points.read(["plant/pump-1/odd"], 0, 2**62).value.tolist()) == [0, 1, 2, 3]
    assert reread(rooms, [second], tiny.T0).outcome.duplicates == 1
    assert all(total.difference == 0 for total in rooms.journal.totals())
