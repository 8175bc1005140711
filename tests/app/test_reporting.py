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
from app.reporting import benefit, drop
from app.reporting.periods import Period, PeriodError, instant, two_periods
from app.rooms import Rooms
from domain.instants import to_ns
from domain.points import Point, Points
from domain.records import Event, EventKind, Lot, Result
from domain.scores import TrainingError
from domain.text import catalogue
from tests.app import tiny_plant as tiny

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
def _rooms(folder: Path) -> Iterator[Rooms]:
    settings = tiny.settings_in(folder, forewarn_toml=TOML, assets_csv=ASSETS, tags_csv=TAGS)
    lots, results = _lots()
    with tiny.rooms_of(settings) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results, events=_stops())])
        for pump in (tiny.PUMP, tiny.OTHER):
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
