"""Model bundles on disk: a trained detector, its feature set, thresholds and the inputs it learned from, signed.

Invariants: a bundle folder is complete or absent (written aside, forced to the disk, then renamed); nothing of it is
parsed before its signature is verified; its hash covers model, feature set, threshold and reference, and no times, so
that equal trainings give equal hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from detectors import detector_class, signing
from detectors.drift import Recent, Reference
from domain.errors import ModelError
from domain.scores import Detector
from domain.vectors import FeatureSet, FeatureVectors

LIBRARIES: Final = ("numpy", "scikit-learn", "lightgbm", "tsfresh", "pyod")
MODEL: Final = "model/"
REFERENCE: Final = "reference/"
SIGNATURE: Final = "signature"
PROOF: Final = "proof"
ABOUT: Final = "about.json"
BESIDE: Final = frozenset({SIGNATURE, PROOF, ABOUT})  # files of a bundle that its hash does not cover
PART_SUFFIXES: Final = frozenset({".json", ".txt", ".npy"})  # forms that no reader of ours can be made to run
MAX_BYTES: Final = 1 << 30
MAX_FILES: Final = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A detector ready to score. `features` names exactly the detector's columns, in order.

    model_id: the first 16 hex digits of the hash over model, feature set, threshold and reference.
    reference: the inputs of its training; recent: the newest ones that it scored. None in bundles without them.
    """

    name: str
    kind: str
    features: FeatureSet
    detector: Detector
    model_id: str
    reference: Reference | None = None
    recent: Recent | None = None


def bundle_of(
    name: str, kind: str, features: FeatureSet, detector: Detector, reference: Reference | None = None
) -> Bundle:
    """Return the bundle of a trained detector. reference: the sketch of what it learned from."""
    model_id = hash_of(_parts(name, kind, features, detector, reference))[:16]
    return Bundle(name, kind, features, detector, model_id, reference)


def _parts(
    name: str, kind: str, features: FeatureSet, detector: Detector, reference: Reference | None
) -> dict[str, bytes]:
    """Return the files that make the model, without the ones that only describe it."""
    head = {
        "name": name,
        "kind": kind,
        "features": features.as_json(),
        "feature_set_hash": features.hash,
        "threshold": detector.threshold,
        "clear_threshold": detector.clear_threshold,
    }
    parts = {f"{MODEL}{part}": data for part, data in detector.dump().items()}
    inputs = {} if reference is None else {f"{REFERENCE}{part}": data for part, data in reference.dump().items()}
    return {"bundle.json": json.dumps(head, sort_keys=True).encode(), **parts, **inputs}


