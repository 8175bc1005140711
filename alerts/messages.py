"""What a notification says: an alert and what is known about it in, facts in no language out; facts in, the message in
a receiver's language and the plant's zone out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.planning import Planned, Reason
from domain.alerting import Alert, Message, Notice, Priority, Rule, Transition
from domain.life_text import said as life_said
from domain.notices import Telling
from domain.plant import Axis
from domain.scores import Contribution, Life
from domain.text import Translate, catalogue, mark, printable

TOP: Final = 3
LISTED: Final = 20  # alerts told in full by one message; the others are counted
NAMED: Final = 30  # names of what an alert affects
PRIORITIES: Final = {Priority.HIGH: mark("high"), Priority.MEDIUM: mark("medium"), Priority.LOW: mark("low")}


@dataclass(frozen=True, slots=True)
class Background:
    """What stands behind an alert: unit of the watched value, what moved the score most, what it stands for, and the
    remaining life where one is predicted, on the asset's axis.

    factor: by which value and limit are said in the unit, 100 for shares. titles: of the asset's tags, by name.
    """

    unit: str
    contributions: tuple[Contribution, ...]
    affected: tuple[str, ...] = ()
    life: Life | None = None
    axis: Axis = Axis.TIME
    factor: float = 1.0
    titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a message is for: their language, the plant's zone and name, and where the console is ("" for no link)."""

    language: str
    zone: str
    plant: str = ""
    console: str = ""


def notices_for(
    alert: Alert, rule: Rule, transitions: Sequence[Transition], background: Background
) -> tuple[Notice, ...]:
    """Return one notice per raise."""
    return tuple(
        Notice(
            row.alert_id,
            row.sequence,
            alert.key.asset,
            rule.id,
            alert.priority,
            json.dumps(_facts(alert, rule, row, background), ensure_ascii=False, sort_keys=True),
        )
        for row in transitions
        if row.change.is_announced
    )


def message(planned: Planned, facts: Mapping[str, str], reader: Reader, now: datetime) -> Message:
    """Return a planned message as it is sent; facts: notice key -> facts, of the first LISTED items at least."""
    t = catalogue(reader.language)
    first = planned.items[0].notice
    listed = [
        _told(json.loads(facts[item.notice.key]), item.reason, now - item.notice.noted_at, reader, t)
        for item in planned.items[:LISTED]
    ]
    n_high = sum(item.notice.priority is Priority.HIGH for item in planned.items)
    subject = _subject(listed[0], len(planned.items), n_high, t)
    n_more = len(planned.items) - len(listed)
    more = [t("and {n} more: the console lists them all", n=n_more)] if n_more else []
    head = [subject, ""] if len(planned.items) > 1 else []
    payload = {
        "key": planned.key,
        "plant": reader.plant,
        "language": reader.language,
        "planned_at": now.isoformat(),
        "reason": planned.items[0].reason.value,
        "n_alerts": len(planned.items),
        "n_high": n_high,
        "priority": first.priority.value,
        "subject": subject,
        "text": "\n".join([*head, "\n\n".join(str(each["text"]) for each in listed), *more]),
        "more": "".join(more),
        "alerts": listed,
    }
    body = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    return Message(planned.key, planned.receiver, first.alert_id, body, 0, first.priority, planned.about, now, None)


def tellings(planned: Planned) -> list[Telling]:
    """Return what a message tells."""
    return [Telling(i.notice.key, planned.receiver, i.step, planned.key) for i in planned.items]


def sample(name: str, reader: Reader, now: datetime) -> Message:
    """Return a message that tries a receiver out."""
    t = catalogue(reader.language)
    subject = t("Test of the receiver {name}", name=name)
    text = t("This is a test: alerts of {plant} will come this way.", plant=reader.plant)
    lines = [subject, t("Sent {at}", at=local(now, reader.zone)), text]
    return letter(f"test:{name}:{now.isoformat()}", name, reader, subject, "\n".join(lines), now, reason="test")


