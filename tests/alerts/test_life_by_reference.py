"""Random lives of alerts: the product and the small model beside it never part."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import lifecycle
from domain.alerting import AlertState, Change
from tests.alerts.examples import at, raised, rule
from tests.alerts.reference import Driven, disagreement


@given(st.integers(0, 2**40))
def test_any_sequence_of_events_leads_where_the_model_says(seed: int) -> None:
    assert disagreement(seed) == ""


def test_the_comparison_notices_a_machine_that_forgets_to_announce(monkeypatch: pytest.MonkeyPatch) -> None:
    right = lifecycle.release

    def wrong(alert, at, **more):  # type: ignore[no-untyped-def]
        update = right(alert, at, **more)
        return replace(update, alert=replace(update.alert, state=AlertState.CLOSED))

    monkeypatch.setattr(lifecycle, "release", wrong)
    assert any(disagreement(seed) for seed in range(300))


def test_an_acknowledgement_of_an_older_raise_hides_no_newer_one() -> None:
    twice = raised(occurrences=2)
    with pytest.raises(ValueError, match="raised again since"):
        lifecycle.acknowledge(twice, "kim", at(5), "", 3, occurrence=1)
    assert lifecycle.acknowledge(twice, "kim", at(5), "", 3, occurrence=2).alert.state is AlertState.ACTIVE_ACKED


def test_a_breach_whose_delay_runs_survives_the_close_of_the_alert_before_it() -> None:
    life = Driven(rule(3))
    for minute, is_high in enumerate([True] * 4 + [False] + [True] * 2):
        life.look(minute, is_high)
    assert life.act("ack", 6)
    for minute in (7, 8):
        life.look(minute, True)
    assert life.changes[-1] is Change.RAISED
    assert life.alert is not None
    assert (life.alert.breach_since, life.alert.raised_at) == (at(5), at(8))


@pytest.mark.parametrize(
    ("by", "why", "until", "said"),
    [
        ("", "noise", 60, "name"),
        ("kim", " ", 60, "reason"),
        ("kim", "noise", -1, "past"),
        ("kim", "noise", 20000, "7 days"),
    ],
)
def test_shelving_is_refused_without_name_or_reason_in_the_past_and_for_ever(
    by: str, why: str, until: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        lifecycle.shelf(by, why, at(0), at(until))


def test_a_text_of_a_megabyte_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 4000"):
        lifecycle.comment(raised(), "kim", at(1), "x" * 1_000_000, 1)
