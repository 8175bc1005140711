"""Rules tried on history and changed from the console, and the alarms' figures: what is asked for in, figures out.

Invariant: a change is saved with the figures of the preview of that very change.
"""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from alerts.advice import Figures
from app import alarm_figures, rule_changing
from app.paths import bundled_config
from app.rooms import Rooms
from app.rule_file import RULES
from dashboard.access import actor
from domain.errors import ConfigError, RecordError
from domain.ports import Clock
from domain.text import mark

REMEMBERED: Final = 16  # previews whose figures a change that is saved afterwards takes over
NOT_CHANGED: Final = mark("it cannot be changed so: {why}")
UNREADABLE: Final = mark("rules.toml cannot be read: {why}")
OF_THE_DEMO: Final = mark("the demo's rules are tried here, and stay as they are")


class RuleWorkshop:
    """Tries and changes the rules of a plant; previews are made one after the other."""

    def __init__(self, rooms: Rooms, clock: Clock) -> None:
        self._rooms, self._clock = rooms, clock
        self._found: dict[str, Mapping[str, Any]] = {}  # what was asked for -> figures, the newest last
        self._turn = threading.Lock()

    def figures(self, days: float) -> Figures:
        """Return the alarm figures of the last days."""
        now = self._clock.now()
        return alarm_figures.figures(self._rooms, now - timedelta(days=days), now)

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Return the rules as rules.toml has them now; raises RecordError where it cannot be read."""
        try:
            held = tomllib.loads((self._rooms.settings.folder / RULES).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecordError(UNREADABLE, why=error) from error
        found: Sequence[Mapping[str, Any]] = held.get("rules", [])
        return found

    def tried(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a change would have meant, as JSON data; raises RecordError saying why it cannot be made."""
        with self._turn:
            try:
                figures = rule_changing.answered(self._rooms, asked, self._clock.now())
            except (ConfigError, ValueError, OSError) as error:
                raise RecordError(NOT_CHANGED, why=_why(error)) from error
            key = self._key(asked)
            self._found.pop(key, None)
            self._found[key] = figures
            while len(self._found) > REMEMBERED:
                self._found.pop(next(iter(self._found)))
        return figures

    def saved(self, asked: Mapping[str, Any], by: str, why: str) -> int:
        """Make the change under the name of who is logged in; returns its number. Raises RecordError."""
        if self._rooms.settings.folder == bundled_config() / "demo":
            raise RecordError(OF_THE_DEMO)
        figures = self._found.get(self._key(asked)) or self.tried(asked)
        try:
            with self._turn:
                proposal, undoes = rule_changing.asked_for(self._rooms, asked)
                return rule_changing.apply(self._rooms, proposal, actor(by), why, self._clock.now(), figures, undoes)
        except (ConfigError, ValueError, OSError) as error:
            raise RecordError(NOT_CHANGED, why=_why(error)) from error

    def _key(self, asked: Mapping[str, Any]) -> str:
        """Return what figures are kept by: the change, and the rules that it is a change of."""
        return json.dumps([asked, self.entries()], sort_keys=True, default=str)


def _why(error: Exception) -> str:
    """Return what is wrong, without where the file lies."""
    if isinstance(error, ConfigError):
        return "; ".join(f"{f.key} = {f.value}: {f.rule}" if f.value else f"{f.key}: {f.rule}" for f in error.faults)
    return str(error)