def letter(
    key: str, name: str, reader: Reader, subject: str, text: str, now: datetime, page: str = "", reason: str = "report"
) -> Message:
    """Return a message of no alert. page: HTML that a mail carries, "" for none."""
    payload = {
        "key": key,
        "plant": reader.plant,
        "language": reader.language,
        "planned_at": now.isoformat(),
        "reason": reason,
        "n_alerts": 0,
        "n_high": 0,
        "priority": Priority.LOW.value,
        "subject": printable(subject),
        "text": text,
        "more": "",
        "alerts": [],
    }
    body = json.dumps(payload | ({"page": page} if page else {}), ensure_ascii=False, sort_keys=True)
    return Message(key, name, "", body, priority=Priority.LOW, tried_at=now)


def local(at: datetime, zone: str) -> str:
    """Return an instant in the plant's zone, with the zone's name."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


def _facts(alert: Alert, rule: Rule, row: Transition, background: Background) -> dict[str, Any]:
    return {
        "alert": alert.id,
        "key": [alert.key.rule, alert.key.asset, alert.key.subject],
        "change": row.change.value,
        "at": row.at.isoformat(),
        "value": row.value,
        "limit": alert.limit,
        "unit": background.unit if background.factor == 1 else "",
        "said_in": [background.factor, background.unit],
        "priority": alert.priority.value,
        "why": [c.source for c in background.contributions[:TOP]],
        "why_said": [_titled(c.source, background.titles) for c in background.contributions[:TOP]],
        "affected": list(background.affected),
        "life": None if background.life is None else [*astuple(background.life), background.axis.value],
        "title": rule.title,
        "action": rule.action,
    }


def _told(facts: dict[str, Any], reason: Reason, age: Any, reader: Reader, t: Translate) -> dict[str, Any]:
    """Return the facts of one notice with their texts for people."""
    factor, named = facts.get("said_in", (1.0, facts["unit"]))  # a notice of an earlier version has none
    unit = f" {named}" if named else ""
    value = None if facts["value"] is None else f"{facts['value'] * factor:.4g}{unit}"
    limit = f"{facts['limit'] * factor:.4g}{unit}"
    why = facts.get("why_said", facts["why"])
    at = local(datetime.fromisoformat(facts["at"]), reader.zone)
    asset, title, action = facts["key"][1], facts["title"], facts["action"]
    link = f"{reader.console.rstrip('/')}/alerts?alert={facts['alert']}" if reader.console else ""
    said = {
        "priority_said": t(PRIORITIES[Priority(facts["priority"])]),
        "title": t(title),
        "since": t("Since {at}", at=at),
        "measured": "" if value is None else t("{value}, limit {limit}", value=value, limit=limit),
        "open_for": "" if reason is Reason.RAISED else _open_for(int(age.total_seconds() // 60), t),
        "action": t(action) if action else "",
        "link": link,
    }
    affected = facts.get("affected", [])
    names = ", ".join(affected[:NAMED]) + (f" (+{len(affected) - NAMED})" if len(affected) > NAMED else "")
    lines = [
        f"{said['title']}: {asset}",
        f"{said['since']}: {said['measured']}" if said["measured"] else said["since"],
        said["open_for"],
        t("Moved most by: {tags}", tags=", ".join(why)) if why else "",
        _life(facts.get("life"), t),
        t("Affected: {names}", names=names) if affected else "",
        t("What to do: {action}", action=said["action"]) if said["action"] else "",
        t("Console: {link}", link=link) if link else "",
    ]
    return {**facts, **said, "why_said": why, "names": names, "text": "\n".join(line for line in lines if line)}


def _titled(source: str, titles: Mapping[str, str]) -> str:
    """Return a tag with its title, where it has one: `NRc (corrected core speed)`."""
    return f"{source} ({titles[source]})" if source in titles else source


def _life(kept: list[Any] | None, t: Translate) -> str:
    return "" if kept is None else life_said(Life(*kept[:4]), Axis(kept[4]), t)


def _open_for(minutes: int, t: Translate) -> str:
    if minutes < 120:
        return t("Not acknowledged for {n} min", n=minutes)
    return t("Not acknowledged for {n} h", n=minutes // 60)


def _subject(first: Mapping[str, Any], n: int, n_high: int, t: Translate) -> str:
    said = f"[{first['priority_said']}] {first['title']}: {first['key'][1]}"
    if first["open_for"]:
        said = f"{said} - {first['open_for']}"
    if n > 1:
        said = t("{n} alerts, {n_high} of high priority - first {what}", n=n, n_high=n_high, what=said)
    return printable(said)