def hash_of(parts: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(name.encode() + b"\0" + hashlib.sha256(parts[name]).digest())
    return digest.hexdigest()


def save(bundle: Bundle, folder: Path, about: Mapping[str, Any], key: bytes | None = None) -> Path:
    """Write and sign the bundle below `folder`, named by its id; `about` (versions, period) is kept beside it, outside
    the hash. key: of the folder itself where None.
    """
    parts = _parts(bundle.name, bundle.kind, bundle.features, bundle.detector, bundle.reference)
    target = folder / bundle.name / bundle.model_id
    if is_whole(folder, bundle.name, bundle.model_id, key):
        return target
    refused = sorted(name for name in parts if Path(name).suffix not in PART_SUFFIXES)
    if refused:
        raise ModelError(f"a bundle takes no part {refused[0]}: only {', '.join(sorted(PART_SUFFIXES))}")
    signed = _signature(key or folder_key(folder), bundle.name, bundle.model_id, hash_of(parts))
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    beside = {ABOUT: json.dumps(dict(about), sort_keys=True).encode(), SIGNATURE: signed.encode()}
    for name, data in {**parts, **beside}.items():
        write_durably(aside / name, data)
    for made in {aside, *(path for path in aside.rglob("*") if path.is_dir())}:
        sync_folder(made)
    if target.exists():  # damaged: the new one takes its place
        target.rename(aside.with_name(f"{aside.name}.old"))
    try:
        aside.rename(target)
    except OSError:
        if not is_whole(folder, bundle.name, bundle.model_id, key):
            raise
        shutil.rmtree(aside)  # another process was here first, with the same content
    sync_folder(target.parent)
    shutil.rmtree(aside.with_name(f"{aside.name}.old"), ignore_errors=True)
    return target


def load(folder: Path, name: str, model_id: str, key: bytes | None = None) -> Bundle:
    """Read a bundle; raises ModelError where it is missing, damaged, not signed by the key, or of an unknown kind."""
    parts = verified(folder, name, model_id, key)
    try:
        return _parsed(parts, name, model_id)
    except ModelError:
        raise
    except Exception as error:  # whatever a library raises for what it cannot read
        raise ModelError(f"model {model_id} of {name} is signed and cannot be read: {error!r}") from error


def _parsed(parts: Mapping[str, bytes], name: str, model_id: str) -> Bundle:
    head = json.loads(parts["bundle.json"])
    features = FeatureSet.from_json(head["features"])
    if head["name"] != name:
        raise ModelError(f"model {model_id} of {name} was trained for {head['name']}")
    if features.hash != head["feature_set_hash"]:
        raise ModelError(f"model {model_id} of {name}: the feature set does not have its stated hash")
    try:
        kind = detector_class(head["kind"])
    except KeyError as error:
        raise ModelError(f"model {model_id} of {name} is of unknown kind {head['kind']!r}") from error
    detector = kind.load(_below(MODEL, parts))
    inputs = _below(REFERENCE, parts)
    reference = Reference.load(inputs) if inputs else None
    if detector.names != features.names:
        raise ModelError(f"model {model_id} of {name}: the model's columns are not its feature set's")
    recent = None if reference is None else Recent(reference)
    return Bundle(name, head["kind"], features, detector, model_id, reference, recent)


def _below(place: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix(place): data for name, data in parts.items() if name.startswith(place)}


def verified(folder: Path, name: str, model_id: str, key: bytes | None = None) -> dict[str, bytes]:
    """Return a bundle's files by name, once their signature fits; raises ModelError."""
    target = folder / name / model_id
    parts, found = _content(target, name, model_id)
    if not (target / SIGNATURE).is_file():
        raise ModelError(f"model {model_id} of {name} is not signed: train it again, or sign it by hand")
    wanted = _signature(key or folder_key(folder), name, model_id, found)
    if not signing.is_equal((target / SIGNATURE).read_bytes(), wanted):
        raise ModelError(f"model {model_id} of {name} is damaged, or not signed with this plant's key")
    return parts


def sign(folder: Path, name: str, model_id: str, key: bytes | None = None) -> None:
    """Sign a bundle that is on disk, as one that a person vouches for; raises ModelError where it does not fit its
    id.
    """
    _, found = _content(folder / name / model_id, name, model_id)
    signed = _signature(key or folder_key(folder), name, model_id, found)
    write_durably(folder / name / model_id / SIGNATURE, signed.encode())


def prove(folder: Path, name: str, model_id: str, key: bytes | None = None) -> None:
    """Load a bundle, let it score one row, and note with a signature that this process lived through it.

    Called where a crash hurts nobody: in a training, or in a child process. Raises ModelError.
    """
    found = load(folder, name, model_id, key)
    n = len(found.features.names)
    asset, subject = np.array([""], dtype=object), np.array([""], dtype=object)
    at = np.zeros(1, dtype=np.int64)
    row = FeatureVectors(found.features.names, np.zeros((1, n)), asset, subject, at, at, np.zeros(1))
    try:
        found.detector.score(row)
    except (ValueError, KeyError) as error:
        raise ModelError(f"model {model_id} of {name} cannot score a row: {error!r}") from error
    signed = _proof(key or folder_key(folder), name, model_id)
    write_durably(folder / name / model_id / PROOF, signed.encode())


def is_proved(folder: Path, name: str, model_id: str, key: bytes | None = None) -> bool:
    """Say whether a bundle was loaded once before, with the versions of the libraries that are installed now."""
    file = folder / name / model_id / PROOF
    return file.is_file() and signing.is_equal(file.read_bytes(), _proof(key or folder_key(folder), name, model_id))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that models are made with."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _proof(key: bytes, name: str, model_id: str) -> str:
    return signing.signature(key, "loaded once", name, model_id, json.dumps(versions(), sort_keys=True))


def is_whole(folder: Path, name: str, model_id: str, key: bytes | None = None) -> bool:
    """Say whether a bundle is there and its signature fits."""
    try:
        verified(folder, name, model_id, key)
    except ModelError:
        return False
    return True


def folder_key(folder: Path) -> bytes:
    """Return the key that lies in a models' folder, made where there is none."""
    return signing.key_at(folder / signing.KEY_NAME)


def write_durably(file: Path, data: bytes) -> None:
    """Write a file of a bundle; it is whole or as it was, and on the disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Not beside the file: what a killed process leaves there would be a part too much of its bundle.
    aside = file.parent.with_name(f".{file.parent.name}.{file.name}.{os.getpid()}")
    with aside.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    aside.rename(file)


def sync_folder(folder: Path) -> None:
    """Force a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _signature(key: bytes, name: str, model_id: str, digest: str) -> str:
    return signing.signature(key, "model bundle", name, model_id, digest)


def _content(target: Path, name: str, model_id: str) -> tuple[dict[str, bytes], str]:
    """Return the files that the hash covers, and the hash; nothing is parsed, and nothing read that is too large."""
    if not target.is_dir() or target.is_symlink():
        raise ModelError(f"model {model_id} of {name} is not in {target.parent.parent}")
    paths = sorted(path for path in target.rglob("*") if path.is_symlink() or not path.is_dir())
    if len(paths) > MAX_FILES or sum(path.lstat().st_size for path in paths) > MAX_BYTES:
        raise ModelError(f"model {model_id} of {name} is larger than any that is made here")
    named = {path.relative_to(target).as_posix(): path for path in paths}
    for place, path in named.items():
        if path.is_symlink() or not path.is_file() or (place not in BESIDE and path.suffix not in PART_SUFFIXES):
            raise ModelError(f"model {model_id} of {name} is damaged: {place} is no part of a bundle")
    parts = {place: path.read_bytes() for place, path in named.items() if place not in BESIDE}
    found = hash_of(parts)
    if "bundle.json" not in parts or not found.startswith(model_id):
        raise ModelError(f"model {model_id} of {name} is damaged: its content is not that of its id")
    return parts, found
