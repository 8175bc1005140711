"""How Forewarn itself is doing: the sum, disk, journal, receiver in; readings, and alerts by the rules on them, out."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from alerts import health
from alerts.lifecycle import Sample
from app import watching
from app.beats import Beats
from app.inbox import faults
from app.model_health import model_readings
from app.rooms import Rooms
from collectors.health import Health
from domain.health import Reading
from domain.records import Tally

NOTE = "health"
RECEIVER_NOTE = "receiver"
MISSING_S = 600.0  # messages that were found missing, and floods, count for this long
UNDELIVERED_AFTER = timedelta(minutes=5)
UNDELIVERED_FOR = timedelta(hours=1)
FAULT_S = 3600.0  # so do items that a person must mend
TURNLESS_S = 10.0  # the receiver turns several times a second, unless a commit takes its time


class Increase:
    """How much a count has grown within a span of monotonic seconds; counting began at 0, with the collector."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, count: int, monotonic: float) -> int:
        """Return the growth up to now."""
        if not self._seen:
            self._seen.append((monotonic, 0))
        if count != self._seen[-1][1]:
            self._seen.append((monotonic, count))
        while len(self._seen) > 1 and monotonic - self._seen[1][0] >= self._span_s:
            self._seen.popleft()
        return count - self._seen[0][1]


class HealthWatch:
    """Holds what a reading needs from the one before: how counts have grown, since when the receiver is off."""

    def __init__(self) -> None:
        self._off_since: float | None = None
        self._beats = Increase(FAULT_S)
        self._missing, self._floods = Increase(MISSING_S), Increase(MISSING_S)
        self._faults = {reason: Increase(FAULT_S) for reason in health.FAULTS}

    def look(
        self, rooms: Rooms, receiver: Health | None, monotonic: float, now: datetime, beats: Beats | None = None
    ) -> list[Reading]:
        """Return all readings; monotonic in seconds."""
        tallies = rooms.journal.tallies()
        found = [
            sum_reading(tallies),
            dead_letter_reading(tallies, now),
            disk_reading(rooms),
            files_reading(rooms),
            undelivered_reading(rooms, now),
            *journal_readings(rooms, now),
            *model_readings(rooms, now),
        ]
        if beats is not None:
            found.append(self._jobs_reading(beats, monotonic, now))
        if receiver is not None:
            found += [self._receiver_reading(receiver, monotonic), self._missing_reading(receiver, monotonic)]
            found += [self._rate_reading(receiver, monotonic), *self._fault_readings(receiver, monotonic)]
        return found

    def _jobs_reading(self, beats: Beats, monotonic: float, now: datetime) -> Reading:
        """Return how many runs of jobs were missed or overlong of late, those counted that are so now."""
        troubles = beats.troubles(now)
        count = self._beats.of(beats.n_faults(), monotonic) + len(troubles)
        said = [f"{each.name} {each.what}" for each in troubles]
        return Reading(health.JOBS, float(count), "; ".join([*said, *filter(None, [beats.told()])]) if count else "")

    def _receiver_reading(self, receiver: Health, monotonic: float) -> Reading:
        is_stuck = monotonic - receiver.last_turn_at >= TURNLESS_S
        if receiver.is_subscribed and not receiver.error and not is_stuck:
            self._off_since = None
            return Reading(health.RECEIVER, 0.0, "")
        begun = receiver.last_turn_at if receiver.is_subscribed and is_stuck else monotonic
        self._off_since = begun if self._off_since is None else self._off_since
        detail = receiver.error or ("the receiver does not turn: what it waits for hangs" if is_stuck else "")
        return Reading(health.RECEIVER, monotonic - self._off_since, detail)

    def _missing_reading(self, receiver: Health, monotonic: float) -> Reading:
        """Return how many messages numbering publishers' gaps have shown to be lost of late."""
        by_publisher = {name: each.n_missing for name, each in receiver.noted.publishers.items() if each.n_missing}
        worst = sorted(by_publisher, key=lambda name: -by_publisher[name])[:5]
        detail = ", ".join(f"{name}: {by_publisher[name]}" for name in worst)
        return Reading(health.MISSING, float(self._missing.of(receiver.noted.n_missing, monotonic)), detail)

    def _rate_reading(self, receiver: Health, monotonic: float) -> Reading:
        """Return in how many minutes of late a topic sent far more than usual."""
        floods = receiver.noted.floods
        worst = sorted(floods, key=lambda name: -floods[name])[:5]
        detail = ", ".join(f"{name}: {floods[name]} min" for name in worst)
        return Reading(health.RATE, float(self._floods.of(sum(floods.values()), monotonic)), detail)

    def _fault_readings(self, receiver: Health, monotonic: float) -> list[Reading]:
        """Return how many items of late were rejected for each reason that a person must mend."""
        counts, places = receiver.noted.rejected, receiver.noted.faults
        return [
            Reading(reason, float(grown.of(counts.get(reason, 0), monotonic)), places.get(reason, ""))
            for reason, grown in self._faults.items()
        ]


