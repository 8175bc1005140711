"""A recommended window to a watched rule in rules.toml, with who and why: one step from a factor to a limit.

Invariant: only a window that the newest study recommends becomes a rule, as the study says it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app import rule_changing
from app.factor_study import kept
from app.rooms import Rooms
from app.rule_file import RULES
from domain.audit import Actor
from domain.text import catalogue
from reports import factor_text

ROOM: Final = 0.02  # of the window's width, which a value must come back inside before the alert returns
PLAIN: Final = re.compile(r"[a-z0-9]+ [a-z0-9]+(_[a-z0-9]+)*")  # detector and factor that an id can hold as they are


class NotWatchedError(Exception):
    """A factor that cannot be watched; the text says why."""


def watch(rooms: Rooms, detector: str, factor: str, who: Actor, why: str, now: datetime) -> tuple[int, str]:
    """Write the rule of a factor's recommended window; returns the number of the change and the rule's id.

    Raises NotWatchedError, and ConfigError where rules.toml has faults.
    """
    if not who.name.strip() or not why.strip():
        raise NotWatchedError("a change of a rule needs a name and a reason")
    record = kept(rooms, detector)
    if record is None:
        raise NotWatchedError(f"{detector} has no factor study yet: forewarn report factors --detector {detector}")
    advice = next((a for a in record["advice"] if a["factor"] == factor and not a["reason"]), None)
    if advice is None:
        raise NotWatchedError(f"no window of {factor} is recommended: nothing to watch")
    entry = _entry(rooms, record, advice)
    path = rooms.settings.folder / RULES
    text = path.read_text(encoding="utf-8")
    if any(r.id == entry["id"] for r in rooms.settings.rules) or f'id = "{entry["id"]}"' in text:
        raise NotWatchedError(f'{factor} is watched already, by rule "{entry["id"]}"')
    proposal = rule_changing.proposed(rooms, [], file=f"{text.rstrip()}\n\n{_toml(entry)}".lstrip())
    expected = {k: advice[k] for k in ("low", "high", "change", "change_low", "change_high", "n_inside")}
    number = rule_changing.apply(rooms, proposal, who, why, now, {"study": record["made_at"], "expected": expected})
    rooms.settings = replace(rooms.settings, rules=proposal.new)
    return number, str(entry["id"])


def rule_id(detector: str, factor: str) -> str:
    """Return the id of a factor's rule: ASCII, as ids are, and never that of another factor, whatever its script."""
    named = f"{detector} {factor}"
    told = re.sub(r"[^a-z0-9]+", "-", f"factor {named}".lower()).strip("-")
    return told if PLAIN.fullmatch(named) else f"{told}-{hashlib.sha256(named.encode()).hexdigest()[:8]}"


def _entry(rooms: Rooms, record: Mapping[str, Any], advice: Mapping[str, Any]) -> dict[str, Any]:
    settings, detector, factor = rooms.settings, record["detector"], advice["factor"]
    chosen = next((d for d in settings.root.detectors if d.name == detector), None)
    if chosen is None:
        raise NotWatchedError(f"no detector {detector}")
    tags = {t: x for a in settings.plant.of_class(chosen.asset_class) for t, x in settings.plant.tags[a.path].items()}
    if factor not in tags and factor not in record.get("lot_columns", ()):
        raise NotWatchedError(f"{factor} is no tag of class {chosen.asset_class}, nor a column of its lots")
    t = catalogue(settings.root.plant.language)
    low, high = advice["low"], advice["high"]
    room = float(f"{ROOM * (high - low):.3g}")
    unit, watched = (tags[factor].unit, f"tag:{factor}") if factor in tags else ("", f"lot:{factor}")
    above = {"watch": watched, "condition": "high", "raise": high, "deadband": room}
    below = {"watch": watched, "condition": "low", "raise": low, "deadband": room}
    one = above if advice["is_low_open"] else below if advice["is_high_open"] else None
    limits: dict[str, Any] = {"any": [above, below]} if one is None else dict(one)
    return {
        "id": rule_id(detector, factor),
        "asset_class": chosen.asset_class,
        **limits,
        # A tag's limits were learned on values of whole windows: a shorter excursion says nothing.
        "on_delay": _delay(settings.feature_set(chosen.features).window) if factor in tags else "0s",
        "priority": "low",
        "title": t("{factor} outside its window for {outcome}", factor=factor, outcome=chosen.outcome),
        "action": t("Hold it {window}.", window=factor_text.window(advice, unit, t)),
    }


def _delay(window: Any) -> str:
    return window if isinstance(window, str) and window else "0s"


def _toml(entry: Mapping[str, Any]) -> str:
    lines = ["[[rules]]"]
    for key, value in entry.items():
        if isinstance(value, list):
            tables = (", ".join(f"{k} = {_text(v)}" for k, v in term.items()) for term in value)
            lines.append(f"{key} = [{', '.join(f'{{ {table} }}' for table in tables)}]")
        else:
            lines.append(f"{key} = {_text(value)}")
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
