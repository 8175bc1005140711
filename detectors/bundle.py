"""Model bundles on disk: a trained detector, its feature set and thresholds, with a checksum that is verified
before parsing.

Invariant: a bundle folder is complete or absent (written aside, then renamed); its hash covers model, feature set and
threshold, and no times, so that equal trainings give equal hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors import detector_class
from domain.errors import ModelError
from domain.scores import Detector
from domain.vectors import FeatureSet


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A detector ready to score. `features` names exactly the detector's columns, in order.

    model_id: the first 16 hex digits of the hash over model, feature set and threshold.
    """

    name: str
    kind: str
    features: FeatureSet
    detector: Detector
    model_id: str


def bundle_of(name: str, kind: str, features: FeatureSet, detector: Detector) -> Bundle:
    """Return the bundle of a trained detector."""
    return Bundle(name, kind, features, detector, hash_of(_parts(name, kind, features, detector))[:16])


def _parts(name: str, kind: str, features: FeatureSet, detector: Detector) -> dict[str, bytes]:
    """Return the files that make the model, without the ones that only describe it."""
    head = {
        "name": name,
        "kind": kind,
        "features": features.as_json(),
        "feature_set_hash": features.hash,
        "threshold": detector.threshold,
        "clear_threshold": detector.clear_threshold,
    }
    parts = {f"model/{part}": data for part, data in detector.dump().items()}
    return {"bundle.json": json.dumps(head, sort_keys=True).encode(), **parts}


def hash_of(parts: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(name.encode() + b"\0" + hashlib.sha256(parts[name]).digest())
    return digest.hexdigest()


def save(bundle: Bundle, folder: Path, about: Mapping[str, Any]) -> Path:
    """Write the bundle below `folder`, named by its id; `about` (versions, period) is kept beside it, outside the
    hash.
    """
    parts = _parts(bundle.name, bundle.kind, bundle.features, bundle.detector)
    target = folder / bundle.name / bundle.model_id
    if target.exists():
        return target
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    for name, data in {**parts, "about.json": json.dumps(dict(about), sort_keys=True).encode()}.items():
        file = aside / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (aside / "checksum").write_text(hash_of(parts))
    aside.rename(target)
    return target


def load(folder: Path, name: str, model_id: str) -> Bundle:
    """Read a bundle; raises ModelError where it is missing, damaged, or of an unknown kind. Verified before parsed."""
    target = folder / name / model_id
    if not (target / "checksum").is_file():
        raise ModelError(f"model {model_id} of {name} is not in {folder}")
    files = [f for f in sorted(target.rglob("*")) if f.is_file() and f.name not in ("checksum", "about.json")]
    parts = {f.relative_to(target).as_posix(): f.read_bytes() for f in files}
    found = hash_of(parts)
    if found.encode() != (target / "checksum").read_bytes() or not found.startswith(model_id):
        raise ModelError(f"model {model_id} of {name} is damaged: its checksum does not fit")
    head = json.loads(parts["bundle.json"])
    features = FeatureSet.from_json(head["features"])
    if features.hash != head["feature_set_hash"]:
        raise ModelError(f"model {model_id} of {name}: the feature set does not have its stated hash")
    try:
        kind = detector_class(head["kind"])
    except KeyError as error:
        raise ModelError(f"model {model_id} of {name} is of unknown kind {head['kind']!r}") from error
    detector = kind.load({n.removeprefix("model/"): d for n, d in parts.items() if n.startswith("model/")})
    if detector.names != features.names:
        raise ModelError(f"model {model_id} of {name}: the model's columns are not its feature set's")
    return Bundle(name, head["kind"], features, detector, model_id)
