"""Wires the console to the rooms of a running service or demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Final

from app import desk, health, live_quality, ruling
from app.access import ConsoleGate, Spans
from app.clock import SystemClock
from app.factor_watching import NotWatchedError, watch
from app.recording import record
from app.rereading import replay
from app.rooms import Rooms
from app.settings import Settings
from app.workshop import RuleWorkshop
from dashboard.access import actor
from dashboard.console import ConsoleServer, PortTakenError, create_app
from dashboard.source import DetectorInfo, Reread, Review, Source, WatchError
from detectors import detector_class
from detectors.settings import DetectorSettings
from domain.audit import Action, Deed
from domain.errors import ConfigError, Fault
from domain.health import Reading
from domain.instants import parse_duration
from domain.ports import Clock
from domain.records import Told

PATIENCE_S: Final = 10.0  # that a person waits for a button
__all__ = ["PortTakenError", "console"]


def console(
    rooms: Rooms,
    clock: Clock,
    state: Callable[[], str],
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> ConsoleServer:
    """Return the console's server, not yet started. turn: held while it stores.

    Raises ConfigError where other machines would reach it, and there are no users.
    """
    settings = rooms.settings
    root = settings.root
    _refuse_without_users(rooms)
    source = Source(
        root.plant.name,
        settings.plant,
        settings.zone,
        root.console.language,
        root.console.refresh_s,
        rooms.points,
        rooms.ledger,
        rooms.journal,
        lambda: rooms.settings.all_rules,
        tuple(_info(settings, d) for d in root.detectors),
        clock.now,
        state,
        lambda doing: desk.attend(rooms, doing, actor(doing.by), clock.now()),
        lambda alert_id, language: desk.explain(rooms, alert_id, language, clock.now()),
        lambda: _readings(rooms),
        partial(_reread, rooms, clock, turn),
        lambda told: _record(rooms, clock, told),
        RuleWorkshop(rooms, clock),
        lambda said: _review(rooms, clock, said),
        partial(_watch, rooms, clock),
        root.plant.shifts,
        root.console.model_days,
        lambda name: live_quality.live_classed(rooms, settings.detector(name), clock.now()),
    )
    spans = Spans(parse_duration(root.console.idle), parse_duration(root.console.session))
    gate = ConsoleGate(rooms.ledger, SystemClock().now, is_beyond=root.console.is_beyond, spans=spans)
    return ConsoleServer(create_app(source, gate), root.console.host, root.console.port, root.console.trusted_proxy)


def _info(settings: Settings, detector: DetectorSettings) -> DetectorInfo:
    is_judged = detector.task == "classification"
    judged = settings.judged(detector.asset_class, detector.outcome) if is_judged else None
    role = detector_class(detector.kind).role
    return DetectorInfo(detector.name, role, detector.asset_class, detector.outcome, judged)


def _refuse_without_users(rooms: Rooms) -> None:
    console = rooms.settings.root.console
    if console.is_beyond and not any(not user.is_disabled for user in rooms.ledger.users.all()):
        key, value = ("trusted_proxy", console.trusted_proxy) if console.trusted_proxy else ("host", console.host)
        rule = "other machines reach the console, and there are no users: forewarn users add NAME --role admin"
        raise ConfigError([Fault(str(rooms.settings.folder / "forewarn.toml"), f"console.{key}", value, rule)])


def _record(rooms: Rooms, clock: Clock, told: Told) -> None:
    who = actor(told.by)
    record(rooms, replace(told, by=who.name), clock.now(), who.origin)


def _review(rooms: Rooms, clock: Clock, said: Review) -> None:
    ruling.review(rooms, said.alert, said.worth, actor(said.by), clock.now(), said.cause, said.found)


def _watch(rooms: Rooms, clock: Clock, detector: str, factor: str, by: str, why: str) -> str:
    try:
        _, rule = watch(rooms, detector, factor, actor(by), why, clock.now())
    except (NotWatchedError, ConfigError) as error:
        raise WatchError(str(error)) from error
    return rule


def _readings(rooms: Rooms) -> Sequence[Reading]:
    noted = health.noted(rooms)
    return () if noted is None else noted[1]


def _reread(
    rooms: Rooms,
    clock: Clock,
    turn: Callable[[], AbstractContextManager[Any]],
    number: int | None,
    reason: str | None,
    before: int | None,
) -> Reread:
    """Read as many letters again as a person waits for; the next call goes on with the older ones."""
    until = clock.monotonic() + PATIENCE_S
    found = replay(
        rooms,
        clock.now(),
        number,
        reason,
        before,
        turn=turn,
        is_stopping=lambda: clock.monotonic() > until,
    )
    who = actor()
    said = f"{found.n_letters} read, {found.n_mended} mended"
    chosen = reason or "all" if number is None else str(number)
    rooms.ledger.audit.save(Deed(clock.now(), who.name, Action.READ_AGAIN, chosen, reason=said, origin=who.origin))
    return Reread(found.n_letters, found.n_mended, found.before)
