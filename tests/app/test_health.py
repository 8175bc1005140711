"""Forewarn watches itself: what is wrong with it becomes an alert, and goes when it is mended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.health import RULES
from app import health
from app.commands.status import collector_lines
from app.health import HealthWatch, raise_alerts
from app.rooms import Rooms
from app.settings import load
from app.status import status
from app.watching import advance_rules
from collectors.health import Health, Noted, Numbering
from domain.alerting import AlertState
from domain.errors import ConfigError
from domain.health import Reading
from domain.points import Points
from domain.records import Decoded, Outcome, Tally
from tests.app import tiny_plant as tiny

SECOND = timedelta(seconds=1)


def receiver(*, is_well: bool, last_turn_at: float = float("inf")) -> Health:
    return Health(is_well, is_well, last_turn_at, None, 0, 0, 1, 0, "" if is_well else "connection lost")


def open_alerts(rooms: Rooms) -> dict[str, AlertState]:
    return {key.rule: alert.state for key, alert in rooms.ledger.alerting.open().items() if alert.state.is_open}


def readings(rooms: Rooms, **known: float) -> dict[str, float]:
    found = HealthWatch().look(rooms, None, 0.0, tiny.T0)
    return {r.name: r.value for r in found} | known


def test_healthy_plant_raises_nothing(rooms: Rooms) -> None:
    watch = HealthWatch()
    for i in range(20):
        now = tiny.T0 + i * 5 * SECOND
        raise_alerts(rooms, watch.look(rooms, receiver(is_well=True), i * 5.0, now), now)
    assert {k: v for k, v in open_alerts(rooms).items() if "disk" not in k} == {}


def test_item_that_is_unaccounted_for_is_an_alert(rooms: Rooms) -> None:
    rooms.journal.accept([("mqtt", tiny.T0, tiny.decoded([tiny.point(tiny.PUMP, "flow", 0, 1.0)]))])
    claimed = rooms.journal.claim(10)
    assert claimed is not None
    rooms.journal.finish(claimed, Outcome())  # the store says that it did nothing with it
    assert readings(rooms)["sum"] == 1
    for i in range(4):
        now = tiny.T0 + i * 5 * SECOND
        raise_alerts(rooms, HealthWatch().look(rooms, None, 0.0, now), now)
    assert open_alerts(rooms)["forewarn-sum"] is AlertState.ACTIVE_UNACKED
    text = rooms.ledger.note("health")
    assert text is not None
    assert "mqtt 2026-01-05 00:00 UTC: 1" in text


def test_receiver_that_is_off_is_an_alert_after_a_while_and_clears_when_back(rooms: Rooms) -> None:
    watch = HealthWatch()
    seen = []
    for i in range(12):
        now, is_well = tiny.T0 + i * 10 * SECOND, i in (0, 7, 8, 9, 10, 11)
        raise_alerts(rooms, watch.look(rooms, receiver(is_well=is_well), i * 10.0, now), now)
        seen.append("forewarn-receiver" in open_alerts(rooms))
    assert seen == [False] * 4 + [True] * 8  # 30 s after it was first seen to be off
    assert open_alerts(rooms)["forewarn-receiver"] is AlertState.RETURNED_UNACKED


def test_receiver_that_does_not_turn_is_off_though_it_is_subscribed(rooms: Rooms) -> None:
    watch = HealthWatch()
    seen = []
    for i in range(8):
        now, turned_at = tiny.T0 + i * 10 * SECOND, 0.0 if i < 6 else i * 10.0
        found = watch.look(rooms, receiver(is_well=True, last_turn_at=turned_at), i * 10.0, now)
        seen.append(next(r.value for r in found if r.name == "receiver"))
        raise_alerts(rooms, found, now)
    assert seen == [0, 10, 20, 30, 40, 50, 0, 0]
    assert open_alerts(rooms)["forewarn-receiver"] is AlertState.RETURNED_UNACKED


@pytest.mark.parametrize("reason", ["unit", "ambiguous_tag", "cardinality", "time_unit", "future"])
def test_fault_that_a_person_must_mend_is_one_alert_until_an_hour_after_the_last(rooms: Rooms, reason: str) -> None:
    watch, rule = HealthWatch(), f"forewarn-{reason.replace('_', '-')}"
    states = []
    for minute, n in [(0, 0), (1, 3), (30, 3), (31, 9), (62, 9), (90, 9), (92, 9)]:
        noted = Noted(rejected={reason: n, "json": 7}, faults={reason: "a/topic tag"})
        found = replace(receiver(is_well=True), noted=noted)
        now = tiny.T0 + minute * 60 * SECOND
        raise_alerts(rooms, watch.look(rooms, found, minute * 60.0, now), now)
        states.append(open_alerts(rooms).get(rule))
    assert states == [None, *[AlertState.ACTIVE_UNACKED] * 5, AlertState.RETURNED_UNACKED]
    others = {"forewarn-unit", "forewarn-cardinality", "forewarn-future", "forewarn-rate"} - {rule}
    assert not others & set(open_alerts(rooms))


def test_topic_that_floods_is_an_alert_while_it_does(rooms: Rooms) -> None:
    watch = HealthWatch()
    states = []
    for minute, n in [(0, 0), (1, 1), (5, 3), (14, 3), (16, 3)]:
        found = replace(receiver(is_well=True), noted=Noted(floods={"press": n} if n else {}))
        now = tiny.T0 + minute * 60 * SECOND
        readings = watch.look(rooms, found, minute * 60.0, now)
        raise_alerts(rooms, readings, now)
        states.append(open_alerts(rooms).get("forewarn-rate"))
    assert states == [None, *[AlertState.ACTIVE_UNACKED] * 3, AlertState.RETURNED_UNACKED]
    assert next(r.detail for r in readings if r.name == "rate") == "press: 3 min"


def test_waiting_items_count_their_age(rooms: Rooms) -> None:
    assert readings(rooms)["lag"] == 0
    rooms.journal.accept(
        [("mqtt", tiny.T0 - 7 * SECOND, Decoded(Points.from_rows([tiny.point(tiny.PUMP, "flow", 0, 1.0)])))]
    )
    assert readings(rooms)["lag"] == 7


@pytest.mark.parametrize(
    ("tallies", "share"),
    [
        ([], 0.0),
        ([Tally("mqtt", tiny.T0, received=100, dead_lettered=7)], 0.07),
        ([Tally("mqtt", tiny.T0 - timedelta(hours=3), received=100, dead_lettered=100)], 0.0),
    ],
)
def test_share_of_dead_letters_is_that_of_the_last_hours(tallies: list[Tally], share: float) -> None:
    assert health.dead_letter_reading(tallies, tiny.T0).value == share


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_own_rule_raises_and_clears(rooms: Rooms, rule: object) -> None:
    found = next(r for r in RULES if r is rule)
    measure = found.watch.partition(":")[2]
    assert found.raise_at is not None
    for i, value in enumerate([0.0, *[found.raise_at + 0.01] * 20]):
        raise_alerts(rooms, [Reading(measure, value, "")], tiny.T0 + i * 5 * SECOND)
    assert open_alerts(rooms)[found.id] is AlertState.ACTIVE_UNACKED
    raise_alerts(rooms, [Reading(measure, 0.0, "")], tiny.T0 + 300 * SECOND)
    assert open_alerts(rooms)[found.id] is AlertState.RETURNED_UNACKED


@pytest.mark.parametrize("measure", ["disk", "journal"])
@pytest.mark.parametrize(("share", "raised"), [(0.79, []), (0.85, ["80"]), (0.95, ["80", "90"])])
def test_disk_and_journal_are_told_of_at_80_and_at_90_percent(
    rooms: Rooms, measure: str, share: float, raised: list[str]
) -> None:
    raise_alerts(rooms, [Reading(measure, share, "")], tiny.T0)
    assert sorted(open_alerts(rooms)) == [f"forewarn-{measure}-{limit}" for limit in raised]


def test_rule_of_the_plant_takes_the_place_of_an_own_one(tmp_path: Path) -> None:
    own = '\n[[rules]]\nid = "my-disk"\nasset_class = "forewarn"\nwatch = "health:disk"\nraise = 0.5\n'
    config = tiny.write(tmp_path)
    (config / "rules.toml").write_text((config / "rules.toml").read_text() + own)
    watched = [r.id for r in load(config).all_rules if r.watch == "health:disk"]
    assert watched == ["my-disk"]


@pytest.mark.parametrize(
    ("watch", "asset_class", "said"),
    [("health:dsik", "forewarn", '"disk"'), ("health:disk", "pump", "is of class 'forewarn'")],
)
def test_faults_of_a_rule_on_the_software(tmp_path: Path, watch: str, asset_class: str, said: str) -> None:
    own = f'\n[[rules]]\nid = "my-disk"\nasset_class = "{asset_class}"\nwatch = "{watch}"\nraise = 0.5\n'
    config = tiny.write(tmp_path)
    (config / "rules.toml").write_text((config / "rules.toml").read_text() + own)
    with pytest.raises(ConfigError, match=said):
        load(config)


def test_rules_on_other_things_are_left_alone(rooms: Rooms) -> None:
    assert advance_rules(rooms, {}, tiny.T0) == 0


def test_message_that_a_publisher_numbered_and_that_never_came_is_an_alert_for_a_while(rooms: Rooms) -> None:
    watch = HealthWatch()
    lost = Noted(publishers={"gateway-1": Numbering(n_missing=3, n_gaps=1, n_repeats=0, n_restarts=0)})
    for seconds, noted, expected in [(0, Noted(), 0), (5, lost, 3), (600, lost, 3), (606, lost, 0)]:
        found = replace(receiver(is_well=True), noted=noted)
        now = tiny.T0 + seconds * SECOND
        readings = watch.look(rooms, found, float(seconds), now)
        (reading,) = [r for r in readings if r.name == "missing"]
        assert reading.value == expected
        raise_alerts(rooms, readings, now)
        assert ("forewarn-missing" in open_alerts(rooms)) == (seconds >= 5)  # unacknowledged, so it stays open
    assert "gateway-1: 3" in reading.detail


def test_status_tells_what_the_collector_noted(rooms: Rooms) -> None:
    assert status(rooms, tiny.T0)["collector"] is None
    lost = Noted(n_retained=2, publishers={"gateway-1": Numbering(3, 1, 0, 0)})
    found = replace(receiver(is_well=True), noted=lost, n_unguaranteed=7, last_received_at=90.0)
    health.note_receiver(rooms, found, 100.0, tiny.T0)
    first, second = collector_lines(status(rooms, tiny.T0)["collector"], "Asia/Seoul")
    assert "subscribed, last message 10 s before" in first
    assert "7 without guarantee (QoS 0), 2 retained" in first
    assert second.startswith("publisher gateway-1: 3 messages missing in 1 gaps")
