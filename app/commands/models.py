"""`forewarn models`: what was trained, when, on what, with which figures; and which of them scores."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from app import promotion
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.model_text import shown, told
from app.rooms import Rooms
from app.running import CommandError
from app.settings import Settings, load
from domain.text import catalogue
from store.audit import Deed
from store.scoring import ModelRow

Change = Callable[[Rooms, str, str, str, datetime], Deed]
CHANGES: Final[Mapping[str, Change]] = {
    "promote": promotion.promote,
    "rollback": promotion.rollback,
    "sign": promotion.sign,
}
WANTED: Final = {"show": "ID|DETECTOR", "promote": "ID", "sign": "ID", "rollback": "DETECTOR"}


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List models, newest first, or show one whole; change which one scores, beside a running service too."""
    settings = load(args.config)
    if args.action in WANTED and not args.model:
        raise CommandError(
            f"forewarn models {args.action} {WANTED[args.action]}: which one? forewarn models list names them", 2
        )
    with opened_for(settings, telemetry=False) as rooms:
        try:
            if args.action in CHANGES:
                now = SystemClock().now()
                return _tell(CHANGES[args.action](rooms, args.model, args.by, args.reason, now), settings, args.json)
            if args.action == "show":
                row = promotion.of_detector(rooms, args.model) or promotion.named(rooms, args.model)
                return _show(row, rooms.ledger.audit.deeds(row.detector), settings, args.json)
        except promotion.PromotionError as error:
            raise CommandError(str(error)) from error
        return _list(rooms.ledger.scoring.models(), args.json)


def _tell(deed: Deed, settings: Settings, is_json: bool) -> int:
    if is_json:
        print(json.dumps(_as_json(deed)))
    else:
        print(told(deed, catalogue(settings.root.plant.language), settings.zone))
    return 0


def _show(row: ModelRow, deeds: Sequence[Deed], settings: Settings, is_json: bool) -> int:
    own = [deed for deed in deeds if row.model_id in (deed.old, deed.new)]
    if is_json:
        print(json.dumps({**row.details, **_head(row), "history": [_as_json(deed) for deed in own]}, indent=2))
        return 0
    t = catalogue(settings.root.plant.language)
    print("\n".join(shown(row, t, settings.zone)))
    for deed in own:
        print(told(deed, t, settings.zone))
    return 0


def _list(rows: list[ModelRow], is_json: bool) -> int:
    if is_json:
        print(json.dumps([_head(row) for row in rows]))
        return 0
    for r in rows:
        print(f"{r.model_id}  {r.role:10}  {r.trained_at:%Y-%m-%d %H:%M} UTC  {r.detector}")
    if not rows:
        print("no model yet: forewarn train failure|quality|anomaly makes one")
    return 0


def _head(row: ModelRow) -> dict[str, Any]:
    promoted = None if row.promoted_at is None else row.promoted_at.isoformat()
    return {
        "detector": row.detector,
        "model_id": row.model_id,
        "role": row.role,
        "trained_at": row.trained_at.isoformat(),
        "promoted_at": promoted,
    }


def _as_json(deed: Deed) -> dict[str, Any]:
    return asdict(deed) | {"at": deed.at.isoformat()}
