"""A small model of an alarm's life, written from ISA-18.2's words and not from the product, and the product driven
beside it. The model knows four memories (active, unacknowledged, latched, held) and looks at every minute in turn.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from alerts import lifecycle
from alerts.evidence import against
from alerts.following import advance_through
from domain.alerting import Alert, AlertState, AlertUpdate, Change, Hold, Rule
from domain.instants import to_ns
from domain.limits import Limits
from tests.alerts.examples import KEY, at, rule

ACTS = ("high", "high", "high", "normal", "normal", "ack", "ack old", "reset", "shelve", "unshelve", "suppress", "free")
SHELF = 6  # minutes


@dataclass
class Model:
    """Delays and the re-alarm time in minutes, 0 for none."""

    on: int
    off: int
    re_alarm: int
    is_latching: bool
    is_active: bool = False
    is_unacked: bool = False
    exists: bool = False
    n: int = 0
    told: int = 0
    over_since: int | None = None
    clear_since: int | None = None
    acked_at: int | None = None
    shelved_until: int | None = None
    is_suppressed: bool = False
    is_unseen: bool = False  # of one held: active in a way that nobody was told of

    @property
    def held(self) -> str:
        if self.shelved_until is not None:
            return "shelved"
        return "suppressed by design" if self.is_suppressed else ""

    @property
    def shown(self) -> str:
        if not self.exists:
            return "none"
        if self.held:
            return self.held
        unacked = "unacknowledged" if self.is_unacked else "acknowledged"
        if self.is_active:
            return f"active, {unacked}"
        return f"latched, {unacked}" if self.is_latching else "returned, unacknowledged"

    def look(self, minute: int, is_high: bool) -> None:
        if self.shelved_until is not None and minute >= self.shelved_until:
            self.end_shelf()
        self._remind(minute - 1)
        if is_high:
            self.over_since = minute if self.over_since is None else self.over_since
            self.clear_since = None
            if not self.is_active and minute - self.over_since >= self.on:
                self._begin()
        else:
            self.over_since = None
            if self.is_active:
                self.clear_since = minute if self.clear_since is None else self.clear_since
                if minute - self.clear_since >= self.off:
                    self.is_active, self.clear_since = False, None
                    self._forget()
        self._remind(minute)

    def _remind(self, minute: int) -> None:
        due = self.acked_at is not None and self.re_alarm and minute >= self.acked_at + self.re_alarm
        if due and self.exists and self.is_active and not self.is_unacked and not self.held:
            self.is_unacked, self.told = True, self.told + 1

    def _begin(self) -> None:
        self.is_active, self.exists, self.n = True, True, self.n + 1
        if self.held:
            self.is_unseen = True
            self.is_unacked |= self.is_latching
        else:
            self.is_unacked, self.told = True, self.told + 1

    def _forget(self) -> None:
        if self.exists and not (self.is_active or self.is_unacked or self.is_latching or self.held):
            self._close()

    def _close(self) -> None:
        self.exists, self.is_unacked, self.n, self.acked_at, self.is_unseen = False, False, 0, None, False

    def ack(self, minute: int, occurrence: int) -> bool:
        if not self.exists or self.held or not self.is_unacked or occurrence < self.n:
            return False
        self.is_unacked, self.acked_at = False, minute
        self._forget()
        return True

    def reset(self) -> bool:
        if not self.exists or self.held or self.is_active or self.is_unacked or not self.is_latching:
            return False
        self._close()
        return True

    def shelve(self, minute: int) -> None:
        self.shelved_until = minute + SHELF
        self.is_unseen, self.is_unacked = True, self.is_latching and self.exists

    def end_shelf(self) -> None:
        self.shelved_until = None
        self._free()

    def suppress(self) -> None:
        if not self.is_suppressed:
            self.is_suppressed = True
            if self.shelved_until is None:
                self.is_unseen = False

    def end_suppression(self) -> None:
        self.is_suppressed = False
        self._free()

    def _free(self) -> None:
        if self.held or not self.exists:
            return
        if self.is_active and self.is_unseen:
            self.is_unacked, self.told = True, self.told + 1
        self._forget()


@dataclass
class Driven:
    """The product, kept as the service and the commands keep it: an alert, what holds it back, and its rows."""

    rule: Rule
    alert: Alert | None = None
    shelf: Hold | None = None
    is_suppressed: bool = False
    changes: list[Change] = field(default_factory=list)
    n_rows: int = 0

    def look(self, minute: int, is_high: bool) -> None:
        steps: list[tuple[int, Hold | None]] = []
        by_design = Hold(AlertState.SUPPRESSED, "", "parent", at(0), None) if self.is_suppressed else None
        if self.shelf is not None and self.shelf.until is not None:
            steps = [(-(2**62), self.shelf), (to_ns(self.shelf.until), by_design)]
        elif by_design is not None:
            steps = [(-(2**62), by_design)]
        now = to_ns(at(minute))
        found = against(np.array([now]), np.array([11.0 if is_high else 5.0]), Limits(10.0, 10.0))
        for update in advance_through(self.alert, found, self.rule, KEY, self.n_rows, steps, now):
            self._take(update)
        if self.shelf is not None and self.shelf.until is not None and self.shelf.until <= at(minute):
            self.shelf = None

    def act(self, name: str, minute: int) -> bool:
        if self.alert is None or not self.alert.id:
            return False
        seen = self.alert.occurrences - (name == "ack old")
        try:
            if name == "reset":
                self._take(lifecycle.reset(self.alert, "kim", at(minute), "", self.n_rows))
            else:
                self._take(lifecycle.acknowledge(self.alert, "kim", at(minute), "", self.n_rows, seen))
        except ValueError:
            return False
        return True

    def shelve(self, minute: int) -> None:
        self.shelf = lifecycle.shelf("kim", f"why {minute}", at(minute), at(minute + SHELF))
        if self.alert is not None and self.alert.id:
            self._take(lifecycle.hold_back(self.alert, self.shelf, at(minute), self.n_rows))

    def unshelve(self, minute: int) -> None:
        self.shelf = None
        if self.alert is not None and self.alert.state.is_held and not self.is_suppressed:
            is_latching = self.rule.is_latching
            self._take(lifecycle.release(self.alert, at(minute), is_latching=is_latching, sequence=self.n_rows))

    def _take(self, update: AlertUpdate) -> None:
        for row in update.transitions:
            assert row.sequence == self.n_rows
            self.n_rows += 1
            self.changes.append(row.change)
        is_over = update.is_dropped or update.alert.state is AlertState.CLOSED
        self.alert = lifecycle.remains(update.alert) if is_over else update.alert
        self.n_rows = 0 if is_over else self.n_rows

    @property
    def shown(self) -> str:
        return "none" if self.alert is None or not self.alert.id else self.alert.state.value


def disagreement(seed: int, length: int = 20) -> str:
    """Run one random sequence through both; returns where they part, "" where they never do."""
    draw = random.Random(seed)
    on, off, again = draw.choice((0, 0, 1, 3)), draw.choice((0, 0, 2)), draw.choice((0, 0, 4))
    is_latching = draw.random() < 0.3
    model = Model(on, off, again, is_latching)
    delays = {"off_delay": timedelta(minutes=off), "re_alarm": timedelta(minutes=again)}
    driven = Driven(rule(on, is_latching=is_latching, clear_at=10.0, **delays))
    done: list[str] = []
    is_high = False
    for minute in range(length):
        act = draw.choice(ACTS)
        done.append(act)
        if act in ("high", "normal"):
            is_high = act == "high"
        elif act in ("ack", "ack old"):
            said = model.ack(minute, model.n - (act == "ack old"))
            if said != driven.act(act, minute):
                return f"seed {seed}: {done}: {act} is taken by one only"
        elif act == "reset" and model.reset() != driven.act(act, minute):
            return f"seed {seed}: {done}: reset is taken by one only"
        elif act == "shelve" and not model.shelved_until:
            model.shelve(minute)
            driven.shelve(minute)
        elif act == "unshelve" and model.shelved_until and not model.is_suppressed:
            model.end_shelf()
            driven.unshelve(minute)
        elif act == "suppress":
            model.suppress()
            driven.is_suppressed = True
        elif act == "free" and model.is_suppressed:
            model.end_suppression()
            driven.is_suppressed = False
        model.look(minute, is_high)
        driven.look(minute, is_high)
        n_told = sum(change.is_announced for change in driven.changes)
        if (model.shown, model.told) != (driven.shown, n_told):
            return f"seed {seed}: {done}: {model.shown} told {model.told}, but {driven.shown} told {n_told}"
        if model.exists and driven.alert is not None and model.is_active != driven.alert.is_active:
            return f"seed {seed}: {done}: the condition is remembered differently"
    return ""
