"""Notifications through the services that apprise knows: chat, text message, pager.

Invariants: redirects are not followed; what runs a program, writes a file, or is any web server's (json, xml, form) is
refused, since `kind = "webhook"` does that with the address pinned. apprise looks names up and connects by itself, so
that no address can be pinned: a URL with a host of its own is refused, but where the host is allow-listed by its name,
or written as an address that may be connected to.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

import apprise

from alerts.addresses import AllowList, Place, refuse_inside, written_address
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

    allow: hosts that a URL may name, such as a chat server of the plant's own.
    """

    def __init__(self, url: str, allow: Sequence[str] = (), timeout_s: float = 10.0) -> None:
        self._service = _service(url, timeout_s)
        where = _place(self._service)
        if where is not None:
            _refuse(where, AllowList(allow))

    def start(self) -> None:
        """Nothing to connect."""
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its errors may show what is secret in a URL

    def stop(self) -> None:
        """Nothing to close: a request ends by itself within its time-out."""

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        payload: dict[str, Any] = json.loads(message.payload)
        text, title = str(payload["text"]), str(payload.get("subject", ""))
        name = str(self._service.service_name)
        try:
            is_sent = self._service.notify(body=text, title=title, notify_type=TYPES[message.priority])
        except (OSError, TypeError, ValueError) as error:
            raise NotifyError(f"{name}: {type(error).__name__}", is_retryable=True) from error
        if not is_sent:
            raise NotifyError(f"not taken by {name}", is_retryable=True)


def _refuse(where: Place, allowed: AllowList) -> None:
    """Raise ValueError for a host that nobody vouches for: its name may lead elsewhere with every look-up."""
    if written_address(where.host) is None and not allowed.names(where.host, where.port):
        raise ValueError(
            f"apprise looks {where.host} up by itself, and may be led inside: put it into `allow` if that is meant"
        )
    refuse_inside(where, allowed)


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
