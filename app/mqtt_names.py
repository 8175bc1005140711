"""What `[mqtt]` calls assets and tags, held against the plant: a name that can match nothing is a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.faults import suggest
from collectors.settings import MqttSettings
from domain.errors import Fault
from domain.plant import Plant


def name_faults(settings: MqttSettings, plant: Plant, file: str) -> list[Fault]:
    """Return the faults of names that stand in the config as they are; those made of topics show when they come."""
    tags = {name for by_name in plant.tags.values() for name in by_name}
    faults = list(_rename_faults("mqtt.sparkplug", settings.sparkplug.rename, tags, file))
    for i, entry in enumerate(settings.topics):
        key = f"mqtt.topics[{i}]"
        faults += _rename_faults(key, entry.rename, tags, file)
        if "{" not in entry.asset and entry.asset not in plant.assets:
            rule = f"is not in assets.csv{suggest(entry.asset, plant.assets)}"
            faults.append(Fault(file, f"{key}.asset", repr(entry.asset), rule))
    return faults


def _rename_faults(key: str, rename: Mapping[str, str], tags: set[str], file: str) -> Iterator[Fault]:
    for given, name in rename.items():
        tag = name.rpartition("/")[2]  # levels before it belong to the asset
        if tags and tag not in tags:  # without a single tag, tags.csv could not be read, and that is said already
            yield Fault(
                file, f"{key}.rename.{given}", repr(name), f"no tag of tags.csv has this name{suggest(tag, tags)}"
            )
