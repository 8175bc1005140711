"""The audit log finds every change made to it behind its back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import delete, update

from domain.audit import Action, Deed, Head
from store import tables
from store.ledger import Ledger
from tests.store.items import at

T = tables.audit


def filled(ledger: Ledger, n: int = 6) -> None:
    for i in range(n):
        ledger.audit.save(Deed(at(i), f"user{i}", Action.ACKNOWLEDGED, f"alert{i}", "", "acked", "seen", "10.0.0.5"))


def test_a_deed_is_read_back_whole_newest_first(ledger: Ledger) -> None:
    filled(ledger, 3)
    assert [d.by for d in ledger.audit.deeds()] == ["user2", "user1", "user0"]
    assert ledger.audit.deeds("alert1") == [
        Deed(at(1), "user1", "alert acknowledged", "alert1", "", "acked", "seen", "10.0.0.5")
    ]
    assert [d.by for d in ledger.audit.deeds(since=at(1))] == ["user2", "user1"]
    assert ledger.audit.faults() == []


@pytest.mark.parametrize("column", ["at", "by", "action", "subject", "old", "new", "reason", "origin", "digest"])
@pytest.mark.parametrize("row", [1, 3, 6])
def test_every_edit_of_every_column_is_found(ledger: Ledger, column: str, row: int) -> None:
    filled(ledger)
    with ledger._db.begin() as connection:
        connection.execute(update(T).where(T.c.id == row).values({column: 7 if column == "at" else "x"}))
    assert ledger.audit.faults()
    assert f"row {row}" in ledger.audit.faults()[0]


@pytest.mark.parametrize("row", [1, 3, 6])
def test_a_deleted_row_is_found_also_the_last(ledger: Ledger, row: int) -> None:
    filled(ledger)
    with ledger._db.begin() as connection:
        connection.execute(delete(T).where(T.c.id == row))
    assert ledger.audit.faults()


def test_all_rows_gone_is_found(ledger: Ledger) -> None:
    filled(ledger)
    with ledger._db.begin() as connection:
        connection.execute(delete(T))
    assert ledger.audit.faults() == ["the end: row 0 is the last one, and row 6 was the last one written"]


def test_swapped_rows_are_found(ledger: Ledger) -> None:
    filled(ledger)
    with ledger._db.begin() as connection:
        for old, new in ((2, -1), (3, 2), (-1, 3)):
            connection.execute(update(T).where(T.c.id == old).values(id=new))
    assert [f.split(":")[0] for f in ledger.audit.faults()] == ["row 2", "row 3", "row 4"]


def test_a_row_put_in_behind_the_end_is_found(ledger: Ledger) -> None:
    filled(ledger)
    with ledger._db.begin() as connection:
        connection.execute(
            T.insert().values(
                id=7, at=1, by="x", action="x", subject="", old="", new="", reason="", origin="", digest="0" * 64
            )
        )
    assert ledger.audit.faults()


def test_a_chain_written_anew_is_found_by_a_head_that_was_noted(ledger: Ledger) -> None:
    filled(ledger)
    noted = Head.of(str(ledger.audit.head()))
    with ledger._db.begin() as connection:
        connection.execute(delete(T))
        connection.execute(delete(tables.meta))
    filled(ledger, 5)
    assert ledger.audit.faults() == []  # a chain of its own
    assert ledger.audit.faults(noted) == ["the end: row 6 was noted, and row 5 is the last one"]
    ledger.audit.save(Deed(at(9), "y", "z"))
    assert "written anew" in ledger.audit.faults(noted)[0]


def test_several_writers_make_one_chain(open_ledger: Callable[[], Ledger]) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    threads = [threading.Thread(target=filled, args=(each, 20)) for each in ledgers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert ledgers[0].audit.head().number == 80
    assert ledgers[0].audit.faults() == []


def test_text_that_no_database_holds_is_kept_readable_and_the_chain_whole(ledger: Ledger) -> None:
    ledger.audit.save(Deed(at(1), "a\0b", "x", "\ud800"))
    assert ledger.audit.deeds()[0].by == "a␀b"
    assert ledger.audit.faults() == []
