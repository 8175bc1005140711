"""Features, derived tags and hypotheses of the config to their faults, and to what can only be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app import feature_sets as sets
from app.faults import suggest
from app.hypotheses import concerns, matching
from app.spans import units
from detectors.settings import DetectorSettings
from domain.errors import Fault
from domain.instants import duration_ns, parse_duration
from domain.plant import AssetClass, Axis, Plant
from domain.units import measure
from domain.vectors import DerivedTag
from features import derived as compiling
from features import formula
from features.dimensions import UnitError
from features.formula import FormulaError
from features.settings import DerivedSettings, FeatureSettings, HypothesisSettings
from features.windows import MIN_VALUES

SPANS: Final = ("window", "step", "train_step")


def span_faults(features: Sequence[FeatureSettings], classes: Mapping[str, AssetClass], file: str) -> Iterator[Fault]:
    """Yield what is wrong with the classes and the spans of feature sets."""
    for i, x in enumerate(features):
        key = f"features[{i}]"
        if x.asset_class not in classes:
            yield _unknown(file, f"{key}.asset_class", x.asset_class, "class", classes)
            continue
        axis = classes[x.asset_class].axis
        for name in SPANS:
            try:
                if units(getattr(x, name), axis) <= 0:
                    raise ValueError("must be longer than 0")
            except ValueError as error:
                yield Fault(file, f"{key}.{name}", str(getattr(x, name)), str(error))
        if axis is Axis.CYCLE and x.step != 1:
            yield Fault(file, f"{key}.step", str(x.step), "the cycle axis scores every cycle: step is 1")
        more = {f"event_windows[{j}]": span for j, span in enumerate(x.event_windows)}
        for name, span in {**more, **({} if x.flat in ("learned", "") else {"flat": x.flat})}.items():
            try:
                if units(span, axis) <= 0:
                    raise ValueError("must be longer than 0")
            except ValueError as error:
                yield Fault(file, f"{key}.{name}", str(span), str(error))
        for j, name in enumerate(x.categories):
            if not sets.is_named(name, x.attributes):
                yield Fault(file, f"{key}.categories[{j}]", name, "is none of `attributes`")


def input_faults(
    features: Sequence[FeatureSettings], classes: Mapping[str, AssetClass], plant: Plant, file: str
) -> Iterator[Fault]:
    """Yield what is wrong with the inputs that feature sets name: attributes, tags that set the mode, and no input."""
    for i, x in enumerate(features):
        key = f"features[{i}]"
        if x.asset_class not in classes:
            continue
        assets = plant.of_class(x.asset_class)
        known = {name for a in assets for name in a.attributes}
        for j, name in enumerate(x.attributes):
            if assets and not any(sets.is_named(k, (name,)) for k in known):
                yield _unknown(file, f"{key}.attributes[{j}]", name, "column of assets.csv", dict.fromkeys(known))
        for j, name in enumerate(x.mode.tags):
            if assets and not sets.tags_of(plant, x.asset_class, name):
                tags = {t for a in assets for t in plant.tags[a.path]}
                yield _unknown(
                    file, f"{key}.mode.tags[{j}]", name, f"tag of class {x.asset_class}", dict.fromkeys(tags)
                )
        if not x.tags and not x.process and not x.lab:
            if classes[x.asset_class].axis is Axis.CYCLE:
                yield Fault(file, f"{key}.tags", "[]", "windows of events alone need the time axis")
            elif not x.events:
                yield Fault(file, f"{key}.tags", "[]", "names no input: `tags`, `events` or `process`")


def window_faults(
    features: Sequence[FeatureSettings],
    derived: Sequence[DerivedSettings],
    classes: Mapping[str, AssetClass],
    plant: Plant,
    file: str,
) -> Iterator[Fault]:
    """Yield what is wrong with gaps, alignments and lags of feature sets whose class is known."""
    for i, x in enumerate(features):
        if x.asset_class not in classes:
            continue
        key, axis = f"features[{i}]", classes[x.asset_class].axis
        try:
            gap = units(x.max_gap, axis) if x.max_gap else 0
            slowest = max(_periods(plant, x), default=(0, ""))
            if gap < 0:
                raise ValueError("must not be below 0")
            if axis is Axis.TIME and 0 < gap < slowest[0]:
                raise ValueError(f"is shorter than the period of tag {slowest[1]!r}: no window would be assessed")
        except ValueError as error:
            yield Fault(file, f"{key}.max_gap", str(x.max_gap), str(error))
        try:
            if parse_duration(x.align) and axis is Axis.CYCLE:
                raise ValueError("the cycle axis scores every cycle: there is nothing to align")
        except ValueError as error:
            yield Fault(file, f"{key}.align", x.align, str(error))
        if axis is Axis.CYCLE and x.lot_window != "ending":
            yield Fault(file, f"{key}.lot_window", x.lot_window, "lots have no windows on the cycle axis")
        yield from _lag_faults(x, derived, axis, plant, file, f"{key}.lag")


def _periods(plant: Plant, chosen: FeatureSettings) -> list[tuple[int, str]]:
    """Return the period (ns) of each measured tag that a feature set names, with the tag's name."""
    tags = [tag for a in plant.of_class(chosen.asset_class) for tag in plant.tags[a.path].values()]
    return [
        (duration_ns(tag.period), tag.name)
        for tag in tags
        if tag.role == sets.PROCESS and sets.is_named(tag.name, chosen.tags)
    ]


