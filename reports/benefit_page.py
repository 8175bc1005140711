"""What changed with what was switched on, in; the report in words, as JSON, lines of text and a page, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from domain.numerals import numeral
from domain.text import Translate, mark, spoken
from reports import sheet
from reports.benefit import Compared, Difference, Ratio, Stopped, Verdict
from reports.figures import nulled, percent, signed


@dataclass(frozen=True, slots=True)
class StopsBenefit:
    """Stops of pilot assets, and of a control where there is one, each before and after. could_show: the smallest cut
    that could have shown; cost: of one stop, None = not told.
    """

    pilot: tuple[Stopped, Stopped]
    control: tuple[Stopped, Stopped] | None
    ratio: Ratio
    control_ratio: Ratio | None
    against_control: Ratio | None
    could_show: float | None
    cost: float | None
    currency: str


@dataclass(frozen=True, slots=True)
class LotsBenefit:
    """Lots of pilot lines, and of a control where there is one. per_day: lots a day; cost: of one bad lot."""

    result: str
    unit: str
    is_share: bool
    pilot: Compared
    control: Compared | None
    against_control: Difference | None
    per_day: Compared
    cost: float | None
    currency: str

    @property
    def best(self) -> Difference:
        """The change that was told apart from others as far as can be."""
        return self.against_control or self.pilot.at_same_mix or self.pilot.change

    @property
    def saved_per_week(self) -> Difference | None:
        """What fewer bad lots save a week at the later output, a gain positive; None where it is not known."""
        if self.cost is None or not self.is_share:
            return None
        worth = self.cost * self.per_day.after * 7
        return Difference(*(-worth * x for x in (self.best.value, self.best.high, self.best.low)))


@dataclass(frozen=True, slots=True)
class Benefit:
    """The whole report. at: what was switched on, when, in words; doubts: stored phrases, see `domain.text.phrase`."""

    at: str
    before: str
    after: str
    stops: StopsBenefit | None
    lots: tuple[LotsBenefit, ...]
    doubts: tuple[str, ...]


def as_json(found: Benefit, t: Translate) -> Mapping[str, Any]:
    """Return the report as JSON data; what is not known is null."""
    data = asdict(found) | {"doubts": [spoken(t, doubt) for doubt in found.doubts]}
    if found.stops is not None:
        data["stops"]["verdict"] = (found.stops.against_control or found.stops.ratio).verdict
    for row, lots in zip(data["lots"], found.lots, strict=True):
        saved = lots.saved_per_week
        row |= {"verdict": lots.best.verdict, "saved_per_week": None if saved is None else asdict(saved)}
    return dict(nulled(data))


def sections(found: Benefit, t: Translate) -> list[sheet.Section]:
    """Return the report."""
    head = (found.at, t("Before: {period}.", period=found.before), t("After: {period}.", period=found.after))
    rows = [sheet.Section("", head)]
    if found.stops is not None:
        rows.append(_stops(found.stops, t))
    rows += [_lots(lots, t) for lots in found.lots]
    if found.doubts:
        rows.append(sheet.Section(t("What else may be behind it"), tuple(spoken(t, doubt) for doubt in found.doubts)))
    return rows


def lines(found: Benefit, t: Translate) -> list[str]:
    """Return the report as lines of text."""
    return sheet.lines(sections(found, t))


def page(found: Benefit, t: Translate, language: str) -> str:
    """Return the report as a page of HTML."""
    return sheet.page(t("Before and after"), sections(found, t), t(NOTE), language)


NOTE: Final = mark(
    "All intervals are of 95 %. Those of stops are exact for stops that come by themselves (Poisson), those of lots "
    "are wider where neighbouring lots are alike. Before and after alone prove no cause: a control, or a pilot, does."
)
SAID: Final = {
    Verdict.LESS: mark("Fewer stops than before, beyond chance."),
    Verdict.MORE: mark("More stops than before, beyond chance."),
    Verdict.CANNOT_TELL: mark("Whether there are fewer stops cannot be told yet."),
}
SAID_OF_BAD: Final = {
    Verdict.LESS: mark("Fewer bad lots than before, beyond chance."),
    Verdict.MORE: mark("More bad lots than before, beyond chance."),
    Verdict.CANNOT_TELL: mark("Whether there are fewer bad lots cannot be told yet."),
}
SAID_OF_MEAN: Final = {
    Verdict.LESS: mark("The result is lower than before, beyond chance."),
    Verdict.MORE: mark("The result is higher than before, beyond chance."),
    Verdict.CANNOT_TELL: mark("Whether the result has changed cannot be told yet."),
}


def _stops(found: StopsBenefit, t: Translate) -> sheet.Section:
    best = found.against_control or found.ratio
    texts = [t(SAID[best.verdict])]
    if best.verdict is Verdict.CANNOT_TELL and found.could_show is not None:
        texts.append(
            t("With so many stops only a cut by {share} or more would show.", share=percent(found.could_show, 0))
        )
    elif best.verdict is Verdict.CANNOT_TELL:
        texts.append(t("With so few stops not even none at all would show."))
    if found.cost is not None:
        spent = [s.rate * found.cost for s in found.pilot]
        texts.append(
            t(
                "Stops cost {before} per asset and week before, {after} after.",
                before=_money(spent[0], found.currency),
                after=_money(spent[1], found.currency),
            )
        )
    groups = [(t("pilot") if found.control else t("all assets"), found.pilot, found.ratio)]
    if found.control is not None and found.control_ratio is not None:
        groups.append((t("control"), found.control, found.control_ratio))
    rows = [_stops_row(name, pair, _interval(ratio)) for name, pair, ratio in groups]
    if found.against_control is not None:
        rows.append((t("pilot against control"), *[""] * 4, _interval(found.against_control)))
    return sheet.Section(t("Line stops"), tuple(texts), _stops_head(t), tuple(rows))


def _stops_head(t: Translate) -> tuple[str, ...]:
    of = (mark("stops"), mark("hours"), mark("asset-weeks"), mark("stops per asset-week"), mark("after / before"))
    return ("", *(t(text) for text in of))


def _stops_row(name: str, pair: tuple[Stopped, Stopped], last: str) -> tuple[str, ...]:
    before, after = pair
    figures = ((before.n, after.n), (before.hours, after.hours), (before.weeks, after.weeks), (before.rate, after.rate))
    return (name, *(f"{numeral(x)} → {numeral(y)}" for x, y in figures), last)


def _lots(found: LotsBenefit, t: Translate) -> sheet.Section:
    told = _said(found)
    texts = [t((SAID_OF_BAD if found.is_share else SAID_OF_MEAN)[found.best.verdict])]
    if found.pilot.n_left_out:
        texts.append(
            t("{n} lots are of kinds that only one period has: left out at the same mix.", n=found.pilot.n_left_out)
        )
    if (saved := found.saved_per_week) is not None:
        texts.append(
            t(
                "Scrap: {amount} saved a week at the present output (95 % interval {low} to {high}).",
                amount=_money(saved.value, found.currency),
                low=_money(saved.low, found.currency),
                high=_money(saved.high, found.currency),
            )
        )
    elif found.is_share:
        texts.append(t("What a bad lot costs is not told: [detectors.cost] stop."))
    head = ("", t("before"), t("after"), t("change"), t("at the same mix"))
    rows = list(_lots_rows(found, told, t))
    title = t("Bad lots by {result}", result=found.result) if found.is_share else found.result
    return sheet.Section(title, tuple(texts), head, tuple(rows))


def _lots_rows(found: LotsBenefit, told: Callable[[float], str], t: Translate) -> Iterator[tuple[str, ...]]:
    groups: Sequence[tuple[str, Compared | None]] = (
        (t("pilot") if found.control else t("all lines"), found.pilot),
        (t("control"), found.control),
    )
    for name, of in groups:
        if of is not None:
            mix = "" if of.at_same_mix is None else _between(of.at_same_mix, told)
            yield (name, told(of.before), told(of.after), _between(of.change, told), mix)
    if found.against_control is not None:
        yield (t("pilot against control"), "", "", "", _between(found.against_control, told))
    a_day = found.per_day
    yield (t("lots a day"), numeral(a_day.before), numeral(a_day.after), _between(a_day.change, numeral), "")


def _said(found: LotsBenefit) -> Callable[[float], str]:
    return percent if found.is_share else lambda level: numeral(level, found.unit)


def _interval(ratio: Ratio) -> str:
    return f"{numeral(ratio.value)} ({numeral(ratio.low)}–{numeral(ratio.high)})"


def _between(change: Difference, told: Callable[[float], str]) -> str:
    return f"{signed(change.value, told)} ({signed(change.low, told)} – {signed(change.high, told)})"


def _money(amount: float, currency: str) -> str:
    return f"{amount:,.0f} {currency}".rstrip()
