"""A starting service: it collects while kernels are compiled, and scores once they are."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from app.clock import SystemClock
from app.roles import Role
from app.rooms import Rooms
from app.service import Service
from app.settings import Settings
from app.warming import warm
from features.kernels import GROUPS
from tests.app import tiny_plant as tiny

NO_CONSOLE = frozenset({Role.COLLECT, Role.SCORE})  # its port may be taken


def _until(holds: Callable[[], bool], what: str) -> None:
    waiting = threading.Event()
    for _ in range(400):
        if holds():
            return
        waiting.wait(0.05)
    pytest.fail(what)


@pytest.mark.parametrize("error", [None, RuntimeError("no compiler")])
def test_a_service_collects_while_kernels_are_compiled_and_begins_to_score_after_it(
    plant: Settings, error: Exception | None
) -> None:
    compiled = threading.Event()

    def compiling(_rooms: Rooms, _is_stopping: Callable[[], bool]) -> None:
        compiled.wait(60)
        if error is not None:
            raise error

    service = Service(plant, SystemClock(), stopping := threading.Event(), NO_CONSOLE, warming=compiling)
    ready = threading.Event()
    thread = threading.Thread(target=service.run, kwargs={"is_ready": ready.set})
    thread.start()
    try:
        assert ready.wait(60)
        tiny.accept(service.rooms, tiny.T0, tiny.decoded([tiny.point(tiny.PUMP, "pressure", 1, 1.0)]))
        _until(lambda: service.rooms.points.count() == 1, "nothing was stored while kernels were compiled")
        _until(lambda: "dispatch" in service.rooms.ledger.job_runs(), "no job ran")
        assert "tick" not in service.rooms.ledger.job_runs()
        compiled.set()
        _until(lambda: "tick" in service.rooms.ledger.job_runs(), "scoring never began")
    finally:
        compiled.set()
        stopping.set()
        thread.join(60)
    assert not thread.is_alive()


def test_of_detectors_without_a_champion_every_group_of_their_feature_sets_is_warmed(rooms: Rooms) -> None:
    asked: list[int] = []
    warm(rooms, lambda: asked.append(1) is not None)
    groups = ("moments", "order", "differences")  # of the level calculators
    assert len(asked) == len(rooms.settings.root.detectors) * (len(groups) + 1)


def test_of_a_champion_what_it_kept_is_warmed(trained_rooms: Rooms) -> None:
    asked: list[int] = []
    warm(trained_rooms, lambda: asked.append(1) is not None)
    kept = [bundle.features.names for bundle in trained_rooms.models.champions().values()]
    assert len(kept) == 2
    assert len(asked) == sum(len({_group(n.calculator) for n in names if n.origin == "tag"}) + 1 for names in kept)


def _group(calculator: str) -> str:
    return next(group.name for group in GROUPS if calculator in group.calculators)
