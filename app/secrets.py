"""Passwords from outside the config: environment and files in, settings that hold them out; and those left in plain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from domain.errors import Fault

SECRET_KEYS: Final = frozenset({"password", "token", "secret"})


def fill_in(
    data: dict[str, Any], section: str, variable: str, environment: Mapping[str, str], toml: Path
) -> list[Fault]:
    """Put a section's password in: from the environment, or else from its `password_file`, without the line's end.

    Returns a fault where the file cannot be read. A relative file is below the config folder.
    """
    held = data.get(section, {})
    if not isinstance(held, dict):
        return []  # the model says what is wrong with it
    faults: list[Fault] = []
    named, key = held.get("password_file"), f"{section}.password_file"
    password = environment.get(variable, "")
    if isinstance(named, str) and named:
        if held.get("password"):
            faults.append(Fault(str(toml), key, named, "`password` is set as well: keep one of the two"))
        try:
            password = password or (toml.parent / named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(str(toml), key, named, f"cannot be read: {error}"))
    if password:
        data[section] = {**held, "password": password}
    return faults


def of_options(
    name: str, options: Mapping[str, Any], environment: Mapping[str, str], toml: Path, key: str
) -> tuple[dict[str, Any], list[Fault]]:
    """Return a notifier's options with their secrets in: `<key>_file` names a file that holds `<key>`, for the keys of
    SECRET_KEYS and for `url`; FOREWARN_<NAME>_<KEY> in the environment comes first. Returns faults of files as well.
    """
    found, faults = dict(options), []
    for secret in sorted({*SECRET_KEYS, "url"}):
        named = found.pop(f"{secret}_file", "")
        if named:
            try:
                found[secret] = (toml.parent / str(named)).read_text(encoding="utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                faults.append(Fault(str(toml), f"{key}.{secret}_file", str(named), f"cannot be read: {error}"))
        held = environment.get(f"FOREWARN_{name}_{secret}".upper().replace("-", "_"), "")
        if held:
            found[secret] = held
    return found, faults


def in_plain(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a config that hold a secret in plain, such as `mqtt.password`."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from (f"{key}.{below}" for below in in_plain(value))
        elif isinstance(value, list):
            for i, each in enumerate(value):
                if isinstance(each, dict):
                    yield from (f"{key}[{i}].{below}" for below in in_plain(each))
        elif isinstance(value, str) and value and key.rpartition("_")[2] in SECRET_KEYS:
            yield key
