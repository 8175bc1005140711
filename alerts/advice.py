"""What operators were told too often in, the change of a rule that would spare them out: deadband, delay or merging.
Pure; what each change would have been worth is for a replay to say.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from alerts.performance import FREQUENT, MINUTE, Announcement, Grade, Performance, Standing, chattering
from domain.alerting import Condition, Rule
from domain.text import mark, phrase

DELAYS: Final = ("10s", "30s", "1min", "2min", "5min", "10min", "15min", "30min", "1h", "2h")
SECONDS: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
DEADBAND: Final = 0.05  # of the tag's range
MOSTLY: Final = 0.9
TOGETHER: Final = 0.8
LEAST: Final = 5  # announcements below which nothing is advised
NARROW = mark("it returns and comes back: a deadband of 5 % of the range would hold it")
QUICK_BACK = mark("it comes back within {delay} of its return, nine times of ten")
SHORT = mark("it lasts less than {delay}, nine times of ten")
SAME = mark("it comes within a minute of rule {rule}, eight times of ten")


@dataclass(frozen=True, slots=True)
class Advice:
    """One change of a rule: a key and its value, and why, as a stored phrase."""

    rule: str
    asset: str
    key: str
    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Figures:
    """How the alarms of a stretch of time were, by position, asset and rule, and what could be changed of it."""

    since: datetime
    until: datetime
    positions: tuple[Performance, ...]
    grades: tuple[Grade, ...]
    advice: tuple[Advice, ...]


def advice(
    told: Sequence[Announcement],
    stood: Sequence[Standing],
    rules: Mapping[str, Rule],
    spans: Mapping[tuple[str, str], float],
) -> list[Advice]:
    """Return what could be changed of the rules announced most, those first; spans: (rule, asset) -> the tag's range.

    An on-delay comes last: it makes every true alarm late by as much.
    """
    times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for each in told:
        times[(each.rule, each.asset)].append(each.at)
    often = sorted(times, key=lambda key: (-len(times[key]), key))[:FREQUENT]
    chatter = set(chattering(told))
    found: list[Advice] = []
    for key in often:
        rule = rules.get(key[0])
        if rule is None or len(times[key]) < LEAST:
            continue
        own = sorted((s for s in stood if (s.rule, s.asset) == key), key=lambda s: s.start)
        found += [*_bands(rule, key, own, spans, chatter), *_merges(rule, key, times, rules)]
        found += _delays(rule, key, own)
    return found


def _bands(
    rule: Rule,
    key: tuple[str, str],
    own: Sequence[Standing],
    spans: Mapping[tuple[str, str], float],
    chatter: set[tuple[str, str]],
) -> list[Advice]:
    found = []
    gaps = [b.start - a.end for a, b in pairwise(own) if a.end is not None]
    is_level = rule.condition in (Condition.HIGH, Condition.HIGH_HIGH, Condition.LOW, Condition.LOW_LOW)
    if rule.raise_at is not None and rule.clear_at is not None and is_level and not rule.terms and key in spans:
        band = float(f"{DEADBAND * spans[key]:.3g}")
        is_narrow = abs(rule.raise_at - rule.clear_at) < band
        if is_narrow and (key in chatter or _share_below(gaps, timedelta(hours=1)) >= MOSTLY):
            found.append(Advice(*key, "clear", rule.raise_at - rule.condition.sign * band, phrase(NARROW)))
    delay = _covering(gaps)
    if delay is not None and timedelta(seconds=SECONDS[DELAYS.index(delay)]) > rule.off_delay:
        found.append(Advice(*key, "off_delay", delay, phrase(QUICK_BACK, delay=delay)))
    return found


def _delays(rule: Rule, key: tuple[str, str], own: Sequence[Standing]) -> list[Advice]:
    lasted = [s.end - s.start for s in own if s.end is not None]
    delay = _covering(lasted)
    if delay is None or timedelta(seconds=SECONDS[DELAYS.index(delay)]) <= rule.on_delay:
        return []
    return [Advice(*key, "on_delay", delay, phrase(SHORT, delay=delay))]


def _merges(
    rule: Rule, key: tuple[str, str], times: Mapping[tuple[str, str], Sequence[datetime]], rules: Mapping[str, Rule]
) -> list[Advice]:
    for (other, asset), theirs in sorted(times.items()):
        if asset != key[1] or other == key[0] or rule.parent or other not in rules or rules[other].parent == rule.id:
            continue
        ordered = sorted(theirs)
        near = sum(bisect_right(ordered, at) > bisect_left(ordered, at - MINUTE) for at in times[key])
        if near >= TOGETHER * len(times[key]):
            return [Advice(*key, "parent", other, phrase(SAME, rule=other))]
    return []


def _covering(spans: Sequence[timedelta]) -> str | None:
    """Return the shortest delay that nine of ten of these spans stay below, None where they are too few or too long."""
    if len(spans) < LEAST - 1:
        return None
    ordered = sorted(spans)
    most = ordered[min(len(ordered) - 1, int(MOSTLY * len(ordered)))].total_seconds()
    place = bisect_right(SECONDS, most)
    return DELAYS[place] if place < len(DELAYS) else None


def _share_below(spans: Sequence[timedelta], limit: timedelta) -> float:
    return sum(s < limit for s in spans) / len(spans) if spans else 0.0
