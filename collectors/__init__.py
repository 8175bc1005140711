"""MQTT messages and dump files in, Points and records out: the only rooms that speak to the plant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLLECTORS: Final[Mapping[str, str]] = {
    "mqtt": "collectors.mqtt:MqttCollector",
    "dump": "collectors.dump:read_dump",
}
