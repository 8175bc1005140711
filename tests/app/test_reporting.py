"""Reports of a plant whose worse week and whose fewer stops are planted."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.cli import main
from app.reporting import benefit, drop, weekly
from app.reporting.periods import Period, PeriodError, days, instant, two_periods, weeks
from app.rooms import Rooms, opened
from domain.instants import from_ns, to_ns
from domain.points import Point, Points
from domain.records import Event, EventKind, Lot, Result
from domain.scores import TrainingError
from domain.text import catalogue
from tests.app import tiny_plant as tiny

ENGLISH = catalogue("en")
NOW = datetime.fromisoformat("2026-03-02T00:00:00+00:00")
CHANGED = NOW - timedelta(days=14)
LINES = ("plant/line-1", "plant/line-2")
TOML = (
    tiny.FOREWARN.replace('lab = ["purity"]', 'tags = []\nprocess = ["*"]').replace(
        'zone = "Asia/Seoul"', 'zone = "Asia/Seoul"\nshifts = ["06:00", "18:00"]'
    )
    + """
[detectors.cost]
stop = 400
check = 10
currency = "EUR"

[[results]]
asset_class = "line"
name = "purity"
bad_below = 90
"""
).replace('[[notifiers]]\nname = "log"\nkind = "log"\n', "")
ASSETS = """asset,class,position,pilot
plant/pump-1,pump,1,yes
plant/pump-2,pump,2,no
plant/line-1,line,3,
plant/line-2,line,4,
"""
TAGS = tiny.TAGS.replace("plant/line-1", "plant/line-*")


def _lots() -> tuple[list[Lot], list[Result]]:
    """Return 28 days of 20 lots: in the last 14, machine M1 ran hot and its purity fell; another value idly rose."""
    random = np.random.default_rng(5)
    lots, results = [], []
    for i in range(560):
        end = NOW - timedelta(days=28) + timedelta(minutes=72 * i + 72)
        machine, line = f"M{random.integers(3)}", LINES[i % 2]
        values = {"heat": random.normal(), "idle": random.normal(), "speed": random.normal()}
        if end >= CHANGED and machine == "M1":
            values["heat"] += 3.0
            values["idle"] += 4.0
        lot = Lot(line, f"L{i}", end - timedelta(minutes=72), end, end, values, {"machine": machine, "serial": f"S{i}"})
        lots.append(lot)
        purity = 92.0 - 1.5 * values["heat"] + 0.5 * values["speed"] + random.normal()
        results.append(Result(line, lot.lot, "purity", purity, end + timedelta(hours=1)))
    return lots, results


def _stops() -> list[Event]:
    """Return one stop a day of each pump, of the pilot's only each fourth after the change; some overlap failures."""
    found = []
    for day in range(28):
        at = NOW - timedelta(days=28) + timedelta(days=day, hours=3)
        for pump in (tiny.PUMP, tiny.OTHER):
            if pump == tiny.PUMP and at >= CHANGED and day % 4:
                continue
            found.append(Event(pump, EventKind.STOP, "jam", at, at + timedelta(hours=2), at))
            found.append(Event(pump, EventKind.FAILURE, "seal", at + timedelta(hours=1), at + timedelta(hours=1), at))
    return found


@contextmanager
def _rooms(folder: Path, *, lots_only: bool = False) -> Iterator[Rooms]:
    settings = tiny.settings_in(folder, forewarn_toml=TOML, assets_csv=ASSETS, tags_csv=TAGS)
    lots, results = _lots()
    with tiny.rooms_of(settings) as rooms:
        events = [] if lots_only else _stops()
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results, events=events)])
        for pump in () if lots_only else (tiny.PUMP, tiny.OTHER):
            ends = to_ns(NOW - timedelta(days=28)), to_ns(NOW) - 1
            points = [Point(f"{pump}/pressure", when, 5.0) for when in ends]
            rooms.points.apply(f"points of {pump}", Points.from_rows(points))
        yield rooms


def _args(**given: Any) -> argparse.Namespace:
    none = dict.fromkeys(("detector", "since", "until", "against_since", "against_until", "at"))
    return argparse.Namespace(**{**none, "mean": False, **given})


