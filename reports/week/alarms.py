"""A week's alerts to sections of the report: the load on each position, bad actors, what stands or is held back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from domain.numerals import NONE
from domain.text import Translate, mark, printable
from reports.figures import percent
from reports.sheet import Section
from reports.week.figures import Load, Week
from reports.week.words import GOALS, HELD, PRIORITIES, STATES, both, compared, count, head, local

MOST_STANDING: Final = 15
ALERTS_AND_GOALS: Final = {"n": mark("alerts told to operators"), **GOALS}


def sections(found: Week, t: Translate) -> list[Section]:
    """Return the alarm load, bad actors, and what stands or is held back now."""
    parts = [*_loads(found, t), *_actors(found, t), _standing(found, t)]
    return [*parts, *_held(found, t)]


def _loads(found: Week, t: Translate) -> Iterator[Section]:
    week, before = found.alarms
    if not week.loads and not before.loads:
        yield Section(
            t("Load of alarms"), (t("No alert was told to operators, neither in this time nor in the one before."),)
        )
        return
    then = {load.owner: load for load in before.loads}
    now = {load.owner: load for load in week.loads}
    for owner in sorted(now | then):
        name = t("Load of alarms: {owner}", owner=owner) if owner else t("Load of alarms")
        texts = [t("Goals are those of EEMUA 191 and ISA-18.2; they are meant for stretches of 30 days.")]
        missed = now[owner].missed if owner in now else ()
        if missed:
            texts.append(t("Not kept: {goals}.", goals="; ".join(t(GOALS[x]) for x in missed)))
        yield Section(name, tuple(texts), head(found.name, t), tuple(_load(now.get(owner), then.get(owner), t)))


def _load(week: Load | None, before: Load | None, t: Translate) -> Iterator[tuple[str, ...]]:
    def rate(x: float) -> str:
        return f"{x:.2f}"

    told: Mapping[str, Callable[[float], str]] = {"per_10_min": rate, "flood_share": percent, "top_share": percent}
    for key, name in ALERTS_AND_GOALS.items():
        now, then = (0.0 if x is None else getattr(x, key) for x in (week, before))
        yield compared(t(name), now, then, told.get(key, count))


def _actors(found: Week, t: Translate) -> Iterator[Section]:
    if not found.bad_actors:
        return
    now, then = both(found.name, t)
    columns = (t("alert"), t("asset"), now, t("share"), then)
    rows = tuple((t(x.title), x.asset, count(x.n), percent(x.share, 0), count(x.n_before)) for x in found.bad_actors)
    yield Section(t("The ten that told most"), (), columns, rows, n_texts=2)


def _standing(found: Week, t: Translate) -> Section:
    heading = t("Standing now")
    if not found.standing:
        return Section(heading, (t("No alert is open."),))
    n_active = sum(x.is_active for x in found.standing)
    texts = [
        t("Open alerts: {n}; of these the condition is still there in {active}, and nobody has acknowledged {unacked}.",
          n=len(found.standing), active=n_active, unacked=sum(not x.is_acked for x in found.standing))
    ]  # fmt: skip
    if len(found.standing) > MOST_STANDING:
        texts.append(t("Shown are the first {n}.", n=MOST_STANDING))
    columns = (t("alert"), t("asset"), t("priority"), t("began"), t("state"))
    rows = tuple(
        (
            t(x.title),
            x.asset,
            t(PRIORITIES[x.priority]),
            local(x.raised_at, found.zone),
            t(STATES[x.state]),
        )
        for x in found.standing[:MOST_STANDING]
    )
    return Section(heading, tuple(texts), columns, rows, n_texts=len(columns))


def _held(found: Week, t: Translate) -> Iterator[Section]:
    if not found.held:
        return
    columns = (t("alert"), t("asset"), t("state"), t("until"), t("by"), t("why"))
    rows = tuple(
        (
            t(x.title),
            x.asset,
            t(HELD[x.state]) if x.state in HELD else x.state,
            NONE if x.until is None else local(x.until, found.zone),
            printable(x.by),
            printable(x.why),
        )
        for x in found.held
    )
    yield Section(t("Held back now"), (), columns, rows, n_texts=len(columns))
