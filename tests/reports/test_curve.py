"""The picture of an operating curve."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from domain.text import catalogue
from reports.curve import OTHER, TAKEN, frontier, picture

ENGLISH = catalogue("en")


def _row(
    weekly: float, caught: int, events: int = 10, money: float | None = None, taken: bool = False
) -> dict[str, Any]:
    share = caught / events if events else 0.0
    return {
        "raise_at": -weekly, "caught": caught, "events": events, "false_alarms": 1, "false_alarms_per_week": weekly,
        "money_per_week": money, "recall_band": [max(0.0, share - 0.1), min(1.0, share + 0.1)],
        "false_alarms_band": [0.0, 1.0], "money_band": None, "is_taken": taken,
    }  # fmt: skip


def _tags(drawn: str) -> list[str]:
    return [e.tag.rpartition("}")[2] for e in ElementTree.fromstring(drawn).iter()]


def test_a_curve_is_drawn_with_its_band_and_the_threshold_taken() -> None:
    drawn = picture([_row(0.1, 5), _row(0.5, 8, taken=True), _row(2.0, 10)], "press <1>", "EUR", ENGLISH)
    tags = _tags(drawn)
    assert (tags.count("polygon"), tags.count("polyline"), tags.count("circle")) == (1, 1, 4)
    assert "press &lt;1&gt;" in drawn
    assert "EUR" not in drawn


def test_limits_that_another_one_beats_are_dots_beside_the_line() -> None:
    rows = [_row(0.5, 1), _row(0.1, 5), _row(0.1, 2), _row(2.0, 10), _row(2.5, 0), _row(0.5, 8, taken=True)]
    shown = [(r["false_alarms_per_week"], r["caught"]) for r in frontier(rows)]
    assert shown == [(0.1, 5), (0.5, 8), (2.0, 10)]
    assert picture(rows, "x", "", ENGLISH).count(f'fill="{OTHER}"') == len(rows)


def test_a_limit_that_was_taken_is_marked_also_beside_the_line() -> None:
    drawn = picture([_row(0.1, 5), _row(0.5, 4, taken=True)], "x", "", ENGLISH)
    assert drawn.count(f'fill="{TAKEN}"') == 1


def test_known_costs_are_a_second_line_with_the_currency() -> None:
    drawn = picture([_row(0.1, 5, money=90.0), _row(2.0, 10, money=40.0, taken=True)], "x", "EUR", ENGLISH)
    assert _tags(drawn).count("polyline") == 2
    assert "at most 90 EUR" in drawn


def test_fewer_than_five_events_say_so() -> None:
    assert "not enough events: 4" in picture([_row(0.1, 4, 4, taken=True)], "x", "", ENGLISH)
    assert "not enough events: 0" in picture([], "x", "", ENGLISH)
