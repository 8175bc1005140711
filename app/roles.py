"""What one process of `forewarn run` does: everything, or some of the roles of `--only`."""

from __future__ import annotations

from enum import StrEnum

from app.running import CommandError
from app.settings import Settings
from domain.errors import ConfigError, Fault
from store import SHARED


class Role(StrEnum):
    """A part of the work that may have a process of its own."""

    COLLECT = "collect"  # receive, and move what was received to the stores
    SCORE = "score"  # score, advance the rules, send messages
    CONSOLE = "console"  # serve the pages


def chosen(only: str | None, settings: Settings) -> frozenset[Role]:
    """Return the roles that `--only` names, all without it.

    Raises CommandError for a role that does not exist, ConfigError where the telemetry belongs to one process.
    """
    if only is None:
        return frozenset(Role)
    names = [name.strip() for name in only.split(",")]
    unknown = [name for name in names if name not in list(Role)]
    if unknown:
        raise CommandError(f"--only {only}: no such role {unknown[0]!r}; there are {', '.join(Role)}", 2)
    roles = frozenset(map(Role, names))
    file, root = str(settings.folder / "forewarn.toml"), settings.root
    faults = []
    if root.data.telemetry not in SHARED:
        rule = f"belongs to one process; --only needs one of {', '.join(SHARED)}"
        faults.append(Fault(file, "data.telemetry", repr(root.data.telemetry), rule))
    if roles == {Role.CONSOLE} and not root.console.is_enabled:
        faults.append(Fault(file, "console.is_enabled", "False", "--only console would serve nothing"))
    if faults:
        raise ConfigError(faults)
    return roles
