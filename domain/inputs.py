"""What a model's inputs looked like in training, kept as data with its feature set, so that what differs is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Liveness:
    """How a living sensor of a tag moves. most: rows in which it may tell one and the same value.

    least: the root mean square of its steps from row to row in a window, below which its noise is gone; 0 for no bound.
    """

    tag: str
    most: int
    least: float


@dataclass(frozen=True, slots=True)
class Modes:
    """How a row's operating mode is told, and what each tag is like in each.

    by: `event` (the code of the newest mode event), `tag` (the value of the one in `tags`) or `regimes` (the nearest of
    `centres`, in units of `spread`, a row of them for each of `names`; not further from it than its `reach`).
    names: the modes seen in training.
    of: the tags that are told in standard deviations from their mean; mean, deviation: for each mode, in their order.
    """

    by: str
    tags: tuple[str, ...]
    names: tuple[str, ...]
    of: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]
    deviation: tuple[tuple[float, ...], ...]
    centres: tuple[tuple[float, ...], ...] = ()
    spread: tuple[float, ...] = ()
    reach: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the modes as JSON data; `from_json` reads them back. Without a reach they are told as before there was
        one, so that such a model keeps its hash.
        """
        return {name: _lists(getattr(self, name)) for name in self.__slots__ if name != "reach" or self.reach}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Modes:
        """Read modes written by `as_json`."""
        return Modes(**{name: _tuples(data[name]) for name in Modes.__slots__ if name in data})


@dataclass(frozen=True, slots=True)
class Inputs:
    """units: of measured tags. levels: of categorical attributes. liveness: of measured tags. modes: where it has any.

    Empty where a model was trained without.
    """

    units: tuple[tuple[str, str], ...] = ()
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    liveness: tuple[Liveness, ...] = ()
    modes: Modes | None = None

    def only(self, tags: Collection[str], attributes: Collection[str]) -> Inputs:
        """Return what is said of these tags and attributes, and the modes whole."""
        return replace(
            self,
            units=tuple(x for x in self.units if x[0] in tags),
            levels=tuple(x for x in self.levels if x[0] in attributes),
            liveness=tuple(x for x in self.liveness if x.tag in tags),
        )

    def as_json(self) -> dict[str, Any]:
        """Return as JSON data what is not empty; `from_json` reads it back."""
        said = {
            "units": _lists(self.units),
            "levels": _lists(self.levels),
            "liveness": [[x.tag, x.most, x.least] for x in self.liveness],
            "modes": None if self.modes is None else self.modes.as_json(),
        }
        return {name: value for name, value in said.items() if value}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Inputs:
        """Read inputs written by `as_json`."""
        return Inputs(
            _tuples(data.get("units", ())),
            _tuples(data.get("levels", ())),
            tuple(Liveness(*x) for x in data.get("liveness", ())),
            Modes.from_json(data["modes"]) if "modes" in data else None,
        )


def _lists(value: Any) -> Any:
    return [_lists(x) for x in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(x) for x in value) if isinstance(value, list | tuple) else value
