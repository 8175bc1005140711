"""The databases that the ledger's tests run over: SQLite always, and a private PostgreSQL where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from store.ledger import Ledger
from store.ledger_settings import LedgerSettings
from tests.postgres import Cluster, started


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL server of this test run's own."""
    with started(tmp_path_factory) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_at(request: pytest.FixtureRequest) -> LedgerSettings:
    """Where a new, empty ledger is to be."""
    if request.param == "sqlite":
        return LedgerSettings()
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.ledger(f"t{uuid4().hex}")


@pytest.fixture
def open_ledger(ledger_at: LedgerSettings, tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Open the same ledger as often as it is called."""
    made: list[Ledger] = []

    def open_one() -> Ledger:
        made.append(Ledger(tmp_path, ledger_at))
        made[-1].start()
        return made[-1]

    yield open_one
    for each in made:
        each.stop()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()
