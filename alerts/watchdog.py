"""Is Forewarn itself alive: what its parts left behind in, a heartbeat's checks and the fate of the daily test out.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from alerts.messages import Reader, local
from domain.alerting import Condition, Message, Priority, Rule
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.text import catalogue, mark

CANARY: Final = "forewarn-canary"  # rule, class, source and receiver of the daily test
CANARY_ASSET: Final = "forewarn/canary"
CANARY_TAG: Final = "pulse"
CANARY_RULE: Final = Rule(
    CANARY,
    CANARY,
    f"tag:{CANARY_TAG}",
    Condition.HIGH,
    0.5,
    0.5,
    timedelta(0),
    Priority.LOW,
    mark("Daily test of the alarm path"),
    "",
)
LATE_S: Final = 60.0  # for how long a part may leave nothing behind


@lru_cache(maxsize=4)
def with_canary(plant: Plant) -> Plant:
    """Return the plant with the synthetic asset in it."""
    asset, tag = Asset(CANARY_ASSET, CANARY), Tag(CANARY_ASSET, CANARY_TAG)
    return replace(
        plant,
        classes={**plant.classes, CANARY: AssetClass(CANARY, Axis.TIME, 0, 0, timedelta(minutes=1))},
        assets={**plant.assets, CANARY_ASSET: asset},
        tags={**plant.tags, CANARY_ASSET: {CANARY_TAG: tag}},
    )


@dataclass(frozen=True, slots=True)
class Part:
    """When a part last did its work, and what failed in it ("" for nothing); None: never."""

    done_at: datetime | None
    error: str = ""


def checks(parts: Mapping[str, Part], now: datetime, late: timedelta = timedelta(seconds=LATE_S)) -> dict[str, str]:
    """Return by part what is wrong with it, "" where nothing is."""
    found = {}
    for name, part in parts.items():
        if part.done_at is None:
            found[name] = "has not worked yet"
        elif now - part.done_at > late:
            found[name] = f"has not worked since {part.done_at.isoformat()}"
        else:
            found[name] = part.error
    return found


def heartbeat(receiver: str, found: Mapping[str, str], plant: str, now: datetime) -> Message:
    """Return the sign of life as a message; machines read it, so it is in English only."""
    wrong = {name: text for name, text in found.items() if text}
    state = "well" if not wrong else "; ".join(f"{name} {text}" for name, text in wrong.items())
    payload = {
        "heartbeat": True,
        "at": now.isoformat(),
        "plant": plant,
        "is_well": not wrong,
        "checks": dict(found),
        "text": f"Forewarn of {plant}: {state}",
    }
    key = f"heartbeat:{receiver}:{now.isoformat()}"
    body = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    return Message(key, receiver, "", body, 0, Priority.LOW, planned_at=now, tried_at=now)


def next_canary(after: datetime, at: time, zone: ZoneInfo) -> datetime:
    """Return when the next canary is due after an instant: daily at a wall time."""
    wall = after.astimezone(zone)
    day = wall.date() if wall.time() < at else wall.date() + timedelta(days=1)
    return datetime.combine(day, at, zone).astimezone(UTC)


def canary_fault(
    sent_at: datetime | None, arrived_at: datetime | None, due_at: datetime, patience: timedelta, now: datetime
) -> str:
    """Return what is wrong with the daily test as a message id with its values filled in later, "" for nothing.

    due_at: when the next one is due, after `sent_at`.
    """
    if now - due_at > patience:
        return NOT_SENT
    is_waiting = sent_at is not None and (arrived_at is None or arrived_at < sent_at)
    if is_waiting and sent_at is not None and now - sent_at > patience:
        return NOT_ARRIVED
    return ""


NOT_SENT: Final = mark("The daily test of the alarm path was not made: data cannot be received or stored")
NOT_ARRIVED: Final = mark("The daily test of the alarm path did not arrive: alerts may not reach you")
NOT_KNOWN: Final = mark("The alarm path cannot be looked at: the ledger does not answer")


def broken(receiver: str, fault: str, reader: Reader, now: datetime) -> Message:
    """Return the alarm about the system itself, for the second channel; it stands beside the outbox."""
    t = catalogue(reader.language)
    subject = f"[{t('high')}] {t(fault)}"
    action = t("Look whether Forewarn runs, and at the System page of the console.")
    lines = [subject, t("Sent {at}", at=local(now, reader.zone)), t("What to do: {action}", action=action)]
    key = f"watchdog:{receiver}:{now.isoformat()}"
    payload = {
        "key": key,
        "plant": reader.plant,
        "language": reader.language,
        "planned_at": now.isoformat(),
        "reason": "watchdog",
        "n_alerts": 0,
        "n_high": 0,
        "priority": Priority.HIGH.value,
        "subject": subject,
        "text": "\n".join(lines),
        "more": "",
        "alerts": [],
    }
    body = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    return Message(key, receiver, "", body, 0, Priority.HIGH, planned_at=now, tried_at=now)
