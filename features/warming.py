"""A plan to compiled kernels: each of its groups runs once on a few samples, so that no window after it waits for a
compiler. What has to be compiled, because no process of this version has done so before, is told in the log first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numba.core.event import Event, Listener, install_listener

from features.kernels import GROUPS, Block, Wanted
from features.kernels.numeric import Floats, folder
from features.plan import Plan

log = logging.getLogger(__name__)
GROUP_S: Final = 2.5  # seconds that a group takes to compile, of the mean; the log's "about"
RAMP: Final = np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]])  # what is compiled for windows without a spread


def warm(of: Plan, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Run each group of a plan, whatever tag asks for it; `is_stopping` is asked before each."""
    wanted = _wanted(of)
    groups = [group for group in GROUPS if group.name in wanted]
    telling = _Telling()
    with install_listener("numba:compile", telling):
        for place, group in enumerate(groups):
            if is_stopping():
                return
            telling.ahead = [g.name for g in groups[place:]]
            found = wanted[group.name]
            for x in (_random(), RAMP):
                group.prepare(found, x.shape[1])(Block(x), np.empty((len(x), len(found))))


def _wanted(of: Plan) -> Mapping[str, list[Wanted]]:
    """Return what is asked of each way, once."""
    found: dict[str, dict[str, Wanted]] = {}
    for bundle in of.bundles:
        for way, asked in bundle.wanted:
            of_way = found.setdefault(way, {})
            for each in asked:
                of_way.setdefault(f"{each.calculator} {each.params}", Wanted(each.calculator, each.params, len(of_way)))
    return {way: list(each.values()) for way, each in found.items()}


def _random() -> Floats:
    return np.random.default_rng(0).normal(50, 3, (2, 64))


class _Telling(Listener):
    """Says once, at the first function that is compiled, what goes on."""

    def __init__(self) -> None:
        self.ahead: list[str] = []
        self._has_told = False

    def on_start(self, _event: Event) -> None:
        """Tell of the groups that are not warm yet."""
        if not self._has_told:
            self._has_told = True
            seconds: Any = GROUP_S * len(self.ahead)
            text = "compiling feature kernels, once per version, about %.0f s groups=%s folder=%s"
            log.info(text, seconds, ",".join(self.ahead), folder())

    def on_end(self, _event: Event) -> None:
        """Say nothing: the next line of the log tells that it went on."""
