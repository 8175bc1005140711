"""The ledger as a whole: notes, job runs, and opening it from two places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store.ledger import Ledger
from tests.store.items import at


def test_note_is_replaced(ledger: Ledger) -> None:
    assert ledger.note("replayed_to") is None
    ledger.save_note("replayed_to", "1")
    ledger.save_note("replayed_to", "2")
    assert ledger.note("replayed_to") == "2"


def test_failed_job_keeps_its_last_success(ledger: Ledger) -> None:
    ledger.save_job_run("tick", at(0))
    ledger.save_job_run("tick", at(1), "disk full")
    assert ledger.job_runs() == {"tick": (at(0), "disk full")}
    ledger.save_job_run("tick", at(2))
    assert ledger.job_runs() == {"tick": (at(2), "")}


def test_job_that_never_succeeded(ledger: Ledger) -> None:
    ledger.save_job_run("tick", at(1), "disk full")
    assert ledger.job_runs() == {"tick": (None, "disk full")}


def test_second_opener_sees_what_the_first_wrote(open_ledger: Callable[[], Ledger]) -> None:
    ledger, other = open_ledger(), open_ledger()
    ledger.save_note("who", "first")
    assert other.note("who") == "first"
    other.save_note("who", "second")
    assert ledger.note("who") == "second"


def test_ledger_that_is_stopped_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.start()
    ledger.start()
    ledger.stop()
    ledger.stop()
    with pytest.raises(RuntimeError, match="not started"):
        ledger.note("who")
