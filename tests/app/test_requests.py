"""A command and a service on one ledger: asked, answered, and nobody waits for a service that is gone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.requests import ServiceGoneError, ServiceLock, ask, in_turn, serve
from app.rooms import Rooms
from tests.app import tiny_plant as tiny

NOW = tiny.at(0)


def test_answer_comes_back_with_progress_on_the_way(rooms: Rooms, tmp_path: Path) -> None:
    lock = ServiceLock(tmp_path)
    assert lock.acquire()
    shown: list[str] = []

    def work(payload: Mapping[str, Any], note: Any) -> Mapping[str, Any]:
        note("half")
        return {"twice": payload["n"] * 2}

    def wait(_seconds: float) -> bool:
        serve(rooms.ledger, {"double": work}, lambda: NOW)
        return False

    assert ask(rooms.ledger, ServiceLock(tmp_path), "double", {"n": 4}, NOW, wait, shown.append) == {"twice": 8}
    assert rooms.ledger.requests.open(["double"]) == []


def test_failed_work_is_an_answer_and_the_next_request_is_served(rooms: Rooms) -> None:
    def work(payload: Mapping[str, Any], _note: Any) -> Mapping[str, Any]:
        if payload["n"] == 1:
            raise ValueError("odd")
        return {"ok": True}

    numbers = [rooms.ledger.requests.ask("w", {"n": n}, NOW) for n in (1, 2)]
    assert serve(rooms.ledger, {"w": work}, lambda: NOW) == 2
    answers = [r.answer for n in numbers if (r := rooms.ledger.requests.get(n)) is not None]
    assert answers == [{"error": "odd"}, {"ok": True}]


def test_other_kinds_are_left_for_others(rooms: Rooms) -> None:
    rooms.ledger.requests.ask("backup", {}, NOW)
    assert serve(rooms.ledger, {"load": lambda *_: {}}, lambda: NOW) == 0


def test_one_that_waits_for_another_request_says_so(rooms: Rooms, tmp_path: Path) -> None:
    lock = ServiceLock(tmp_path)
    assert lock.acquire()
    first = rooms.ledger.requests.ask("load", {"path": "/data/big.csv"}, NOW)
    rooms.ledger.requests.note(first, "12%, 9 items")
    shown: list[str] = []

    def wait(_seconds: float) -> bool:
        if len(shown) == 2:
            rooms.ledger.requests.answer(first, {}, NOW)
        if len(shown) == 3:
            serve(rooms.ledger, {"backup": lambda _asked, _note: {"ok": 1}}, lambda: NOW)
        return False

    ask(rooms.ledger, ServiceLock(tmp_path), "backup", {}, NOW, wait, shown.append)
    assert shown == ["waits for load /data/big.csv (12%, 9 items)"] * 2 + [""]


def test_work_that_waits_for_other_work_says_so() -> None:
    lock, noted = threading.Lock(), []
    with in_turn(lock, noted.append, "the pipeline"):
        assert noted == []
        other = threading.Thread(target=lambda: in_turn(lock, noted.append, "the pipeline").__enter__())
        other.start()
        other.join(0.2)
        assert noted == ["waits for the pipeline"]
    other.join(10)
    assert not lock.locked()


def test_service_that_ends_is_noticed_and_the_request_taken_back(rooms: Rooms, tmp_path: Path) -> None:
    lock = ServiceLock(tmp_path)
    assert lock.acquire()

    def wait(_seconds: float) -> bool:
        lock.release()
        return False

    with pytest.raises(ServiceGoneError, match="the service ended"):
        ask(rooms.ledger, ServiceLock(tmp_path), "load", {}, NOW, wait)
    assert rooms.ledger.requests.open(["load"]) == []


def test_command_can_be_broken_off(rooms: Rooms, tmp_path: Path) -> None:
    lock = ServiceLock(tmp_path)
    assert lock.acquire()
    with pytest.raises(ServiceGoneError, match="interrupted"):
        ask(rooms.ledger, ServiceLock(tmp_path), "load", {}, NOW, lambda _: True)
    lock.release()


def test_lock_is_held_by_one(tmp_path: Path) -> None:
    one, other = ServiceLock(tmp_path), ServiceLock(tmp_path)
    assert not other.is_held()
    assert one.acquire()
    assert other.is_held()
    assert not other.acquire()
    one.release()
    one.release()
    assert other.acquire()
    other.release()
