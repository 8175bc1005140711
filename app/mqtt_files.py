"""The files that `[mqtt]` names: paths beside the config made whole, certificates tried."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from collectors import tls
from collectors.settings import MqttSettings
from domain.errors import Fault

TLS_FILES: Final = ("ca_file", "certificate_file", "key_file")


def with_paths(mqtt: Mapping[str, Any], toml: Path) -> dict[str, Any]:
    """Return the section with its TLS paths made whole; a relative path is relative to the config folder."""
    if not isinstance(mqtt.get("tls"), dict):
        return dict(mqtt)
    tls_section = {
        key: str(toml.parent / value) if key in TLS_FILES and isinstance(value, str) and value else value
        for key, value in mqtt["tls"].items()
    }
    return {**mqtt, "tls": tls_section}


def tls_faults(settings: MqttSettings, file: str) -> list[Fault]:
    """Return what is wrong with the certificate files."""
    return [Fault(file, f"mqtt.tls.{key}", value, rule) for key, value, rule in tls.faults(settings.tls)]
