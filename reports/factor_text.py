"""A factor study's record in a person's words: used by the report, its summary and the console alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from domain.numerals import numeral, numeral_beside
from domain.text import Translate, spoken
from reports.figures import percent, signed

SIGNS: Final = {1: "▲", -1: "▼", 0: "◆"}
FEW_SLOPES: Final = 12
Record = Mapping[str, Any]


def headline(record: Record, t: Translate) -> list[str]:
    """Return what the study rests on, and how far it can be trusted."""
    unit = _unit(record)
    said = [
        t(
            "{n} lots, {m} factors. Error on {held_out} held-out lots: {rmse}{unit}; of the mean: {mean}{unit}.",
            n=record["n_lots"],
            m=record["n_factors"],
            held_out=record["n_held_out"],
            rmse=numeral(record["rmse"]),
            mean=numeral(record["mean_rmse"]),
            unit=unit,
        )
    ]
    if record["rmse"] >= record["mean_rmse"]:
        said.append(
            t(
                "On held-out lots the process alone predicts no better than the mean. "
                "What follows describes this history, and is no promise for later lots."
            )
        )
    return said


def bad_text(record: Record, t: Translate) -> str:
    """Return what counts as bad in the study."""
    if record["counts_defects"]:
        return t("{n} of {all} lots are bad.", n=record["n_bad"], all=record["n_lots"])
    if record["says_worse"]:
        return t("Too few lots are bad to count them: the worst tenth of the lots stands for the bad ones.")
    return t("Nothing says which end is bad: the highest tenth of the results is looked at.")


def ranks(factor: Record, t: Translate) -> str:
    """Return a factor's rank with its interval."""
    if factor["rank_low"] == factor["rank_high"]:
        return t("rank {rank}, sure", rank=factor["rank"])
    return t("rank {rank} ({low}–{high})", rank=factor["rank"], low=factor["rank_low"], high=factor["rank_high"])


def rank_interval(factor: Record, t: Translate) -> str:
    """Return the interval of a factor's rank alone."""
    if factor["rank_low"] == factor["rank_high"]:
        return t("rank {rank}, sure", rank=factor["rank"])
    return t("rank {low}–{high}", low=factor["rank_low"], high=factor["rank_high"])


def divided(stratum: Record, record: Record, t: Translate) -> str:
    """Return how far results differ between the levels of a stratum: `product explains 38 % of the variance: ...`."""
    shown = stratum["levels"][:FEW_SLOPES]
    more = t(" and {n} more", n=len(stratum["levels"]) - FEW_SLOPES) if len(stratum["levels"]) > FEW_SLOPES else ""
    unit = _unit(record)
    said = ", ".join(_level(level, record, unit, t) for level in shown)
    return t(
        "{stratum} explains {share} of the variance: {levels}",
        stratum=_stratum(stratum["stratum"], t), share=f"{stratum['explained']:.0%}", levels=said + more,
    )  # fmt: skip


def _level(level: Record, record: Record, unit: str, t: Translate) -> str:
    if record["counts_defects"]:
        return t("{level} {bad} bad of {n}", level=level["level"], bad=f"{level['bad']:.1%}", n=level["n"])
    mean = numeral_beside(level["mean"], record["mean_rmse"])
    return t("{level} {mean}{unit} (n {n})", level=level["level"], mean=mean, unit=unit, n=level["n"])


def slopes(factor: Record, t: Translate) -> str:
    """Return the direction in each stratum: `product: A ▲, B ▼`."""
    by_stratum: dict[str, list[str]] = {}
    for s in factor["slopes"]:
        by_stratum.setdefault(s["stratum"], []).append(f"{s['level']} {SIGNS[s['sign']]}")
    parts = []
    for stratum, said in by_stratum.items():
        more = t(" and {n} more", n=len(said) - FEW_SLOPES) if len(said) > FEW_SLOPES else ""
        parts.append(f"{_stratum(stratum, t)}: {', '.join(said[:FEW_SLOPES])}{more}")
    return "; ".join(parts)


def _stratum(name: str, t: Translate) -> str:
    return t("line") if name == "line" else name


