"""A week's stops and its warnings of failures to sections of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from domain.text import Translate, mark
from reports.autopsy_text import CAUSES
from reports.figures import percent
from reports.sheet import Section
from reports.week.figures import Stop, StopFigures, Warned, Week
from reports.week.words import KINDS, compared, count, head, lasting, local

MOST_STOPS: Final = 25
ORDER: Final = (Warned.MISSED, Warned.NOT_WATCHED, Warned.NOT_JUDGED, Warned.IN_TIME)
SAID: Final[Mapping[Warned, str]] = {
    Warned.MISSED: mark("no warning in time"),
    Warned.NOT_JUDGED: mark("not judged yet"),
    Warned.NOT_WATCHED: mark("nothing watched for it"),
}


def sections(found: Week, t: Translate) -> list[Section]:
    """Return stops and failures, and warnings and what they were worth."""
    return [_stops(found, t), _warnings(found, t)]


def _stops(found: Week, t: Translate) -> Section:
    heading = t("Stops and failures")
    if not found.stops_list:
        return Section(heading, (t("No stop and no failure was reported of this time."),))
    rows = sorted(found.stops_list, key=lambda x: (ORDER.index(x.warned), x.start, x.asset))
    texts = list(_stops_said(found.stops[0], t))
    if len(rows) > MOST_STOPS:
        texts.append(t("Shown are {n} of {all}, those first that came unwarned.", n=MOST_STOPS, all=len(rows)))
    columns = (t("asset"), t("what"), t("began"), t("lasted"), t("warned"))
    shown = tuple(_stop(x, found, t) for x in rows[:MOST_STOPS])
    return Section(heading, tuple(texts), columns, shown, n_texts=len(columns))


def _stops_said(week: StopFigures, t: Translate) -> Iterator[str]:
    judged = week.n_warned + week.n_missed
    if judged:
        yield t("Of {n} that a model watched for, {warned} were warned of in time.", n=judged, warned=week.n_warned)
    if week.n_not_watched:
        yield t("Nothing watched for {n}: no model that warns of such stops was there yet.", n=week.n_not_watched)
    if week.n_open:
        yield t("Of {n} no end was reported: they count as far as there are data of the asset.", n=week.n_open)


def _stop(x: Stop, found: Week, t: Translate) -> tuple[str, ...]:
    what = f"{t(KINDS[x.kind])} {x.code}".rstrip()
    lasted = t("no end yet") if x.end is None else lasting((x.end - x.start).total_seconds(), t)
    if x.lead_s is not None:
        warned = t("{time} ahead", time=lasting(x.lead_s, t))
    else:
        causes = ", ".join(t(CAUSES[c]) for c in x.causes)
        warned = t(SAID[x.warned]) + (f": {causes}" if causes else "")
    return (x.asset, what, local(x.start, found.zone), lasted, warned)


def _warnings(found: Week, t: Translate) -> Section:
    heading = t("Warnings of failures, and what they were worth")
    week, before = found.warnings
    if week.asset_weeks is None:
        return Section(heading, (t("No rule watches a detector of failures: there are no such warnings."),))
    texts = [t("Each is ruled on afterwards, again for each horizon that it stands; a person's word counts most.")]
    n_asking = len(found.asking)
    if n_asking:
        texts.append(t("Waiting for a person's word now: {n}.", n=n_asking))
    names = {
        "n_raised": t("warnings raised"),
        "hits": t("hit"),
        "false": t("false"),
        "excused": t("excused"),
        "unclear": t("unclear"),
    }
    rows = [compared(name, getattr(week, key), getattr(before, key), count) for key, name in names.items()]
    rows.append(compared(t("share of hits among hits and false ones"), week.precision, before.precision, percent))
    rows.append(compared(t("watched, in asset-weeks"), week.asset_weeks, before.asset_weeks, lambda x: f"{x:,.1f}"))
    return Section(heading, tuple(texts), head(found.name, t), tuple(rows))
