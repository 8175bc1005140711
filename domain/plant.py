"""The plant: assets, their classes and their tags, looked up by name; built once from config and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from domain.instants import duration_ns


class Axis(StrEnum):
    """What windows, horizons and lead budgets of a class count."""

    TIME = "time"  # nanoseconds
    CYCLE = "cycle"  # cycles: distinct times at which the asset reported


@dataclass(frozen=True, slots=True)
class Span:
    """A length on an axis: `cycles` on the cycle axis, `duration` on the time axis."""

    duration: timedelta | None = None
    cycles: int | None = None

    def units(self, axis: Axis) -> int:
        """Return the length in axis units (ns or cycles); raises ValueError where it is of the other axis."""
        if axis is Axis.CYCLE and self.cycles is not None:
            return self.cycles
        if axis is Axis.TIME and self.duration is not None:
            return duration_ns(self.duration)
        raise ValueError(f"{self} does not fit the {axis.value} axis")


@dataclass(frozen=True, slots=True)
class AssetClass:
    """A kind of asset. `horizon` and `lead` are in axis units; `lateness` is how long a row may still be coming.

    `cycle` is the nominal duration of one cycle (cycle axis only): for display, and for dumps whose time is a
    cycle number. `recovery` and `relearn`, in axis units: how long after a stop, and after maintenance, windows say
    nothing yet.
    """

    name: str
    axis: Axis
    horizon: int
    lead: int
    period: timedelta
    lateness: timedelta = timedelta(0)
    cycle: timedelta | None = None
    recovery: int = 0
    relearn: int = 0

    def wall(self, units: float) -> timedelta:
        """Return axis units as nominal wall time."""
        if self.axis is Axis.CYCLE:
            return (self.cycle or self.period) * units
        return timedelta(microseconds=units / 1000)

    def position(self, times: NDArray[np.int64], at: int) -> float:
        """Return where on the axis of an asset an instant (ns) lies: the instant itself, or the cycles completed by it.

        times: ns, ascending, of the asset's cycles. After the last of them whole nominal cycles are counted: a record
        may end before what it leads to.
        """
        if self.axis is Axis.TIME:
            return float(at)
        done = int(np.searchsorted(times, at, side="right"))
        if done and done == len(times):
            done += (at - int(times[-1])) // duration_ns(self.wall(1))
        return float(done)


@dataclass(frozen=True, slots=True)
class Asset:
    """A machine, line or site, named by its path, e.g. `seoul/line-2/press-04`."""

    path: str
    class_name: str
    position: int = 0
    lead: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last level of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured quantity of one asset. `low` and `high` are limits of the normal range, in `unit`; `least` and
    `most` those of what is physically possible, beyond which a value is bad.

    `role` is `process` for what may enter a model, `lab` for a result's tag, `info` for display only.
    """

    asset: str
    name: str
    unit: str = ""
    period: timedelta = timedelta(seconds=60)
    low: float | None = None
    high: float | None = None
    title: str = ""
    role: str = "process"
    is_controllable: bool = False
    least: float | None = None
    most: float | None = None

    @property
    def tag_id(self) -> str:
        """Asset path, `/`, name."""
        return f"{self.asset}/{self.name}"

    def is_possible(self, value: float) -> bool:
        """Say whether a value is within what is physically possible."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True, eq=False)
class Plant:
    """All assets and tags of the config, by name. `assets` keeps the order of the config."""

    classes: Mapping[str, AssetClass]
    assets: Mapping[str, Asset]
    tags: Mapping[str, Mapping[str, Tag]]  # asset path -> tag name -> tag

    @staticmethod
    def of(classes: Iterable[AssetClass], assets: Iterable[Asset], tags: Iterable[Tag]) -> Plant:
        """Index the parts by name."""
        by_path = {asset.path: asset for asset in assets}
        by_asset: dict[str, dict[str, Tag]] = {path: {} for path in by_path}
        for tag in tags:
            by_asset[tag.asset][tag.name] = tag
        return Plant({c.name: c for c in classes}, by_path, by_asset)

    def tag(self, tag_id: str) -> Tag | None:
        """Return the tag of an id, or None where the config has no such tag."""
        asset, _, name = tag_id.rpartition("/")
        return self.tags.get(asset, {}).get(name)

    def class_of(self, asset: str) -> AssetClass:
        """Return the class of an asset; raises KeyError for an unknown asset."""
        return self.classes[self.assets[asset].class_name]

    def of_class(self, name: str) -> list[Asset]:
        """Return the assets of one class in the config's order."""
        return [a for a in self.assets.values() if a.class_name == name]

    def lead_of(self, asset: str) -> int:
        """Return the asset's lead budget in axis units: its own, or its class's."""
        own = self.assets[asset].lead
        return self.class_of(asset).lead if own is None else own
