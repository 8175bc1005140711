"""`forewarn alerts`: list them; acknowledge, reset, comment, shelve, take out of service, review, by name; explain one;
their figures; rule on what they were worth.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.advice import Figures
from alerts.messages import local
from app import afterwards, attending, ruling
from app.alarm_figures import figures, is_worth, proved
from app.clock import SystemClock
from app.commands.opening import opened_for, served_or_here
from app.explaining import NotExplainableError, explained
from app.explanation_text import shown
from app.people import commanded
from app.previewing import Preview
from app.rooms import Rooms
from app.ruling_text import as_json, why
from app.running import CommandError
from app.settings import Settings, load
from domain.alerting import Alert, AlertState, Hold
from domain.errors import ModelError
from domain.instants import parse_duration
from domain.rulings import Ruling, Worth, newest
from domain.text import catalogue, printable, spoken

ACTS: Final = ("ack", "reset", "comment", "shelve", "unshelve", "out-of-service", "in-service")
SAID: Final = {
    "ack": "acknowledged",
    "reset": "reset",
    "comment": "comment added",
    "shelve": "shelved",
    "unshelve": "no longer shelved",
    "out-of-service": "out of service",
    "in-service": "in service again",
}


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """List alerts, newest first; do something with one; print the alarm figures; or rule on what they were worth."""
    settings = load(args.config)
    if args.action == "explain":
        return _explain(settings, args)
    if args.action == "judge":
        return _judge(settings, args, stopping)
    with opened_for(settings, telemetry=args.prove) as rooms:
        now = SystemClock().now()
        if args.action in ACTS:
            _act(rooms, args, now)
            return 0
        if args.action == "review":
            _review(rooms, args, now)
            return 0
        if args.action == "performance":
            since = now - timedelta(days=args.days)
            found_figures = figures(rooms, since, now)
            proofs = [proved(rooms, x, since, now) if args.prove else None for x in found_figures.advice]
            _show_figures(found_figures, proofs, args)
            return 0
        worth = newest(rooms.ledger.rulings.all())
        found = _chosen(rooms, args, now, worth)
        holds = rooms.ledger.alerting.holds()
    if args.json:
        t, zone = catalogue("en"), settings.root.plant.zone
        rows = [_as_json(a, holds.get((a.key.rule, a.key.asset))) | as_json(worth.get(a.id), t, zone) for a in found]
        print(json.dumps(rows))
        return 0
    _show(found, holds, worth, settings)
    return 0


def _review(rooms: Rooms, args: argparse.Namespace, now: datetime) -> None:
    if not args.alert or not args.by.strip() or not args.worth:
        raise CommandError("forewarn alerts review ID --true|--false|--unclear --by NAME: all are needed", 2)
    try:
        who = commanded(args.by)
        made = ruling.review(rooms, args.alert, Worth(args.worth), who, now, args.cause, args.found)
    except ValueError as error:
        raise CommandError(str(error)) from error
    print(f"{args.alert}: {made.worth.value}, by {printable(made.by)}")


def _judge(settings: Settings, args: argparse.Namespace, stopping: threading.Event) -> int:
    """Rule on alerts now, by the running service where there is one."""
    days = ruling.DAYS if args.days_given is None else args.days_given
    with served_or_here(settings, "judge", {"days": days}, stopping) as (answer, rooms):
        if rooms is not None:
            answer = afterwards.told(rooms, SystemClock().now(), days)
    print(json.dumps(answer) if args.json else answer["said"])
    return 0


def _act(rooms: Rooms, args: argparse.Namespace, now: datetime) -> None:
    what = f"forewarn alerts {args.action}"
    if not args.alert or not args.by.strip():
        raise CommandError(f"{what} ID --by NAME: both are needed", 2)
    who, why = commanded(args.by), args.reason
    try:
        if args.action == "ack":
            attending.acknowledge(rooms, args.alert, who, why, now, args.occurrence)
        elif args.action == "reset":
            attending.reset(rooms, args.alert, who, why, now)
        elif args.action == "comment":
            attending.comment(rooms, args.alert, who, why, now)
        else:
            rule, asset = attending.place_of(rooms, args.alert, args.asset or "")
            if args.action == "shelve":
                attending.shelve(rooms, rule, asset, who, why, now, _until(args.until, now))
            elif args.action == "out-of-service":
                attending.take_out_of_service(rooms, rule, asset, who, why, now)
            else:
                state = AlertState.SHELVED if args.action == "unshelve" else AlertState.OUT_OF_SERVICE
                attending.release(rooms, rule, asset, who, why, now, state)
    except ValueError as error:
        raise CommandError(str(error)) from error
    print(f"{args.alert}: {SAID[args.action]} by {who.name}")


def _until(text: str, now: datetime) -> datetime:
    """Read an instant with its zone, or a duration from now on; raises ValueError."""
    if not text:
        raise ValueError('shelving needs --until: a duration such as "2h", or an instant with its zone')
    try:
        return now + parse_duration(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError(f"{text!r} names no time zone, as 2026-03-01T18:00+09:00 does") from None
        return at


def _chosen(rooms: Rooms, args: argparse.Namespace, now: datetime, worth: Mapping[str, Ruling]) -> list[Alert]:
    owners = {r.id: r.owner for r in rooms.settings.all_rules}
    wants: list[Callable[[Alert], bool]] = []
    if args.rule:
        wants.append(lambda a: a.key.rule == args.rule)
    if args.priority:
        wants.append(lambda a: a.priority.value == args.priority)
    if args.state:
        wants.append(lambda a: a.state.value.startswith(args.state))
    if args.owner:
        wants.append(lambda a: owners.get(a.key.rule) == args.owner)
    if args.asks:
        wants.append(lambda a: a.id in worth and worth[a.id].asks)
    if args.worth:
        wants.append(lambda a: a.id in worth and worth[a.id].worth.value == args.worth)
    if args.open:
        wants.append(lambda a: a.state.is_open or a.state.is_held)
    if args.days_given is not None:
        since = now - timedelta(days=args.days_given)
        wants.append(lambda a: a.raised_at is not None and a.raised_at >= since)
    rows = rooms.ledger.alerting.alerts(most=1_000_000 if wants else args.most, asset=args.asset)
    return [a for a in rows if all(want(a) for want in wants)][: args.most]


def _as_json(a: Alert, hold: Hold | None) -> dict[str, Any]:
    is_shown = hold is not None and hold.state is a.state
    return {
        "id": a.id,
        "rule": a.key.rule,
        "asset": a.key.asset,
        "subject": a.key.subject,
        "state": a.state.value,
        "is_active": a.is_active,
        "raised_at": None if a.raised_at is None else a.raised_at.isoformat(),
        "value": a.value,
        "limit": a.limit,
        "priority": a.priority.value,
        "occurrences": a.occurrences,
        "acked_by": a.acked_by,
        "cause": a.cause,
        "held_by": hold.by if hold is not None and is_shown else "",
        "held_until": hold.until.isoformat() if hold is not None and is_shown and hold.until else None,
    }


def _show(
    rows: list[Alert], holds: dict[tuple[str, str], Hold], worth: Mapping[str, Ruling], settings: Settings
) -> None:
    zone, t = settings.root.plant.zone, catalogue("en")
    for a in rows:
        at = local(a.raised_at, zone) if a.raised_at else ""
        print(f"{a.id}  {at}  {a.priority.value:6}  {a.state.value:24}  {a.key.rule}  {a.key.asset}{_why(a)}")
        if (said := worth.get(a.id)) is not None:
            print(f"{'':18}{said.worth.value}: {why(said, t, zone)}")
    if not rows:
        print("no alerts")
    for (rule, asset), hold in holds.items():
        until = "" if hold.until is None else f" until {local(hold.until, zone)}"
        print(f"{hold.state.value}{until}: {rule} {asset}, by {printable(hold.by)}: {printable(hold.why)}")


def _why(alert: Alert) -> str:
    if alert.state is not AlertState.SUPPRESSED:
        return ""
    return f"  ({spoken(catalogue('en'), alert.cause)})"


def _show_figures(found: Figures, proofs: Sequence[Preview | None], args: argparse.Namespace) -> None:
    if args.json:
        told = [None if p is None else p.as_json() | {"is_worth": is_worth(p)} for p in proofs]
        print(json.dumps(asdict(found) | {"proofs": told}, default=str))
        return
    for p in found.positions:
        b = p.burden
        print(
            f"{p.owner or '(no owner)'}: {b.n} alarms, {b.per_10_min:.2f} per 10 min, most {b.most_in_10_min} in 10 min"
        )
        print(f"  floods {b.n_floods} ({b.flood_share:.1%} of the time), chattering {len(p.chattering)}, ", end="")
        print(f"fleeting {p.n_fleeting}, standing over a day {p.most_stale}, top ten {p.top_share:.0%}")
        print("  priorities " + ", ".join(f"{k.value} {v:.0%}" for k, v in p.priorities.items()), end="")
        print(f"; not met: {', '.join(p.missed) or 'nothing'}")
        for actor in p.bad_actors:
            print(f"  {actor.n:6} {actor.share:4.0%}  {actor.rule}  {actor.asset}")
    for g in found.grades:
        print(f"{g.grade}  {g.asset}  recency {g.recency}, frequency {g.frequency}, magnitude {g.magnitude}")
    for x, proof in zip(found.advice, proofs, strict=True):
        print(f"advice: {x.rule} on {x.asset}: {x.key} = {x.value}: {spoken(catalogue('en'), x.why)}")
        if proof is not None:
            print(f"        {'worth it' if is_worth(proof) else 'not worth it'}: {proof}")
        print(f"        try it: forewarn rules preview {x.rule} {x.key}={x.value}")
    if not found.positions:
        print("no alarms in this time")


def _explain(settings: Settings, args: argparse.Namespace) -> int:
    if not args.alert:
        raise CommandError("forewarn alerts explain ID: which one? forewarn alerts list names them", 2)
    with opened_for(settings) as rooms:
        try:
            found = explained(rooms, args.alert, SystemClock().now())
        except (NotExplainableError, ModelError) as error:
            raise CommandError(str(error)) from error
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(shown(found, catalogue(settings.root.plant.language), settings.zone)))
    return 1 if found["is_reproduced"] is False else 0
