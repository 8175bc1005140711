"""Scores and rules in, alerts and notifications out; the life cycle an operator knows (ISA-18.2)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from domain.ports import Notifier

NOTIFIERS: Final[Mapping[str, str]] = {
    "apprise": "AppriseNotifier",
    "email": "EmailNotifier",
    "log": "LogNotifier",
    "mqtt": "MqttNotifier",
    "webhook": "WebhookNotifier",
}


def notifier(kind: str, options: Mapping[str, Any]) -> Notifier:
    """Return a notifier of a kind, not yet started; raises ValueError for options it does not know."""
    made: Notifier = getattr(import_module(f"alerts.{kind}"), NOTIFIERS[kind])(**options)
    return made
