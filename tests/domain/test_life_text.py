"""A remaining life in words, on both axes and in both languages."""

from __future__ import annotations

import pytest

from domain.life_text import HOUR_NS, said
from domain.plant import Axis
from domain.scores import Life
from domain.text import catalogue

CYCLES = Life(12.4, 8.2, 20.6, 125.0)


def test_cycles_are_told_with_their_interval() -> None:
    assert said(CYCLES, Axis.CYCLE, catalogue("en")) == "remaining life: 12 cycles (8 to 21)"


def test_a_time_axis_is_told_in_hours() -> None:
    life = Life(*(x * HOUR_NS for x in (12.4, 8.2, 20.6, 125.0)))
    assert said(life, Axis.TIME, catalogue("en")) == "remaining life: 12 h (8 to 21 h)"


def test_at_the_cap_only_the_least_is_told() -> None:
    assert (
        said(Life(120.0, 90.0, 125.0, 125.0), Axis.CYCLE, catalogue("en")) == "remaining life: 120 cycles, at least 90"
    )


@pytest.mark.parametrize("axis", list(Axis))
def test_korean_says_the_same_numbers(axis: Axis) -> None:
    scale = 1 if axis is Axis.CYCLE else HOUR_NS
    text = said(Life(*(x * scale for x in (12.0, 8.0, 21.0, 125.0))), axis, catalogue("ko"))
    assert all(n in text for n in ("12", "8", "21"))
    assert "remaining" not in text
