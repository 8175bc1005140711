"""A short run of the fault experiments: what a broker acknowledged is in the store, and the harness can tell if it is
not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import chaos_crashes, chaos_disk
from benchmarks.chaos import SCENARIOS, run
from benchmarks.peers import path_of
from benchmarks.trial import Trial

SEED = 7
needs_mosquitto = pytest.mark.skipif(path_of("mosquitto") is None, reason="mosquitto is not installed")


@needs_mosquitto
def test_the_harness_sees_what_an_automatic_acknowledgement_loses(tmp_path: Path) -> None:
    is_proved, figure = chaos_crashes.self_proof(Trial(tmp_path / "proof", SEED, True))
    assert is_proved, figure


@needs_mosquitto
def test_a_crash_at_any_point_loses_nothing(tmp_path: Path) -> None:
    figure = chaos_crashes.fail_points(Trial(tmp_path / "R2", SEED, True))
    assert figure.holds, figure


@needs_mosquitto
def test_lost_connections_lose_nothing(tmp_path: Path) -> None:
    figure = chaos_crashes.reconnects(Trial(tmp_path / "R8", SEED, True))
    assert figure.holds, figure


def test_a_damaged_journal_gives_back_every_good_record(tmp_path: Path) -> None:
    figure = chaos_disk.damaged(Trial(tmp_path / "R13", SEED, True))
    assert figure.holds, figure


@needs_mosquitto
def test_an_experiment_that_fails_is_a_missed_bar(tmp_path: Path) -> None:
    (tmp_path / "R4").mkdir()  # it asks for a folder of its own
    figure = run("R4", tmp_path, SEED, is_quick=True)
    assert figure.holds is False
    assert "failed" in figure.how


def test_every_promise_on_the_list_has_an_experiment() -> None:
    assert {f"R{i}" for i in range(1, 16)} <= set(SCENARIOS)
