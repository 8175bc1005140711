"""The text of rules.toml in, the same text with some keys changed out: comments and order stay; and the file written.

Invariant: what the new text says is what was asked for and nothing else, or it is refused.
"""

from __future__ import annotations

import copy
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.rule_changes import KeyChange

HEADER: Final = re.compile(r"^\s*\[\[\s*rules\s*\]\]\s*(#.*)?$")
TABLE: Final = re.compile(r"^\s*\[")


def parse_value(text: str) -> Any:
    """Read a value as TOML writes it, or else as a plain text: `85`, `true`, `5min`, `["run"]`."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def changes_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """Return in what two files differ, by rule and key; of a rule that is only in one, the whole entry under ""."""
    before, after = _by_id(old), _by_id(new)
    found = []
    for rule in dict.fromkeys([*before, *after]):
        a, b = before.get(rule), after.get(rule)
        if a is None or b is None:
            found.append(KeyChange(rule, "", a, b))
            continue
        found += [KeyChange(rule, k, a.get(k), b.get(k)) for k in dict.fromkeys([*a, *b]) if a.get(k) != b.get(k)]
    return tuple(found)


def changed(text: str, changes: Sequence[KeyChange]) -> str:
    """Return the text with keys of its rules changed; new None takes a key out.

    Raises ValueError for a rule that is not there, a key that stands differently by now than `old`, and what cannot be
    changed here.
    """
    wanted = copy.deepcopy(tomllib.loads(text))
    for change in changes:
        entry = _by_id(wanted).get(change.rule)
        if entry is None or not change.key:
            raise ValueError(f"rule {change.rule!r} was added or taken out: that is done in rules.toml itself")
        if entry.get(change.key) != change.old:
            shown = json.dumps(entry.get(change.key))
            raise ValueError(f"{change.rule}.{change.key} is {shown} by now: it was changed since")
        if change.new is None:
            entry.pop(change.key)
        else:
            entry[change.key] = change.new
        text = _edited(text, change)
    if tomllib.loads(text) != wanted:
        raise ValueError("rules.toml is written in a way that cannot be changed here: edit it by hand")
    return text


def write(path: Path, text: str) -> None:
    """Replace a file by one with this text: after a crash it is the old or the new one, whole."""
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)


def _by_id(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    entries = data.get("rules")
    return {str(e["id"]): e for e in entries if isinstance(e, dict) and "id" in e} if isinstance(entries, list) else {}


def _edited(text: str, change: KeyChange) -> str:
    lines = text.split("\n")
    place = [str(e.get("id")) for e in tomllib.loads(text)["rules"]].index(change.rule)
    headers = [i for i, line in enumerate(lines) if HEADER.match(line)]
    if len(headers) <= place:
        raise ValueError("rules.toml is written in a way that cannot be changed here: edit it by hand")
    begin = headers[place] + 1
    end = next((i for i in range(begin, len(lines)) if TABLE.match(lines[i])), len(lines))
    key = re.compile(rf"^(\s*){re.escape(change.key)}(\s*=\s*)(.*)$")
    at = next((i for i in range(begin, end) if key.match(lines[i])), None)
    if at is None:
        if change.new is not None:
            lines.insert(begin + 1, f"{change.key} = {_toml(change.new)}")
    elif change.new is None:
        del lines[at]
    else:
        found = key.match(lines[at])
        indent, equals, rest = found.groups() if found else ("", " = ", "")
        comment = _comment(rest)
        lines[at] = f"{indent}{change.key}{equals}{_toml(change.new)}{'  ' + comment if comment else ''}"
    return "\n".join(lines)


def _comment(rest: str) -> str:
    """Return the comment behind a value, "" where there is none."""
    for at in (i for i, sign in enumerate(rest) if sign == "#"):
        try:
            tomllib.loads(f"x = {rest[:at]}")
        except tomllib.TOMLDecodeError:
            continue
        return rest[at:]
    return ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    raise ValueError(f"{value!r} cannot be written here: edit rules.toml by hand")
