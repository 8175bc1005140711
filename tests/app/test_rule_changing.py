"""Changes of rules: tried on history as a real run would be, written with who and why, taken back, taken up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app import previewing, rule_changing
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.rule_changing import RulesWatch
from app.rule_text import changed
from domain.audit import Actor
from domain.errors import ConfigError
from domain.instants import to_ns
from domain.points import Points
from store.rule_changes import KeyChange
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

N = 2 * 24 * 60


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """Two days of a pump that swings around its limit, with two failures, the first of them heralded."""
    with tiny.rooms_of(tiny.settings_in(tmp_path)) as opened:
        draw = np.random.default_rng(5)
        value = 6.0 + 2.4 * np.sin(np.arange(N) / 90.0) + draw.normal(0, 0.2, N)
        times = [to_ns(at(i + 1)) for i in range(N)]
        opened.points.apply("h", Points.of([f"{tiny.PUMP}/pressure"] * N, times, value.tolist()))
        high = np.flatnonzero(value > 8.0)
        events = [tiny.failure(tiny.PUMP, float(high[0]) + 120, float(high[0]) + 130)]
        opened.ledger.records.apply("e", [tiny.decoded(events=events)])
        yield opened


def announced(rooms: Rooms) -> int:
    return sum(r.change.is_announced for r in rooms.ledger.alerting.transitions())


@pytest.mark.parametrize("keys", [{}, {"on_delay": timedelta(0)}, {"raise_at": 7.0, "off_delay": timedelta(minutes=4)}])
def test_a_preview_counts_what_a_real_run_over_the_same_data_raises(rooms: Rooms, keys: dict[str, object]) -> None:
    old = rooms.settings.rules
    new = (replace(old[0], clear_at=6.9, **keys), *old[1:])
    found = previewing.preview(rooms, old, new, tiny.T0, at(N))
    rooms.settings = replace(rooms.settings, rules=new)
    pipeline = Pipeline(rooms, {}, tiny.T0, has_journal=False)
    for minute in range(60, N + 1, 60):
        pipeline.tick(at(minute))
    assert found.then.n_alerts == announced(rooms) > 3
    assert (found.now.n_stops, found.now.n_caught) == (1, 1)
    assert found.rules == {"pressure-high": (found.now.n_alerts, found.then.n_alerts)}


def test_a_limit_that_would_miss_the_stop_says_so(rooms: Rooms) -> None:
    proposal = rule_changing.proposed(rooms, [("pressure-high", "raise", "20"), ("pressure-high", "clear", "19")])
    found = rule_changing.tried(rooms, proposal, 2, at(N))
    assert (found.then.n_alerts, found.now.n_caught, found.then.n_caught) == (0, 1, 0)
    assert f"{found.now.n_alerts} -> 0 alerts" in str(found)
    assert "stops caught 1/1 -> 0/1" in str(found)


def test_a_change_is_written_with_who_and_why_and_taken_back(rooms: Rooms) -> None:
    path = rooms.settings.folder / "rules.toml"
    before = path.read_text()
    proposal = rule_changing.proposed(rooms, [("pressure-high", "raise", "8.5"), ("pressure-high", "owner", "north")])
    number = rule_changing.apply(rooms, proposal, Actor("kim"), "too many", at(1), {"said": "41 -> 6"})
    assert "raise = 8.5\n" in path.read_text()
    (change,) = rooms.ledger.rule_changes.all("pressure-high")
    assert (change.id, change.by, change.why, change.at) == (number, "kim", "too many", at(1))
    assert change.changes == (
        KeyChange("pressure-high", "raise", 8.0, 8.5),
        KeyChange("pressure-high", "owner", None, "north"),
    )
    assert change.preview == {"said": "41 -> 6"}
    _, back = rule_changing.undoing(rooms, number)
    undo = rule_changing.apply(rooms, back, Actor("lee"), "it was right", at(2), {}, number)
    assert path.read_text() == before
    newest = rooms.ledger.rule_changes.all()[0]
    assert (newest.id, newest.undoes, newest.by) == (undo, number, "lee")


def test_what_was_changed_since_is_not_taken_back_blindly(rooms: Rooms) -> None:
    first = rule_changing.apply(
        rooms, rule_changing.proposed(rooms, [("pressure-high", "raise", "8.5")]), Actor("k"), "w", at(1), {}
    )
    rule_changing.apply(
        rooms, rule_changing.proposed(rooms, [("pressure-high", "raise", "9")]), Actor("k"), "w", at(2), {}
    )
    with pytest.raises(ValueError, match="changed since"):
        rule_changing.undoing(rooms, first)


@pytest.mark.parametrize(("by", "why"), [("", "why"), ("kim", " ")])
def test_a_change_without_name_or_reason_is_refused(rooms: Rooms, by: str, why: str) -> None:
    proposal = rule_changing.proposed(rooms, [("pressure-high", "raise", "8.5")])
    with pytest.raises(ValueError, match="a name and a reason"):
        rule_changing.apply(rooms, proposal, Actor(by), why, at(1), {})


def test_a_change_with_a_fault_is_refused_with_all_faults(rooms: Rooms) -> None:
    with pytest.raises(ConfigError, match="beyond"):
        rule_changing.proposed(rooms, [("pressure-high", "raise", "6")])
    with pytest.raises(ValueError, match="no rule"):
        rule_changing.proposed(rooms, [("pressure-hihg", "raise", "6")])


def test_the_service_takes_up_a_changed_file_and_notes_who_edited_it(rooms: Rooms) -> None:
    watch, path = RulesWatch(), rooms.settings.folder / "rules.toml"
    assert not watch.look(rooms, at(1))
    path.write_text(path.read_text().replace("raise = 8.0", "raise = 8.25"))
    assert watch.look(rooms, at(2))
    assert rooms.settings.rules[0].raise_at == 8.25
    (change,) = rooms.ledger.rule_changes.all()
    assert (change.by, change.why) == ("rules.toml", "edited by hand")
    assert change.changes == (KeyChange("pressure-high", "raise", 8.0, 8.25),)
    assert not watch.look(rooms, at(3))
    assert len(rooms.ledger.rule_changes.all()) == 1


def test_a_bad_file_leaves_the_rules_as_they_were_and_is_an_alarm(rooms: Rooms) -> None:
    watch, path = RulesWatch(), rooms.settings.folder / "rules.toml"
    watch.look(rooms, at(1))
    kept = rooms.settings.rules
    path.write_text(path.read_text().replace("tag:pressure", "tag:presure"))
    assert not watch.look(rooms, at(2))
    assert rooms.settings.rules is kept
    assert watch.reading().value == 1.0
    path.write_text("[[rules]\n")
    assert not watch.look(rooms, at(3))
    assert watch.reading().value == 1.0
    path.unlink()
    assert not watch.look(rooms, at(4))
    assert rooms.settings.rules is kept
    path.write_text(tiny.RULES)
    watch.look(rooms, at(5))
    assert watch.reading().value == 0.0


def test_a_change_made_by_command_is_noted_once(rooms: Rooms) -> None:
    watch = RulesWatch()
    watch.look(rooms, at(1))
    rule_changing.apply(
        rooms, rule_changing.proposed(rooms, [("pressure-high", "raise", "8.5")]), Actor("k"), "w", at(1), {}
    )
    assert watch.look(rooms, at(2))
    assert [c.by for c in rooms.ledger.rule_changes.all()] == ["k"]


TEXT = """# head
[[rules]]
id = "a"   # its name
raise = 80.0                   # in degC; "#" is no comment
title = "Hot # really"         # said
[[rules.overrides]]
asset = "x"
raise = 1.0

