"""An autopsy to sentences in a person's language, the answer first and then what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from domain.text import Translate, mark
from reports.unwarned import Cause

CAUSES: Final[Mapping[str, str]] = {
    Cause.THRESHOLD: mark("threshold too high"),
    Cause.GAP: mark("a gap in the data"),
    Cause.NO_PRECURSOR: mark("no precursor in the data"),
    Cause.NOT_IN_MODEL: mark("tags moved that the model did not heed"),
    Cause.LATE: mark("warned too late"),
    Cause.EARLY: mark("warned too early"),
    Cause.HELD: mark("the warning was held back"),
    Cause.UNWATCHED: mark("nothing watched for it"),
}


def sentences(finding: str, found: Mapping[str, Any], t: Translate, at: Callable[[str], str]) -> Iterator[str]:
    """Yield what an autopsy found. found: its evidence as the ledger keeps it. at: how an instant's text is said."""
    yield t(CAUSES[finding])
    if found["alert_at"] is not None:
        yield t("an alert was raised at {at}", at=at(found["alert_at"]))
    if finding == Cause.HELD and found["alert_at"] is None:
        yield t("the score was over the limit, and no alert was raised")
    for hole in found["missing"]:
        yield t(
            "{tag}: {share} of the run-up is there, nothing from {start} to {end}",
            tag=hole["tag"],
            share=f"{hole['coverage']:.0%}",
            start=at(hole["start"]),
            end=at(hole["end"]),
        )
    if finding == Cause.GAP:
        yield t("{share} of the run-up could be assessed", share=f"{found['assessed']:.0%}")
    yield from _price(found, t)
    yield from _score(found, t)
    for tag in found["moved"]:
        yield _moved(tag, t, at)
    if not found["moved"]:
        said = (
            mark("no tag left its normal range") if found["n_normal"] else mark("too little normal running to compare")
        )
        yield t(said)


def _price(found: Mapping[str, Any], t: Translate) -> Iterator[str]:
    better, now = found["would_catch"], found["now"]
    if better is None or now is None:
        return
    yield t(
        "a limit of {limit} would have caught it, instead of {now}",
        limit=f"{better['limit']:.4g}",
        now=f"{now['limit']:.4g}",
    )
    yield t(
        "its price: {then} false alarms a week and asset instead of {now}, counted over {weeks} weeks of scores",
        then=f"{better['per_week']:.2f}",
        now=f"{now['per_week']:.2f}",
        weeks=f"{better['weeks']:.0f}",
    )
    if better["curve_per_week"] is not None:
        yield t("by the model's back-test: {n} a week and asset", n=f"{better['curve_per_week']:.2f}")


def _score(found: Mapping[str, Any], t: Translate) -> Iterator[str]:
    if found["peak"] is None:
        return
    if found["usual"] is None:
        yield t("the score came to {peak}", peak=f"{found['peak']:.3f}")
    else:
        said = mark("the score came to {peak}; in normal stretches it comes to {usual}")
        yield t(said, peak=f"{found['peak']:.3f}", usual=f"{found['usual']:.3f}")


def _moved(tag: Mapping[str, Any], t: Translate, at: Callable[[str], str]) -> str:
    said = {
        "level": mark("{tag} was at {found} {unit} from {since} on, normally {normal}: {far} deviations"),
        "spread": mark("{tag} spread by {found} {unit} from {since} on, normally {normal}: {far} deviations"),
    }[tag["what"]]
    return t(
        said,
        tag=tag["tag"],
        found=f"{tag['found']:.6g}",
        unit=tag["unit"],
        since=at(tag["since"]),
        normal=f"{tag['normal']:.6g}",
        far=f"{abs(tag['deviation']):.1f}",
    )