def test_a_drop_is_blamed_on_its_machine_and_on_the_factor_that_counts(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        said = drop.report(rooms, _args(since="2026-02-16T09:00"), NOW, catalogue("en"))
    data = json.loads(json.dumps(said.data, allow_nan=False))
    assert data["is_share"]
    assert {s["dimension"] for s in data["splits"]} == {"line", "machine", "shift"}
    for split in data["splits"]:
        assert sum(p["amount"] for p in split["parts"]) == pytest.approx(data["change"]["amount"], abs=1e-12)
    assert (data["where"]["dimension"], data["where"]["stratum"]) == ("machine", "M1")
    assert data["factors"]["found"][0]["source"] == "heat"
    assert data["change"]["n_before"] + data["change"]["n_after"] == 559  # of the last one no result is known


def test_the_mean_can_be_asked_for_and_says_the_same_place(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        said = drop.report(rooms, _args(since="2026-02-16T09:00", mean=True), NOW, catalogue("en"))
    assert not said.data["is_share"]
    assert said.data["change"]["amount"] == pytest.approx(-1.5, abs=0.5)
    assert said.data["where"]["stratum"] == "M1"
    assert said.data["unit"] == "%"


def test_fewer_stops_of_the_pilot_are_told_against_the_control(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        said = benefit.report(rooms, _args(at=CHANGED.isoformat(), until=NOW.isoformat()), NOW, catalogue("en"))
    stops = said.data["stops"]
    assert [s["n"] for s in stops["pilot"]] == [14, 3]
    assert [s["hours"] for s in stops["pilot"]] == [28.0, 6.0]
    assert [s["n"] for s in stops["control"]] == [14, 14]
    assert stops["pilot"][0]["weeks"] == pytest.approx(2.0, abs=1e-6)
    assert stops["ratio"]["value"] == pytest.approx(3 / 14)
    assert stops["ratio"]["high"] < 1
    assert any("four weeks" in doubt for doubt in said.data["doubts"])


def test_periods_that_hold_nothing_are_named_with_what_to_do(tmp_path: Path) -> None:
    later = NOW + timedelta(days=400)
    args = _args(at=(later - timedelta(days=7)).isoformat(), until=later.isoformat())
    with _rooms(tmp_path) as rooms, pytest.raises(TrainingError, match=r"2027-03.* and 2027-.*--at names when"):
        benefit.report(rooms, args, later, catalogue("en"))


def test_without_a_date_where_all_is_older_than_the_model_it_is_said_what_to_give(tmp_path: Path) -> None:
    later = NOW + timedelta(days=400)
    with _rooms(tmp_path) as rooms, pytest.raises(PeriodError, match=r"nothing is stored .* 2027-04.*--at names when"):
        benefit.report(rooms, _args(at=later.isoformat()), later + timedelta(days=1), catalogue("en"))


def test_where_only_lots_are_stored_the_newest_of_them_ends_the_time_after(tmp_path: Path) -> None:
    with _rooms(tmp_path, lots_only=True) as rooms:
        said = benefit.report(rooms, _args(at=CHANGED.isoformat()), NOW, catalogue("en"))
    (lots,) = said.data["lots"]
    assert lots["verdict"] == "more"


def test_worse_lots_cost_money_and_are_no_benefit(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        said = benefit.report(rooms, _args(at=CHANGED.isoformat(), until=NOW.isoformat()), NOW, catalogue("en"))
    (lots,) = said.data["lots"]
    assert lots["verdict"] == "more"
    assert lots["per_day"]["after"] == pytest.approx(20.0)
    change = lots["pilot"]["at_same_mix"]["value"]
    assert lots["saved_per_week"]["value"] == pytest.approx(-change * 20 * 7 * 400, rel=1e-6)
    text = "\n".join(said.lines)
    assert "More bad lots than before, beyond chance." in text


def test_the_command_prints_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _rooms(tmp_path) as rooms:
        config = rooms.settings.folder
    out = tmp_path / "drop.html"
    assert main(["report", "drop", "--config", str(config), "--from", "2026-02-16T09:00", "--out", str(out)]) == 0
    assert "machine M1 stands out" in capsys.readouterr().out
    assert "<svg" in out.read_text(encoding="utf-8")
    assert main(["report", "benefit", "--config", str(config)]) == 2
    assert "--at" in capsys.readouterr().err


def test_stops_before_the_asset_was_watched_are_none_of_the_rate() -> None:
    week = 7 * 86_400 * 10**9
    stops = [(i * week + week // 2, i * week + week // 2 + 10) for i in range(20)]
    before, after = Period(0, 10 * week), Period(10 * week, 20 * week)
    early, late = (benefit._stopped(stops, (8 * week, 20 * week), x) for x in (before, after))
    assert (early.n, early.weeks, late.n, late.weeks) == (2, 2.0, 10, 10.0)


def test_days_before_the_first_lot_are_no_days_without_lots() -> None:
    day = 86_400 * 10**9
    ends = np.arange(60 * day, 100 * day, day // 4)
    found = benefit._per_day(ends, Period(0, 80 * day), Period(80 * day, 100 * day))
    assert (found.before, found.after) == (4.0, 4.0)


def test_by_default_the_last_week_stands_against_the_one_before() -> None:
    newest = to_ns(NOW)
    before, after = two_periods(None, None, None, None, newest)
    assert after.end - after.start == before.end - before.start == 7 * 86_400 * 10**9
    assert before.end == after.start
    assert after.end == newest + 1


@pytest.mark.parametrize(
    ("periods", "why"),
    [((5, 5, None, None), "empty"), ((5, 9, 3, 6), "overlap"), ((5, 9, 9, 7), "empty")],
)
def test_periods_that_make_no_sense_are_refused(periods: tuple[int, int, int | None, int | None], why: str) -> None:
    with pytest.raises(PeriodError, match=why):
        two_periods(*periods, newest=100)


def test_an_instant_without_zone_is_of_the_plant() -> None:
    zone = ZoneInfo("Asia/Seoul")
    assert instant("2026-03-02T09:00", zone) == to_ns(NOW) == instant("2026-03-02T00:00+00:00", zone)
    with pytest.raises(PeriodError, match="is no time"):
        instant("yesterday", zone)


WEEK = "2026-W08"  # begins with the worse lots, in the plant's zone


def _weekly(rooms: Rooms, **given: Any) -> dict[str, Any]:
    found = weekly.report(rooms, _args(**given), NOW, ENGLISH)
    return dict(json.loads(json.dumps(found.data, allow_nan=False)))


def test_the_week_counts_stops_as_the_benefit_does_and_names_each_as_the_events_do(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        found = _weekly(rooms, week=WEEK)
        at, until = found["start"], found["end"]
        both = benefit.report(rooms, _args(at=at, until=until), NOW, ENGLISH).data["stops"]
        events = rooms.ledger.records.events(NOW)
    for i, period in enumerate(("before", "week")):
        groups = [both["pilot"][i], both["control"][i]]
        assert found["stops"][period]["n"] == sum(g["n"] for g in groups) > 0
        assert found["stops"][period]["hours"] == pytest.approx(sum(g["hours"] for g in groups))
    own = [e for e in events if at <= e.start.isoformat() < until]
    assert [(x["asset"], x["kind"], x["start"]) for x in found["stops_list"]] == [
        (e.asset, e.kind.value, e.start.isoformat()) for e in own
    ]
    assert sum(found["stops"]["week"]["by_day"]) == found["stops"]["week"]["n"]
    assert {x["warned"] for x in found["stops_list"]} == {"not watched for"}


def test_the_level_of_the_weeks_lots_is_that_of_the_drop_report(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        found = _weekly(rooms, week=WEEK)
        args = _args(since=found["start"], until=found["end"])
        share = drop.report(rooms, args, NOW, ENGLISH).data["change"]
        mean = drop.report(rooms, _args(since=found["start"], until=found["end"], mean=True), NOW, ENGLISH).data
    (purity,) = found["quality"]
    for period, name in (("before", "before"), ("week", "after")):
        assert purity[period]["n_judged"] == share[f"n_{name}"] == 140
        assert purity[period]["bad_share"] == pytest.approx(share[name])
        assert purity[period]["mean"] == pytest.approx(mean["change"][name])
    assert purity["week"]["bad_share"] > purity["before"]["bad_share"]


def test_a_week_of_nothing_says_so_in_each_part(tmp_path: Path) -> None:
    with tiny.rooms_of(tiny.settings_in(tmp_path)) as rooms:
        said = weekly.report(rooms, _args(week=None), NOW, ENGLISH)
    text = "\n".join(said.lines)
    for sentence in (
        "Nothing was ever received.",
        "No stop and no failure was reported of this time.",
        "No rule watches a detector of failures",
        "No alert was told to operators, neither",
        "No alert is open.",
        "No lot ended, neither",
        "Nothing is silent now.",
        "No model, threshold, rule or file of the config.",
    ):
        assert sentence in text
    assert said.data["warnings"]["week"]["false_per_asset_week"] is None
    assert {need["command"] for need in said.data["needs"]} == {
        "forewarn train anomaly --detector pump-odd",
        "forewarn train quality --detector purity",
    }


def test_the_week_is_made_without_telemetry_beside_a_service(tmp_path: Path) -> None:
    with _rooms(tmp_path) as rooms:
        settings = rooms.settings
    with opened(settings, telemetry=False) as rooms:
        assert _weekly(rooms, week=WEEK)["stops"]["week"]["n"] > 0
    assert not weekly.needs_telemetry(settings, _args())


def test_the_command_writes_the_week_in_both_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _rooms(tmp_path) as rooms:
        config = str(rooms.settings.folder)
    out = tmp_path / "week.html"
    for language, title in (("en", "Tiny: the week 2026-W08"), ("ko", "Tiny: 2026-W08 주간 보고")):
        args = ["report", "weekly", "--config", config, "--week", WEEK, "--language", language, "--out", str(out)]
        assert main(args) == 0
        assert capsys.readouterr().out.startswith(title)
        page = out.read_text(encoding="utf-8")
        assert f"<h1>{title}</h1>" in page
        assert "<svg" in page
    assert main(["report", "weekly", "--config", config, "--week", "2026-99"]) == 2
    assert "no week such as" in capsys.readouterr().err


def test_by_default_the_week_is_the_last_whole_one_of_the_plant(tmp_path: Path) -> None:
    seoul, late_sunday = ZoneInfo("Asia/Seoul"), datetime.fromisoformat("2026-03-01T16:00:00+00:00")  # there Monday
    found = weeks(None, None, None, (None, None), seoul, late_sunday)
    assert (found.name, found.is_over) == ("2026-W09", True)
    assert from_ns(found.week.start).isoformat() == "2026-02-22T15:00:00+00:00"
    assert found.before.end == found.week.start
    assert [len(days(p, seoul)) for p in (found.week, found.before)] == [7, 7]


def test_a_week_in_which_the_clocks_change_has_an_hour_less(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = weeks("2026-W13", None, None, (None, None), berlin, datetime.fromisoformat("2026-05-01T00:00:00+00:00"))
    assert (found.week.end - found.week.start) / 3600e9 == 167
    assert [round((d.end - d.start) / 3600e9) for d in days(found.week, berlin)] == [24] * 6 + [23]


def test_a_week_that_is_not_over_is_cut_now_and_so_is_the_one_before() -> None:
    now = datetime.fromisoformat("2026-03-04T00:00:00+00:00")
    found = weeks("2026-W10", None, None, (None, None), ZoneInfo("UTC"), now)
    assert not found.is_over
    assert found.week.end == to_ns(now)
    assert found.before.end - found.before.start == found.week.end - found.week.start == 2 * 86_400 * 10**9


@pytest.mark.parametrize(
    ("name", "since", "why"),
    [("2026-W54", None, "no week"), ("W10", None, "no week"), ("2026-W1", None, "no week"),
     ("2026-W11", None, "not begun"), ("2026-W09", 5, "not both")],
)  # fmt: skip
def test_weeks_that_make_no_sense_are_refused(name: str, since: int | None, why: str) -> None:
    with pytest.raises(PeriodError, match=why):
        weeks(name, since, None, (None, None), ZoneInfo("UTC"), datetime.fromisoformat("2026-03-04T00:00:00+00:00"))
