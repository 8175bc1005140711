"""What operators were told and how long it stood in, the alarm figures of EEMUA 191 and ISA-18.2 out. Pure.

Invariant: every figure is of one operators' position; there is no figure for the whole plant. Source of the goals:
ISA-18.2 and EEMUA 191 as public texts quote them; a stretch of at least 30 days makes them comparable.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.alerting import AlertKey, Change, Priority, Transition

TEN_MINUTES: Final = timedelta(minutes=10)
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
FLOOD_BEGINS: Final = 10  # more than so many in ten minutes
FLOOD_ENDS: Final = 5  # fewer than so many
CHATTER: Final = 3  # so many in a minute
FREQUENT: Final = 10
GOALS: Final[Mapping[str, float]] = {  # at most
    "per_10_min": 1.0,
    "most_in_10_min": 10,
    "flood_share": 0.01,
    "top_share": 0.05,
    "n_chattering": 0,
    "n_fleeting": 0,
    "most_stale": 4,
    "n_unauthorised": 0,
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One alarm as operators were told of it. owner: their position."""

    at: datetime
    rule: str
    asset: str
    owner: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class Standing:
    """How long one alarm was active before its operators; end None: it still is."""

    rule: str
    asset: str
    owner: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Burden:
    """How often operators were told. n_floods: begun by more than 10 in a period of ten minutes, ended by fewer than 5.
    flood_share: of the periods of ten minutes in the stretch.
    """

    n: int
    per_day: float
    per_10_min: float
    most_in_10_min: int
    n_floods: int
    flood_share: float


@dataclass(frozen=True, slots=True)
class BadActor:
    """A rule on an asset that was announced often; share is of all announcements of the position."""

    rule: str
    asset: str
    n: int
    share: float


@dataclass(frozen=True, slots=True)
class Performance:
    """The alarm figures of one position. top_share: of the ten most frequent together. chattering: announced three
    times in a minute. n_fleeting: returned within a minute. most_stale: active for more than a day, on the worst day.
    priorities: share of each. n_unauthorised: held back with no name or no reason. missed: the goals that are not met.
    """

    owner: str
    burden: Burden
    top_share: float
    bad_actors: tuple[BadActor, ...]
    chattering: tuple[tuple[str, str], ...]
    n_fleeting: int
    most_stale: int
    priorities: Mapping[Priority, float]
    n_unauthorised: int
    missed: tuple[str, ...]


def performance(
    announcements: Sequence[Announcement],
    standing: Sequence[Standing],
    n_unauthorised: Mapping[str, int],
    since: datetime,
    until: datetime,
) -> list[Performance]:
    """Return the figures of each position over [since, until), by name."""
    owners = sorted({a.owner for a in announcements} | {s.owner for s in standing} | n_unauthorised.keys())
    found = []
    for owner in owners:
        told = [a for a in announcements if a.owner == owner and since <= a.at < until]
        stood = [s for s in standing if s.owner == owner]
        found.append(_of_owner(owner, told, stood, n_unauthorised.get(owner, 0), since, until))
    return found


def _of_owner(
    owner: str,
    told: Sequence[Announcement],
    stood: Sequence[Standing],
    n_unauthorised: int,
    since: datetime,
    until: datetime,
) -> Performance:
    counts = Counter((a.rule, a.asset) for a in told)
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    actors = tuple(BadActor(rule, asset, n, n / len(told)) for (rule, asset), n in top)
    load = burden([a.at for a in told], since, until)
    n_fleeting = sum(s.end is not None and s.end - s.start < MINUTE and since <= s.start < until for s in stood)
    mix = {p: sum(a.priority is p for a in told) / len(told) if told else 0.0 for p in Priority}
    chatter, top_share = chattering(told), sum(a.share for a in actors) if len(counts) > FREQUENT else 0.0
    worst = most_stale(stood, since, until)
    figures = {
        "per_10_min": load.per_10_min,
        "most_in_10_min": load.most_in_10_min,
        "flood_share": load.flood_share,
        "top_share": top_share,
        "n_chattering": len(chatter),
        "n_fleeting": n_fleeting,
        "most_stale": worst,
        "n_unauthorised": n_unauthorised,
    }
    missed = tuple(name for name, value in figures.items() if value > GOALS[name])
    return Performance(owner, load, top_share, actors, chatter, n_fleeting, worst, mix, n_unauthorised, missed)


