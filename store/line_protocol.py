"""Points and roll-ups to InfluxDB's line protocol, and names to tag values and back. Pure.

Invariant: a line never holds a character that ends it early; every name is read back as it was written.

A tag id `plant/press-1/oil` becomes the tags `asset=plant/press-1` and `tag=oil`, so that a plant's own tools can
choose and group by both. What a tag value cannot hold (control characters, a backslash, nothing at all) is written
with a percent sign: `%0A`, `%5C`, `%`; a percent sign itself is `%25`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from domain.points import Points, Rollup

POINTS: Final = "forewarn_points"
HOURS: Final = "forewarn_hours"
MAX_NAME_BYTES: Final = 60_000  # a series' whole key, escaped, may have 65,535
NO_ASSET: Final = "%%"
EMPTY: Final = "%"
_UNHOLDABLE: Final = re.compile(r"[%\\\x00-\x1f\x7f-\x9f]")
_ENCODED: Final = re.compile(r"%([0-9A-F]{2})")
_ESCAPED: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def labels_of(tag_id: str) -> tuple[str, str]:
    """Return the `asset` and `tag` under which a tag id is stored."""
    asset, slash, name = tag_id.rpartition("/")
    return (_encoded(asset) if slash else NO_ASSET), _encoded(name)


def tag_id_of(asset: str, tag: str) -> str:
    """Return the tag id that is stored under `asset` and `tag`."""
    name = _decoded(tag)
    return name if asset == NO_ASSET else f"{_decoded(asset)}/{name}"


def series_of(measurement: str, tag_id: str) -> str:
    """Return the measurement and tags of a line."""
    asset, tag = labels_of(tag_id)
    return f"{measurement},asset={asset.translate(_ESCAPED)},tag={tag.translate(_ESCAPED)}"


def is_too_long(tag_id: str) -> bool:
    """Return whether a tag id is longer than a server takes."""
    return len(tag_id) > MAX_NAME_BYTES // 12 and len(series_of(POINTS, tag_id).encode()) > MAX_NAME_BYTES


def lines(points: Points, *, is_whole: bool = False) -> bytes:
    """Return points as lines: fields value (left out for null), text (if any), quality, flags (if any), received_at.

    is_whole writes flags even where there are none, for points that replace others.
    """
    prefixes: dict[str, str] = {}
    written = []
    columns = zip(
        points.tag_id.tolist(),
        points.at.tolist(),
        points.value.tolist(),
        points.text.tolist(),
        points.quality.tolist(),
        points.flags.tolist(),
        points.received_at.tolist(),
        strict=True,
    )
    for tag_id, at, value, text, quality, flags, received_at in columns:
        prefix = prefixes.get(tag_id)
        if prefix is None:
            prefix = prefixes[tag_id] = series_of(POINTS, tag_id)
        if (
            value == value and text is None and not flags and not is_whole
        ):  # almost every point; NaN is unequal to itself
            written.append(f"{prefix} value={value!r},quality={quality}i,received_at={received_at}i {at}")
            continue
        number = f"value={value!r}," if value == value else ""
        said = f',text="{_quoted(text)}"' if text is not None else ""
        noted = f",flags={flags}i" if flags or is_whole else ""
        written.append(f"{prefix} {number}quality={quality}i{noted},received_at={received_at}i{said} {at}")
    return "\n".join(written).encode()


def rollup_lines(rollups: Mapping[str, Rollup]) -> bytes:
    """Return hourly figures by tag id as lines: fields low, mean, high and n, at the start of the hour."""
    written = []
    for tag_id, r in rollups.items():
        prefix = series_of(HOURS, tag_id)
        columns = (r.at, r.low, r.mean, r.high, r.n)
        for at, low, mean, high, n in zip(*(np.asarray(c).tolist() for c in columns), strict=True):
            figures = f"low={low!r},mean={mean!r},high={high!r}," if n else ""
            written.append(f"{prefix} {figures}n={n}i {at}")
    return "\n".join(written).encode()


def _encoded(name: str) -> str:
    return _UNHOLDABLE.sub(lambda m: f"%{ord(m[0]):02X}", name) or EMPTY


def _decoded(name: str) -> str:
    return "" if name == EMPTY else _ENCODED.sub(lambda m: chr(int(m[1], 16)), name)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
