"""What a report says: as JSON data, as lines of text, and as a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """page: a language in, HTML out."""

    data: Mapping[str, Any]
    lines: Sequence[str]
    page: Callable[[str], str]
