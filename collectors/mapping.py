"""Topics to tags by config: `[[mqtt.topics]]` in; subscriptions, and for each topic the entry that reads it, out.

Invariant: the first entry whose pattern matches reads the topic; a topic that none matches is nobody's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from collectors.json_paths import Path, parse_path
from collectors.mqtt_settings import NAME, TopicSettings
from collectors.values import BadValueError
from domain.plant import Plant, Tag
from domain.records import Reason

MOST_REMEMBERED: Final = 50_000  # topics whose entry is kept in memory


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A `[[mqtt.topics]]` entry made ready: its pattern, subscription and paths."""

    settings: TopicSettings
    regex: re.Pattern[str]
    subscription: str
    records: Path | None
    values: Path | None
    value: Path
    name: Path | None
    time: Path | None
    quality: Path | None
    unit: Path | None
    fields: Mapping[str, Path]

    @staticmethod
    def of(settings: TopicSettings) -> Entry:
        """Make an entry ready."""
        levels = settings.pattern.split("/")
        return Entry(
            settings,
            re.compile("/".join(_level_regex(level) for level in levels).replace("/(?:.*)", "(?:/.*)?"), re.DOTALL),
            "/".join(_level_filter(level) for level in levels),
            _path(settings.records_path),
            _path(settings.values_path),
            parse_path(settings.value_path),
            _path(settings.name_path),
            _path(settings.time_path),
            _path(settings.quality_path),
            _path(settings.unit_path),
            {name: parse_path(path) for name, path in settings.fields.items()},
        )


class TopicMap:
    """Finds the entry of a topic and the names in its levels."""

    def __init__(self, settings: Sequence[TopicSettings]) -> None:
        self._entries = tuple(Entry.of(each) for each in settings)
        self._remembered: dict[str, tuple[Entry, Mapping[str, str]] | None] = {}

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topic filters to subscribe to."""
        return tuple(dict.fromkeys(entry.subscription for entry in self._entries))

    def find(self, topic: str) -> tuple[Entry, Mapping[str, str]] | None:
        """Return the entry that reads a topic and its named levels; None where no pattern matches."""
        if topic not in self._remembered:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            matches = ((entry, entry.regex.fullmatch(topic)) for entry in self._entries)
            self._remembered[topic] = next(((entry, m.groupdict()) for entry, m in matches if m), None)
        return self._remembered[topic]


def filled(template: str, names: Mapping[str, str]) -> str:
    """Return a template with its `{name}`s filled in."""
    return NAME.sub(lambda match: names[match[1]], template)


def tag_named(tag_id: str, plant: Plant) -> Tag:
    """Return the tag of an id; raises BadValueError with `unknown_asset`, `unknown_tag` or `ambiguous_tag`."""
    asset, _, name = tag_id.rpartition("/")
    if asset not in plant.tags:
        raise BadValueError(Reason.UNKNOWN_ASSET, f"{asset[:200]!r} is not in assets.csv")
    found = plant.tags[asset].get(name)
    if found is None:
        raise unknown_tag(asset, name, plant)
    return found


def unknown_tag(asset: str, name: str, plant: Plant) -> BadValueError:
    """Return the fault of a tag that a known asset does not have, told apart from a twin of one that it has."""
    twin = _by_folded(plant)[asset].get(_folded(name))
    if twin is None:
        return BadValueError(Reason.UNKNOWN_TAG, f"{asset}/{name[:200]} is not in tags.csv")
    return BadValueError(
        Reason.AMBIGUOUS_TAG, f"{asset}/{name!a} differs from tag {twin!a} by case or Unicode form only"
    )


@lru_cache(maxsize=4)
def _by_folded(plant: Plant) -> Mapping[str, Mapping[str, str]]:
    """Return asset -> folded name -> tag name, made once: a message may hold thousands of names that no tag has."""
    return {asset: {_folded(name): name for name in reversed(list(tags))} for asset, tags in plant.tags.items()}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _path(text: str | None) -> Path | None:
    return None if text is None else parse_path(text)


def _level_regex(level: str) -> str:
    if level == "#":
        return "(?:.*)"
    if level == "+":
        return "[^/]+"
    if level.startswith("{"):
        name = level.strip("{}#")
        return f"(?P<{name}>.+)" if "#" in level else f"(?P<{name}>[^/]+)"
    return re.escape(level)


def _level_filter(level: str) -> str:
    if level.startswith("{"):
        return "#" if "#" in level else "+"
    return level
