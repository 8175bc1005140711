"""Notifications as JSON by HTTP POST: signed, with the idempotency key in a header, and to checked addresses only.

Invariants: no redirect is followed and no proxy of the environment is used; an answer is read up to a bound; a request
ends within its time-out however slowly the answer drips. Signature: Standard Webhooks 1.0 (HMAC-SHA256).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from alerts.addresses import AllowList, Resolve, connect, place, refuse_inside, resolve
from domain.alerting import Message
from domain.errors import NotifyError

ANSWER_BYTES: Final = 64 << 10
RETRYABLE: Final = frozenset({408, 425, 429})


class WebhookNotifier:
    """POSTs to one URL. 2xx is delivered; 408, 425, 429, 5xx and a dead line are tried again; the rest is refused.

    secret: signs each message; `whsec_` and base64, or any text. allow: inside addresses, networks or hosts.
    ca_file: certificates that the server's is checked against, where the system does not know them.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float = 10.0,
        secret: str = "",
        allow: Sequence[str] = (),
        ca_file: str = "",
        look_up: Resolve = socket.getaddrinfo,
    ) -> None:
        self._where, self._allowed, self._look_up = place(url), AllowList(allow), look_up
        refuse_inside(self._where, self._allowed)
        if timeout_s <= 0:
            raise ValueError(f"timeout_s {timeout_s} is not positive")
        self._timeout_s, self._key = timeout_s, _key(secret)
        self._tls = ssl.create_default_context(cafile=ca_file or None) if self._where.scheme == "https" else None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Nothing to connect: each message is a request of its own."""

    def stop(self) -> None:
        """Break off a request under way."""
        _cut(self._socket)

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        body = message.payload.encode()
        try:
            status, headers = self._post(body, self._headers(message, body))
        except (OSError, http.client.HTTPException) as error:
            raise NotifyError(str(error) or type(error).__name__, is_retryable=True) from error
        if 200 <= status < 300:
            return
        is_retryable = status in RETRYABLE or status >= 500
        raise NotifyError(f"HTTP {status}", is_retryable=is_retryable, retry_after=_retry_after(headers))

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        key = urllib.parse.quote(message.key, safe=":")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "forewarn",
            "Idempotency-Key": key,
            "webhook-id": key,
        }
        if message.tried_at is not None:
            headers["webhook-timestamp"] = str(int(message.tried_at.timestamp()))
        if self._key and message.tried_at is not None:
            signed = signature(self._key, key, message.tried_at, body)
            headers["webhook-signature"] = signed
        return headers

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        made = connect(resolve(self._where, self._allowed, self._look_up), self._timeout_s)
        self._socket = made
        deadline = threading.Timer(self._timeout_s, _cut, [made])
        deadline.daemon = True
        deadline.start()
        try:
            if self._tls is not None:
                made = self._tls.wrap_socket(made, server_hostname=self._where.host)
            connection = http.client.HTTPConnection(self._where.host, self._where.port, timeout=self._timeout_s)
            connection.default_port = 443 if self._tls is not None else 80  # what the Host header leaves out
            connection.sock = made
            connection.request("POST", self._where.path, body, headers)
            answer = connection.getresponse()
            answer.read(ANSWER_BYTES)
            return answer.status, answer.headers
        finally:
            deadline.cancel()
            self._socket = None
            made.close()


def signature(key: bytes, message_id: str, at: datetime, body: bytes) -> str:
    """Return the `webhook-signature` of a body: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("secret begins with whsec_ and is not base64 after it") from None


def _retry_after(headers: Any) -> timedelta | None:
    """Return how long to wait: seconds, or a date held against the answer's own."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdigit():
        return timedelta(seconds=min(int(text), 86400))
    try:
        return max(timedelta(0), parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date") or ""))
    except (TypeError, ValueError):
        return None


def _cut(made: socket.socket | None) -> None:
    """End a connection from another thread: what waits on it fails at once."""
    if made is not None:
        with suppress(OSError):
            socket.socket.shutdown(made, socket.SHUT_RDWR)
