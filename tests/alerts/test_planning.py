"""Which messages are due: routes, shifts, quiet hours, groups, repeats, escalation and floods, by time alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.planning import WINDOW, Planned, Reason, horizon, plan
from alerts.routing import DAYS, Delivery, Escalation, Recipient, Route, Span
from domain.alerting import Priority
from domain.notices import OpenNotice, Past, Told
from tests.alerts.examples import MINUTE, at

SECOND = timedelta(seconds=1)
SEOUL = ZoneInfo("Asia/Seoul")  # at(0) is Sunday, 19:00 there
CREW, BOSS = Recipient("crew"), Recipient("boss")
NOW = timedelta(0)


def notice(n: int = 0, **changes: Any) -> OpenNotice:
    fields: dict[str, Any] = {
        "key": f"n{n:04}:0",
        "alert_id": f"n{n:04}",
        "asset": "plant/press",
        "rule": "hot",
        "priority": Priority.MEDIUM,
        "noted_at": at(0),
        "needs_attention": True,
    }
    return OpenNotice(**fields | changes)


def route(*to: str, **changes: Any) -> Route:
    return Route(to or ("crew",), **{"group_wait": NOW, "repeat": NOW, "group_interval": NOW} | changes)


def delivery(*routes: Route, recipients: Sequence[Recipient] = (CREW, BOSS)) -> Delivery:
    return Delivery(tuple(recipients), routes, SEOUL)


def told_to(messages: Sequence[Planned]) -> dict[str, list[str]]:
    return {m.receiver: [i.notice.key for i in m.items] for m in messages}


@dataclass
class Plant:
    """Plays the ledger: notices are told, and what was planned is remembered."""

    how: Delivery
    notices: dict[str, OpenNotice] = field(default_factory=dict)
    past: list[Past] = field(default_factory=list)

    def raised(self, *notices: OpenNotice) -> None:
        self.notices |= {n.key: n for n in notices}

    def acknowledged(self, *keys: str) -> None:
        for key in keys:
            self.notices[key] = replace(self.notices[key], needs_attention=False)

    def look(self, now: datetime) -> tuple[Planned, ...]:
        since = now - horizon(self.how)
        found = plan(list(self.notices.values()), self.how, [p for p in self.past if p.at > since], now)
        for message in found.messages:
            self.past.append(Past(message.receiver, message.about, now))
            for item in message.items:
                held = self.notices[item.notice.key]
                told = {**held.told, message.receiver: Told(item.step, now)}
                self.notices[held.key] = replace(held, told=told)
        for key in found.settled:
            del self.notices[key]
        return found.messages


def test_without_routes_everybody_is_told() -> None:
    assert set(told_to(plan([notice()], delivery(), [], at(1)).messages)) == {"crew", "boss"}


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, True),
        ({"assets": ("plant/*",)}, True),
        ({"assets": ("other/*",)}, False),
        ({"assets": ("other/*", "*/press")}, True),
        ({"rules": ("h*",)}, True),
        ({"rules": ("cold",)}, False),
        ({"priorities": frozenset({Priority.MEDIUM})}, True),
        ({"priorities": frozenset({Priority.HIGH})}, False),
    ],
)
def test_a_notice_goes_along_the_routes_that_it_matches(changes: dict[str, Any], is_told: bool) -> None:
    how = delivery(route("crew", **changes), route("boss"))
    assert set(told_to(plan([notice()], how, [], at(0)).messages)) == ({"crew", "boss"} if is_told else {"boss"})


def test_a_notice_that_matches_no_route_goes_to_everybody() -> None:
    how = delivery(route("crew", assets=("other/*",)))
    assert set(told_to(plan([notice()], how, [], at(1)).messages)) == {"crew", "boss"}


def test_own_routes_go_before_the_plants() -> None:
    how = replace(delivery(route("crew", "boss")), own=(route("boss", rules=("hot",)),))
    assert set(told_to(plan([notice()], how, [], at(0)).messages)) == {"boss"}
    assert set(told_to(plan([notice(rule="cold")], how, [], at(0)).messages)) == {"crew", "boss"}


@pytest.mark.parametrize(
    ("span", "hits", "misses"),
    [
        (Span(time(6), time(14)), ["sun 06:00", "sun 13:59"], ["sun 05:59", "sun 14:00"]),
        (Span(time(22), time(6)), ["sun 22:00", "mon 05:59"], ["mon 06:00", "mon 21:59"]),
        (Span(time(22), time(6), frozenset({"sun"})), ["sun 22:30", "mon 05:00"], ["mon 22:30", "sun 05:00"]),
        (Span(time(0), time(0), frozenset({"mon"})), ["mon 00:00", "mon 23:59"], ["tue 00:00", "sun 23:59"]),
    ],
)
def test_a_shift_is_on_between_its_times_on_its_days(span: Span, hits: list[str], misses: list[str]) -> None:
    def when(text: str) -> datetime:
        day, clock = text.split()
        hour, minute = map(int, clock.split(":"))
        return datetime(2026, 3, 2 + DAYS.index(day), hour, minute, tzinfo=SEOUL)  # the 2nd is a Monday

    assert [text for text in [*hits, *misses] if span.holds(when(text))] == hits


def test_an_alert_of_high_priority_that_no_shift_takes_goes_to_everybody_and_others_wait() -> None:
    day = Span(time(6), time(14))
    plant = Plant(delivery(route("crew", shifts=(day,))))  # it is 19:00
    plant.raised(notice(1), notice(2, priority=Priority.HIGH))
    assert told_to(plant.look(at(1))) == {"crew": ["n0002:0"], "boss": ["n0002:0"]}
    plant.acknowledged("n0002:0")
    assert plant.look(at(10 * 60)) == ()
    assert told_to(plant.look(at(11 * 60))) == {"crew": ["n0001:0"]}  # 06:00


def test_the_next_shift_is_told_of_what_nobody_acknowledged() -> None:
    evening, night = Span(time(14), time(22)), Span(time(22), time(6))
    plant = Plant(delivery(route("crew", shifts=(evening,)), route("boss", shifts=(night,))))
    plant.raised(notice(1), notice(2))
    assert set(told_to(plant.look(at(0)))) == {"crew"}
    plant.acknowledged("n0002:0")
    assert plant.look(at(179)) == ()
    assert told_to(plant.look(at(180))) == {"boss": ["n0001:0"]}


def test_quiet_hours_hold_back_all_but_high_priority_until_their_end() -> None:
    plant = Plant(delivery(route(quiet=Span(time(18), time(7)), group_by="all")))
    plant.raised(notice(1, priority=Priority.HIGH), notice(2), notice(3, priority=Priority.LOW))
    assert told_to(plant.look(at(0))) == {"crew": ["n0001:0"]}
    assert plant.look(at(719)) == ()
    assert told_to(plant.look(at(720))) == {"crew": ["n0002:0", "n0003:0"]}


def test_group_waits_for_others_and_goes_as_one() -> None:
    plant = Plant(delivery(route(group_wait=5 * SECOND)))
    plant.raised(notice(1))
    assert plant.look(at(0) + 4 * SECOND) == ()
    plant.raised(notice(2, noted_at=at(0) + 4 * SECOND))
    assert told_to(plant.look(at(0) + 5 * SECOND)) == {"crew": ["n0001:0", "n0002:0"]}


def test_groups_are_by_asset_alert_or_all() -> None:
    notices = [notice(1), notice(2), notice(3, asset="plant/pump")]
    for group_by, n in (("asset", 2), ("alert", 3), ("all", 1)):
        assert len(plan(notices, delivery(route(group_by=group_by)), [], at(0)).messages) == n


def test_a_group_is_told_again_after_its_interval_and_high_priority_at_once() -> None:
    plant = Plant(delivery(route(group_interval=5 * MINUTE)))
    plant.raised(notice(1))
    assert len(plant.look(at(0))) == 1
    plant.raised(notice(2, noted_at=at(1)))
    assert plant.look(at(1)) == ()
    plant.raised(notice(3, noted_at=at(2), priority=Priority.HIGH))
    assert told_to(plant.look(at(2))) == {"crew": ["n0003:0", "n0002:0"]}  # what waited goes along
    plant.raised(notice(4, noted_at=at(3)))
    assert plant.look(at(6.9)) == ()
    assert told_to(plant.look(at(7))) == {"crew": ["n0004:0"]}


def test_repeats_until_acknowledged() -> None:
    plant = Plant(delivery(route(repeat=timedelta(hours=4))))
    plant.raised(notice())
    keys = [m.key for hour in range(13) for m in plant.look(at(60 * hour))]
    assert keys == ["n0000:0:crew", "n0000:0:crew:1", "n0000:0:crew:2", "n0000:0:crew:3"]
    plant.acknowledged("n0000:0")
    assert [plant.look(at(60 * hour)) for hour in range(13, 30)] == [()] * 17
    assert plant.notices == {}


def test_never_repeated_where_the_route_says_so() -> None:
    plant = Plant(delivery(route(repeat=NOW)))
    plant.raised(notice())
    assert sum(len(plant.look(at(60 * hour))) for hour in range(100)) == 1


def test_escalates_what_nobody_acknowledged() -> None:
    plant = Plant(delivery(route(escalations=(Escalation(15 * MINUTE, ("boss",)),))))
    plant.raised(notice(1), notice(2))
    plant.look(at(0))
    plant.acknowledged("n0002:0")
    assert plant.look(at(14.9)) == ()
    (message,) = plant.look(at(15))
    assert (message.receiver, [i.notice.key for i in message.items]) == ("boss", ["n0001:0"])
    assert message.items[0].reason is Reason.ESCALATED
    assert plant.look(at(16)) == ()


def test_an_acknowledged_notice_that_was_never_told_is_told_and_settled() -> None:
    plant = Plant(delivery(route()))
    plant.raised(notice(needs_attention=False))
    assert len(plant.look(at(0))) == 1
    assert plant.look(at(1)) == ()
    assert plant.notices == {}


def test_the_first_route_that_names_a_receiver_decides() -> None:
    how = delivery(route(group_wait=NOW), route(group_wait=60 * MINUTE))
    assert len(plan([notice()], how, [], at(0)).messages) == 1


def flood(n: int, most: int = 10, seed: int = 1) -> tuple[list[tuple[datetime, Planned]], Plant]:
    """Raise n alerts within ten minutes and look every five seconds for half an hour."""
    chance = random.Random(seed)
    plant = Plant(delivery(route(group_wait=5 * SECOND), recipients=[Recipient("crew", most)]))
    coming = sorted(
        (
            notice(
                i,
                asset=f"plant/{chance.randrange(200)}",
                priority=chance.choices(list(Priority), [5, 15, 80])[0],
                noted_at=at(chance.uniform(0, 10)),
            )
            for i in range(n)
        ),
        key=lambda x: x.noted_at,
    )
    sent, told = [], 0
    for second in range(0, 30 * 60, 5):
        now = at(0) + second * SECOND
        while told < n and coming[told].noted_at <= now:
            plant.raised(coming[told])
            told += 1
        sent += [(now, m) for m in plant.look(now)]
    return sent, plant


@pytest.mark.parametrize(("most", "n"), [(1, 100), (2, 100), (3, 100), (10, 2000)])
def test_a_flood_is_put_together_within_the_bound_and_nothing_is_left_out(most: int, n: int) -> None:
    sent, _ = flood(n, most)
    times = [now for now, _ in sent]
    assert max(sum(t <= other < t + WINDOW for other in times) for t in times) <= most
    keys = [item.notice.key for _, m in sent for item in m.items]
    assert len(keys) == len(set(keys)) == n
    for _, message in sent:
        ranks = [item.notice.priority.rank for item in message.items]
        assert ranks == sorted(ranks)


def test_high_priority_waits_two_minutes_at_most_in_a_flood() -> None:
    sent, _ = flood(500)
    waits = [now - i.notice.noted_at for now, m in sent for i in m.items if i.notice.priority is Priority.HIGH]
    assert max(waits) <= 2 * MINUTE + 10 * SECOND


def test_without_a_bound_each_group_has_its_message() -> None:
    plant = Plant(delivery(route(group_by="alert"), recipients=[Recipient("crew", 0)]))
    plant.raised(*(notice(i) for i in range(100)))
    assert len(plant.look(at(0))) == 100


@given(
    raises=st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 5), st.sampled_from(list(Priority))), max_size=60),
    most=st.integers(1, 12),
    acknowledged=st.sets(st.integers(0, 60)),
)
@settings(max_examples=25, deadline=None)
def test_whatever_happens_each_is_told_and_the_bound_holds(
    raises: list[tuple[int, int, Priority]], most: int, acknowledged: set[int]
) -> None:
    plant = Plant(delivery(route(group_wait=5 * SECOND, group_interval=MINUTE), recipients=[Recipient("crew", most)]))
    coming = [
        notice(i, noted_at=at(0) + s * SECOND, asset=f"plant/{a}", priority=p) for i, (s, a, p) in enumerate(raises)
    ]
    sent: list[tuple[datetime, Planned]] = []
    for second in range(0, 3 * 3600, 20):
        now = at(0) + second * SECOND
        plant.raised(*(n for n in coming if now - 20 * SECOND < n.noted_at <= now))
        plant.acknowledged(*(n.key for i, n in enumerate(coming) if i in acknowledged and n.key in plant.notices))
        sent += [(now, m) for m in plant.look(now)]
    assert sorted(i.notice.key for _, m in sent for i in m.items) == sorted(n.key for n in coming)
    times = [now for now, _ in sent]
    assert all(sum(t <= other < t + WINDOW for other in times) <= most for t in times)
    assert len({m.key for _, m in sent}) == len(sent)
