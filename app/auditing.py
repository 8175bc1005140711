"""What the audit log is told by the service and by commands: changes of the config, and deeds of the command line."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Final

from app.backup import CONFIG_FILES
from app.people import system_user
from app.rooms import Rooms, opened
from app.settings import Settings
from domain.audit import Action, Deed

NOTE: Final = "audited_config"  # name of the ledger's note: file -> SHA-256
SHOWN: Final = 12
STARTED: Final = "start of the service"


def note_command(settings: Settings, action: Action, subject: str, now: datetime, reason: str = "") -> None:
    """Record what somebody did by a command, in the ledger, which a running service leaves open to others."""
    who = system_user()
    with opened(settings, telemetry=False) as rooms:
        rooms.ledger.audit.save(Deed(now, who.name, action, subject, reason=reason, origin=who.origin))


def note_config(rooms: Rooms, now: datetime) -> None:
    """Record which files of the config are not what they were at the last start, with digests before and now.

    Who edited a file is not known here: who started the service stands in its place.
    """
    folder, noted = rooms.settings.folder, rooms.ledger.note(NOTE)
    files = sorted(path for pattern in CONFIG_FILES for path in folder.glob(pattern))
    now_held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    before: dict[str, str] = {} if noted is None else json.loads(noted)
    if noted is not None:
        for name in sorted(before.keys() | now_held.keys()):
            old, new = before.get(name, ""), now_held.get(name, "")
            if old != new:
                change = name, old[:SHOWN], new[:SHOWN], "", STARTED
                rooms.ledger.audit.save(Deed(now, system_user().name, Action.CONFIG_CHANGED, *change))
    if now_held != before:
        rooms.ledger.save_note(NOTE, json.dumps(now_held))