[[rules]]
id = "b"
raise = 5
"""


def test_comments_and_other_rules_stay_as_they_are() -> None:
    found = changed(TEXT, [KeyChange("a", "raise", 80.0, 85.0), KeyChange("a", "title", "Hot # really", "Cold")])
    assert found == TEXT.replace("80.0   ", "85.0").replace("85.0                ", "85.0  ").replace(
        '"Hot # really"         ', '"Cold"  '
    )
    assert changed(found, [KeyChange("b", "raise", 5, None)]).endswith('id = "b"\n')
    assert 'id = "b"\non_delay = "1min"\n' in changed(TEXT, [KeyChange("b", "on_delay", None, "1min")])


def test_what_cannot_be_edited_surely_is_refused() -> None:
    odd = 'rules = [{id = "a", raise = 1.0}]\n'
    with pytest.raises(ValueError, match="by hand"):
        changed(odd, [KeyChange("a", "raise", 1.0, 2.0)])
    long = '[[rules]]\nid = "a"\nwhen_mode = [\n  "run",\n]\n'
    with pytest.raises(ValueError, match=r"by hand|Invalid|Expected"):
        changed(long, [KeyChange("a", "when_mode", ["run"], ["stop"])])


def test_figures_of_a_preview_are_json(rooms: Rooms) -> None:
    asked = {"settings": [["pressure-high", "raise", "8.5"]], "days": 2}
    found = json.loads(json.dumps(rule_changing.answered(rooms, asked, at(N))))
    assert found["changes"] == [["pressure-high", "raise", 8.0, 8.5]]
    assert set(found["rules"]) == {"pressure-high"}
    with pytest.raises(ValueError, match="at most"):
        rule_changing.answered(rooms, asked | {"days": 5000}, at(N))
