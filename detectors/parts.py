"""Model parts as bytes: JSON and arrays, written so that equal models give equal bytes, and checked when read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName


def write_json(data: Mapping[str, Any]) -> bytes:
    """Return canonical JSON."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def read_json(parts: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Return a JSON part; raises ValueError where it is missing or damaged."""
    if name not in parts:
        raise ValueError(f"the model has no part {name}")
    data = json.loads(parts[name])
    if not isinstance(data, dict):
        raise ValueError(f"part {name} is not an object")
    return data


def write_array(array: NDArray[Any]) -> bytes:
    """Return an array in numpy's own format, without pickles."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def read_array(parts: Mapping[str, bytes], name: str) -> NDArray[Any]:
    """Return an array part; raises ValueError where it is missing or damaged."""
    if name not in parts:
        raise ValueError(f"the model has no part {name}")
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(parts[name]), allow_pickle=False)
    return array


def below(parts: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """Return the parts below a folder, by their names within it."""
    return {name.removeprefix(f"{folder}/"): data for name, data in parts.items() if name.startswith(f"{folder}/")}


def write_names(names: tuple[FeatureName, ...]) -> list[Any]:
    """Return names as JSON data."""
    return [n.as_json() for n in names]


def read_names(data: list[Any]) -> tuple[FeatureName, ...]:
    """Read names written by `write_names`."""
    return tuple(FeatureName.from_json(n) for n in data)


def require_columns(given: tuple[FeatureName, ...], wanted: tuple[FeatureName, ...]) -> None:
    """Raise ValueError unless the columns are exactly the wanted ones, in order."""
    if given != wanted:
        differing = [w.label for g, w in zip(given, wanted, strict=False) if g != w]
        shown = differing[0] if differing else f"{len(given)} columns where {len(wanted)} are wanted"
        raise ValueError(f"the vectors do not fit the model: {shown}")
