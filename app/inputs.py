"""What the ledger and assets.csv know beside the tags, to the features that a set asks for, and to their columns."""

from __future__ import annotations

import fnmatch
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app import feature_sets
from app.settings import Settings
from app.spans import units
from domain.inputs import Liveness, Modes
from domain.instants import to_ns
from domain.lots import MOST_LEVELS, LotColumns
from domain.plant import Asset, AssetClass, Plant
from domain.records import Event, Lot
from domain.scores import TrainingError
from domain.vectors import DerivedTag, FeatureName, FeatureSet
from features import derived
from features.context import Background, Happened, attribute_names, event_names, level_names
from features.settings import FeatureSettings
from features.windows import Grid

HOUR_S: Final = 3600.0
BATCH: Final = "batch"  # the text of what folds must not split
FEWEST_LOTS: Final = 10  # of a level of a text from which a model may learn of it
RESERVED: Final = ("first_cycle_at",)  # says when a dump's cycle 1 was, nothing of the machine


def completed(
    features: FeatureSet,
    settings: Settings,
    chosen: FeatureSettings,
    told: Iterable[Event],
    lots: Iterable[Lot],
) -> FeatureSet:
    """Return the set with the features of events, attributes and process values, and with the units of its tags.

    told: the events that are known of the class's assets; lots: those of its lines.
    """
    plant, asset_class = settings.plant, settings.plant.classes[chosen.asset_class]
    assets = plant.of_class(asset_class.name)
    if chosen.mode.from_:
        asked = Modes(chosen.mode.from_, chosen.mode.tags, (), (), (), ())
        features = replace(features, inputs=replace(features.inputs, modes=asked))
    told = list(told)
    _check_known(chosen, told, asset_class)
    levels = _levels(chosen, assets)
    columns = settings.lot_columns(chosen.asset_class)
    lots = list(lots)
    values = sorted({name for lot in lots for name in lot.values if not columns.is_forbidden(name)})
    computed = _of_values(settings, chosen, values)
    process = [n for n in (*values, *(d.name for d in computed)) if feature_sets.is_named(n, chosen.process)]
    texts = _texts([lot.texts for lot in lots], chosen, columns)
    names = [
        *features.names,
        *(FeatureName("process", name, "value") for name in process),
        *(name for text, known in texts.items() for name in level_names("process", text, known)),
        *event_names(_sources(chosen, told), _hours(chosen, asset_class)),
        *(name for attribute, known in levels.items() for name in attribute_names(attribute, known)),
    ]
    of_tags = {
        name: tag.unit for a in assets for name, tag in plant.tags[a.path].items() if name in set(features.sources)
    }
    known = replace(
        features.inputs,
        liveness=_flat(plant, asset_class, chosen, features.sources),
        units=tuple(sorted(of_tags.items())),
        levels=tuple((attribute, tuple(x)) for attribute, x in levels.items() if x),
    )
    more = tuple(d for d in computed if d not in features.derived)
    return replace(features, names=tuple(names), derived=(*features.derived, *more), inputs=known)


def own_first(chosen: FeatureSettings, outcome: str) -> FeatureSettings:
    """Return the set with the history of a result before that of others: the first is what persistence repeats."""
    return chosen.model_copy(update={"lab": tuple(sorted(chosen.lab, key=lambda name: name != outcome))})


def _flat(plant: Plant, asset_class: AssetClass, chosen: FeatureSettings, tags: Iterable[str]) -> tuple[Liveness, ...]:
    """Return how long each tag may stand still where the config says so, in rows at its pace; else none."""
    if chosen.flat in ("learned", ""):
        return ()
    span = asset_class.wall(units(chosen.flat, asset_class.axis))
    pace = asset_class.cycle or asset_class.period
    periods = {
        name: max(pace, max(x.period for x in found))
        for name in tags
        if (found := feature_sets.tags_of(plant, asset_class.name, name))
    }
    return tuple(Liveness(name, max(1, int(span / periods.get(name, pace))), 0.0) for name in sorted(tags))


def _check_known(chosen: FeatureSettings, told: Sequence[Event], asset_class: AssetClass) -> None:
    """Raise TrainingError where every event that is asked for was known too late to tell anything of its time."""
    asked = [e for e in told if any(fnmatch.fnmatchcase(source_of(e), p) for p in chosen.events)]
    longest = max(_hours(chosen, asset_class)) * HOUR_S
    if asked and all((e.known_at - e.start).total_seconds() > longest for e in asked):
        raise TrainingError(
            f"none of {len(asked)} events was known within {longest / HOUR_S:g} h of its start, so that none can be a "
            'feature: files that do not say when their events were known are read with [[formats]] known = "start"'
        )


