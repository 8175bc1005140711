"""Config faults in plain words: pydantic's errors in, `Fault`s with file, key, value, rule and a suggestion out."""

from __future__ import annotations

import csv
import difflib
import io
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from domain.errors import ConfigError, Fault

M = TypeVar("M", bound=BaseModel)
PASSWORD_IN_URL: Final = re.compile(r"(://[^/@:\s]*):[^/@\s]*@")


def suggest(given: str, known: Iterable[str]) -> str:
    """Return ` - did you mean "x"?` for the nearest known word, "" where none is near."""
    near = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f' - did you mean "{near[0]}"?' if near else ""


def refuse_missing(folder: Path) -> None:
    """Raise ConfigError where the config folder is not there, instead of a fault for each of its files."""
    if not folder.is_dir():
        rule = "there is no such folder: --config names yours, and `forewarn init` writes one from dump files"
        raise ConfigError([Fault(str(folder), "--config", "", rule)])


def read_toml(path: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Read a TOML file; a file that is missing or cannot be parsed is one fault."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except FileNotFoundError:
        return {}, [Fault(str(path), "(file)", "", "the file does not exist")]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [Fault(str(path), "(file)", "", f"not valid TOML: {error}")]


def read_csv(
    path: Path, needed: Sequence[str], known: Sequence[str] | None = None
) -> tuple[list[tuple[int, dict[str, str]]], list[Fault]]:
    """Read a config table as (line, row); a missing file or column and a row of the wrong width are faults.

    known: the only columns there may be, None for any.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return [], [Fault(str(path), "(file)", "", "the file does not exist")]
    except UnicodeDecodeError as error:
        return [], [Fault(str(path), "(file)", "", f"not UTF-8 at byte {error.start}")]
    reader = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(reader, [])]
    header_faults = _header_faults(str(path), header, needed, known)
    faults = list(header_faults)
    rows = []
    for row in reader:
        if not row or row[0].startswith("#"):
            continue
        if len(row) != len(header):
            rule = f"{len(row)} fields where the header has {len(header)}"
            faults.append(Fault(f"{path}:{reader.line_num}", "(row)", ",".join(row)[:60], rule))
            continue
        rows.append((reader.line_num, dict(zip(header, (v.strip() for v in row), strict=True))))
    return ([] if header_faults else rows), faults


def _header_faults(path: str, header: Sequence[str], needed: Sequence[str], known: Sequence[str] | None) -> list[Fault]:
    if len(header) == 1 and (sign := next((s for s in ";\t|" if s in header[0]), "")):
        rule = f"one column is found: columns are separated by commas, not by {sign!r}"
        return [Fault(path, "(header)", _shown(header[0]), rule)]
    missing = [Fault(path, "(header)", name, "this column is missing") for name in needed if name not in header]
    twice = [Fault(path, "(header)", n, "this column stands twice") for n in set(header) if header.count(n) > 1]
    unknown = [
        Fault(path, "(header)", name, f"unknown column{suggest(name, known)}")
        for name in header
        if known is not None and name not in known
    ]
    return [*missing, *twice, *unknown]


def undecided(data: Any, file: str, key: str = "") -> list[Fault]:
    """Return a fault for each text that begins with TODO: a choice that was left to a person."""
    if isinstance(data, Mapping):
        parts = [(f"{key}.{name}".lstrip("."), value) for name, value in data.items()]
    elif isinstance(data, list):
        parts = [(f"{key}[{i}]", value) for i, value in enumerate(data)]
    else:
        parts = []
    if isinstance(data, str) and data.startswith("TODO"):
        return [Fault(file, key, "TODO", f"to be decided by you{data.removeprefix('TODO')}")]
    return [fault for name, value in parts for fault in undecided(value, file, name)]


def build(model: type[M], data: Mapping[str, Any], file: str) -> tuple[M | None, list[Fault]]:
    """Validate data against a model; returns the object, or every fault."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [_fault(model, e, file) for e in error.errors()]


def _fault(model: type[BaseModel], error: Any, file: str) -> Fault:
    path = list(error["loc"])
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".") or "(whole)"
    if error["type"] == "extra_forbidden":
        known = _fields(model, path[:-1])
        return Fault(file, key, _shown(error["input"]), f"unknown key{suggest(str(path[-1]), known)}")
    message = error["msg"].removeprefix("Value error, ")
    value = "" if error["type"] == "missing" else _shown(error["input"])
    return Fault(file, key, value, message)


def _fields(model: type[BaseModel], path: list[Any]) -> list[str]:
    """Return the keys allowed at a place below a model."""
    current: Any = model
    for step in path:
        if isinstance(step, int) or not hasattr(current, "model_fields"):
            continue
        by_name = {f.alias or name: f for name, f in current.model_fields.items()}
        if step not in by_name:
            return []
        current = by_name[step].annotation
        args = getattr(current, "__args__", ())
        current = next((a for a in args if hasattr(a, "model_fields")), current)
    if not hasattr(current, "model_fields"):
        return []
    return [f.alias or name for name, f in current.model_fields.items()]


def _shown(value: Any) -> str:
    if isinstance(value, dict):  # a section as a whole: it may hold a secret
        return ""
    text = PASSWORD_IN_URL.sub(r"\1:***@", repr(value))
    return text if len(text) <= 60 else text[:57] + "..."
