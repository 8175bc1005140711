"""Places inside a JSON document: a path such as `data.samples[0].v` to what stands there.

Keys are parted by points, indexes stand in brackets; a key with a point in it is written `["a.b"]`. "" is the whole.
"""

from __future__ import annotations

import re
from typing import Any, Final

Path = tuple[str | int, ...]
STEP: Final = re.compile(r'(?:^|\.)([^.\[\]"]+)|\[(\d{1,6})\]|\["([^"]+)"\]')


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def parse_path(text: str) -> Path:
    """Read a path; raises ValueError where it is not one."""
    steps: list[str | int] = []
    end = 0
    for match in STEP.finditer(text):
        if match.start() != end:
            break
        key, index, quoted = match.groups()
        steps.append(int(index) if index is not None else key if key is not None else quoted)
        end = match.end()
    if end != len(text) or text.startswith("."):
        raise ValueError('not a path such as "data.samples[0].v" (a key with a point in it: ["a.b"])')
    return tuple(steps)


def found_at(path: Path, body: Any) -> Any:
    """Return what stands at a path, MISSING where nothing does."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(body, dict) or step not in body:
                return MISSING
        elif not isinstance(body, list) or step >= len(body):
            return MISSING
        body = body[step]
    return body
