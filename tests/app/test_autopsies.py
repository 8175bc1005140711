"""Stops without a warning, from stored points to what people read: each for its planted reason, once, and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app import afterwards, autopsies
from app.cli import main
from app.rooms import Rooms
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition, alert_id
from domain.records import Event, EventKind
from domain.text import LANGUAGES, catalogue
from reports.autopsy_text import CAUSES, sentences
from reports.unwarned import Cause
from tests.app import tiny_plant as tiny
from tests.app import unwarned_plant as unwarned

LATER = unwarned.STOP + timedelta(hours=3)
DAYS = 2.0


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    with unwarned.unwarned(tmp_path_factory.mktemp("unwarned"), 1, 3) as opened:
        yield opened


@pytest.fixture(scope="module")
def found(rooms: Rooms) -> dict[str, Any]:
    assert afterwards.told(rooms, LATER, DAYS)["autopsies"] == 3
    return {r.asset.removeprefix("now/")[0]: r for r in rooms.ledger.rulings.autopsies()}


@pytest.mark.parametrize("kind", list(unwarned.CAUSES))
def test_each_planted_reason_is_found(found: dict[str, Any], kind: str) -> None:
    assert found[kind].finding == unwarned.CAUSES[kind].value
    assert (found[kind].detector, found[kind].start, found[kind].code) == (unwarned.NAME, unwarned.STOP, "seal")


def test_the_evidence_names_limit_price_tag_and_time(found: dict[str, Any]) -> None:
    high = found["t"].evidence
    assert high["peak"] == pytest.approx(high["would_catch"]["limit"])
    assert high["would_catch"]["limit"] < high["now"]["limit"] == pytest.approx(0.9999)
    assert high["would_catch"]["weeks"] > 5
    (hole,) = found["g"].evidence["missing"]
    assert hole["tag"] in ("heat", "vibration")
    assert hole["end"] == (unwarned.STOP - timedelta(hours=2)).isoformat()
    assert found["n"].evidence["moved"] == []


def test_assets_that_are_gone_from_the_config_do_not_keep_others_from_an_autopsy(
    rooms: Rooms, found: dict[str, Any]
) -> None:
    plant = rooms.settings.plant
    gone = replace(plant, assets={k: a for k, a in plant.assets.items() if k not in ("now/g00", "now/t00")})
    left = SimpleNamespace(ledger=rooms.ledger, points=rooms.points, models=rooms.models, clock=None)
    left.settings = replace(rooms.settings, plant=gone)
    stops = {r.asset: r for r in found.values()}
    event = next(m.event for m in autopsies.missed(rooms, LATER, unwarned.BEGIN) if m.event.asset == "now/n00")
    stop = autopsies.Missed(event, rooms.settings.detector(unwarned.NAME))
    assert autopsies.examined(cast("Rooms", left), stop, LATER).finding == stops["now/n00"].finding


def test_a_stop_is_examined_once_and_again_only_where_asked(rooms: Rooms, found: dict[str, Any]) -> None:
    assert afterwards.told(rooms, LATER, DAYS)["autopsies"] == 0
    assert afterwards.told(rooms, LATER, DAYS, "now/n00", is_again=True)["autopsies"] == 1
    assert len(rooms.ledger.rulings.autopsies()) == 3


def test_a_stop_that_was_warned_of_in_time_is_not_missed(rooms: Rooms, found: dict[str, Any]) -> None:
    raised = unwarned.STOP - timedelta(hours=10)
    key = AlertKey("press-failure", "now/t00", "score:press-failure")
    name, state = alert_id(key, raised), AlertState.ACTIVE_UNACKED
    row = Transition(name, 0, Change.RAISED, state, raised, 0.9, "", "")
    alert = Alert(name, key, state, raised, None, raised, raised, 0.9, 0.5, Priority.HIGH, 1)
    assert len(autopsies.missed(rooms, LATER, unwarned.BEGIN)) == 3
    rooms.ledger.alerting.save([AlertUpdate(alert, (row,))], {}, raised)
    assert [m.event.asset for m in autopsies.missed(rooms, LATER, unwarned.BEGIN)] == ["now/g00", "now/n00"]


def test_history_before_the_first_model_is_not_missed_and_planned_stops_are_not(rooms: Rooms) -> None:
    planned = Event("now/n00", EventKind.STOP, "cleaning", LATER, LATER + timedelta(hours=1), LATER)
    rooms.ledger.records.apply("planned", [tiny.decoded(events=[planned])])
    assets = {m.event.asset for m in autopsies.missed(rooms, LATER + timedelta(hours=2), tiny.T0)}
    assert not any(a.startswith("past/") for a in assets)
    starts = {m.event.start for m in autopsies.missed(rooms, LATER + timedelta(hours=2), tiny.T0)}
    assert starts == {unwarned.STOP}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_finding_is_told_in_both_languages(found: dict[str, Any], language: str) -> None:
    t = catalogue(language)
    for row in found.values():
        said = list(sentences(row.finding, row.evidence, t, str))
        assert said[0] == t(CAUSES[Cause(row.finding)])
        assert len(said) >= 3
        assert not any("{" in line for line in said)
    assert set(CAUSES) == set(Cause)


def test_the_command_makes_and_shows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with unwarned.unwarned(tmp_path, 1, 4) as opened:
        config = opened.settings.folder
    asked = ["events", "autopsy", "--days", "3000", "--config", str(config)]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "now/g00  press-failure" in said
    assert "a gap in the data" in said
    assert main([*asked, "--asset", "now/n00", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["asset"], row["finding"], row["start"]) == ("now/n00", "no precursor", unwarned.STOP.isoformat())
    assert main([*asked, "--asset", "now/n0"]) == 2
