"""Changes of rules.toml: tried on history, written with who and why, taken back; and the file looked at again by the
running service.

Invariant: rules.toml is the truth. What stands in it is in the history: a change made by hand is noted when it is seen.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from alerts import health
from app import rule_text
from app.previewing import MOST_DAYS, Preview, preview
from app.rooms import Rooms
from app.rule_file import RULES, parse_rules
from app.settings import known_of
from domain.alerting import Rule
from domain.audit import Action, Actor, Deed
from domain.errors import ConfigError, Fault
from domain.health import Reading
from store.rule_changes import KeyChange, RuleChange

log = logging.getLogger(__name__)
NOTE: Final = "rules"  # the entries that the history leads up to
BY_HAND: Final = "edited by hand"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that holds together: the file's new text, and the rules before and after."""

    text: str
    changes: tuple[KeyChange, ...]
    old: tuple[Rule, ...]
    new: tuple[Rule, ...]


def proposed(rooms: Rooms, settings: Sequence[tuple[str, str, str]], file: str = "") -> Proposal:
    """Return a change of keys, as (rule, key, text of the value, "" to take it out), or of the whole file to that text.

    Raises ValueError for what cannot be changed, and ConfigError where the outcome has faults.
    """
    path = rooms.settings.folder / RULES
    text = path.read_text(encoding="utf-8")
    held = tomllib.loads(text)
    entries = {str(e.get("id")): e for e in held.get("rules", [])}
    if file:
        new_text = file
        changes = rule_text.changes_of(held, _parsed(file, path))
    else:
        for rule, _, _ in settings:
            if rule not in entries:
                raise ValueError(f"no rule {rule!r} in {RULES}: forewarn rules list names them")
        changes = tuple(
            KeyChange(rule, key, entries[rule].get(key), rule_text.parse_value(value) if value else None)
            for rule, key, value in settings
        )
        new_text = rule_text.changed(text, changes)
    return Proposal(new_text, changes, _checked(rooms, text, path), _checked(rooms, new_text, path))


def answered(rooms: Rooms, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Try what a command asks for on history; returns the figures as JSON data. See `asked_for`."""
    proposal, _ = asked_for(rooms, asked)
    found = tried(rooms, proposal, asked["days"], now)
    changes = [[c.rule, c.key, c.old, c.new] for c in proposal.changes]
    return {"said": str(found), "changes": changes, **json.loads(json.dumps(found.as_json()))}


def asked_for(rooms: Rooms, asked: Mapping[str, Any]) -> tuple[Proposal, int | None]:
    """Return the proposal of `undo` (a number), `settings` ([rule, key, text]) or `file`, and what it undoes."""
    if "undo" in asked:
        return undoing(rooms, asked["undo"])[1], asked["undo"]
    settings = [(str(rule), str(key), str(value)) for rule, key, value in asked.get("settings", ())]
    return proposed(rooms, settings, asked.get("file", "")), None


def tried(rooms: Rooms, proposal: Proposal, days: float, now: datetime) -> Preview:
    """Hold a proposal against the last days; raises ValueError for a number of days that makes no sense."""
    if not 0 < days <= MOST_DAYS:
        raise ValueError(f"{days:g} days: more than 0, and at most {MOST_DAYS}")
    return preview(rooms, proposal.old, proposal.new, now - timedelta(days=days), now)


def apply(
    rooms: Rooms,
    proposal: Proposal,
    who: Actor,
    why: str,
    now: datetime,
    figures: Mapping[str, Any],
    undoes: int | None = None,
) -> int:
    """Note the change in the history and write the file; returns its number. Raises ValueError without name or reason.

    The history comes first: where the file is not written, what it still says is seen as a change back.
    """
    if not who.name.strip() or not why.strip():
        raise ValueError("a change of a rule needs a name and a reason")
    if not proposal.changes:
        raise ValueError("this changes nothing")
    note_edits(rooms, now)
    number = rooms.ledger.rule_changes.add(now, who.name, why, proposal.changes, figures, undoes)
    for c in proposal.changes:
        old, new = ("" if x is None else str(x) for x in (c.old, c.new))
        deed = Deed(now, who.name, Action.RULE_CHANGED, f"{c.rule} {c.key}", old, new, why, who.origin)
        rooms.ledger.audit.save(deed)
    _note(rooms, tomllib.loads(proposal.text))
    rule_text.write(rooms.settings.folder / RULES, proposal.text)
    return number


def undoing(rooms: Rooms, number: int) -> tuple[RuleChange, Proposal]:
    """Return a change of the history and the proposal that takes it back; raises ValueError where that cannot be."""
    change = rooms.ledger.rule_changes.get(number)
    if change is None:
        raise ValueError(f"no change {number}: forewarn rules history names them")
    path = rooms.settings.folder / RULES
    text = path.read_text(encoding="utf-8")
    back = tuple(KeyChange(c.rule, c.key, c.new, c.old) for c in change.changes)
    new_text = rule_text.changed(text, back)
    return change, Proposal(new_text, back, _checked(rooms, text, path), _checked(rooms, new_text, path))


def note_edits(rooms: Rooms, now: datetime) -> int | None:
    """Note in the history what was changed in the file by hand since it was last looked at; returns its number."""
    data = tomllib.loads((rooms.settings.folder / RULES).read_text(encoding="utf-8"))
    kept = rooms.ledger.note(NOTE)
    _note(rooms, data)
    if kept is None:
        return None
    changes = rule_text.changes_of(json.loads(kept), json.loads(json.dumps(data)))
    return rooms.ledger.rule_changes.add(now, RULES, BY_HAND, changes, {}) if changes else None


class RulesWatch:
    """Looks whether rules.toml was changed, for the service: good rules replace those before, bad ones do not."""

    def __init__(self) -> None:
        self._seen = ""
        self._n_faults = 0

    def look(self, rooms: Rooms, now: datetime) -> bool:
        """Take up what changed; returns whether there are new rules."""
        path = rooms.settings.folder / RULES
        try:
            content = path.read_bytes()
        except OSError as error:
            content = f"cannot be read: {error}".encode()
        digest = hashlib.sha256(content).hexdigest()
        if digest == self._seen:
            return False
        is_first, self._seen = not self._seen, digest
        try:
            rules = _checked(rooms, content.decode("utf-8"), path)
        except (ConfigError, UnicodeDecodeError) as error:
            self._n_faults = len(error.faults) if isinstance(error, ConfigError) else 1
            log.error("rules are kept as they were faults=%d first=%s", self._n_faults, str(error).split("\n")[0])
            return False
        self._n_faults = 0
        note_edits(rooms, now)
        if rules == rooms.settings.rules:
            return False
        rooms.settings = replace(rooms.settings, rules=rules)
        if not is_first:
            log.info("rules taken up n=%d", len(rules))
        return True

    def reading(self) -> Reading:
        """Return how many faults keep the file from being taken up."""
        return Reading(health.RULES_FILE, float(self._n_faults), "")


def _checked(rooms: Rooms, text: str, path: Path) -> tuple[Rule, ...]:
    settings = rooms.settings
    known = known_of(settings.root, settings.plant.classes, settings.plant)
    rules, faults = parse_rules(_parsed(text, path), known, str(path))
    if faults:
        raise ConfigError(faults)
    return rules


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Fault(str(path), "(file)", "", f"not valid TOML: {error}")]) from error


def _note(rooms: Rooms, data: Mapping[str, Any]) -> None:
    rooms.ledger.save_note(NOTE, json.dumps({"rules": data.get("rules", [])}))
