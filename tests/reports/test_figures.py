"""Amounts in the reports."""

from __future__ import annotations

from functools import partial

from domain.numerals import numeral, numeral_beside
from reports.figures import percent, signed


def test_an_amount_has_its_sign_unless_it_is_told_as_nothing() -> None:
    told = partial(numeral_beside, scale=2.0, unit="MPa")
    assert [signed(x, told) for x in (0.618, -0.618, 5.579e-05, -5.579e-05)] == [
        "+0.62 MPa",
        "-0.62 MPa",
        "0 MPa",
        "0 MPa",
    ]
    assert signed(0.5, numeral) == "+0.5"


def test_a_share_changes_by_points() -> None:
    assert [signed(x, percent) for x in (0.032, -0.032, -0.0001)] == ["+3.2 pp", "-3.2 pp", "0.0 pp"]
