"""The form of the Asset page: what is told is recorded, and what cannot be is said in the person's language."""

from __future__ import annotations

from dashboard.pages.asset import recorded
from dashboard.source import Source
from domain.records import EventKind, Told
from domain.text import catalogue
from tests.dashboard.conftest import NOW, PRESS

TOLD = Told(PRESS, "failure", "seal", "2026-03-04T09:30", note="leaks", by="Kim")


def test_a_failure_that_is_told_is_recorded_under_the_name(source: Source) -> None:
    assert recorded(source, TOLD, catalogue("en")) == f"Recorded: failure, {PRESS}"
    (event,) = source.ledger.records.events(NOW)
    assert (event.kind, event.code, event.note) == (EventKind.FAILURE, "seal", "leaks (Kim)")


def test_without_a_name_nothing_is_recorded(source: Source) -> None:
    assert (
        recorded(source, Told(PRESS, "stop", "", "2026-03-04T09:30", by=" "), catalogue("en"))
        == "Give your name first."
    )
    assert source.ledger.records.events(NOW) == []


def test_what_cannot_be_recorded_is_said_in_the_persons_language(source: Source) -> None:
    bad = Told(PRESS, "stop", "bad", "2026-03-04T09:30", by="Kim")
    assert recorded(source, bad, catalogue("en")) == "Not recorded: the end lies before the start"
    assert recorded(source, bad, catalogue("ko")) == "기록하지 못했습니다: 종료 시각이 시작 시각보다 앞섭니다"
