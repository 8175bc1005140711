"""The notifiers of the config, started together and stopped together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from alerts import notifier
from app.settings import Settings
from domain.errors import ConfigError, Fault
from domain.ports import Notifier


@contextmanager
def notifiers(settings: Settings) -> Iterator[Mapping[str, Notifier]]:
    """Start every notifier; raises ConfigError for options its kind does not take."""
    made: dict[str, Notifier] = {}
    for i, n in enumerate(settings.root.notifiers):
        try:
            made[n.name] = notifier(n.kind, n.options)
        except (TypeError, ValueError) as error:
            file = str(settings.folder / "forewarn.toml")
            raise ConfigError([Fault(file, f"notifiers[{i}].options", str(n.options), str(error))]) from error
    try:
        for each in made.values():
            each.start()
        yield made
    finally:
        for each in made.values():
            each.stop()
