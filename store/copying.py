"""Copies of the journal and the ledger while they are in use, and a copied journal made fit to go on from.

Why the order: the log's tail mark, then its segments, then the books. A record that is accepted meanwhile is in none of
the copies or waits in the log's; one that is settled meanwhile is counted by the books, which skip it in the log. The
other way round, a segment could be settled and deleted between the two copies, and its records would be in neither.
"""

from __future__ import annotations

import fcntl
import shutil
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from domain.errors import StoreBusyError
from domain.instants import to_ns
from store.books import Books
from store.segments import Entry, Segments
from store.sqlite import copy_live

BOOKS, LOG, LEDGER, NOTES = "journal.db", "journal", "ledger.db", "influxdb.db"


def copy_journal(folder: Path, target: Path) -> None:
    """Copy the journal of a data folder into `target`, which is empty, while messages are received."""
    (target / LOG).mkdir(parents=True)
    for name in ("tail", *sorted(file.name for file in (folder / LOG).glob("*.seg"))):
        with suppress(FileNotFoundError):  # settled and deleted meanwhile
            shutil.copyfile(folder / LOG / name, target / LOG / name)
    copy_live(folder / BOOKS, target / BOOKS)


def copy_ledger(file: Path, target: Path) -> None:
    """Copy a ledger's SQLite file into the folder `target` while it is in use."""
    copy_live(file, target / LEDGER)


def copy_notes(folder: Path, target: Path) -> None:
    """Copy what a point store on a server keeps beside it, where a data folder holds that, while it is in use."""
    if (folder / NOTES).exists():
        copy_live(folder / NOTES, target / NOTES)


def renumber_log(folder: Path, now: datetime) -> None:
    """Give what waits in a copied journal new numbers, counted from `now`.

    The plant went on after the copy was made, and what it stored then bears the numbers that follow. A batch with such
    a number would be taken for one that is stored already.
    """
    books = Books(folder / BOOKS)
    books.start()
    try:
        settled = books.settled()
        old = Segments(folder / LOG)
        sequence, total = (0, 0) if settled is None else (settled.sequence, settled.total)
        scan = old.scan(sequence, total)
        if (settled is None and not scan.places) or scan.damage:
            return  # nothing was ever received; or the journal itself counts the damage, by the old numbers
        first = max(to_ns(now) // 1000, scan.next_sequence)
        entries = []
        for place in scan.places:
            payload = old.read(place)
            if payload is None:
                return
            entries.append(Entry(place.source, place.at, place.n_items, payload))
        shutil.rmtree(folder / LOG)
        (folder / LOG).mkdir()
        new = Segments(folder / LOG)
        new.open(first, total)
        if entries:
            new.append(entries)
        new.close()
        books.begin_log(first - 1, total)
        with books._db.begin() as connection:
            connection.execute(text("update log set sequence = :sequence, claimed = null"), {"sequence": first - 1})
    finally:
        books.stop()


def refuse_if_in_use(folder: Path) -> None:
    """Raise StoreBusyError where a running Forewarn has the journal of a data folder."""
    owner = folder / LOG / "owner"
    if not owner.exists():
        return
    with closing(owner.open("r+b")) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreBusyError(f"{folder} belongs to a running Forewarn") from error
