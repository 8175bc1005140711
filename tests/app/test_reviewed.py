"""What people said of warnings becomes labels of the training, with who said it, unless the config only keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import examples, ruling, training
from app.rooms import Rooms
from domain.audit import Actor
from domain.points import Points
from domain.records import Event, EventKind
from domain.rulings import Worth
from domain.vectors import Training
from tests.app import failing_fleet as fleet
from tests.app import tiny_plant as tiny
from tests.app.failing_fleet import at, raised

NOW = at(fleet.LIFE + 5)


def warned(rooms: Rooms) -> str:
    """Fill the fleet, and let the new engine be warned of in cycle 40 and repaired in cycle 46."""
    fleet.filled(rooms)
    rooms.points.apply("new", Points.from_rows(fleet.life(fleet.NEW, 77)))
    work = Event(fleet.NEW, EventKind.MAINTENANCE, "exchange", at(46.5), at(46.5), at(47))
    rooms.ledger.records.apply("work", [tiny.decoded(events=[work])])
    name = raised(rooms, fleet.NEW, 40, 46)
    ruling.rule_on_alerts(rooms, NOW)
    return name


def rows(rooms: Rooms, asset: str = fleet.NEW) -> Training:
    history = training.gather(rooms, rooms.settings.detector(fleet.NAME), NOW)
    found, _ = examples.examples(history)
    return found.take(found.vectors.asset == asset)


@pytest.mark.parametrize(("worth", "expected"), [(Worth.HIT, True), (Worth.FALSE, False)])
def test_a_true_warning_of_a_prevented_failure_is_learned_from_and_a_false_one_is_not(
    tmp_path: Path, worth: Worth, expected: bool
) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        name, before = warned(rooms), rows(rooms)
        assert not before.outcome.any()
        ruling.review(rooms, name, worth, Actor("Kim"), NOW, "bearing")
        after = rows(rooms)
        assert bool(after.outcome.any()) is expected
        positive = after.vectors.position[after.outcome == 1]
        assert all(40 <= p <= 46 for p in positive)
        assert set(after.mode[after.outcome == 1]) == ({"bearing"} if expected else set())
        assert expected or len(after.vectors) == len(before.vectors)


def test_what_nobody_can_tell_is_left_out(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        name, before = warned(rooms), rows(rooms)
        ruling.review(rooms, name, Worth.UNCLEAR, Actor("Kim"), NOW)
        after = rows(rooms)
        assert len(after.vectors) < len(before.vectors)
        assert not any(40 < p <= 52 for p in after.vectors.position)


def test_a_review_is_only_kept_where_the_config_says_so(tmp_path: Path) -> None:
    text = fleet.FOREWARN.replace("SPLIT", "unit").replace("n_folds = 3", 'n_folds = 3\nreviews = "kept"')
    with tiny.rooms_of(fleet.settings_in(tmp_path, forewarn_toml=text)) as rooms:
        ruling.review(rooms, warned(rooms), Worth.HIT, Actor("Kim"), NOW)
        assert not rows(rooms).outcome.any()


def test_a_model_keeps_whose_word_it_learned_from_and_nothing_said_later(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        name = warned(rooms)
        ruling.review(rooms, name, Worth.HIT, Actor("Kim"), NOW, "bearing")
        made = fleet.trained(rooms)  # of what was known before the review
        assert made.about["reviewed"] == []
        history = training.gather(rooms, rooms.settings.detector(fleet.NAME), NOW)
        again = training.build(history, rooms.models.folder)
        (said,) = again.about["reviewed"]
        assert (said["alert"], said["worth"], said["by"], said["cause"]) == (name, "hit", "Kim", "bearing")
