"""Notifications through the services that apprise knows: chat, text message, pager.

Invariants: redirects are not followed; a URL that leads to a host of its own is checked like a webhook's; what runs a
program, writes a file, or is any web server's (json, xml, form) is refused, since `kind = "webhook"` does that with the
address pinned. The address is checked and not pinned here: apprise connects by itself.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Sequence
from typing import Any, Final

import apprise

from alerts.addresses import AllowList, Place, Resolve, refuse_inside, resolve
from domain.alerting import Message, Priority
from domain.errors import NotifyError

REFUSED: Final = frozenset(
    {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "mqtt", "mqtts"}  # there are kinds for them
    | {"dbus", "kde", "qt", "gnome", "glib", "windows", "macosx", "syslog", "rsyslog", "fluent", "fluents"}
)
TYPES: Final = {
    Priority.HIGH: apprise.NotifyType.FAILURE,
    Priority.MEDIUM: apprise.NotifyType.WARNING,
    Priority.LOW: apprise.NotifyType.INFO,
}


class AppriseNotifier:
    """Sends to the service of one URL. Every failure is tried again: apprise does not say what failed.

    allow: inside hosts, such as a chat server of the plant's own.
    """

    def __init__(
        self, url: str, allow: Sequence[str] = (), timeout_s: float = 10.0, look_up: Resolve = socket.getaddrinfo
    ) -> None:
        self._allowed, self._look_up = AllowList(allow), look_up
        self._service = _service(url, timeout_s)
        self._place = _place(self._service)
        if self._place is not None:
            refuse_inside(self._place, self._allowed)

    def start(self) -> None:
        """Nothing to connect."""
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its errors may show what is secret in a URL

    def stop(self) -> None:
        """Nothing to close: a request ends by itself within its time-out."""

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        self._refuse_inside()
        payload: dict[str, Any] = json.loads(message.payload)
        text, title = str(payload["text"]), str(payload.get("subject", ""))
        name = str(self._service.service_name)
        try:
            is_sent = self._service.notify(body=text, title=title, notify_type=TYPES[message.priority])
        except (OSError, TypeError, ValueError) as error:
            raise NotifyError(f"{name}: {type(error).__name__}", is_retryable=True) from error
        if not is_sent:
            raise NotifyError(f"not taken by {name}", is_retryable=True)

    def _refuse_inside(self) -> None:
        """Raise NotifyError where the URL's host is inside; one that is not found is no host, or fails by itself."""
        if self._place is not None:
            try:
                resolve(self._place, self._allowed, self._look_up)
            except NotifyError as error:
                if not error.is_retryable:
                    raise


def _service(url: str, timeout_s: float) -> Any:
    scheme = url.partition(":")[0].lower()
    if scheme in REFUSED:
        raise ValueError(f'{scheme}:// is refused: use kind = "webhook", "email", "mqtt" or "log"')
    if "redirect=" in url.lower():
        raise ValueError("redirect= is refused: redirects are not followed")
    asset = apprise.AppriseAsset(app_id="Forewarn", app_desc="Forewarn", app_url="", http_redirects=False)
    made = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if made is None:
        raise ValueError(f"{scheme}:// is not a URL that apprise understands")
    made.socket_connect_timeout = made.socket_read_timeout = timeout_s
    return made


def _place(service: Any) -> Place | None:
    """Return the host that a service's URL names; None where the service has an address of its own."""
    host = getattr(service, "host", None)
    if not host or not any("{host}" in template for template in service.templates):
        return None
    is_secure = bool(getattr(service, "secure", False))
    port = int(getattr(service, "port", None) or (443 if is_secure else 80))
    return Place("https" if is_secure else "http", str(host), port, "/")
