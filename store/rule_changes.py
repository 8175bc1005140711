"""Who changed which rule, from what to what, and why; rows are added and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from domain.instants import from_ns, to_ns
from store import tables
from store.sql import storable_text


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key of one rule: what stood there and what stands there now, None where nothing does."""

    rule: str
    key: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One change of rules.toml. preview: its figures as JSON data, {} where none was made. undoes: the change that it
    takes back.
    """

    id: int
    at: datetime
    by: str
    why: str
    changes: tuple[KeyChange, ...]
    preview: Mapping[str, Any]
    undoes: int | None


class RuleChanges:
    """The changes on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        at: datetime,
        by: str,
        why: str,
        changes: Sequence[KeyChange],
        preview: Mapping[str, Any],
        undoes: int | None = None,
    ) -> int:
        """Add a change; returns its number."""
        row = {
            "at": to_ns(at),
            "by": storable_text(by),
            "why": storable_text(why),
            "changes": json.dumps([[c.rule, c.key, c.old, c.new] for c in changes]),
            "preview": json.dumps(preview),
            "undoes": undoes,
        }
        with self._engine.begin() as connection:
            key = connection.execute(insert(tables.rule_changes).values(**row)).inserted_primary_key
        if key is None:
            raise RuntimeError("the database gave no id")
        return int(key[0])

    def get(self, number: int) -> RuleChange | None:
        """Return one change."""
        return next((change for change in self.all() if change.id == number), None)

    def all(self, rule: str | None = None) -> list[RuleChange]:
        """Return all changes, or those of one rule, newest first."""
        t = tables.rule_changes
        with self._engine.connect() as connection:
            rows = connection.execute(select(t).order_by(t.c.id.desc())).all()
        found = [
            RuleChange(
                r.id,
                from_ns(r.at),
                r.by,
                r.why,
                tuple(KeyChange(*c) for c in json.loads(r.changes)),
                json.loads(r.preview),
                r.undoes,
            )
            for r in rows
        ]
        return [x for x in found if rule is None or any(c.rule == rule for c in x.changes)]
