"""What people do with alerts, from the command line or the console: acknowledge, reset, comment, shelve, unshelve, take
out of service and return to it. Each act is one transaction with the row that says who did it and why, and is in the
audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerts import lifecycle
from app.rooms import Rooms
from app.watching import with_notices
from domain.alerting import Alert, AlertState, AlertUpdate, Hold, Rule
from domain.audit import Action, Actor, Deed
from domain.errors import StaleAlertError

ATTEMPTS: Final = 5
AT_ONCE: Final = 200  # alerts that one transaction acknowledges
Decide = Callable[[Alert, int], AlertUpdate]  # the alert and the number of its next transition


def acknowledge(
    rooms: Rooms, alert_id: str, who: Actor, note: str, now: datetime, occurrence: int | None = None
) -> None:
    """Acknowledge an alert; raises ValueError where there is none, no name, nothing to do, or a later raise than
    `occurrence`.
    """
    _acknowledge(rooms, alert_id, who, note, now, occurrence)
    _note(rooms, now, who, Action.ACKNOWLEDGED, alert_id, note)


def _acknowledge(rooms: Rooms, alert_id: str, who: Actor, note: str, now: datetime, occurrence: int | None) -> None:
    _change(rooms, alert_id, now, lambda a, n: lifecycle.acknowledge(a, who.name, now, note, n, occurrence))


def acknowledge_all(
    rooms: Rooms, seen: Mapping[str, int], who: Actor, note: str, now: datetime
) -> dict[str, ValueError]:
    """Acknowledge many alerts at once, as in a flood; returns why some were not, by id.

    seen: alert id -> the number of its raises that the person saw. Those that the service does not change meanwhile are
    one transaction for every AT_ONCE.
    """
    ids, refused = list(seen), {}
    for some in (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE)):
        counts, found = rooms.ledger.alerting.n_transitions(some), rooms.ledger.alerting.named(some)
        updates: dict[str, list[AlertUpdate]] = {}
        for name in some:
            try:
                if name not in found:
                    raise ValueError(f"no alert {name!r}: forewarn alerts list names them")
                update = lifecycle.acknowledge(found[name], who.name, now, note, counts.get(name, 0), seen[name])
                updates[name] = _whole(update)
            except ValueError as error:
                refused[name] = error
        try:
            rooms.ledger.alerting.save([each for steps in updates.values() for each in steps], {}, now)
        except StaleAlertError:
            refused |= _one_by_one(rooms, {name: seen[name] for name in updates}, who, note, now)
        done = [name for name in updates if name not in refused]
        rooms.ledger.audit.save(*(_deed(now, who, Action.ACKNOWLEDGED, name, note) for name in done))
    return refused


def _one_by_one(rooms: Rooms, seen: Mapping[str, int], who: Actor, note: str, now: datetime) -> dict[str, ValueError]:
    refused = {}
    for name, times in seen.items():
        try:
            _acknowledge(rooms, name, who, note, now, times)
        except ValueError as error:
            refused[name] = error
    return refused


def reset(rooms: Rooms, alert_id: str, who: Actor, note: str, now: datetime) -> None:
    """Reset a latched alert; raises ValueError where there is none, no name, or nothing to reset."""
    _change(rooms, alert_id, now, lambda a, n: lifecycle.reset(a, who.name, now, note, n))
    _note(rooms, now, who, Action.RESET, alert_id, note)


def comment(rooms: Rooms, alert_id: str, who: Actor, note: str, now: datetime) -> None:
    """Add a comment to an alert, open or closed; raises ValueError where there is none, no name or no text."""
    _change(rooms, alert_id, now, lambda a, n: lifecycle.comment(a, who.name, now, note, n))
    _note(rooms, now, who, Action.COMMENTED, alert_id, note)


def shelve(rooms: Rooms, rule: str, asset: str, who: Actor, why: str, now: datetime, until: datetime) -> None:
    """Shelve a rule on an asset, with what it has raised there; raises ValueError, see `lifecycle.shelf`."""
    _hold(rooms, rule, asset, lifecycle.shelf(who.name, why, now, until), now)
    _note(rooms, now, who, Action.SHELVED, f"{rule} {asset}", why, until.isoformat())


def take_out_of_service(rooms: Rooms, rule: str, asset: str, who: Actor, why: str, now: datetime) -> None:
    """Take a rule on an asset out of service; raises ValueError without a name or a reason."""
    _hold(rooms, rule, asset, lifecycle.out_of_service(who.name, why, now), now)
    _note(rooms, now, who, Action.OUT_OF_SERVICE, f"{rule} {asset}", why)


def release(rooms: Rooms, rule: str, asset: str, who: Actor, note: str, now: datetime, state: AlertState) -> None:
    """End what a person holds back before its time; raises ValueError where it is not in `state`, or without a name."""
    if not who.name.strip():
        raise ValueError("this needs a name")
    hold = rooms.ledger.alerting.holds().get((rule, asset))
    if hold is None or hold.state is not state:
        raise ValueError(f"rule {rule!r} on {asset!r} is not {state.value}")
    known = next((r for r in rooms.settings.all_rules if r.id == rule), None)

    def freed(alert: Alert, number: int) -> AlertUpdate | None:
        if not alert.state.is_held or known is None:
            return None
        update = lifecycle.release(alert, now, is_latching=known.is_latching, sequence=number, by=who.name, note=note)
        return with_notices(rooms, update, known, {})

    _with_alert(rooms, rule, asset, now, freed, None)
    action = Action.UNSHELVED if state is AlertState.SHELVED else Action.IN_SERVICE
    _note(rooms, now, who, action, f"{rule} {asset}", note)


def place_of(rooms: Rooms, named: str, asset: str = "") -> tuple[str, str]:
    """Return (rule, asset) of an alert's id, or of a rule's id with an asset; raises ValueError for an unknown one."""
    if not asset:
        alert = rooms.ledger.alerting.alert(named)
        if alert is None:
            raise ValueError(f"no alert {named!r}: forewarn alerts list names them; a rule needs --asset")
        return alert.key.rule, alert.key.asset
    rule = next((r for r in rooms.settings.all_rules if r.id == named), None)
    if rule is None:
        raise ValueError(f"no rule {named!r}: forewarn rules list names them")
    if not _watches(rooms, rule, asset):
        raise ValueError(f"rule {named!r} does not watch {asset!r}")
    return named, asset


def keep_time(rooms: Rooms, step: timedelta, now: datetime) -> int:
    """Move the ends of shelvings along with a clock that was set by `step`, so that each lasts as long as was said;
    returns how many. None may end later from now than it was to last.
    """
    changed: dict[tuple[str, str], Hold | None] = {}
    for key, hold in rooms.ledger.alerting.holds().items():
        if hold.until is None:
            continue
        lasts = hold.until - hold.since
        moved = replace(hold, since=hold.since + step, until=min(hold.until + step, now + lasts))
        if moved.until != hold.until:
            changed[key] = moved
    if changed:
        rooms.ledger.alerting.save([], {}, now, changed)
    return len(changed)


class ClockSteps:
    """Notices that the clock was set: it and seconds that never step back have gone on unequally."""

    def __init__(self, least: timedelta = timedelta(seconds=1)) -> None:
        self._least = least
        self._offset: datetime | None = None

    def step(self, now: datetime, monotonic: float) -> timedelta:
        """Return by how much the clock was set since the last call, 0 where it was not."""
        offset = now - timedelta(seconds=monotonic)
        before, self._offset = self._offset, offset
        step = timedelta(0) if before is None else offset - before
        return step if abs(step) >= self._least else timedelta(0)


def _note(rooms: Rooms, now: datetime, who: Actor, action: Action, subject: str, why: str, new: str = "") -> None:
    rooms.ledger.audit.save(_deed(now, who, action, subject, why, new))


def _deed(now: datetime, who: Actor, action: Action, subject: str, why: str, new: str = "") -> Deed:
    return Deed(now, who.name, action, subject, new=new, reason=why, origin=who.origin)


def _whole(update: AlertUpdate) -> list[AlertUpdate]:
    rest = lifecycle.remains(update.alert)
    return [update] if rest is None else [update, AlertUpdate(rest)]


def _watches(rooms: Rooms, rule: Rule, asset: str) -> bool:
    known = rooms.settings.plant.assets.get(asset)
    return asset == rule.asset_class if known is None else known.class_name == rule.asset_class


def _change(rooms: Rooms, alert_id: str, now: datetime, decide: Decide) -> None:
    for _ in range(ATTEMPTS):
        alert = rooms.ledger.alerting.alert(alert_id)
        if alert is None:
            raise ValueError(f"no alert {alert_id!r}: forewarn alerts list names them")
        number = rooms.ledger.alerting.n_transitions([alert_id]).get(alert_id, 0)
        try:
            rooms.ledger.alerting.save(_whole(decide(alert, number)), {}, now)
            return
        except StaleAlertError:
            continue  # the service changed it meanwhile
    raise ValueError(f"alert {alert_id} keeps changing: try again")


def _hold(rooms: Rooms, rule: str, asset: str, hold: Hold, now: datetime) -> None:
    _with_alert(rooms, rule, asset, now, lambda a, n: lifecycle.hold_back(a, hold, now, n), hold)


def _with_alert(
    rooms: Rooms,
    rule: str,
    asset: str,
    now: datetime,
    decide: Callable[[Alert, int], AlertUpdate | None],
    hold: Hold | None,
) -> None:
    """Save a hold, or its end, together with what becomes of the alert that is open there."""
    alerting = rooms.ledger.alerting
    for _ in range(ATTEMPTS):
        found = [a for key, a in alerting.open().items() if (key.rule, key.asset) == (rule, asset) and a.id]
        counts = alerting.n_transitions([a.id for a in found])
        decided = [decide(a, counts.get(a.id, 0)) for a in found]
        updates = [each for update in decided if update is not None for each in _whole(update)]
        try:
            alerting.save(updates, {}, now, {(rule, asset): hold})
            return
        except StaleAlertError:
            continue
    raise ValueError(f"the alert of rule {rule!r} on {asset!r} keeps changing: try again")
