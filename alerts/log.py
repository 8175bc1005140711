"""Notifications to the log: the receiver that is always there."""

from __future__ import annotations

import json
import logging

from domain.alerting import Message

log = logging.getLogger("forewarn.alert")


class LogNotifier:
    """Writes each message as one line at level WARNING."""

    def start(self) -> None:
        """Nothing to connect."""

    def stop(self) -> None:
        """Nothing to close."""

    def send(self, message: Message) -> None:
        """Write the message's text on one line."""
        text = str(json.loads(message.payload)["text"]).replace("\r", " ").replace("\n", " | ")
        log.warning("alert key=%s %s", message.key, text)
