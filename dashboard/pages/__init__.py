"""One module per page: `layout` draws it once, `register` adds the callbacks that keep it up to date.

`PAGES`: path -> module, in the order of the navigation; one below another, `/alerts/rules`, is reached from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from dashboard.pages import alarm_figures, alerts, asset, handover, overview, people, quality, review, rules, system

PAGES: Final[Mapping[str, ModuleType]] = {
    "/": overview,
    "/asset": asset,
    "/alerts": alerts,
    "/alerts/worth": review,
    "/alerts/figures": alarm_figures,
    "/alerts/rules": rules,
    "/handover": handover,
    "/quality": quality,
    "/system": system,
    "/people": people,
}
