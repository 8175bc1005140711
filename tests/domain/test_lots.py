"""Lot columns and results: what their patterns mean, which numbers are bad, and which lab counts."""

from __future__ import annotations

import numpy as np
import pytest

from domain.lots import Judged, LotColumns


def test_columns_are_meant_by_name_or_pattern() -> None:
    columns = LotColumns(forbidden=("lab_*",), controllable=("feed",))
    assert [columns.is_forbidden(n) for n in ("lab_iron", "iron")] == [True, False]
    assert [columns.is_controllable(n) for n in ("feed", "feed_2")] == [True, False]


@pytest.mark.parametrize(
    ("judged", "bad"),
    [
        (Judged("x"), [True, False, True, False]),
        (Judged("x", bad_above=1.5), [False, False, True, False]),
        (Judged("x", bad_below=0.5), [True, True, False, False]),
        (Judged("x", bad_above=1.5, bad_below=-0.5), [True, False, True, False]),
    ],
)
def test_what_is_bad(judged: Judged, bad: list[bool]) -> None:
    assert judged.is_bad(np.array([-1.0, 0.0, 2.0, np.nan])).tolist() == bad


def test_labs_count_in_their_order() -> None:
    judged = Judged("x", labs=("central", "shift"))
    assert sorted(("other", "shift", "central"), key=judged.rank) == ["central", "shift", "other"]