def sum_reading(tallies: Sequence[Tally]) -> Reading:
    """Return how many items are unaccounted for, over all sources and hours."""
    broken = [t for t in tallies if t.difference]
    detail = ", ".join(f"{t.source} {t.hour:%Y-%m-%d %H:%M} UTC: {t.difference}" for t in broken[:5])
    return Reading(health.SUM, float(sum(abs(t.difference) for t in broken)), detail)


def dead_letter_reading(tallies: Sequence[Tally], now: datetime) -> Reading:
    """Return the share of dead letters among what was received in this hour and the last."""
    recent = [t for t in tallies if t.hour is not None and t.hour > now - timedelta(hours=2)]
    received, dead = sum(t.received for t in recent), sum(t.dead_lettered for t in recent)
    return Reading(health.DEAD_LETTERS, dead / received if received else 0.0, f"{dead} of {received}")


def disk_reading(rooms: Rooms) -> Reading:
    """Return which share of the data folder's disk is used."""
    usage = shutil.disk_usage(rooms.settings.data_folder)
    return Reading(health.DISK, 1 - usage.free / usage.total, f"{usage.free / 1e9:.1f} GB free")


def files_reading(rooms: Rooms) -> Reading:
    """Return how many files of the watched folder a person should look at."""
    found = faults(rooms)
    detail = "; ".join(f"{name!r}: {why}" for name, why in list(found.items())[:5])
    return Reading(health.FILES, float(len(found)), detail)


def undelivered_reading(rooms: Rooms, now: datetime) -> Reading:
    """Return how many messages a receiver does not take for minutes, or refused for good within the hour."""
    found = rooms.ledger.outbox.undelivered(now, UNDELIVERED_AFTER, UNDELIVERED_FOR)
    detail = "; ".join(f"{name}: {n}, {error}" for name, (n, error) in found.items())
    return Reading(health.UNDELIVERED, float(sum(n for n, _ in found.values())), detail)


def journal_readings(rooms: Rooms, now: datetime) -> list[Reading]:
    """Return which share of its bound the journal holds, and for how long its oldest item has waited (s)."""
    since = rooms.journal.waiting_since()
    lag_s = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    return [
        Reading(health.JOURNAL, rooms.journal.fill(), f"{rooms.journal.size() / 1e6:.1f} MB"),
        Reading(health.LAG, lag_s, ""),
    ]


def raise_alerts(rooms: Rooms, readings: Sequence[Reading], now: datetime, *, is_noted: bool = True) -> int:
    """Note the readings in the ledger and advance the rules on them; returns the number of alerts changed."""
    if is_noted:
        rooms.ledger.save_note(NOTE, json.dumps({"at": now.isoformat(), "readings": [asdict(r) for r in readings]}))
    samples = {f"health:{r.name}": {health.SOFTWARE: [Sample(now, r.value)]} for r in readings}
    return watching.advance_rules(rooms, samples, now)


def note_receiver(rooms: Rooms, receiver: Health, monotonic: float, now: datetime) -> None:
    """Note in the ledger what the collector counted since its start; `received_s` is the age of its last message."""
    received_at = receiver.last_received_at
    found = asdict(receiver) | {"at": now.isoformat()}
    found["stuck_s"] = round(monotonic - receiver.last_turn_at, 1)
    found["received_s"] = None if received_at is None else round(monotonic - received_at, 1)
    rooms.ledger.save_note(RECEIVER_NOTE, json.dumps(found))


def receiver_noted(rooms: Rooms) -> dict[str, Any] | None:
    """Return what `note_receiver` last noted."""
    text = rooms.ledger.note(RECEIVER_NOTE)
    return None if text is None else dict(json.loads(text))


def noted(rooms: Rooms) -> tuple[datetime, list[Reading]] | None:
    """Return the readings last noted and when; None before the service ever ran."""
    text = rooms.ledger.note(NOTE)
    if text is None:
        return None
    found = json.loads(text)
    return datetime.fromisoformat(found["at"]), [Reading(**r) for r in found["readings"]]
