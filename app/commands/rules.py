"""`forewarn rules`: list them, try a change on history, make it by name, see who changed what, take a change back."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alerts.messages import local
from app import rule_changing
from app.clock import SystemClock
from app.commands.opening import opened_for, served_or_here
from app.people import commanded
from app.running import CommandError
from app.settings import Settings, load
from domain.alerting import Rule
from domain.text import printable
from store.rule_changes import RuleChange


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """List rules or changes; try, make or take back one."""
    settings = load(args.config)
    try:
        if args.action == "list":
            _list(settings.all_rules, is_json=args.json)
        elif args.action == "history":
            with opened_for(settings, telemetry=False) as rooms:
                _history(rooms.ledger.rule_changes.all(args.rule), settings, is_json=args.json)
        else:
            _change(settings, args, stopping)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return 0


def _change(settings: Settings, args: argparse.Namespace, stopping: threading.Event) -> None:
    is_tried_only = args.action == "preview"
    if not is_tried_only and not (args.by.strip() and args.reason.strip()):
        raise CommandError(f"forewarn rules {args.action} ... --by NAME --reason WHY: both are needed", 2)
    asked = _asked(args)
    with served_or_here(settings, "preview", asked, stopping) as (answer, rooms):
        figures = answer if rooms is None else rule_changing.answered(rooms, asked, SystemClock().now())
    print(json.dumps(figures) if args.json else _told(figures))
    if is_tried_only:
        return
    with opened_for(settings, telemetry=False) as rooms:
        proposal, undoes = rule_changing.asked_for(rooms, asked)
        now = SystemClock().now()
        number = rule_changing.apply(rooms, proposal, commanded(args.by), args.reason, now, figures, undoes)
    print(f"change {number} by {args.by}; forewarn rules undo {number} takes it back")


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    if args.action == "undo":
        if not (args.rule or "").isdigit():
            raise CommandError("forewarn rules undo NUMBER: forewarn rules history names them", 2)
        return {"undo": int(args.rule), "days": args.days}
    if args.file is not None:
        return {"file": Path(args.file).read_text(encoding="utf-8"), "days": args.days}
    pairs = [text.partition("=") for text in args.settings]
    if not args.rule or not pairs or any(not sign for _, sign, _ in pairs):
        raise CommandError(f"forewarn rules {args.action} RULE KEY=VALUE ..., or --file FILE", 2)
    return {"settings": [[args.rule, key.strip(), value.strip()] for key, _, value in pairs], "days": args.days}


def _told(figures: Mapping[str, Any]) -> str:
    lines = [f"{rule}.{key or '(whole)'}: {old!r} -> {new!r}" for rule, key, old, new in figures["changes"]]
    lines.append(figures["said"])
    lines += [f"  {rule}: {now} -> {then} alerts" for rule, (now, then) in figures["rules"].items()]
    lines += [f"  {o or '(no owner)'}: {a:.1f} -> {b:.1f} alerts a day" for o, (a, b) in figures["owners"].items()]
    return "\n".join(lines)


def _list(rules: Sequence[Rule], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps([{"id": r.id, "class": r.asset_class, "watch": r.watch, "owner": r.owner} for r in rules]))
        return
    for r in rules:
        limit = "model" if r.is_model else "" if r.raise_at is None else f"{r.raise_at:g}"
        how = f"{len(r.terms)} conditions" if r.terms else f"{r.condition.value} {limit}"
        print(f"{r.id:24} {r.asset_class:12} {r.watch:32} {how:20} {r.priority.value:7} {r.owner}")


def _history(changes: Sequence[RuleChange], settings: Settings, *, is_json: bool) -> None:
    if is_json:
        rows = [
            {
                "id": c.id,
                "at": c.at.isoformat(),
                "by": c.by,
                "why": c.why,
                "changes": [[k.rule, k.key, k.old, k.new] for k in c.changes],
                "preview": dict(c.preview),
                "undoes": c.undoes,
            }
            for c in changes
        ]
        print(json.dumps(rows))
        return
    for c in changes:
        back = f" (takes back {c.undoes})" if c.undoes is not None else ""
        at = local(c.at, settings.root.plant.zone)
        print(f"{c.id}  {at}  {printable(c.by)}: {printable(c.why)}{back}")
        for k in c.changes:
            print(f"    {k.rule}.{k.key or '(whole)'}: {k.old!r} -> {k.new!r}")
        if said := c.preview.get("said"):
            print(f"    {said}")
    if not changes:
        print("no changes")
