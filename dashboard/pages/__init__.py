"""One module per page: `layout` draws it once, `register` adds the callbacks that keep it up to date.

`PAGES`: path -> module, in the order of the navigation.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from dashboard.pages import alerts, asset, handover, overview, people, quality, review, system

PAGES: Final[Mapping[str, ModuleType]] = {
    "/": overview,
    "/asset": asset,
    "/alerts": alerts,
    "/alerts/worth": review,
    "/handover": handover,
    "/quality": quality,
    "/system": system,
    "/people": people,
}
