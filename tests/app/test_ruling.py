"""Alerts of a fleet ruled on by the rule of events and by people, and the commands that do it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app import outcomes, ruling
from app.cli import main
from app.rooms import Rooms
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition
from domain.audit import Action, Actor
from domain.records import Event, EventKind
from domain.rulings import Worth, in_force, newest
from tests.app import failing_fleet as fleet
from tests.app import tiny_plant as tiny
from tests.app.failing_fleet import at, planted

KIM = Actor("Kim", "here")


def test_the_ledger_says_of_each_alert_what_is_true_and_counts_as_the_one_definition(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        truth, now = planted(rooms), at(fleet.LIFE + 1)
        added = ruling.rule_on_alerts(rooms, now)
        assert {r.alert_id: r.worth for r in added} == dict(truth)
        assert ruling.rule_on_alerts(rooms, now) == []  # nothing new is known
        outcome = outcomes.failures(rooms, tiny.T0 - timedelta(days=1), now)
        counts = [r.worth for r in in_force(rooms.ledger.rulings.all())]
        assert outcome.n_caught == counts.count(Worth.HIT) == 1
        assert outcome.n_false == sum(w is not Worth.HIT for w in counts)  # the definition knows no excuse


def test_what_is_told_late_is_ruled_on_anew_and_the_first_ruling_stays(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        (_, _, (name, _), *_), now = planted(rooms), at(fleet.LIFE + 1)
        ruling.rule_on_alerts(rooms, now)
        late = Event("fleet/e02", EventKind.FAILURE, "belt", at(30), at(31), now)
        rooms.ledger.records.apply("late", [tiny.decoded(events=[late])])
        ruling.rule_on_alerts(rooms, now)
        assert [r.worth for r in rooms.ledger.rulings.all([name])] == [Worth.FALSE, Worth.HIT]
        assert newest(rooms.ledger.rulings.all())[name].worth is Worth.HIT


def test_a_person_settles_what_is_unclear_and_the_deed_is_recorded(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        (*_, (name, _)), now = planted(rooms), at(fleet.LIFE + 1)
        ruling.rule_on_alerts(rooms, now)
        made = ruling.review(rooms, name, Worth.HIT, KIM, now, "seal", "the seal was cracked")
        assert (made.said_at, made.acted_at) == (at(30), at(35))
        assert ruling.rule_on_alerts(rooms, now + timedelta(days=2)) == []
        assert newest(rooms.ledger.rulings.all())[name] == made
        (deed,) = [d for d in rooms.ledger.audit.deeds() if d.action == Action.REVIEWED]
        assert (deed.by, deed.subject, deed.old, deed.new) == ("Kim", name, "unclear", "hit")


def test_a_review_after_a_reminder_settles_the_raise_that_the_rule_had_ruled_on(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        (*_, (name, _)), now = planted(rooms), at(fleet.LIFE + 1)
        alert = rooms.ledger.alerting.alert(name)
        assert alert is not None
        again = Transition(name, 2, Change.ANNOUNCED, AlertState.ACTIVE_UNACKED, at(31), 0.9, "", "")
        rooms.ledger.alerting.save([AlertUpdate(alert, (again,))], {}, at(31))
        ruling.rule_on_alerts(rooms, now)
        made = ruling.review(rooms, name, Worth.HIT, KIM, now)
        assert made.said_at == at(30)
        assert [r for r in in_force(rooms.ledger.rulings.all()) if r.alert_id == name] == [made]


def test_a_review_needs_a_name_and_an_alert_that_predicts(tmp_path: Path) -> None:
    rules = fleet.RULES + '[[rules]]\nid = "hot"\nasset_class = "engine"\nwatch = "tag:heat"\nraise = 3\n'
    with tiny.rooms_of(fleet.settings_in(tmp_path, rules_toml=rules)) as rooms:
        name = planted(rooms)[0][0]
        key = AlertKey("hot", "fleet/e00", "heat")
        hot = Alert("hot", key, AlertState.ACTIVE_UNACKED, at(1), None, at(1), at(1), 4.0, 3.0, Priority.LOW, 1)
        rooms.ledger.alerting.save([AlertUpdate(hot)], {}, at(1))
        with pytest.raises(ValueError, match="name"):
            ruling.review(rooms, name, Worth.HIT, Actor(" "), at(80))
        with pytest.raises(ValueError, match="no alert 'x'"):
            ruling.review(rooms, "x", Worth.HIT, KIM, at(80))
        with pytest.raises(ValueError, match="'hot', which predicts no failure"):
            ruling.review(rooms, "hot", Worth.HIT, KIM, at(80))
        assert ruling.rule_on_alerts(rooms, at(80))
        assert not rooms.ledger.rulings.all(["hot"])


def raised_and_closed(rooms: Rooms) -> Alert:
    """Return the alert of the third asset, closed."""
    (alert,) = rooms.ledger.alerting.alerts(asset="fleet/e02")
    return replace(alert, state=AlertState.CLOSED)


def command(config: Path, *args: str) -> int:
    return main(["alerts", *args, "--config", str(config)])


def listed(config: Path, capsys: pytest.CaptureFixture[str], *args: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert command(config, "list", "--json", *args) == 0
    return list(json.loads(capsys.readouterr().out))


def test_the_commands_rule_review_and_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = fleet.settings_in(tmp_path)
    with tiny.rooms_of(settings) as rooms:
        truth = planted(rooms)
    config, name = settings.folder, truth[-1][0]
    assert command(config, "judge", "--last", "2000") == 0
    assert "ruled on 5: 1 hit, 2 false, 1 excused, 1 unclear" in capsys.readouterr().out
    assert {r["id"]: r["worth"] for r in listed(config, capsys)} == {a: w.value for a, w in truth}
    assert [r["id"] for r in listed(config, capsys, "--asks")] == [name]
    args = ("--true", "--cause", "seal", "--found", "cracked", "--by", "Kim")
    assert command(config, "review", name, *args) == 0
    (row,) = [r for r in listed(config, capsys) if r["id"] == name]
    assert (row["worth"], row["worth_by"], row["worth_why"], row["asks"]) == ("hit", "Kim", "seal; cracked; Kim", False)
    assert command(config, "list") == 0
    said = capsys.readouterr().out
    assert "hit: seal; cracked; Kim" in said
    assert "excused: maintenance at 2026-01-06 02:00 UTC explains it" in said


@pytest.mark.parametrize("lacking", [("--by", "Kim"), ("--true",), ("--true", "--by", " ")])
def test_a_review_without_name_or_word_is_refused(tmp_path: Path, lacking: Sequence[str]) -> None:
    assert command(fleet.settings_in(tmp_path).folder, "review", "a", *lacking) == 2


def test_the_days_bound_what_is_ruled_on(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        planted(rooms)
        rooms.ledger.alerting.save([AlertUpdate(raised_and_closed(rooms))], {}, at(50))
        late = at(fleet.LIFE + 1)
        assert rooms.ledger.alerting.alerts(rules=["other"]) == []
        assert len(rooms.ledger.alerting.alerts(rules=[fleet.NAME])) == 5
        assert len(rooms.ledger.alerting.alerts(since=at(65))) == 4  # not closed: still ruled on
        assert len(ruling.rule_on_alerts(rooms, late, days=0.1)) == 4
        assert len(ruling.rule_on_alerts(rooms, late, days=10)) == 1
