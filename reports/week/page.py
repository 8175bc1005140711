"""A plant's week in; the report in words, as lines of text and as a page with a picture, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from domain.numerals import NONE, numeral
from domain.text import Translate, mark, spoken
from reports import sheet
from reports.figures import percent
from reports.sheet import Section, Step
from reports.week import alarms, machines, picture
from reports.week.figures import LiveCalls, Quality, Week
from reports.week.needs import Need
from reports.week.words import ROLES, both, compared, count, day, head, lasting, local, named, phrased, with_unit

NOTE: Final = mark(
    "Warned in time: a warning came within the horizon and before the lead budget of the asset had begun. Hours stood "
    "are those of failures and stops, of open ones as far as there are data. What stands now is of the time when the "
    "report was made. Few events make a week: compare months before you conclude."
)
MOST_NAMED: Final = 12
MOST_CHANGES: Final = 20


def short_lines(found: Week, needs: Sequence[Need], t: Translate) -> list[str]:
    """Return what a message says: the period, what needs a decision, and the main figures."""
    whole = t("The whole report: forewarn report weekly --week {week}", week=found.name) if found.name else ""
    parts = [Section("", tuple(_head(found, t))), _needs(found, needs, t), _short(found, t)]
    return [title(found, t), *sheet.lines(parts), "", whole]


def sections(found: Week, needs: Sequence[Need], t: Translate) -> list[Section]:
    """Return the report."""
    return [
        Section("", tuple(_head(found, t))),
        _needs(found, needs, t),
        _short(found, t),
        *machines.sections(found, t),
        *alarms.sections(found, t),
        _quality(found, t),
        _data(found, t),
        _models(found, t),
        _changes(found, t),
    ]


def title(found: Week, t: Translate) -> str:
    """Return what the report is called."""
    if found.name:
        return t("{plant}: the week {week}", plant=found.plant, week=found.name)
    return t("{plant}: {period}", plant=found.plant, period=found.said)


def lines(found: Week, needs: Sequence[Need], t: Translate) -> list[str]:
    """Return the report as lines of text."""
    return [title(found, t), *sheet.lines(sections(found, needs, t))]


def page(found: Week, needs: Sequence[Need], t: Translate, language: str) -> str:
    """Return the report as a page of HTML."""
    return sheet.page(title(found, t), sections(found, needs, t), t(NOTE), language)


def _head(found: Week, t: Translate) -> Iterator[str]:
    yield t("{period}, beside {before}.", period=found.said, before=found.said_before)
    made = local(found.made_at, found.zone)
    yield t("Made {at}; all times are of {zone}.", at=made, zone=found.zone)
    if not found.is_over:
        yield t("The week is not over: both are cut at the same place.")
    if not found.data[0].received:
        if found.newest_data is None:
            yield t("Nothing was ever received.")
        else:
            newest = f"{found.newest_data.astimezone(ZoneInfo(found.zone)):%G-W%V}"
            yield t("Nothing was received in this time; the newest data came in {week}.", week=newest)


def _needs(found: Week, needs: Sequence[Need], t: Translate) -> Section:
    heading = t("What needs a decision")
    if not needs:
        return Section(heading, (t("Nothing does."),))
    link = found.console
    steps = [Step(spoken(t, x.what), x.command, f"{link}{x.path}" if link else "", t("on the console")) for x in needs]
    return Section(heading, steps=tuple(steps))


def _short(found: Week, t: Translate) -> Section:
    stops, alarm = found.stops, found.alarms
    drawn = picture.days(
        [day(at, found.zone, t) for at in found.days],
        alarm[0].by_day,
        alarm[1].by_day,
        stops[0].by_day,
        (t("alerts told to operators"), both(found.name, t)[1], t("a stop")),
    )
    return Section(t("The week in figures"), (), head(found.name, t), tuple(_figures(found, t)), drawn)


def _figures(found: Week, t: Translate) -> Iterator[tuple[str, ...]]:
    (stops, then), (warned, warned_then) = found.stops, found.warnings

    def hours(x: float) -> str:
        return t("{n} h", n=f"{x:,.1f}")

    yield compared(t("stops and failures"), stops.n, then.n, count)
    yield compared(t("time stood"), stops.hours, then.hours, hours)
    yield compared(t("warned in time"), stops.n_warned, then.n_warned, count)
    yield compared(t("came without a warning in time"), stops.n_missed, then.n_missed, count)
    lead = stops.median_lead_s, then.median_lead_s
    yield (t("warned ahead by (median)"), *(NONE if x is None else lasting(x, t) for x in lead), "")
    yield compared(t("false alarms"), warned.false, warned_then.false, count)
    rates = warned.false_per_asset_week, warned_then.false_per_asset_week
    yield compared(t("false alarms per asset and week"), *rates, numeral)
    yield compared(t("alerts told to operators"), found.alarms[0].n, found.alarms[1].n, count)
    for each in found.quality:
        yield from _level(each, t)
    yield compared(t("values and records received"), found.data[0].received, found.data[1].received, count)
    yield compared(t("of these not taken"), found.data[0].dead_lettered, found.data[1].dead_lettered, count)


def _level(each: Quality, t: Translate) -> Iterator[tuple[str, ...]]:
    if each.week.bad_share is not None or each.before.bad_share is not None:
        shares = each.week.bad_share, each.before.bad_share
        yield compared(t("bad lots by {result}", result=each.result), *shares, percent)
    if each.week.mean is not None or each.before.mean is not None:
        name = t("mean of {result}", result=each.result)
        yield compared(name, each.week.mean, each.before.mean, with_unit(each.unit))


def _quality(found: Week, t: Translate) -> Section:
    heading = t("Quality")
    if not found.quality and not found.live and not found.live_calls:
        return Section(heading, (t("No lot ended, neither in this time nor in the one before."),))
    rows = []
    for each in found.quality:
        rows += list(_lots(each, t))
    for live in found.live:
        now, then, told = live.week, live.before, with_unit(live.unit)
        name = t("error of {detector} (root mean square)", detector=live.detector)
        rows.append(compared(name, now.rmse, then.rmse, told))
        last = t("error of the last known result")
        rows.append(compared(last, now.persistence_rmse, then.persistence_rmse, told))
    for calls in found.live_calls:
        rows += list(_calls(calls, t))
    told_of = [f"{x.detector}: {phrased(alarm, found.zone, t)}" for x in found.predicting for alarm in x.alarms]
    for factor in found.factors:
        out = t("{title}: {n} times this week, {before} the week before, outside now on {now} assets",
                title=factor.title, n=factor.n, before=factor.n_before, now=factor.n_now)  # fmt: skip
        told_of.append(out)
    return Section(heading, tuple(told_of), head(found.name, t), tuple(rows))


def _calls(live: LiveCalls, t: Translate) -> Iterator[tuple[str, ...]]:
    now, then, of = live.week, live.before, live.detector
    yield compared(t("judged lots that {detector} had predicted", detector=of), now.n_lots, then.n_lots, count)
    yield compared(t("bad lots that it called bad"), now.counts.recall, then.counts.recall, percent)
    yield compared(t("good lots that it called bad"), now.counts.false_calls, then.counts.false_calls, percent)
    yield compared(t("error of its probabilities (Brier score)"), now.brier, then.brier, numeral)
    yield compared(t("the same of the newest results alone"), now.persistence_brier, then.persistence_brier, numeral)


def _lots(each: Quality, t: Translate) -> Iterator[tuple[str, ...]]:
    name = t("lots of {asset_class} that ended", asset_class=each.asset_class)
    yield compared(name, each.week.n_lots, each.before.n_lots, count)
    name = t("of these judged by {result}", result=each.result)
    yield compared(name, each.week.n_judged, each.before.n_judged, count)
    yield from _level(each, t)


def _data(found: Week, t: Translate) -> Section:
    week, before = found.data
    names = {
        "received": t("received"),
        "stored": t("stored"),
        "dead_lettered": t("dead-lettered"),
        "duplicates": t("duplicates"),
        "conflicts": t("conflicts"),
        "in_journal": t("in the journal"),
        "difference": t("unaccounted for"),
        "n_silent": t("times that something fell silent"),
    }
    rows = tuple(compared(name, getattr(week, key), getattr(before, key), count) for key, name in names.items())
    texts = []
    if found.silent:
        silent = [f"{x.asset}/{x.tag}".rstrip("/") + f" ({local(x.since, found.zone)})" for x in found.silent]
        texts.append(t("Silent now, since: {names}.", names=named(silent, MOST_NAMED, t)))
    else:
        texts.append(t("Nothing is silent now."))
    if found.unassessed:
        names_of = named([asset for asset, _ in found.unassessed], MOST_NAMED, t)
        texts.append(t("Nothing can be said now of: {names}.", names=names_of))
    return Section(t("Data"), tuple(texts), head(found.name, t), rows)


def _models(found: Week, t: Translate) -> Section:
    columns = (t("detector"), t("what it tells"), t("model"), t("trained"), t("state"))
    rows = []
    for x in found.models:
        age = NONE
        if x.trained_at is not None:
            ago = lasting((found.made_at - x.trained_at).total_seconds(), t)
            age = t("{at}, {age} ago", at=local(x.trained_at, found.zone), age=ago)
        state = [t("drifted")] if x.drift else []
        state += [t("overdue")] if x.overdue_days is not None else []
        state += [t("training failed")] if x.failed else []
        state += [t("cannot be used")] if x.refused else []
        state += [t("a newer one waits")] if x.challenger else []
        good = t("no model yet") if not x.model_id else t("in order")
        rows.append((x.detector, t(ROLES[x.role]), x.model_id or NONE, age, ", ".join(state) or good))
    texts = [f"{x.detector}: {x.drift}" for x in found.models if x.drift]
    if not rows:
        texts.append(t("No detector is configured."))
    return Section(t("Models"), tuple(texts), columns, tuple(rows), n_texts=len(columns))


def _changes(found: Week, t: Translate) -> Section:
    heading = t("What was changed")
    told = [Step(spoken(t, x.told)) for x in found.changes]
    if not told:
        return Section(heading, (t("No model, threshold, rule or file of the config."),))
    more = (t("The last {n} of {all} changes:", n=MOST_CHANGES, all=len(told)),) if len(told) > MOST_CHANGES else ()
    return Section(heading, more, steps=tuple(told[-MOST_CHANGES:]))
