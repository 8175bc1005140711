"""A model's feature set against the plant of today: what no longer fits is refused, in words that name it.

What is beside the model's inputs, such as a tag that is new in tags.csv, changes no score and is no reason.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from app.inputs import is_number
from domain.plant import Plant
from domain.text import mark, phrase
from domain.units import measure
from domain.vectors import FeatureSet, FeatureVectors

NO_TAG: Final = mark("the model needs tag {tag}, and tags.csv has none of this name here")
OTHER_UNIT: Final = mark("tag {tag} is in {now} now, and the model was trained in {then}")
NEW_LEVEL: Final = mark("{attribute} is {text} here, which the model has never seen")


def misfit(plant: Plant, asset: str, features: FeatureSet) -> str:
    """Return why no window of an asset can be assessed by a model of this feature set, as a stored phrase; "" for none.

    Units that are one, spelled in two ways, are one.
    """
    tags = plant.tags[asset]
    for tag in features.sources:
        if tag not in tags:
            return phrase(NO_TAG, tag=tag)
    for tag, then in features.inputs.units:
        now = tags[tag].unit
        if (measure(now) or now) != (measure(then) or then):
            return phrase(OTHER_UNIT, tag=tag, now=now or "-", then=then or "-")
    levels = dict(features.inputs.levels)
    attributes = plant.assets[asset].attributes
    for name in sorted({n.source for n in features.names if n.origin == "attribute"}):
        text = attributes.get(name, "")
        if text and not (text in levels[name] if name in levels else is_number(text)):
            return phrase(NEW_LEVEL, attribute=name, text=text)
    return ""


def lacking(vectors: FeatureVectors, row: int, min_coverage: float) -> tuple[str, ...]:
    """Return the sources that a row lacks where it lacks too many to be assessed: more of a lot's values than
    `min_coverage` allows, or every feature.
    """
    is_there = np.isfinite(vectors.values[row].astype(np.float64))
    if not is_there.any():
        return tuple(sorted({n.source for n in vectors.names}))
    process = list({n.source: i for i, n in enumerate(vectors.names) if n.origin == "process"}.values())
    if not process or is_there[process].mean() >= min_coverage:
        return ()
    return tuple(vectors.names[i].source for i in process if not is_there[i])
