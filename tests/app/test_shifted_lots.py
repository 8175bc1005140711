"""Reports over a change that nobody measured: after two weeks every lot is worse, while wear grows and does nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.reporting import benefit, drop
from app.rooms import Rooms
from domain.records import Lot, Result
from domain.text import catalogue
from tests.app import tiny_plant as tiny
from tests.app.test_reporting import ASSETS, NOW, TAGS, TOML, _args

BEGIN = NOW - timedelta(days=28)
WORSE = -6.0


def day(n: int) -> str:
    return (BEGIN + timedelta(days=n)).isoformat()


def lots() -> tuple[list[Lot], list[Result]]:
    """Return 28 days of 20 lots, a file (batch) a week."""
    random = np.random.default_rng(3)
    made, results = [], []
    for i in range(560):
        end = BEGIN + timedelta(minutes=72 * i + 72)
        values = {"heat": random.normal(), "wear": i / 560}
        made.append(Lot("plant/line-1", f"L{i}", None, end, end, values, {"batch": f"file {i // 140}"}))
        purity = 95.0 + values["heat"] + (WORSE if i >= 280 else 0.0) + 0.5 * random.normal()
        results.append(Result("plant/line-1", f"L{i}", "purity", purity, end))
    return made, results


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    settings = tiny.settings_in(tmp_path, forewarn_toml=TOML, assets_csv=ASSETS, tags_csv=TAGS)
    made, results = lots()
    with tiny.rooms_of(settings) as opened:
        opened.ledger.records.apply("1", [tiny.decoded(lots=made, results=results)])
        yield opened


def test_later_lots_do_not_teach_that_what_drifts_is_to_blame(rooms: Rooms) -> None:
    asked = _args(since=day(14), until=day(21), against_since=day(7), against_until=day(14), mean=True)
    factors = drop.report(rooms, asked, NOW, catalogue("en")).data["factors"]
    assert factors["rest"]["amount"] == pytest.approx(WORSE, abs=0.4)
    assert factors["rest"]["high"] < 0.0
    assert {f["source"] for f in factors["found"]} == {"heat", "wear"}
    assert all(abs(f["effect"]) < 0.5 for f in factors["found"])


def test_files_that_no_two_periods_share_are_no_mix(rooms: Rooms) -> None:
    now = datetime.fromisoformat(day(28))
    said = benefit.report(rooms, _args(at=day(14)), now, catalogue("en"))
    (found,) = json.loads(json.dumps(said.data))["lots"]
    assert found["pilot"]["n_left_out"] == 0
    assert found["pilot"]["at_same_mix"] is not None
    told = "\n".join(said.lines)
    assert "By batch the periods have too few lots of a kind in common" in told
    assert "The mix of lots by batch changed" not in told
    assert "there is a trend" not in told
