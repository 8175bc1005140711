"""Why an alert was raised, to lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.life_text import said
from domain.plant import Axis
from domain.scores import Life
from domain.text import Translate, mark

CAME_TO: Final[Mapping[str, str]] = {
    "caught": mark("a failure followed"),
    "missed": mark("a failure followed that was not warned of in time"),
    "false": mark("nothing followed"),
}
MOST: Final = 5


def shown(found: Mapping[str, Any], t: Translate, zone: ZoneInfo) -> Iterator[str]:
    """Yield why an alert was raised; times are shown in the plant's zone."""
    yield f"{found['alert']}  {found['rule']}  {found['asset']} {found['subject']}".rstrip()
    yield t("model {model} said {value} at {at}", model=found["model_id"], value=_number(found["said"]),
            at=_at(found["window"]["end"], zone))  # fmt: skip
    if found["gone"] is not None:
        yield from _gone(found, t, zone)
        return
    yield (
        t("recomputed from the stored rows: the same, to 1e-9")
        if found["is_reproduced"]
        else t("recomputed from the stored rows: {value}; what is stored has changed since", value=found["recomputed"])
    )
    if found["life"] is not None:
        yield said(Life(**found["life"]), Axis(found["axis"]), t)
    for each in found["contributions"][:MOST]:
        yield f"  {each['source']}: {each['amount']:+.3g}"
        for feature in each["features"]:
            yield "    " + _feature(feature, t)
    if found["alike"]:
        yield t("It resembles:")
    for each in found["alike"]:
        what = CAME_TO[each["came_to"]]
        mode = f" ({each['mode']})" if each["mode"] else ""
        yield "  " + t("{asset} at {at}: {what}", asset=each["asset"], at=_at(each["at"], zone), what=t(what) + mode)


def _gone(found: Mapping[str, Any], t: Translate, zone: ZoneInfo) -> Iterator[str]:
    """Yield why a score cannot be recomputed, and what was stored of it."""
    gone = found["gone"]
    yield (
        t("it cannot be recomputed: this model is not kept any more")
        if gone["at"] is None
        else t("it cannot be recomputed: {by} deleted this model at {at}, because {why}", by=gone["by"],
               at=_at(gone["at"], zone), why=gone["why"])
    )  # fmt: skip
    if found["life"] is not None:
        yield said(Life(**found["life"]), Axis(found["axis"]), t)
    if found["contributions"]:
        yield t("What moved the score most, as it was stored then, with the mean in the window:")
    for each in found["contributions"][:MOST]:
        yield f"  {each['source']}: {each['amount']:+.3g}  ({_number(each['mean'])})"


def _feature(feature: Mapping[str, Any], t: Translate) -> str:
    low, high = feature["normal"]
    unit = f" {feature['unit']}" if feature["unit"] else ""
    value = f"{feature['feature']} = {_number(feature['value'])}{unit}"
    if low is None or high is None:
        return value
    return value + ", " + t("normally {low} to {high}", low=_number(low), high=_number(high)) + unit


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _at(at: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d %H:%M %Z}"
