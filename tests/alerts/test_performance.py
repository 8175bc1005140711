"""Alarm figures by position, worked by hand, with what lies on the edges of a stretch; grades and advice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.advice import advice
from alerts.performance import Announcement, Standing, burden, chattering, grade, most_stale, performance, read
from domain.alerting import AlertKey, AlertState, Change, Priority, Transition
from tests.alerts.examples import T0, rule

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


def told(*minutes: float, name: str = "hot", owner: str = "north", asset: str = "a") -> list[Announcement]:
    return [Announcement(T0 + m * MINUTE, name, asset, owner, Priority.LOW) for m in minutes]


def times(*per_period: int) -> list[datetime]:
    """So many in each period of ten minutes."""
    return [T0 + i * 10 * MINUTE + k * SECOND for i, n in enumerate(per_period) for k in range(n)]


@pytest.mark.parametrize(
    ("per_period", "n_floods", "n_in_flood"),
    [
        ((10,), 0, 0),
        ((11,), 1, 1),
        ((11, 5, 4), 1, 2),
        ((11, 4, 11), 2, 2),
        ((11, 0, 11), 2, 2),
        ((11, 12, 11), 1, 3),
        ((9, 9, 9), 0, 0),
    ],
)
def test_a_flood_begins_beyond_ten_and_ends_below_five(
    per_period: tuple[int, ...], n_floods: int, n_in_flood: int
) -> None:
    found = burden(times(*per_period), T0, T0 + 100 * MINUTE)
    assert (found.n_floods, found.flood_share) == (n_floods, n_in_flood / 10)


def test_the_worst_ten_minutes_do_not_depend_on_the_clock() -> None:
    across = [T0 + 9 * MINUTE + k * SECOND for k in range(8)] + [T0 + 11 * MINUTE + k * SECOND for k in range(8)]
    found = burden(across, T0, T0 + DAY)
    assert (found.most_in_10_min, found.n_floods) == (16, 0)
    assert burden([T0, T0 + 10 * MINUTE], T0, T0 + DAY).most_in_10_min == 1


def test_what_lies_outside_the_stretch_is_not_counted() -> None:
    found = burden([T0 - SECOND, T0, T0 + DAY - SECOND, T0 + DAY], T0, T0 + DAY)
    assert (found.n, found.per_day, found.per_10_min) == (2, 2.0, 2 / 144)


def test_three_in_a_minute_is_chatter_and_of_two_rules_it_is_not() -> None:
    assert chattering(told(0, 0.5, 0.9)) == (("hot", "a"),)
    assert chattering(told(0, 0.5, 1.0)) == ()
    assert chattering([*told(0, 0.5), *told(0.6, name="cold")]) == ()


@pytest.mark.parametrize(
    ("start", "end", "most"),
    [(-3.0, None, 1), (-1.0, 0.001, 1), (-1.0, 0.0, 0), (0.0, 1.0, 0), (1.0, 2.0, 0), (0.5, None, 1)],
)
def test_an_alarm_is_stale_after_a_day_whatever_edge_it_crosses(start: float, end: float | None, most: int) -> None:
    stood = [Standing("r", "a", "north", T0 + start * DAY, None if end is None else T0 + end * DAY)]
    assert most_stale(stood, T0, T0 + 2 * DAY) == most


def test_positions_are_never_mixed() -> None:
    rows = [*told(*range(12)), *told(1, 2, owner="east"), *told(3, owner="west")]
    found = {p.owner: p for p in performance(rows, [], {}, T0, T0 + DAY)}
    assert {o: p.burden.n for o, p in found.items()} == {"north": 12, "east": 2, "west": 1}
    assert found["north"].burden.most_in_10_min == 10
    assert "most_in_10_min" not in found["north"].missed


def test_transitions_are_read_as_what_operators_saw() -> None:
    key = AlertKey("hot", "a", "tag:t")

    def row(minute: float, change: Change, state: AlertState, by: str = "", note: str = "") -> Transition:
        return Transition("id", int(minute), change, state, T0 + minute * MINUTE, None, by, note)

    rows = [
        row(0, Change.RAISED, AlertState.ACTIVE_UNACKED),
        row(1, Change.HELD, AlertState.SHELVED, "kim", "noise"),
        row(9, Change.ANNOUNCED, AlertState.ACTIVE_UNACKED),
        row(10, Change.RETURNED, AlertState.RETURNED_UNACKED),
        row(11, Change.RE_RAISED, AlertState.ACTIVE_UNACKED),
        row(12, Change.HELD, AlertState.SHELVED, "", ""),
        row(13, Change.RAISED_HELD, AlertState.SUPPRESSED),
    ]
    announced, stood, unauthorised = read([(key, Priority.LOW, r) for r in rows], {"hot": "north"})
    assert [a.at - T0 for a in announced] == [0 * MINUTE, 9 * MINUTE, 11 * MINUTE]
    assert [(s.start - T0, s.end - T0) for s in stood if s.end] == [
        (0 * MINUTE, MINUTE),
        (9 * MINUTE, 10 * MINUTE),
        (11 * MINUTE, 12 * MINUTE),
    ]
    assert unauthorised == {"north": 1}


def test_an_asset_is_graded_by_how_recent_frequent_and_urgent_its_alerts_are() -> None:
    month = T0 + 30 * DAY
    assert grade("a", [], T0, month).grade == "A"
    quiet = [Announcement(T0 + 25 * DAY, "r", "a", "", Priority.LOW)]
    assert grade("a", quiet, T0, month).grade == "B"
    assert (grade("a", quiet, T0, month).recency, grade("a", quiet, T0, month).frequency) == (3, 1)
    loud = [Announcement(T0 + i * 12 * 60 * MINUTE, "r", "a", "", Priority.HIGH) for i in range(60)]
    assert grade("a", loud, T0, month).grade == "E"
    assert grade("b", loud, T0, month).grade == "A"


def test_advice_names_rule_key_and_value() -> None:
    rows = told(*[i * 0.4 for i in range(30)])
    stood = [Standing("hot", "a", "north", r.at, r.at + 8 * SECOND) for r in rows]
    rules = {"hot": rule(0, clear_at=10.0)}
    found = {x.key: x.value for x in advice(rows, stood, rules, {("hot", "a"): 40.0})}
    assert found == {"clear": 8.0, "off_delay": "30s", "on_delay": "10s"}
    assert advice(rows[:4], stood[:4], rules, {}) == []


def test_rules_that_come_together_are_to_be_one() -> None:
    first, second = told(*range(0, 100, 10)), told(*(m + 0.5 for m in range(0, 100, 10)), name="cold")
    rules = {"hot": rule(id="hot"), "cold": rule(id="cold")}
    found = [x for x in advice([*first, *second], [], rules, {}) if x.key == "parent"]
    assert [(x.rule, x.value) for x in found] == [("cold", "hot")]
