"""Outcomes as JSON: read back as they were, those of an older Forewarn too."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.records import Reason, Refused
from store.outcomes import read_refused, write_refused

AT = datetime(2026, 1, 4, 23, tzinfo=UTC)


def test_refused_points_come_back_with_quality_flags_and_receipt() -> None:
    items = (Refused("a/x", AT, 2.0, None, Reason.RETENTION, "too old", 1, 128, 7),)
    assert read_refused(write_refused(items)) == items


def test_refused_points_that_were_written_without_them_are_still_read() -> None:
    text = '[["a/x", "2026-01-04T23:00:00+00:00", 2.0, null, "retention", "too old"]]'
    assert read_refused(text) == (Refused("a/x", AT, 2.0, None, Reason.RETENTION, "too old"),)
