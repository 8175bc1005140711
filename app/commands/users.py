"""`forewarn users`: who may use the console, and as what."""

from __future__ import annotations

import argparse
import json
import threading

from app import people
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.rooms import Rooms
from app.running import CommandError
from app.settings import load
from domain.access import UserRole


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List users, or change one; a password that is made is printed once and kept nowhere."""
    if args.action != "list" and not args.name:
        raise CommandError(f"forewarn users {args.action} NAME: which one?", 2)
    if args.action in ("add", "role") and not args.role:
        raise CommandError(f"forewarn users {args.action} NAME --role {'|'.join(UserRole)}: which role?", 2)
    with opened_for(load(args.config), telemetry=False) as rooms:
        if args.action == "list":
            return _list(rooms, args)
        try:
            print(_changed(rooms, args))
        except ValueError as error:
            raise CommandError(str(error)) from error
    return 0


def _changed(rooms: Rooms, args: argparse.Namespace) -> str:
    ledger, actor, now = rooms.ledger, people.system_user(), SystemClock().now()
    if args.action in ("add", "password"):
        if args.action == "add":
            name, password = people.add(ledger, args.name, UserRole(args.role), actor, now)
        else:
            name, password = people.reset_password(ledger, args.name, actor, now)
        return (
            f"{name}: one-time password {password}\nIt is shown this once, and must be changed with the first log-in."
        )
    if args.action == "role":
        user = people.give_role(ledger, args.name, UserRole(args.role), actor, now)
        return f"{user.name}: {user.role} before, {args.role} from now on"
    user = people.switch(ledger, args.name, actor, now, is_disabled=args.action == "disable")
    return f"{user.name}: {'disabled, and logged out everywhere' if args.action == 'disable' else 'enabled'}"


def _list(rooms: Rooms, args: argparse.Namespace) -> int:
    users = rooms.ledger.users.all()
    if args.json:
        print(
            json.dumps(
                [
                    {
                        "name": u.name,
                        "role": u.role.value,
                        "made_at": u.made_at.isoformat(),
                        "must_change": u.must_change,
                        "is_disabled": u.is_disabled,
                    }
                    for u in users
                ]
            )
        )
        return 0
    for u in users:
        notes = [
            text for is_so, text in ((u.is_disabled, "disabled"), (u.must_change, "password not changed yet")) if is_so
        ]
        print(f"{u.name:24}  {u.role.value:8}  {u.made_at:%Y-%m-%d}  {', '.join(notes)}".rstrip())
    if not users:
        print("no users: the console asks nobody for a name, and is served on loopback only")
    return 0
