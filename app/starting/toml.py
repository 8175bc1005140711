"""Lines of config to TOML text: a guess carries `# guessed: ...`; tables within an entry follow its plain keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.starting.plans import Line

BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def entry(head: str, lines: Iterable[Line]) -> str:
    """Return one table, e.g. `[plant]` or `[[formats]]`, with its sub-tables; those of one key are joined."""
    plain: list[Line] = []
    tables: dict[str, Line] = {}
    for line in lines:
        if isinstance(line.value, Mapping):
            held = tables.get(line.key)
            if held is not None:
                line = Line(line.key, {**held.value, **line.value}, held.note or line.note)
            tables[line.key] = line
        else:
            plain.append(line)
    name = head.strip("[]")
    text = [head, *(_assignment(key(x.key), x.value, x.note) for x in plain)]
    for table in tables.values():
        text += ["", f"[{name}.{'.'.join(map(key, table.key.split('.', 1)))}]" + _comment(table.note)]
        text += [_assignment(key(k), v, "") for k, v in table.value.items()]
    return "\n".join(text) + "\n"


def _assignment(name: str, found: Any, note: str) -> str:
    return f"{name} = {value(found)}{_comment(note)}"


def _comment(note: str) -> str:
    return f"  # guessed: {one_line(note)}" if note else ""


def one_line(text: str) -> str:
    """Return a text without control characters, for a comment."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)


def key(name: str) -> str:
    """Return a key, quoted where TOML asks for it."""
    return name if BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def value(found: Any) -> str:
    """Return a text, number, truth value or list as TOML."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return json.dumps(found, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(found, list | tuple):
        return f"[{', '.join(map(value, found))}]"
    return str(found)
