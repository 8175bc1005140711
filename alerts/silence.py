"""Who has fallen silent: arrivals of each tag in, the rhythm it keeps by itself, and one root for what died together,
out. Pure but for the rhythms it holds.

Invariants: silence is counted from the last arrival, not from the time that values carry, so that a source that reports
late by habit is not silent; what comes in a burst after an outage, or old data, is not learned as a rhythm, and neither
is the outage; a tag that came only a few times is never called silent.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Final

from domain.alerting import Condition, Priority, Rule
from domain.text import mark

RULE_ID: Final = "forewarn-no-data"
WHOLE: Final = "*"  # the subject of an alert on a whole asset or gateway
REMEMBERED: Final = 32  # arrivals
LEAST: Final = 8  # arrivals from which a rhythm is known
MISSED: Final = 3  # periods that a regular tag may miss
REGULAR: Final = 1.5  # times the median that nine of ten arrivals of a regular tag come within
IRREGULAR: Final = 5  # times its longest pause that an irregular tag may pause
OVERDUE: Final = 0.5  # of what is allowed, from which a tag may have died with a silent one
RULE: Final = Rule(
    RULE_ID,
    "forewarn",
    "health:no_data",
    Condition.HIGH,
    0.0,
    0.0,
    timedelta(0),
    Priority.HIGH,
    mark("No data"),
    mark("Look at the sensor, its cable and its gateway: nothing comes from what is named here."),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is known of a tag's arrivals: its period and the pause it is allowed, in ns."""

    period: int
    allowed: int


class Arrivals:
    """Holds the last arrivals of each tag. Times are int ns."""

    def __init__(self, rhythms: Mapping[str, Rhythm], now: int) -> None:
        """rhythms: as they were known before the start; those tags have from now on to report again."""
        self._rhythms = dict(rhythms)
        self._last = dict.fromkeys(rhythms, now)
        self._newest: dict[str, int] = {}  # the newest time that a value carried
        self._pauses: dict[str, deque[int]] = {}
        self._seen: set[str] = set()  # since the start

    def note(self, tag_id: str, at: int, value_at: int) -> None:
        """Take notice of an arrival; value_at: the newest time that its values carry.

        The pause learned is the longer of that between arrivals and that between values: in a burst the values are
        further apart, and in a batch the arrivals.
        """
        last, newest = self._last.get(tag_id), self._newest.get(tag_id)
        if last is not None and newest is not None and value_at > newest:
            self._learn(tag_id, max(at - last, value_at - newest))
        self._last[tag_id] = max(at, last or at)
        self._newest[tag_id] = max(value_at, newest or value_at)
        self._seen.add(tag_id)

    def rhythms(self) -> Mapping[str, Rhythm]:
        """Return the rhythms known."""
        return self._rhythms

    def pauses(self, now: int) -> dict[str, tuple[int, Rhythm]]:
        """Return for how long each tag with a rhythm has been silent."""
        return {tag: (now - self._last[tag], rhythm) for tag, rhythm in self._rhythms.items()}

    def is_unknown(self, tag_id: str, now: int) -> bool:
        """Say whether a tag has not come since the start, and still may."""
        known = self._rhythms.get(tag_id)
        return tag_id not in self._seen and known is not None and now - self._last[tag_id] < known.allowed

    def _learn(self, tag_id: str, pause: int) -> None:
        known = self._rhythms.get(tag_id)
        if known is not None and pause >= known.allowed:
            return
        pauses = self._pauses.setdefault(tag_id, deque(maxlen=REMEMBERED))
        pauses.append(pause)
        if len(pauses) >= LEAST:
            self._rhythms[tag_id] = rhythm_of(pauses)


def rhythm_of(pauses: Iterable[int]) -> Rhythm:
    """Return the rhythm of a tag's pauses: a regular one may miss MISSED periods, an irregular one is given more."""
    held = sorted(pauses)
    period = int(median(held))
    is_regular = held[int(0.9 * (len(held) - 1))] <= REGULAR * period
    return Rhythm(period, MISSED * period if is_regular else IRREGULAR * held[-1])


@dataclass(frozen=True, slots=True)
class Root:
    """What is silent as a whole: one tag of an asset, or an asset, gateway or folder of assets with all its tags.

    pause, allowed: in ns, of the tag that has been silent for longest beyond what it is allowed.
    """

    asset: str
    subject: str
    tags: tuple[str, ...]
    pause: int
    allowed: int


def roots(pauses: Mapping[str, tuple[int, Rhythm]], above: Mapping[str, Sequence[str]]) -> list[Root]:
    """Return the fewest roots that account for every silent tag.

    pauses: of the tags that are expected to report. above: asset -> what it hangs on, nearest first: its gateway, the
    folders of its path, the plant. A node is dead when at least one tag below it is silent and every other is overdue;
    above an asset it takes two assets to say so.
    """
    silent = {tag for tag, (pause, rhythm) in pauses.items() if pause >= rhythm.allowed}
    overdue = {tag for tag, (pause, rhythm) in pauses.items() if pause >= OVERDUE * rhythm.allowed}
    below: dict[str, set[str]] = defaultdict(set)
    for tag in pauses:
        asset = tag.rpartition("/")[0]
        for node in (asset, *above.get(asset, ())):
            below[node].add(tag)
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for tag in silent:
        asset, _, name = tag.rpartition("/")
        dead = [node for node in (asset, *above.get(asset, ())) if _is_dead(node, asset, below[node], overdue)]
        found[(dead[-1], WHOLE) if dead else (asset, name)].add(tag)
    made = []
    for (asset, subject), tags in sorted(found.items()):
        worst = max(tags, key=lambda tag: pauses[tag][0] / pauses[tag][1].allowed)
        all_tags = below[asset] if subject == WHOLE else tags
        made.append(Root(asset, subject, tuple(sorted(all_tags)), pauses[worst][0], pauses[worst][1].allowed))
    return made


def _is_dead(node: str, asset: str, tags: set[str], overdue: set[str]) -> bool:
    if not tags <= overdue:
        return False
    if node == asset:
        return len(tags) > 1
    return len({tag.rpartition("/")[0] for tag in tags}) > 1
