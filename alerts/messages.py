"""What a notification says: an alert and what is known about it in, JSON out, in the receiver's language and the
plant's zone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.alerting import Alert, Change, Message, Rule, Transition
from domain.life_text import said
from domain.plant import Axis
from domain.scores import Contribution, Life
from domain.text import catalogue

TOP = 3


@dataclass(frozen=True, slots=True)
class Receiver:
    """A notifier and the language its people read."""

    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Background:
    """What stands behind an alert: unit of the watched value, what moved the score most, the plant's zone, and the
    remaining life where one is predicted, on the asset's axis.
    """

    unit: str
    contributions: tuple[Contribution, ...]
    zone: str
    life: Life | None = None
    axis: Axis = Axis.TIME


def messages_for(
    alert: Alert,
    rule: Rule,
    transitions: Sequence[Transition],
    receivers: Sequence[Receiver],
    background: Background,
) -> tuple[Message, ...]:
    """Return one message per raise and receiver; its key stays the same however often it is sent."""
    return tuple(
        Message(
            f"{row.alert_id}:{row.sequence}:{receiver.name}",
            receiver.name,
            row.alert_id,
            json.dumps(_payload(alert, rule, row, receiver.language, background), ensure_ascii=False, sort_keys=True),
        )
        for row in transitions
        if row.change in (Change.RAISED, Change.RE_RAISED)
        for receiver in receivers
    )


def _payload(alert: Alert, rule: Rule, row: Transition, language: str, background: Background) -> dict[str, object]:
    t = catalogue(language)
    at = local(row.at, background.zone)
    shown = "" if row.value is None else f"{row.value:.4g}"
    unit = f" {background.unit}" if background.unit else ""
    why = [c.source for c in background.contributions[:TOP]]
    lines = [
        t("{title}: {asset}", title=t(rule.title), asset=alert.key.asset),
        t(
            "Since {at}: {value}{unit}, limit {limit}",
            at=at,
            value=shown,
            unit=unit,
            limit=f"{alert.limit:.4g}",
        ),
    ]
    if why:
        lines.append(t("Moved most by: {tags}", tags=", ".join(why)))
    if background.life is not None:
        lines.append(said(background.life, background.axis, t))
    if rule.action:
        lines.append(t("What to do: {action}", action=t(rule.action)))
    return {
        "alert": alert.id,
        "key": [alert.key.rule, alert.key.asset, alert.key.subject],
        "change": row.change.value,
        "at": row.at.isoformat(),
        "value": row.value,
        "limit": alert.limit,
        "unit": background.unit,
        "priority": alert.priority.value,
        "why": why,
        "text": "\n".join(lines),
    }


def local(at: datetime, zone: str) -> str:
    """Return an instant in the plant's zone, with the zone's name."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")
