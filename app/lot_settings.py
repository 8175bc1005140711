"""Config of lots and their results, `[[lots]]` and `[[results]]` of forewarn.toml, to what it says and its faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.faults import suggest
from detectors import DETECTORS, detector_class
from detectors.settings import DetectorSettings
from domain.errors import Fault
from domain.lots import Judged, LotColumns
from features.settings import FeatureSettings

STRICT = ConfigDict(frozen=True, extra="forbid")


class LotSettings(BaseModel):
    """`[[lots]]`: what the columns of a class's lots are for; names or patterns. See `domain.lots.LotColumns`."""

    model_config = STRICT
    asset_class: Annotated[str, Field(min_length=1)]
    forbidden: tuple[str, ...] = ()
    controllable: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()

    def build(self) -> LotColumns:
        """Return what it says."""
        return LotColumns(self.forbidden, self.controllable, self.strata)


class ResultSettings(BaseModel):
    """`[[results]]`: when a result of a class's lots is bad, and which lab counts. See `domain.lots.Judged`."""

    model_config = STRICT
    asset_class: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    bad_above: float | None = None
    bad_below: float | None = None
    labs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.bad_above is not None and self.bad_below is not None and self.bad_below > self.bad_above:
            raise ValueError(f"`bad_below` {self.bad_below:g} is above `bad_above` {self.bad_above:g}: all are bad")
        return self

    def build(self) -> Judged:
        """Return what it says."""
        return Judged(self.name, self.bad_above, self.bad_below, self.labs)


def lot_faults(
    lots: Sequence[LotSettings],
    results: Sequence[ResultSettings],
    features: Sequence[FeatureSettings],
    detectors: Sequence[DetectorSettings],
    classes: Mapping[str, Any],
    file: str,
) -> Iterator[Fault]:
    """Yield what is wrong: unknown classes, what stands twice, a forbidden column that a feature set names, and lab
    history without that of the result which is predicted.
    """
    for section, of in (("lots", [(x.asset_class, "") for x in lots]),
                        ("results", [(x.asset_class, x.name) for x in results])):  # fmt: skip
        for i, (asset_class, name) in enumerate(of):
            if asset_class not in classes:
                rule = f"no such class{suggest(asset_class, classes)}"
                yield Fault(file, f"{section}[{i}].asset_class", repr(asset_class), rule)
            if of.index((asset_class, name)) < i:
                key = "name" if name else "asset_class"
                yield Fault(file, f"{section}[{i}].{key}", name or asset_class, "stands twice")
    for i, x in enumerate(features):
        forbidden = [p for each in lots if each.asset_class == x.asset_class for p in each.forbidden]
        for j, name in enumerate(x.process):
            if name in forbidden:
                rule = "is forbidden by [[lots]]: it is known only with the result"
                yield Fault(file, f"features[{i}].process[{j}]", name, rule)
    labs = {x.name: x.lab for x in features}
    for i, d in enumerate(detectors):
        own = labs.get(d.features, ())
        if own and d.kind in DETECTORS and detector_class(d.kind).role == "quality" and d.outcome not in own:
            rule = f"is not in `lab` of [[features]] {d.features!r}, whose history it is compared with: add it there"
            yield Fault(file, f"detectors[{i}].outcome", d.outcome, rule)
