"""Several processes at one ledger at once, and a PostgreSQL server that goes away and comes back."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import OperationalError

from domain.alerting import AlertUpdate
from domain.errors import StoreAwayError
from domain.records import Decoded
from domain.scores import Verdict
from store.ledger import Ledger
from store.ledger_settings import LedgerSettings
from store.scoring import VerdictRow
from tests.postgres import PASSWORD, Cluster
from tests.store.items import NO_POINTS, at, event, lot
from tests.store.test_alerting import KEY, PENDING

N_PROCESSES, N_ROUNDS = 4, 12


def work(folder: Path, settings: LedgerSettings, number: int, gate: object) -> None:
    """Do what the roles do: the same events and lots, verdicts and cursors, from every process."""
    ledger = Ledger(folder, settings)
    gate.wait()  # type: ignore[attr-defined]
    ledger.start()
    assets = [f"a{i}" for i in range(20)]
    for i in range(N_ROUNDS):
        items = Decoded(NO_POINTS, (event(f"F{i}", end=number),), (lot(f"L{i}", feed=float(number)),))
        ledger.records.apply(f"{number}:{i}", [items])
        ledger.records.apply(f"shared:{i}", [Decoded(NO_POINTS, (event(f"S{i}"),))])
        rows = [VerdictRow(a, Verdict.OK, f"{number}", at(i)) for a in (assets if number % 2 else assets[::-1])]
        ledger.scoring.save_verdicts(rows)
        ledger.scoring.save([], dict.fromkeys(assets if number % 2 else assets[::-1], i))
        ledger.save_job_run("tick", at(i))
        alert = replace(PENDING, key=replace(KEY, asset=f"a{number}"), breach_since=at(i))
        ledger.alerting.save([AlertUpdate(alert)], {}, at(i))
    ledger.stop()


def test_several_processes_open_a_new_ledger_and_write_at_once(ledger_at: LedgerSettings, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(N_PROCESSES)
    processes = [context.Process(target=work, args=(tmp_path, ledger_at, n, gate)) for n in range(N_PROCESSES)]
    for each in processes:
        each.start()
    for each in processes:
        each.join(timeout=120)
    assert [each.exitcode for each in processes] == [0] * N_PROCESSES
    ledger = Ledger(tmp_path, ledger_at)
    ledger.start()
    assert ledger.records.counts() == {
        "events": N_PROCESSES * N_ROUNDS + N_ROUNDS,  # every process said something else of F, and the same of S
        "lots": N_PROCESSES * N_ROUNDS,
        "results": 0,
    }
    assert len(ledger.records.events(at(99))) == 2 * N_ROUNDS
    assert len(ledger.scoring.verdicts()) == 20
    assert len(ledger.alerting.open()) == N_PROCESSES
    ledger.stop()


def test_a_server_that_is_away_is_said_so_and_used_again_when_it_is_back(postgres: Cluster, tmp_path: Path) -> None:
    settings = postgres.ledger("restarted")
    ledger = Ledger(tmp_path, settings)
    ledger.start()
    ledger.save_note("before", "1")
    postgres.control("-m", "immediate", "stop")
    try:
        for _ in range(2):
            with pytest.raises(StoreAwayError, match="restarted is away") as said:
                ledger.save_note("during", "1")
            assert PASSWORD not in str(said.value)
        with pytest.raises(StoreAwayError):
            Ledger(tmp_path, settings).start()
    finally:
        postgres.start()
    ledger.save_note("after", "1")
    assert [ledger.note(name) for name in ("before", "during", "after")] == ["1", None, "1"]
    ledger.stop()


def test_a_wrong_password_is_said_without_it(postgres: Cluster, tmp_path: Path) -> None:
    settings = postgres.ledger("guarded").model_copy(update={"password": SecretStr("wrong horse")})
    with pytest.raises(StoreAwayError, match="password authentication failed") as said:
        Ledger(tmp_path, settings).start()
    assert "wrong horse" not in str(said.value)


def test_the_password_is_in_no_repr(open_ledger: Callable[[], Ledger], ledger_at: LedgerSettings) -> None:
    ledger = open_ledger()
    shown = f"{ledger_at!r} {ledger_at} {ledger._db!r} {ledger._db.url} {ledger_at.model_dump()!r}"
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://forewarn:secret@db/forewarn", "takes no password"),
        ("mysql://db/forewarn", "must be empty"),
        ("postgresql://db", "names no database"),
        ("db.example.com", "must be empty"),
        ("postgresql:///forewarn", "must be empty"),
        ("postgresql://db/forewarn?passfile=x", "does not take passfile"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LedgerSettings(url=url)


def test_a_full_disk_of_the_server_says_nothing_of_the_rows_and_too_long_a_name_does(
    postgres: Cluster, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path, postgres.ledger("full"))
    ledger.start()
    full = "do $$ begin raise exception 'no space left' using errcode = '53100'; end $$"
    with pytest.raises(StoreAwayError, match="full is away: no space left"), ledger._db.begin() as connection:
        connection.exec_driver_sql(full)
    name = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(250))
    with pytest.raises(OperationalError, match="maximum size"):
        ledger.records.apply("1", [Decoded(NO_POINTS, lots=(lot(name),))])
    assert ledger.records.apply("1", [Decoded(NO_POINTS, lots=(lot("A"),))]).stored == 1
    ledger.stop()
