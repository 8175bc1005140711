"""The drain: a store that is away keeps the batch, and one bad point does not sink it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.drain import drain
from app.rereading import reread
from app.rooms import Rooms
from domain.errors import StoreAwayError
from domain.points import Points
from domain.records import Decoded, Lot, Outcome, Result
from store.journal import Claimed
from tests.app import tiny_plant as tiny

N = 100


class Picky:
    """The rooms' own store, that fails on a value of 13, and on all while `is_away`."""

    def __init__(self, rooms: Rooms) -> None:
        self.store, self.is_away, self.is_sick, self.n_applied = rooms.points, False, False, 0
        rooms._points = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def apply(self, batch: str, points: Points) -> Outcome:
        self.n_applied += 1
        if self.is_away:
            raise StoreAwayError("no route to host")
        if self.is_sick or 13.0 in points.value:
            raise ValueError("cannot take 13")
        return self.store.apply(batch, points)


def fill(rooms: Rooms) -> None:
    tag = next(iter(rooms.settings.plant.tags[tiny.PUMP]))
    rows = [
        tiny.point(tiny.PUMP, tag, minute, float(minute))._replace(quality=1, flags=128, received_at=7)
        for minute in range(N)
    ]
    rooms.journal.accept([("mqtt", tiny.T0, tiny.decoded(rows))])


def test_one_bad_point_is_found_and_goes_to_the_dead_letter_alone(rooms: Rooms) -> None:
    picky = Picky(rooms)
    fill(rooms)
    drain(rooms, 1000)
    (total,) = rooms.journal.totals()
    assert (total.stored, total.dead_lettered, total.difference) == (N - 1, 1, 0)
    (letter,) = rooms.journal.dead_letters()
    assert (letter.reason, letter.part) == ("refused", "store")
    assert "cannot take 13" in letter.detail
    assert picky.n_applied < 20


def test_point_that_was_refused_keeps_its_quality_flags_and_receipt(rooms: Rooms) -> None:
    picky = Picky(rooms)
    fill(rooms)
    drain(rooms, 1000)
    rooms._points = picky.store
    assert reread(rooms, rooms.journal.dead_letters(), tiny.T0).outcome.stored == 1
    tags = [f"{tiny.PUMP}/{name}" for name in rooms.settings.plant.tags[tiny.PUMP]]
    found = [p for p in picky.store.read(tags, 0, 2**62).rows() if p.value == 13.0]
    assert [(p.quality, p.flags, p.received_at) for p in found] == [(1, 128, 7)]


def test_store_that_is_away_keeps_the_batch_as_it_is(rooms: Rooms) -> None:
    picky = Picky(rooms)
    fill(rooms)
    picky.is_away = True
    for _ in range(3):
        with pytest.raises(StoreAwayError):
            drain(rooms, 1000)
    assert rooms.journal.n_waiting() == N
    assert picky.n_applied == 3
    picky.is_away = False
    drain(rooms, 1000)
    assert rooms.points.count() == N - 1


def test_store_that_takes_nothing_is_away_and_not_the_points_bad(rooms: Rooms) -> None:
    picky = Picky(rooms)
    fill(rooms)
    picky.is_sick = True
    with pytest.raises(StoreAwayError, match="takes none"):
        drain(rooms, 1000)
    assert rooms.journal.n_waiting() == N
    assert rooms.journal.dead_letters() == []


class PickyRecords:
    """The ledger's records, that fail on the code or lot "13", and on all while `is_sick`."""

    def __init__(self, rooms: Rooms) -> None:
        self.records, self.is_sick, self.is_away = rooms.ledger.records, False, False
        rooms.ledger.records = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> object:
        return getattr(self.records, name)

    def apply(self, batch: str, decoded: Sequence[Decoded]) -> Outcome:
        if self.is_away:
            raise StoreAwayError("no route to host")
        names = [e.code for d in decoded for e in d.events] + [x.lot for d in decoded for x in (*d.lots, *d.results)]
        if self.is_sick or "13" in names:
            raise ValueError("cannot take 13")
        return self.records.apply(batch, decoded)


def fill_records(rooms: Rooms) -> None:
    rooms.journal.accept(
        [
            ("mqtt", tiny.T0, tiny.decoded([tiny.point(tiny.PUMP, "pressure", 1, 1.0)])),
            ("mqtt", tiny.T0, tiny.decoded(events=[tiny.failure(tiny.PUMP, i, i + 1, code=str(i)) for i in range(20)])),
            (
                "mqtt",
                tiny.T0,
                tiny.decoded(lots=[Lot(tiny.LINE, str(i), None, tiny.at(i), tiny.T0) for i in range(20)]),
            ),
            (
                "mqtt",
                tiny.T0,
                tiny.decoded(results=[Result(tiny.LINE, str(i), "purity", 9.0, tiny.T0) for i in range(20)]),
            ),
        ]
    )


def test_bad_records_are_found_go_to_the_dead_letter_alone_and_are_read_again(rooms: Rooms) -> None:
    picky = PickyRecords(rooms)
    fill_records(rooms)
    drain(rooms, 1000)
    (total,) = rooms.journal.totals()
    assert (total.received, total.stored, total.dead_lettered, total.difference) == (61, 58, 3, 0)
    letters = rooms.journal.dead_letters()
    assert {(x.reason, x.part) for x in letters} == {("refused", "ledger")}
    assert all("cannot take 13" in x.detail for x in letters)
    assert sorted(x.topic for x in letters) == [f"{tiny.LINE}/13", f"{tiny.LINE}/13/purity", f"{tiny.PUMP}/failure/13"]
    rooms.ledger.records = picky.records
    assert reread(rooms, letters, tiny.T0).outcome.stored == 3
    (total,) = rooms.journal.totals()
    assert (total.stored, total.dead_lettered, total.difference) == (61, 0, 0)
    assert rooms.ledger.records.counts() == {"events": 20, "lots": 20, "results": 20}


@pytest.mark.parametrize("state", ["is_away", "is_sick"])
def test_ledger_that_takes_nothing_is_away_and_not_the_records_bad(rooms: Rooms, state: str) -> None:
    picky = PickyRecords(rooms)
    fill_records(rooms)
    setattr(picky, state, True)
    with pytest.raises(StoreAwayError):
        drain(rooms, 1000)
    assert (rooms.journal.n_waiting(), rooms.journal.dead_letters()) == (61, [])
    setattr(picky, state, False)
    drain(rooms, 1000)
    (total,) = rooms.journal.totals()
    assert (total.stored, total.dead_lettered, total.difference) == (58, 3, 0)


def test_drain_ends_though_more_comes_meanwhile(rooms: Rooms) -> None:
    fill(rooms)
    real = rooms.journal.finish

    def finish(claimed: Claimed, outcome: Outcome) -> None:
        real(claimed, outcome)
        fill(rooms)

    rooms.journal.finish = finish  # type: ignore[method-assign]
    drain(rooms, 1000)
    assert rooms.journal.n_waiting() == N
    rooms.journal.finish = real  # type: ignore[method-assign]