def _hours(chosen: FeatureSettings, asset_class: AssetClass) -> list[float]:
    """Return the trailing windows of events in hours; on the cycle axis at the nominal pace, and by default one."""
    spans = chosen.event_windows or (chosen.window,)
    return sorted({asset_class.wall(units(span, asset_class.axis)).total_seconds() / HOUR_S for span in spans})


def _sources(chosen: FeatureSettings, told: Iterable[Event]) -> list[str]:
    """Return `kind:code` of what the config names and, where it gives patterns, of what is known."""
    known = {source_of(e) for e in told}
    plain = {p for p in chosen.events if not any(sign in p for sign in "*?[")}
    return sorted(plain | {s for s in known if any(fnmatch.fnmatchcase(s, p) for p in chosen.events)})


def source_of(event: Event) -> str:
    """Return an event's `kind:code`."""
    return f"{event.kind}:{event.code}"


def _levels(chosen: FeatureSettings, assets: Sequence[Asset]) -> dict[str, list[str]]:
    """Return the attributes that are asked for, each with its levels where it is categorical, else with none."""
    texts: dict[str, set[str]] = defaultdict(set)
    for asset in assets:
        for name, text in asset.attributes.items():
            if name not in RESERVED and feature_sets.is_named(name, chosen.attributes):
                texts[name].add(text)
    return {
        name: sorted(found) if name in chosen.categories or not all(map(is_number, found)) else []
        for name, found in sorted(texts.items())
    }


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _of_values(settings: Settings, chosen: FeatureSettings, values: Sequence[str]) -> list[DerivedTag]:
    """Return the derived tags that can be computed from one lot's values alone."""
    found = [
        feature_sets.derived_tag(settings.plant, d)
        for d in settings.root.derived
        if d.asset_class == chosen.asset_class and feature_sets.is_named(d.name, chosen.process)
    ]
    return [tag for tag in found if {s for s, _ in tag.sources} <= set(values) and not derived.compiled(tag).rows_back]


def _texts(told: Sequence[Mapping[str, str]], chosen: FeatureSettings, columns: LotColumns) -> dict[str, list[str]]:
    """Return the texts of lots that are asked for, each with its levels; rare levels are none of them.

    A text with more than MOST_LEVELS names the lots themselves, and so does the batch, which is never split.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for texts in told:
        for name, text in texts.items():
            if name != BATCH and feature_sets.is_named(name, chosen.process) and not columns.is_forbidden(name):
                counts[name][text] += 1
    return {
        name: sorted(level for level, n in found.items() if n >= FEWEST_LOTS)
        for name, found in sorted(counts.items())
        if 2 <= len(found) <= MOST_LEVELS
    }


def process_values(features: FeatureSet, line: str, lots: Sequence[Lot]) -> dict[FeatureName, NDArray[np.float64]]:
    """Return what the set names of lots' values, derived ones and texts, float64 (lots,); NaN = none."""
    asked = [n for n in features.names if n.origin == "process"]
    named = {n.source for n in asked if not n.is_level}
    computed = [d for d in features.derived if d.name in named]
    plain = sorted((named - {d.name for d in computed}) | {s for d in computed for s, _ in d.sources})
    values = np.array([[lot.values.get(name, np.nan) for name in plain] for lot in lots]).reshape(len(lots), len(plain))
    table = derived.added(Grid(line, tuple(plain), np.arange(len(lots)), values), computed)
    place = {name: i for i, name in enumerate(table.tags)}
    return {
        n: np.array([_is_level(n, lot) for lot in lots]) if n.is_level else table.values[:, place[n.source]]
        for n in asked
    }


def _is_level(name: FeatureName, lot: Lot) -> float:
    text = lot.texts.get(name.source)
    return float("nan") if text is None else float(text == dict(name.params)["level"])


def backgrounds(assets: Iterable[Asset], told: Iterable[Event]) -> Mapping[str, Background]:
    """Return what is known of each asset. told: the first version of each event, when it was first known."""
    found: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for event in told:
        found[event.asset][source_of(event)].append((to_ns(event.start), to_ns(event.known_at)))
    return {
        a.path: Background({source: _happened(rows) for source, rows in found[a.path].items()}, a.attributes)
        for a in assets
    }


def _happened(rows: list[tuple[int, int]]) -> Happened:
    table = np.array(sorted(rows), dtype=np.int64)
    return Happened(table[:, 0], table[:, 1])
