"""Lots and events of a history to the strata of its rows: in each of them an effect must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.examples import History
from domain.instants import to_ns
from domain.lots import EVENT_STRATA
from domain.records import Event
from domain.vectors import FeatureVectors

LINE: Final = "line"
NOT_TOLD: Final = ""


def strata_of(history: History, vectors: FeatureVectors) -> dict[str, NDArray[np.object_]]:
    """Return the strata by name, each object (rows,): the line where there are several, and what `[[lots]]` names.

    A stratum is a text of the row's lot, or the code of the event of that kind that went on at the row's end; "" where
    neither is told.
    """
    found: dict[str, NDArray[np.object_]] = {}
    if len(set(vectors.asset.tolist())) > 1:
        found[LINE] = vectors.asset
    texts = {(line, lot.lot): lot.texts for line, lots in history.lots.items() for lot in lots}
    keys = list(zip(vectors.asset.tolist(), vectors.subject.tolist(), strict=True))
    for name in history.lot_columns.strata:
        told = [texts.get(key, {}).get(name, NOT_TOLD) for key in keys]
        if name in EVENT_STRATA:
            codes = _codes_at(history.events, name, vectors)
            told = [text or code for text, code in zip(told, codes, strict=True)]
        found[name] = np.array(told, dtype=object)
    return found


def _codes_at(events: Mapping[str, Sequence[Event]], kind: str, vectors: FeatureVectors) -> list[str]:
    """Return the code of the newest event of a kind that went on when each row ended."""
    spans = {
        asset: sorted((to_ns(e.start), None if e.end is None else to_ns(e.end), e.code) for e in of if e.kind == kind)
        for asset, of in events.items()
    }
    found = []
    for asset, at in zip(vectors.asset.tolist(), vectors.end.tolist(), strict=True):
        own = spans.get(asset, [])
        place = int(np.searchsorted([s[0] for s in own], at, side="left")) - 1
        is_on = place >= 0 and (own[place][1] is None or at <= (own[place][1] or 0))
        found.append(own[place][2] if is_on else NOT_TOLD)
    return found
