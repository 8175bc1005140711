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
