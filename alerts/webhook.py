"""Notifications as JSON by HTTP POST, with the idempotency key in a header."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from domain.alerting import Message
from domain.errors import NotifyError


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return


class WebhookNotifier:
    """POSTs to one URL. 2xx is delivered; 408, 429, 5xx and a dead line are tried again; the rest is given up."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"url {url!r} is neither http nor https")
        self._url, self._timeout_s = url, timeout_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    def start(self) -> None:
        """Nothing to connect: each message is a request of its own."""

    def stop(self) -> None:
        """Nothing to close."""

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self._url,
            data=message.payload.encode(),
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Idempotency-Key": urllib.parse.quote(message.key, safe=":"),
            },
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            is_retryable = error.code in (408, 429) or error.code >= 500
            raise NotifyError(f"HTTP {error.code}", is_retryable=is_retryable) from error
        except (OSError, http.client.HTTPException) as error:
            raise NotifyError(str(error), is_retryable=True) from error