def burden(times: Sequence[datetime], since: datetime, until: datetime) -> Burden:
    """Return how often operators were told in [since, until)."""
    ordered = sorted(at for at in times if since <= at < until)
    n_periods = max(1, -(-(until - since) // TEN_MINUTES))
    counts = Counter((at - since) // TEN_MINUTES for at in ordered)
    n_floods = n_in_flood = 0
    is_flood, last = False, -1
    for period in sorted(counts):
        if is_flood and period != last + 1:  # a period without any ended it
            is_flood = False
        was_flood = is_flood
        is_flood = counts[period] > FLOOD_BEGINS or (is_flood and counts[period] >= FLOOD_ENDS)
        n_floods += is_flood and not was_flood
        n_in_flood += is_flood
        last = period
    span = max(until - since, timedelta(microseconds=1))
    return Burden(
        len(ordered),
        len(ordered) / (span / DAY),
        len(ordered) / (span / TEN_MINUTES),
        most_within(ordered, TEN_MINUTES),
        n_floods,
        n_in_flood / n_periods,
    )


def most_within(ordered: Sequence[datetime], span: timedelta) -> int:
    """Return how many of these instants lie within the worst stretch of a span, [at, at + span)."""
    return max((bisect_left(ordered, at + span) - i for i, at in enumerate(ordered)), default=0)


def chattering(told: Iterable[Announcement]) -> tuple[tuple[str, str], ...]:
    """Return the (rule, asset) that were announced at least three times within a minute."""
    times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for each in told:
        times[(each.rule, each.asset)].append(each.at)
    return tuple(key for key in sorted(times) if most_within(sorted(times[key]), MINUTE) >= CHATTER)


def most_stale(stood: Sequence[Standing], since: datetime, until: datetime) -> int:
    """Return how many alarms were older than a day at once on the worst day of [since, until): days from `since` on."""
    days: Counter[int] = Counter()
    for each in stood:
        begin, end = max(each.start + DAY, since), min(each.end or until, until)
        if begin < end:
            first, last = (begin - since) // DAY, (end - since - timedelta(microseconds=1)) // DAY
            days.update(range(first, last + 1))
    return max(days.values(), default=0)


def read(
    rows: Sequence[tuple[AlertKey, Priority, Transition]], owners: Mapping[str, str]
) -> tuple[list[Announcement], list[Standing], dict[str, int]]:
    """Return from transitions in time order what operators were told, how long it stood, and how often something was
    held back with no name or no reason, by position. owners: rule -> position.
    """
    told: list[Announcement] = []
    stood: list[Standing] = []
    unauthorised: dict[str, int] = defaultdict(int)
    begun: dict[str, tuple[AlertKey, datetime]] = {}

    def finish(row: Transition) -> None:
        if row.alert_id in begun:
            key, start = begun.pop(row.alert_id)
            stood.append(Standing(key.rule, key.asset, owners.get(key.rule, ""), start, row.at))

    for key, priority, row in rows:
        owner = owners.get(key.rule, "")
        if row.change.is_announced:
            told.append(Announcement(row.at, key.rule, key.asset, owner, priority))
            begun.setdefault(row.alert_id, (key, row.at))
        elif row.change in (Change.RETURNED, Change.HELD):
            finish(row)
            is_person = row.change is Change.HELD and row.state.value != "suppressed by design"
            unauthorised[owner] += is_person and not (row.by.strip() and row.note.strip())
        elif row.change is Change.RELEASED and row.state.is_active:
            begun.setdefault(row.alert_id, (key, row.at))
    stood += [Standing(k.rule, k.asset, owners.get(k.rule, ""), at, None) for k, at in begun.values()]
    return told, stood, {owner: n for owner, n in unauthorised.items() if n}


RECENCY_DAYS: Final = (1, 3, 7, 14, 30)
FREQUENCY: Final = (1, 2, 4, 10, 30)  # alerts in 30 days
MAGNITUDE: Final = {Priority.HIGH: 5, Priority.MEDIUM: 3, Priority.LOW: 1}
GRADES: Final = ((1.0, "A"), (2.0, "B"), (3.0, "C"), (4.0, "D"))


@dataclass(frozen=True, slots=True)
class Grade:
    """How an asset is doing by its alerts, A (quiet) to E; each part 0 (none) to 5: how recent the last one is, how
    many there were, how urgent the worst.
    """

    asset: str
    grade: str
    recency: int
    frequency: int
    magnitude: int


def grade(asset: str, told: Sequence[Announcement], since: datetime, until: datetime) -> Grade:
    """Grade an asset by what was announced of it in [since, until): the mean of the three parts decides."""
    own = [a for a in told if a.asset == asset and since <= a.at < until]
    if not own:
        return Grade(asset, "A", 0, 0, 0)
    age = (until - max(a.at for a in own)) / DAY
    recency = len(RECENCY_DAYS) - bisect_left(RECENCY_DAYS, age)
    frequency = bisect_right(FREQUENCY, len(own) * 30 * DAY / max(until - since, DAY))
    magnitude = max(MAGNITUDE[a.priority] for a in own)
    mean = (recency + frequency + magnitude) / 3
    return Grade(asset, next((g for limit, g in GRADES if mean <= limit), "E"), recency, frequency, magnitude)