def _lag_faults(
    x: FeatureSettings, derived: Sequence[DerivedSettings], axis: Axis, plant: Plant, file: str, key: str
) -> Iterator[Fault]:
    if x.lag and axis is Axis.CYCLE:
        yield Fault(file, key, str(x.lag), "tags have a lag on the time axis only")
        return
    computed = {d.name for d in derived if d.asset_class == x.asset_class}
    measured = {name for a in plant.of_class(x.asset_class) for name in plant.tags[a.path]}
    for pattern, lag in x.lag.items():
        try:
            parse_duration(lag)
        except ValueError as error:
            yield Fault(file, f"{key}.{pattern}", lag, str(error))
        if pattern in computed:
            yield Fault(file, key, pattern, "is a derived tag: what it is computed from has the lag")
        elif not any(sets.is_named(tag, (pattern,)) for tag in measured):
            rule = f"no tag of class {x.asset_class} is named so{suggest(pattern, measured)}"
            yield Fault(file, key, pattern, rule)


def derived_faults(
    derived: Sequence[DerivedSettings],
    features: Sequence[FeatureSettings],
    classes: Mapping[str, AssetClass],
    plant: Plant,
    file: str,
) -> Iterator[Fault]:
    """Yield what is wrong with derived tags: their names, their formulas, their units, and how far they look back."""
    for i, x in enumerate(derived):
        key = f"derived[{i}]"
        if x.asset_class not in classes:
            yield _unknown(file, f"{key}.asset_class", x.asset_class, "class", classes)
            continue
        if sets.tags_of(plant, x.asset_class, x.name):
            yield Fault(file, f"{key}.name", x.name, f"is a tag of class {x.asset_class} in tags.csv")
        if [d.asset_class for d in derived if d.name == x.name].count(x.asset_class) > 1:
            yield Fault(file, f"{key}.name", x.name, "stands twice")
        try:
            tree = formula.parse(x.formula)
            named = [_source_rule(name, x, derived, plant) for name in formula.sources(tree)]
            rules = [rule for rule in named if rule]
            if rules:
                raise FormulaError("; ".join(rules))
            made = sets.derived_tag(plant, x)
            n_back = compiling.compiled(made).rows_back
        except UnitError as error:
            yield Fault(file, f"{key}.unit", x.unit, str(error))
        except FormulaError as error:
            yield Fault(file, f"{key}.formula", x.formula, str(error))
        else:
            yield from _reach_faults(made, n_back, x.asset_class, features, classes, file, f"{key}.formula")


