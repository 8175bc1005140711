"""A plant's week in, what of it needs somebody's decision out, each with the command or the page where it is made.

Invariant: what is named here stands below in the report with its figures; the most urgent comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from domain.alerting import Priority
from domain.text import Translate, mark, phrase, spoken
from reports.unwarned import Cause
from reports.week.figures import Week

MOST_NAMED: Final = 3
OF_MANY: Final = frozenset({"top_share"})  # goals that say nothing of the few alerts of a week
OLD_S: Final = 86_400.0  # of an alert that nobody has acknowledged


@dataclass(frozen=True, slots=True)
class Need:
    """what: a stored phrase; command: as it is typed; path: of the console's page."""

    what: str
    command: str
    path: str


def needs(found: Week) -> list[Need]:
    """Return what needs a decision."""
    parts: tuple[Callable[[Week], Iterator[Need]], ...] = (_data, _alerts, _warnings, _stops, _models, _quality, _load)
    return [need for part in parts for need in part(found)]


def as_json(need: Need, t: Translate) -> dict[str, Any]:
    """Return one as JSON data, in words of a language."""
    return {"what": spoken(t, need.what), "command": need.command, "path": need.path}


def _data(found: Week) -> Iterator[Need]:
    data = found.data[0]
    if data.difference:
        what = mark("Items that are unaccounted for: {n}. The sum does not hold.")
        yield Need(phrase(what, n=data.difference), "forewarn status", "/system")
    if found.silent:
        what = mark("Silent now: {names}. Sensor, cable, gateway?")
        names = _named([f"{x.asset}/{x.tag}".rstrip("/") for x in found.silent])
        yield Need(phrase(what, names=names), "forewarn alerts list --rule forewarn-no-data --open", "/alerts")
    if data.dead_lettered:
        what = mark("Items that could not be taken: {n}. Mend the source or the config, then have them read again.")
        yield Need(phrase(what, n=data.dead_lettered), "forewarn deadletter list", "/system")


def _alerts(found: Week) -> Iterator[Need]:
    old = [
        x
        for x in found.standing
        if x.priority == Priority.HIGH and not x.is_acked and (found.made_at - x.raised_at).total_seconds() > OLD_S
    ]
    if old:
        what = mark("Alerts of high priority that nobody has acknowledged for more than a day: {n}.")
        yield Need(phrase(what, n=len(old)), "forewarn alerts list --open --priority high", "/alerts")
    endless = [x for x in found.held if x.until is None]
    if endless:
        what = mark("Out of service without an end: {names}. Still right?")
        names = _named([f"{x.title} ({x.asset})" for x in endless])
        yield Need(phrase(what, names=names), "forewarn alerts list --open", "/alerts")


def _warnings(found: Week) -> Iterator[Need]:
    if found.asking:
        what = mark("Warnings that wait for your word, whether a failure was near: {n}.")
        yield Need(phrase(what, n=len(found.asking)), "forewarn alerts list --asks", "/alerts/worth")


def _stops(found: Week) -> Iterator[Need]:
    by_detector = sorted({x.detector for x in found.stops_list if Cause.THRESHOLD in x.causes and x.detector})
    for name in by_detector:
        what = mark("A lower limit of {detector} would have caught a stop that came unwarned: weigh its price.")
        yield Need(phrase(what, detector=name), f"forewarn threshold show {name}", "/alerts/worth")
    unwatched = [x for x in found.stops_list if Cause.UNWATCHED in x.causes]
    if unwatched:
        what = mark("Nothing watches for stops such as {names}: is a detector worth it?")
        names = _named(list(dict.fromkeys(f"{x.code or x.kind} ({x.asset})" for x in unwatched)))
        n_days = (found.made_at - found.start).days + 1
        yield Need(phrase(what, names=names), f"forewarn events autopsy --days {n_days}", "/alerts/worth")


def _models(found: Week) -> Iterator[Need]:
    for x in found.models:
        if x.refused:
            what = mark("The model of {detector} cannot be used: {why}")
            yield Need(phrase(what, detector=x.detector, why=x.refused), "forewarn models list", "/system")
        if x.failed:
            what = mark("{detector} could not be trained again: {why}")
            yield Need(phrase(what, detector=x.detector, why=x.failed), _train(x.role, x.detector), "/system")
        elif not x.model_id:
            what = mark("{detector} has no model yet.")
            yield Need(phrase(what, detector=x.detector), _train(x.role, x.detector), "/system")
        elif x.overdue_days is not None:
            what = mark("{detector} was last trained {days} days ago, and should have been again.")
            told = phrase(what, detector=x.detector, days=round(x.overdue_days))
            yield Need(told, _train(x.role, x.detector), "/system")
        if x.challenger:
            what = mark("A newer model of {detector} waits: promote it?")
            yield Need(phrase(what, detector=x.detector), f"forewarn models show {x.challenger}", "/system")
        if x.drift:
            what = mark("What {detector} sees has drifted: did the plant change, or a sensor?")
            yield Need(phrase(what, detector=x.detector), f"forewarn models show {x.model_id}", "/system")


def _quality(found: Week) -> Iterator[Need]:
    for live in found.predicting:
        if live.alarms:
            what = mark("{detector} errs more than its back-test promised: train it anew, or go back.")
            role = next((x.role for x in found.models if x.detector == live.detector), "quality")
            yield Need(phrase(what, detector=live.detector), _train(role, live.detector), "/quality")
    for factor in found.factors:
        if factor.n_now:
            told = phrase(mark("Outside its window now: {title}."), title=factor.title)
            yield Need(told, f"forewarn alerts list --rule {factor.rule} --open", "/quality")


def _load(found: Week) -> Iterator[Need]:
    for load in found.alarms[0].loads:
        n = len(set(load.missed) - OF_MANY)
        if n:
            what = mark("Alarm goals that are not kept: {n}. Which rules to change is advised, with proof.")
            of_owner = mark(
                "Alarm goals that {owner} does not keep: {n}. Which rules to change is advised, with proof."
            )
            told = phrase(of_owner, owner=load.owner, n=n) if load.owner else phrase(what, n=n)
            yield Need(told, "forewarn alerts performance --days 30 --prove", "/alerts/figures")


def _train(role: str, detector: str) -> str:
    return f"forewarn train {role} --detector {detector}"


def _named(names: list[str]) -> str:
    more = f" (+{len(names) - MOST_NAMED})" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
