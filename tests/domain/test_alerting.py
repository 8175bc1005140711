"""An alert's id, and what its states say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.alerting import AlertKey, AlertState, alert_id

KEY = AlertKey("hot", "plant/press", "T24")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_id_is_the_same_in_every_run() -> None:
    assert alert_id(KEY, AT) == "933d70d54f629285"


@pytest.mark.parametrize(
    ("key", "at"),
    [
        (AlertKey("cold", "plant/press", "T24"), AT),
        (AlertKey("hot", "plant/oven", "T24"), AT),
        (AlertKey("hot", "plant/press", "T30"), AT),
        (KEY, AT + timedelta(microseconds=1)),
    ],
)
def test_id_changes_with_every_part(key: AlertKey, at: datetime) -> None:
    assert alert_id(key, at) != alert_id(KEY, AT)


def test_parts_do_not_run_into_each_other() -> None:
    assert alert_id(AlertKey("ab", "c", ""), AT) != alert_id(AlertKey("a", "bc", ""), AT)


@pytest.mark.parametrize(
    ("state", "is_active", "is_open"),
    [
        (AlertState.PENDING, False, False),
        (AlertState.ACTIVE_UNACKED, True, True),
        (AlertState.ACTIVE_ACKED, True, True),
        (AlertState.RETURNED_UNACKED, False, True),
        (AlertState.CLOSED, False, False),
    ],
)
def test_states(state: AlertState, is_active: bool, is_open: bool) -> None:
    assert (state.is_active, state.is_open) == (is_active, is_open)