def kind(factor: Record, t: Translate) -> str:
    """Return whether people can move a factor, or which of a group."""
    movable = factor["controllable"]
    if not movable:
        return t("not controllable")
    return t("controllable") if len(movable) == len(factor["members"]) else t("controllable: {names}",
                                                                              names=", ".join(movable))  # fmt: skip


def window(advice: Record, unit: str, t: Translate) -> str:
    """Return a recommended window: `between 9.4 and 9.8`, or one side of it where history ends on the other."""
    low, high = numeral(advice["low"]), numeral(advice["high"])
    tail = f" {unit}" if unit else ""
    if advice["is_low_open"] and not advice["is_high_open"]:
        return t("below {high}{unit}, as history knows it down to {low}", high=high, low=low, unit=tail)
    if advice["is_high_open"] and not advice["is_low_open"]:
        return t("above {low}{unit}, as history knows it up to {high}", high=high, low=low, unit=tail)
    return t("between {low} and {high}{unit}", low=low, high=high, unit=tail)


def change(advice: Record, record: Record, t: Translate) -> str:
    """Return what a window would bring, with its interval."""
    now, low, high = advice["change"], advice["change_low"], advice["change_high"]
    if record["counts_defects"]:
        return t(
            "defects {change} points (95 %: {low} to {high})",
            change=f"{100 * now:+.1f}", low=f"{100 * low:+.1f}", high=f"{100 * high:+.1f}",
        )  # fmt: skip
    if record["is_low_worse"]:
        now, low, high = -now, -high, -low
    told = partial(numeral_beside, scale=high - low)
    return t(
        "mean {change}{unit} (95 %: {low} to {high})",
        change=signed(now, told), low=signed(low, told), high=signed(high, told), unit=_unit(record),
    )  # fmt: skip


def advice(found: Record, record: Record, t: Translate) -> str:
    """Return a recommendation, or that there is none and why."""
    unit = record["units"].get(found["factor"], "")
    if found["reason"]:
        return t("no advice: {reason}", reason=spoken(t, found["reason"]))
    return f"{window(found, unit, t)}: {change(found, record, t)}"


def rule(found: Record, units: Mapping[str, str], t: Translate) -> str:
    """Return a condition in signs: `ph > 9.8 and air < 250`."""
    parts = [
        f"{c['factor']} {'>' if c['sign'] > 0 else '<'} {numeral(c['limit'])} {units.get(c['factor'], '')}".rstrip()
        for c in found["tests"]
    ]
    return t(" and ").join(parts)


def importance(factor: Record, record: Record) -> str:
    """Return by how much a factor's values, shuffled, raise the error, in the result's unit."""
    return numeral_beside(factor["importance"], record["mean_rmse"] / 10)


def lift(value: float | None) -> str:
    """Return a lift: how many times as often as in all lots."""
    return "–" if value is None else f"{value:.1f}×"


def summary(record: Record, t: Translate, most: int = 10) -> Iterator[str]:
    """Yield the lines of a summary for a terminal."""
    yield from headline(record, t)
    yield from (divided(d, record, t) for d in record.get("divided", ()))
    yield ""
    for f in record["factors"][:most]:
        signs = slopes(f, t)
        tail = f"  [{signs}]" if signs else ""
        yield f"{f['rank']:3d}  {f['name']} {SIGNS[f['direction']]}  {ranks(f, t)}, {kind(f, t)}{tail}"
    given = [a for a in record["advice"] if not a["reason"]]
    yield ""
    for a in given:
        yield f"{a['factor']}: {advice(a, record, t)}"
    if not given:
        yield t("No limit is recommended.")
    units = record["units"]
    for c in confirmed(record):
        yield t(
            "{rule}: {share} of {n} later lots bad, {lift} the share of all",
            rule=rule(c, units, t), share=percent(c["share_later"]), n=c["n_later"], lift=lift(c["lift_later"]),
        )  # fmt: skip


def confirmed(record: Record) -> Sequence[Record]:
    """Return the conditions that later lots confirmed."""
    return [c for c in record["conditions"] if c["is_confirmed"]]


def _unit(record: Record) -> str:
    return f" {record['unit']}" if record["unit"] else ""
