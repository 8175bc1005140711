"""Why a level changed, explained, in; the explanation in words, as lines of text and as a page with pictures, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from domain.numerals import numeral, numeral_beside
from domain.text import Translate, mark
from reports import sheet
from reports.drop import Cause, Change, Kind, Part, Split
from reports.figures import nulled, percent, probability, signed
from reports.moves import Moves
from reports.study import LEVELS
from reports.waterfall import waterfall
from reports.why import Why

MOST_PARTS: Final = 8  # strata that a table shows; the others are told together
MOST_MOVES: Final = 10
DIMENSIONS: Final = {
    "line": mark("line"),
    "product": mark("product"),
    "machine": mark("machine"),
    "shift": mark("shift"),
    "mode": mark("operating mode"),
}


@dataclass(frozen=True, slots=True)
class About:
    """What the report is of: the result, its unit, and both periods in words."""

    result: str
    unit: str
    before: str
    after: str


def as_json(found: Why, about: About) -> dict[str, Any]:
    """Return the explanation as JSON data; what is not known is null."""
    moves = None
    if found.moves is not None:
        moves = {
            "explained": found.moves.explained,
            "rest": None if found.rest is None else asdict(found.rest) | {"amount": found.rest.amount},
            "found": [
                asdict(m) | {"name": m.name.label, "source": m.name.source, "is_sure": m.is_sure}
                for m in found.moves.found
            ],
        }
    return dict(
        nulled(
            asdict(about)
            | {
                "is_share": found.is_share,
                "change": asdict(found.change) | {"amount": found.change.amount},
                "splits": [_split_json(s) for s in found.splits],
                "causes": [asdict(c) | {"is_sure": c.is_sure} for c in found.causes],
                "where": None if found.where is None else asdict(found.where),
                "inside": asdict(found.inside) | {"amount": found.inside.amount},
                "nested": [_split_json(s) for s in found.nested],
                "factors": moves,
            }
        )
    )


def sections(found: Why, about: About, t: Translate) -> list[sheet.Section]:
    """Return the explanation, with a waterfall for each dimension."""
    told = _said(found.is_share, about.unit, found.change)
    rows = [sheet.Section("", (_headline(found, about, told, t), *_sentences(found, about, told, t)))]
    for split in found.splits:
        title = t("By {dimension}", dimension=_named(split.dimension, t))
        rows.append(_section(title, split, found.change, told, t))
    if found.where is not None:
        rows += [_section(_inside(found.where, s, t), s, found.inside, told, t) for s in found.nested]
    if found.moves is not None:
        texts = tuple(_moves_sentences(found, found.moves, told, t))
        table = _moves_rows(found.moves, told, t)
        rows.append(sheet.Section(t("What moved there"), texts, _moves_head(t), table))
    return rows


def lines(found: Why, about: About, t: Translate) -> list[str]:
    """Return the explanation as lines of text."""
    return sheet.lines(sections(found, about, t))


def page(found: Why, about: About, t: Translate, language: str) -> str:
    """Return the explanation as a page of HTML."""
    title = t("Why did {result} change?", result=about.result)
    return sheet.page(title, sections(found, about, t), t(NOTE), language)


def _section(title: str, split: Split, change: Change, told: Callable[[float], str], t: Translate) -> sheet.Section:
    picture = _picture(split, change.before, change.after, told, t)
    return sheet.Section(title, (), _head(t), _rows(split, told, t), picture)


NOTE: Final = mark(
    "In each table the parts add up to the change: what came of more or fewer lots of a kind, and what came of better "
    "or worse ones. Shifts are in standard deviations, tested by ranks and corrected for the number of factors. "
    "What moved together with the result need not be its cause."
)
HEADLINE: Final = {
    False: mark("{result} went from {before} to {after}: {amount} (95 % interval {low} to {high})."),
    True: mark(
        "The share of bad lots by {result} went from {before} to {after}: {amount} (95 % interval {low} to {high})."
    ),
}


def _headline(found: Why, about: About, told: Callable[[float], str], t: Translate) -> str:
    change = found.change
    return t(
        HEADLINE[found.is_share],
        result=about.result,
        after=told(change.after),
        before=told(change.before),
        amount=signed(change.amount, told),
        low=signed(change.low, told),
        high=signed(change.high, told),
    )


def _sentences(found: Why, about: About, told: Callable[[float], str], t: Translate) -> Iterator[str]:
    change = found.change
    yield t("Before: {period}, {n} judged lots.", period=about.before, n=change.n_before)
    yield t("After: {period}, {n} judged lots.", period=about.after, n=change.n_after)
    if change.low <= 0 <= change.high:
        yield t("As a whole this is no more than chance does.")
    if not found.splits:
        yield t("Nothing is told by which the lots could be divided: name text columns under strata in [[lots]].")
        return
    if found.where is None:
        yield t("No part of it stands out: as far as can be told the change is the same everywhere.")
        return
    for cause in (c for c in found.causes if c.is_sure):
        message = SAID[cause.kind]
        part = _part(found.splits, cause)
        yield t(
            message,
            stratum=_stratum(cause.stratum, t),
            dimension=_named(cause.dimension, t),
            amount=signed(cause.amount, told),
            before=told(part.before),
            after=told(part.after),
            share_before=f"{part.share_before:.0%}",
            share_after=f"{part.share_after:.0%}",
            p=probability(cause.p),
        )


SAID: Final = {
    Kind.WITHIN: mark(
        "{dimension} {stratum} stands out: its lots went from {before} to {after}, which brought {amount} (p {p})."
    ),
    Kind.MIX: mark(
        "{dimension} {stratum} stands out: its share of the lots went from {share_before} to {share_after}, and its "
        "lots differ, which brought {amount} (p {p})."
    ),
}


def _moves_sentences(found: Why, moves: Moves, told: Callable[[float], str], t: Translate) -> Iterator[str]:
    n_sure = sum(m.is_sure for m in moves.found)
    if found.where is None:
        yield t("{n} of {all} factors surely moved, over all lots.", n=n_sure, all=len(moves.found))
    else:
        where, of = _stratum(found.where.stratum, t), _named(found.where.dimension, t)
        yield t(
            "{n} of {all} factors surely moved in {dimension} {stratum}.",
            n=n_sure,
            all=len(moves.found),
            dimension=of,
            stratum=where,
        )
    if moves.explained is not None and n_sure:
        yield t(
            "By a model that has not seen these later lots, what moved explains {explained} of the {amount} there.",
            explained=signed(moves.explained, told),
            amount=signed(found.inside.amount, told),
        )
    rest = found.rest
    if rest is not None and not rest.low <= 0 <= rest.high and rest.amount * found.inside.amount > 0:
        yield t(
            "By the same model {rest} of it (95 % interval {low} to {high}) comes of no factor here: something changed "
            "that is not measured, or a factor acts otherwise than before.",
            rest=signed(rest.amount, told),
            low=signed(rest.low, told),
            high=signed(rest.high, told),
        )


def _inside(where: Cause, split: Split, t: Translate) -> str:
    of, by = _named(where.dimension, t), _named(split.dimension, t)
    return t("In {of} {stratum}, by {dimension}", of=of, stratum=_stratum(where.stratum, t), dimension=by)


def _picture(split: Split, before: float, after: float, told: Callable[[float], str], t: Translate) -> str:
    shown, others = split.parts[:MOST_PARTS], split.parts[MOST_PARTS:]
    steps = [(_stratum(p.stratum, t), p.amount) for p in shown]
    if others:
        steps.append((t("{n} others", n=len(others)), sum(p.amount for p in others)))
    return waterfall((t("before"), before), steps, (t("after"), after), told)


def _head(t: Translate) -> tuple[str, ...]:
    texts = (mark("lots before"), mark("lots after"), mark("before"), mark("after"))
    return ("", *(t(x) for x in (*texts, mark("more or fewer"), mark("better or worse"), mark("together"))))


def _rows(split: Split, told: Callable[[float], str], t: Translate) -> tuple[tuple[str, ...], ...]:
    shown, others = split.parts[:MOST_PARTS], split.parts[MOST_PARTS:]
    rows = [
        (
            _stratum(p.stratum, t),
            f"{p.n_before} ({p.share_before:.0%})",
            f"{p.n_after} ({p.share_after:.0%})",
            told(p.before),
            told(p.after),
            *(signed(a, told) for a in (p.mix, p.within, p.amount)),
        )
        for p in shown
    ]
    if others:
        before = f"{sum(p.n_before for p in others)} ({sum(p.share_before for p in others):.0%})"
        after = f"{sum(p.n_after for p in others)} ({sum(p.share_after for p in others):.0%})"
        sums = (sum(p.mix for p in others), sum(p.within for p in others), sum(p.amount for p in others))
        name = t("{n} others", n=len(others))
        rows.append((name, before, after, "", "", *(signed(a, told) for a in sums)))
    return tuple(rows)


def _moves_head(t: Translate) -> tuple[str, ...]:
    return ("", t("before"), t("after"), t("moved by"), t("elsewhere"), "p", t("brought, by the model"))


def _moves_rows(moves: Moves, told: Callable[[float], str], t: Translate) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            m.name.source if m.name.calculator in LEVELS else m.name.label,
            numeral(m.before),
            numeral(m.after),
            f"{m.shift:+.2f}",
            "" if m.elsewhere is None else f"{m.elsewhere:+.2f}",
            probability(m.p) if m.is_sure else t("{p}, chance", p=probability(m.p)),
            "" if m.effect is None else signed(m.effect, told),
        )
        for m in moves.found[:MOST_MOVES]
    )


def _said(is_share: bool, unit: str, change: Change) -> Callable[[float], str]:
    """Return how a level and a part of the change are written: no finer than the change is known."""
    return percent if is_share else partial(numeral_beside, scale=change.high - change.low, unit=unit)


def _named(dimension: str, t: Translate) -> str:
    return t(DIMENSIONS[dimension]) if dimension in DIMENSIONS else dimension


def _stratum(name: str, t: Translate) -> str:
    return name or t("(not told)")


def _part(splits: Sequence[Split], cause: Cause) -> Part:
    return next(p for s in splits if s.dimension == cause.dimension for p in s.parts if p.stratum == cause.stratum)


def _split_json(split: Split) -> dict[str, Any]:
    return {"dimension": split.dimension, "parts": [asdict(p) | {"amount": p.amount} for p in split.parts]}
