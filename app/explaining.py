"""One alert to why it was raised: the stored rows scored again by the model that spoke then, feature by feature.

Invariant: nothing is taken from the stored score but its place; what was said then is only held against it. Only where
that model was deleted, what was stored of its score is all there is, and `gone` says so.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from app import scoring
from app.promotion import DELETED
from app.rooms import Rooms
from detectors import bundle
from detectors.bundle import Bundle
from detectors.schema import fitted
from domain.alerting import Alert
from domain.instants import from_ns, to_ns
from domain.scores import Remembers, Score
from domain.vectors import FeatureName, FeatureVectors

SAME: Final = 1e-9
MOST_SOURCES: Final = 8
MOST_DEEDS: Final = 100_000
MOST_FEATURES: Final = 3
IN_UNIT: Final = frozenset(
    ("mean", "median", "minimum", "maximum", "standard_deviation", "sample", "trailing_mean", "last", "value")
)


class NotExplainableError(Exception):
    """An alert that no stored score stands behind, or whose rows are gone; the text says which."""


def explained(rooms: Rooms, alert_id: str, now: datetime) -> dict[str, Any]:
    """Return why an alert was raised, as JSON data; raises NotExplainableError, and ModelError for a damaged model."""
    alert = rooms.ledger.alerting.alert(alert_id)
    if alert is None:
        raise NotExplainableError(f"no alert {alert_id!r}: forewarn alerts list names them")
    score = _score_behind(rooms, alert)
    if not any(row.model_id == score.model_id for row in rooms.ledger.scoring.models(score.detector)):
        return _as_stored(rooms, alert, score)
    detector = rooms.settings.detector(score.detector)
    model = bundle.load(rooms.models.folder, score.detector, score.model_id)
    at = to_ns(score.at)
    asset = rooms.settings.plant.assets[score.asset]
    events = {score.asset: [e for e in rooms.ledger.records.events(now) if e.asset == score.asset]}
    found = scoring.vectors_of(rooms, detector, model, [asset], {score.asset: (at - 1, at)}, events, now)
    vectors = fitted(found.vectors, model.features.names)
    rows = [i for i in range(len(vectors)) if str(vectors.subject[i]) == score.subject]
    if not rows:
        raise NotExplainableError(f"the rows that {score.asset} was scored on at {score.at.isoformat()} are not kept")
    row = vectors.take(np.array(rows[-1:]))
    again = float(model.detector.score(row).value[0])
    return {
        **_head(alert, score),
        "gone": None,
        "threshold": model.detector.threshold,
        "window": {
            "start": from_ns(row.start[0]).isoformat(),
            "end": from_ns(row.end[0]).isoformat(),
            "tags": list(model.features.sources),
        },
        "recomputed": again,
        "is_reproduced": score.value is not None and abs(again - score.value) <= SAME,
        "axis": model.features.axis.value,
        **_parts(rooms, model, row),
    }


def _head(alert: Alert, score: Score) -> dict[str, Any]:
    return {
        "alert": alert.id,
        "rule": alert.key.rule,
        "asset": score.asset,
        "subject": score.subject,
        "detector": score.detector,
        "model_id": score.model_id,
        "said": score.value,
        "life": None if score.life is None else asdict(score.life),
    }


def _as_stored(rooms: Rooms, alert: Alert, score: Score) -> dict[str, Any]:
    """Return what is known of a score whose model is not there any more: the sources that moved it most, and no more.

    `gone` says when the model was deleted, by whom and why; all None where the ledger does not tell.
    """
    deeds = rooms.ledger.audit.deeds(score.detector, MOST_DEEDS)
    deed = next((d for d in deeds if d.action == DELETED and d.old == score.model_id), None)
    known = (deed.at.isoformat(), deed.by, deed.reason) if deed is not None else (None, None, None)
    asset_class = rooms.settings.plant.class_of(score.asset)
    return {
        **_head(alert, score),
        "gone": dict(zip(("at", "by", "why"), known, strict=True)),
        "threshold": alert.limit,
        "window": {"start": None, "end": score.at.isoformat(), "tags": []},
        "recomputed": None,
        "is_reproduced": None,
        "axis": asset_class.axis.value,
        "base": None,
        "raw": None,
        "contributions": [
            {"source": c.source, "amount": c.amount, "features": [], "mean": c.value} for c in score.contributions
        ],
        "rest": None,
        "alike": [],
    }


def _score_behind(rooms: Rooms, alert: Alert) -> Score:
    rule = {r.id: r for r in rooms.settings.all_rules}.get(alert.key.rule)
    kind, _, name = rule.watch.partition(":") if rule else ("", "", "")
    if kind != "score":
        raise NotExplainableError(f"alert {alert.id} is of rule {alert.key.rule!r}, which watches no score of a model")
    until = alert.raised_at or alert.last_at
    found = rooms.ledger.scoring.scores(name, alert.key.asset, alert.breach_since - timedelta(microseconds=1), until)
    said = [s for s in found if s.value is not None]
    own = [s for s in said if s.subject and s.subject == alert.key.subject] or [s for s in said if not s.subject]
    if not own:
        raise NotExplainableError(f"no score of {name} up to {until.isoformat()} is stored")
    return own[-1]


def _parts(rooms: Rooms, model: Bundle, row: FeatureVectors) -> dict[str, Any]:
    """Return what moved the score, by source and within it by feature, and the episodes that the row resembles."""
    detector = model.detector
    scores = detector.score(row)
    amounts, values = scores.contributions[0].tolist(), row.values[0].tolist()
    memory = detector if isinstance(detector, Remembers) else None
    ranges = memory.ranges.T.tolist() if memory else [[float("nan")] * 2] * len(amounts)
    by_source: dict[str, list[dict[str, Any]]] = {}
    for name, amount, value, normal in zip(row.names, amounts, values, ranges, strict=True):
        about = {
            "feature": name.label,
            "calculator": name.calculator,
            "amount": amount,
            "value": _number(value),
            "unit": _unit(rooms, str(row.asset[0]), name),
            "normal": [_number(x) for x in normal],
        }
        by_source.setdefault(name.source, []).append(about)
    sources = [
        {
            "source": source,
            "amount": sum(f["amount"] for f in features),
            "features": sorted(features, key=lambda f: -abs(f["amount"]))[:MOST_FEATURES],
        }
        for source, features in by_source.items()
    ]
    sources.sort(key=lambda s: -abs(s["amount"]))
    alike = memory.alike(row.values[0]) if memory else []
    return {
        "base": scores.base,
        "raw": float(scores.raw[0]),
        "contributions": sources[:MOST_SOURCES],
        "rest": sum(s["amount"] for s in sources[MOST_SOURCES:]),
        "alike": [{**asdict(e), "at": e.at.isoformat()} for e in alike],
    }


def _unit(rooms: Rooms, asset: str, name: FeatureName) -> str:
    tag = rooms.settings.plant.tags[asset].get(name.source)
    return tag.unit if tag is not None and name.calculator in IN_UNIT else ""


def _number(value: float) -> float | None:
    return value if value == value else None
