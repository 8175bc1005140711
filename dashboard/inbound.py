"""What a browser sends to a callback in, or what is wrong with it; nothing of it reaches a callback before.

Invariants: a callback gets exactly the inputs and states that it declares, each of a type that its property can have;
texts and lists are bounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_BODY: Final = 2 << 20  # bytes: a grid sends the rows that it shows
MAX_TEXT: Final = 10_000  # characters that somebody typed
MAX_CHOSEN: Final = 100  # entries of a choice, such as tags
PLAIN: Final = (str, int, float, bool)
TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "n_clicks": (int,),
    "n_intervals": (int,),
    "pathname": (str,),
    "search": (str,),
    "start_date": (str,),
    "end_date": (str,),
    "value": (*PLAIN, list),
    "rowData": (list,),
    "selectedRows": (list,),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a callback declares: (id, property) of its inputs and of its states, in order."""

    inputs: tuple[tuple[str, str], ...]
    state: tuple[tuple[str, str], ...]


class Bad(Exception):  # noqa: N818 - what was sent is bad, and nothing here has failed
    """Why a call is refused. status: 400, or 413 where something is too large."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.why, self.status = why, status


def shape(declared: Mapping[str, Any]) -> Shape:
    """Return the shape of a callback as Dash lists it."""
    inputs, state = (tuple((str(e["id"]), str(e["property"])) for e in declared[k]) for k in ("inputs", "state"))
    return Shape(inputs, state)


def parse(body: bytes) -> Mapping[str, Any]:
    """Read a call, strictly; raises Bad."""
    try:
        read = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Bad("not JSON") from error
    if not isinstance(read, dict) or not isinstance(read.get("output"), str):
        raise Bad("names no output")
    return read


def check(call: Mapping[str, Any], declared: Shape) -> None:
    """Hold a call against what its callback declares; raises Bad."""
    for part, wanted in (("inputs", declared.inputs), ("state", declared.state)):
        given = call.get(part, [])
        if not isinstance(given, list) or len(given) != len(wanted):
            raise Bad(f"{part} are missing")
        for each, end in zip(given, wanted, strict=True):
            _check_end(each, end)
    changed = call.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(x, str) for x in changed):
        raise Bad("changedPropIds is no list of texts")


def is_tick(call: Mapping[str, Any]) -> bool:
    """Whether a page asks by itself, and no person did anything."""
    changed = call.get("changedPropIds")
    return isinstance(changed, list) and bool(changed) and all(str(x).endswith(".n_intervals") for x in changed)


def _check_end(given: Any, wanted: tuple[str, str]) -> None:
    if not isinstance(given, dict) or (given.get("id"), given.get("property")) != wanted:
        raise Bad(f"{'.'.join(wanted)} is missing")
    value, name = given.get("value"), ".".join(wanted)
    if value is None:
        return
    if isinstance(value, bool) and wanted[1] in ("n_clicks", "n_intervals"):
        raise Bad(f"{name} is of a wrong type")
    if not isinstance(value, TYPES.get(wanted[1], (object,))):
        raise Bad(f"{name} is of a wrong type")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Bad(f"{name} is too long", 413)
    if wanted[1] == "value" and isinstance(value, list):
        _check_choice(value, name)


def _check_choice(chosen: Sequence[Any], name: str) -> None:
    if len(chosen) > MAX_CHOSEN:
        raise Bad(f"{name} has more than {MAX_CHOSEN} entries")
    if not all(isinstance(x, PLAIN) and len(str(x)) <= MAX_TEXT for x in chosen):
        raise Bad(f"{name} is of a wrong type")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
