"""Whose ruling counts: a person's before the rule's, the newest of each, and none for what was said afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.rulings import Ruling, Worth, in_force, newest

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def rule(said: float, worth: Worth, told: float, alert: str = "a") -> Ruling:
    return Ruling(alert, at(said), worth, at(told))


def person(said: float, worth: Worth, told: float, by: str = "kim") -> Ruling:
    return Ruling("a", at(said), worth, at(told), by)


def test_the_rules_newest_ruling_counts_where_nobody_spoke() -> None:
    made = [rule(0, Worth.FALSE, 6), rule(0, Worth.HIT, 9), rule(6, Worth.FALSE, 12), rule(0, Worth.FALSE, 6, "b")]
    assert [(r.alert_id, r.said_at, r.worth) for r in in_force(made)] == [
        ("a", at(0), Worth.HIT),
        ("a", at(6), Worth.FALSE),
        ("b", at(0), Worth.FALSE),
    ]
    assert newest(made)["a"].said_at == at(6)


def test_a_persons_ruling_stands_against_the_rule_and_against_an_earlier_person() -> None:
    made = [person(0, Worth.HIT, 1), rule(0, Worth.FALSE, 6), person(0, Worth.UNCLEAR, 7, "lee"), rule(0, Worth.HIT, 9)]
    (found,) = in_force(made)
    assert (found.worth, found.by, found.asks) == (Worth.UNCLEAR, "lee", False)


def test_a_ruling_covers_what_the_alert_said_until_it_was_made_and_nothing_before_its_raise() -> None:
    made = [rule(0, Worth.FALSE, 6), rule(6, Worth.FALSE, 12), rule(12, Worth.FALSE, 18), person(6, Worth.HIT, 7)]
    assert [r.worth for r in in_force(made)] == [Worth.FALSE, Worth.HIT, Worth.FALSE]
    assert [r.worth for r in in_force([*made, person(6, Worth.HIT, 13)])] == [Worth.FALSE, Worth.HIT, Worth.HIT]


def test_only_the_rule_asks() -> None:
    assert rule(0, Worth.UNCLEAR, 1).asks
    assert not rule(0, Worth.EXCUSED, 1).asks