def hypothesis_faults(
    hypotheses: Sequence[HypothesisSettings],
    detectors: Sequence[DetectorSettings],
    derived: Sequence[DerivedSettings],
    features: Sequence[FeatureSettings],
    plant: Plant,
    file: str,
) -> Iterator[Fault]:
    """Yield what is wrong with hypotheses: of whom they speak, and patterns that no feature fits.

    Call it where features and derived tags have no fault.
    """
    by_name = {x.name: x for x in features}
    names = [h.name for h in hypotheses]
    for i, x in enumerate(hypotheses):
        key = f"hypotheses[{i}]"
        if names.count(x.name) > 1:
            yield Fault(file, f"{key}.name", x.name, "stands twice")
        said_of = [d for d in detectors if concerns(x, d)]
        if not said_of:
            what = "detector" if x.detector else "asset_class"
            known = [d.name if x.detector else d.asset_class for d in detectors]
            rule = f"no such detector{suggest(x.detector, known)}" if x.detector else "no detector is of this class"
            yield Fault(file, f"{key}.{what}", x.detector or x.asset_class, rule)
            continue
        found = [n for d in said_of for n in sets.full_set(plant, derived, by_name[d.features]).names]
        for j, pattern in enumerate(x.features):
            if not matching((pattern,), found):
                rule = f"no feature of {', '.join(d.name for d in said_of)} is named so"
                yield Fault(file, f"{key}.features[{j}]", pattern, rule + suggest(pattern, {n.source for n in found}))


def unit_warnings(derived: Sequence[DerivedSettings], plant: Plant, file: str) -> Iterator[Fault]:
    """Yield derived tags whose units cannot be checked, because one of them is not known."""
    for i, x in enumerate(derived):
        made = sets.derived_tag(plant, x)
        if compiling.compiled(made).is_checked:
            continue
        unknown = [f"{tag} {unit!r}" for tag, unit in made.sources if measure(unit) is None]
        unknown += [] if measure(x.unit) else [f"{x.name} {x.unit!r}"]
        rule = f"units are not checked, and nothing is converted: the unit of {', '.join(unknown)} is not known"
        yield Fault(file, f"derived[{i}].formula", x.formula, rule)


def _source_rule(name: str, x: DerivedSettings, derived: Sequence[DerivedSettings], plant: Plant) -> str:
    """Return which rule a source breaks, "" for none."""
    found = sets.tags_of(plant, x.asset_class, name)
    if not found and any(d.name == name and d.asset_class == x.asset_class for d in derived):
        return f"{name!r} is a derived tag: write its formula here"
    if not found:
        known = {tag for asset in plant.of_class(x.asset_class) for tag in plant.tags[asset.path]}
        return f"no tag {name!r} of class {x.asset_class}{suggest(name, known)}"
    other = next((tag.role for tag in found if tag.role != sets.PROCESS), "")
    return f"tag {name!r} has role {other}: only process tags may enter a model" if other else ""


def _reach_faults(
    made: DerivedTag,
    n_back: int,
    asset_class: str,
    features: Sequence[FeatureSettings],
    classes: Mapping[str, AssetClass],
    file: str,
    key: str,
) -> Iterator[Fault]:
    for x in features:
        if x.asset_class != asset_class or not sets.is_named(made.name, x.tags):
            continue
        known = classes[asset_class]
        try:
            window = units(x.window, known.axis)
        except ValueError:
            continue
        n_rows = window if known.axis is Axis.CYCLE else window // duration_ns(known.period)
        if n_back + MIN_VALUES > n_rows:
            rule = (
                f"looks {n_back} rows back, and a window of feature set {x.name!r} has {n_rows}: "
                f"at most {max(0, n_rows - MIN_VALUES)} leave {MIN_VALUES} values"
            )
            yield Fault(file, key, made.formula, rule)


def _unknown(file: str, key: str, value: str, what: str, known: Mapping[str, object]) -> Fault:
    return Fault(file, key, repr(value), f"no such {what}{suggest(value, known)}")
