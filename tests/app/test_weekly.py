"""The weekly report of a fleet whose warnings are planted, held against the commands that tell the same."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app import afterwards, attending, drifting, outcomes, retraining
from app.alarm_figures import figures
from app.cli import _parser, main
from app.reporting import weekly
from app.rooms import Rooms
from app.status import status
from dashboard.pages import PAGES
from domain.alerting import AlertKey, AlertState, AlertUpdate, Change, Transition
from domain.audit import Actor, Deed
from domain.instants import to_ns
from domain.points import Point
from domain.scores import Scale, Score, Verdict
from domain.text import catalogue
from reports.week.needs import needs
from store.scoring import ModelRow
from tests.app import failing_fleet as fleet
from tests.app import tiny_plant as tiny
from tests.app.failing_fleet import at
from tests.reports.bad_week import BAD

WEEK = "2026-W02"  # of the whole life of the fleet
NOW = at(7 * 24 + 6)
ENGLISH = catalogue("en")


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """Open the fleet after its lives: a model was there, its alerts are ruled on, its missed stops examined."""
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as opened:
        trained = at(-1)
        opened.ledger.scoring.add_model(ModelRow("m1", fleet.NAME, "challenger", trained, {"threshold": 0.5}))
        opened.ledger.scoring.promote(Deed(trained, "Kim", "model promoted", fleet.NAME, "", "m1", "first"))
        fleet.planted(opened)
        afterwards.told(opened, NOW)
        yield opened


def _week(rooms: Rooms, **given: Any) -> dict[str, Any]:
    args = dict.fromkeys(("since", "until", "against_since", "against_until", "week"))
    said = weekly.report(rooms, argparse.Namespace(**{**args, "week": WEEK, **given}), NOW, ENGLISH)
    return dict(json.loads(json.dumps(said.data, allow_nan=False)))


def _printed(capsys: pytest.CaptureFixture[str], rooms: Rooms, *args: str) -> Any:
    capsys.readouterr()
    assert main([*args, "--config", str(rooms.settings.folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_warnings_were_worth_is_what_the_alerts_command_lists(
    rooms: Rooms, capsys: pytest.CaptureFixture[str]
) -> None:
    week = _week(rooms)
    told = week["warnings"]["week"]
    listed = _printed(capsys, rooms, "alerts", "list")
    for name, worth in (("hits", "hit"), ("false", "false"), ("excused", "excused"), ("unclear", "unclear")):
        assert told[name] == sum(x["worth"] == worth for x in listed) > 0
    assert told["n_raised"] == len(listed) == 5
    asking = [x["id"] for x in listed if x["asks"]]
    assert [x["alert"] for x in week["asking"]] == asking
    assert told["n_asking"] == len(asking) == 1
    assert told["precision"] == pytest.approx(1 / 3)
    assert "forewarn alerts list --asks" in [need["command"] for need in week["needs"]]
    assert week["warnings"]["before"]["n_raised"] == 0


def test_stops_are_caught_or_missed_as_the_one_definition_and_the_autopsies_say(rooms: Rooms) -> None:
    week = _week(rooms)
    judged = outcomes.failures(rooms, at(-1), NOW)
    assert (week["stops"]["week"]["n_warned"], judged.n_events) == (judged.n_caught, 5) == (1, 5)
    assert week["stops"]["week"]["median_lead_s"] == judged.median_lead_time_s == 10 * 3600
    autopsies = rooms.ledger.rulings.autopsies()  # that `events autopsy` and the Scored warnings page show
    missed = {(x["asset"], x["start"]): x["causes"] for x in week["stops_list"] if x["warned"] == "missed"}
    assert missed == {(row.asset, row.start.isoformat()): [row.finding] for row in autopsies}
    assert week["stops"]["week"]["n_missed"] == len(autopsies) == 4


def test_a_stop_before_the_first_model_was_not_watched_for_and_a_fresh_one_is_not_judged(tmp_path: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(tmp_path)) as rooms:
        fleet.planted(rooms)
        assert {x["warned"] for x in _week(rooms)["stops_list"]} == {"not watched for"}
        rooms.ledger.scoring.add_model(ModelRow("m1", fleet.NAME, "champion", at(1), {}))
        assert {x["warned"] for x in _week(rooms)["stops_list"]} == {"not judged yet"}


def test_the_load_of_alarms_is_that_of_alerts_performance(rooms: Rooms) -> None:
    week = _week(rooms)
    start, end = at(0), at(7 * 24)
    (position,) = figures(rooms, start, end).positions
    (load,) = week["alarms"]["week"]["loads"]
    burden = position.burden
    assert (load["n"], load["per_10_min"], load["most_in_10_min"]) == (
        burden.n, burden.per_10_min, burden.most_in_10_min,
    )  # fmt: skip
    assert (load["most_stale"], load["missed"]) == (position.most_stale, list(position.missed))
    assert [(x["rule"], x["asset"], x["n"], x["share"]) for x in week["bad_actors"]] == [
        (x.rule, x.asset, x.n, x.share) for x in position.bad_actors
    ]
    assert sum(week["alarms"]["week"]["by_day"]) == load["n"] == 5


def test_alerts_of_the_day_before_the_week_are_not_of_it(rooms: Rooms) -> None:
    name = fleet.raised(rooms, "fleet/e09", -3, -2)
    assert name not in [x["alert"] for x in _week(rooms)["asking"]]
    assert _week(rooms)["alarms"]["before"]["loads"][0]["n"] == 1
    assert _week(rooms)["alarms"]["week"]["loads"][0]["n"] == 5


def test_what_stands_is_what_status_and_the_hold_say(rooms: Rooms) -> None:
    who = Actor("Kim", "here")
    attending.take_out_of_service(rooms, fleet.NAME, "fleet/e02", who, "its sensor is changed", NOW)
    week = _week(rooms)
    assert len(week["standing"]) == status(rooms, NOW)["open_alerts"] == 4
    (held,) = week["held"]
    assert (held["asset"], held["by"], held["why"], held["until"]) == (
        "fleet/e02",
        "Kim",
        "its sensor is changed",
        None,
    )
    assert "Out of service without an end" in "".join(need["what"] for need in week["needs"])
    old = next(need for need in week["needs"] if "--priority high" in need["command"])
    assert old["what"].endswith("more than a day: 4.")


def test_the_sum_of_both_weeks_is_the_sum_that_status_tells(rooms: Rooms) -> None:
    for cycle, n in ((-5, 3), (5, 4)):
        rows = [Point("fleet/e00/heat", to_ns(at(cycle)) + i, 1.0) for i in range(n)]
        tiny.accept(rooms, at(cycle), tiny.decoded(rows))
    week = _week(rooms)
    assert (week["data"]["before"]["received"], week["data"]["week"]["received"]) == (3, 4)
    for name in ("received", "stored", "in_journal", "difference"):
        total = sum(row[name] for row in status(rooms, NOW)["sum"])
        assert week["data"]["week"][name] + week["data"]["before"][name] == total


def test_models_and_what_was_changed_stand_in_the_week_in_which_it_was(
    rooms: Rooms, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = {"threshold": 0.35, "at": at(20).isoformat(), "by": "Lee", "reason": "more checks are fine"}
    rooms.ledger.scoring.add_model(ModelRow("m2", fleet.NAME, "challenger", at(-1), {"choice": choice}))
    deed = Deed(at(20), "Lee", "model promoted", fleet.NAME, "m1", "m2", "more checks are fine")
    rooms.ledger.scoring.promote(deed)
    rooms.ledger.scoring.add_model(ModelRow("m3", fleet.NAME, "challenger", at(40), {}))
    rooms.ledger.save_note(drifting.NOTE, json.dumps({fleet.NAME: [0.4, "heat has changed (index 0.40)"]}))
    rooms.ledger.save_note(retraining.NOTE, json.dumps({fleet.NAME: "no data"}))
    week = _week(rooms)
    (model,) = week["models"]
    champions = [m for m in _printed(capsys, rooms, "models", "list") if m["role"] == "champion"]
    assert [m["model_id"] for m in champions] == [model["model_id"]] == ["m2"]
    assert (model["challenger"], model["failed"]) == ("m3", "no data")
    assert [(x["action"], x["by"]) for x in week["changes"]] == [("model promoted", "Lee")]
    assert "0.35" in week["changes"][0]["told"]
    assert [x["subject"] for x in _week(rooms, week="2026-W01")["changes"]] == [fleet.NAME]
    commands = [need["command"] for need in week["needs"]]
    assert {"forewarn models show m3", "forewarn models show m2"} <= set(commands)
    assert f"forewarn train failure --detector {fleet.NAME}" in commands


def test_every_command_that_is_named_can_be_typed() -> None:
    known = _parser()
    for need in needs(BAD):
        program, *args = need.command.split()
        assert program == "forewarn"
        assert known.parse_args(args).command == args[0]
        assert need.path in PAGES


def test_a_silent_tag_needs_a_decision_and_is_counted(rooms: Rooms) -> None:
    name = fleet.raised(rooms, "fleet/e07", 30, None)
    alert = rooms.ledger.alerting.alert(name)
    assert alert is not None
    key = AlertKey("forewarn-no-data", "fleet/e07", "heat")
    row = Transition("s1", 0, Change.RAISED, AlertState.ACTIVE_UNACKED, at(30), 1.0, "", "")
    rooms.ledger.alerting.save([AlertUpdate(replace(alert, id="s1", key=key), (row,))], {}, at(30))
    week = _week(rooms)
    assert [(x["asset"], x["tag"]) for x in week["silent"]] == [("fleet/e07", "heat")]
    assert (week["data"]["week"]["n_silent"], week["data"]["before"]["n_silent"]) == (1, 0)
    assert week["needs"][0]["what"] == "Silent now: fleet/e07/heat. Sensor, cable, gateway?"


def test_false_alarms_are_told_per_asset_and_week_that_was_scored(rooms: Rooms) -> None:
    assert _week(rooms)["warnings"]["week"]["asset_weeks"] == 0.0
    assert _week(rooms)["warnings"]["week"]["false_per_asset_week"] is None
    ends = at(0), at(84)
    scores = [
        Score(fleet.NAME, asset, "", when, 0.1, 0.1, 0.1, Scale.PROBABILITY, "m1", Verdict.OK)
        for asset in ("fleet/e00", "fleet/e01")
        for when in (*ends, ends[0] - timedelta(days=1))
    ]
    rooms.ledger.scoring.save(scores, {})
    told = _week(rooms)["warnings"]["week"]
    assert told["asset_weeks"] == pytest.approx(1.0)
    assert told["false_per_asset_week"] == pytest.approx(2.0)
