"""Notifications by e-mail (SMTP): text and HTML in the receiver's language.

Invariants: with `starttls` or `tls` nothing is sent before the connection is encrypted and the server's certificate is
checked, and there is no way back to plain; no text of a tag, an asset or a person becomes a header line; the Message-ID
is made of the idempotency key, so that a repeat is known as one.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final, Literal

from alerts.mail_page import page
from domain.alerting import Message
from domain.errors import NotifyError
from domain.text import printable

Security = Literal["starttls", "tls", "plain"]
ATTACHED: Final = "report.html"
WHOLE: Final = 4  # time-outs that a whole mail may take
PORTS: Final = {"starttls": 587, "tls": 465, "plain": 25}
PRIORITIES: Final = {"high": ("1", "high"), "medium": ("3", "normal"), "low": ("5", "low")}


class EmailNotifier:
    """Sends to one list of addresses. 4xx and a dead line are tried again; 5xx and a refused recipient are refusals.

    security "plain" is for a server on this machine, or with is_plain_allowed. ca_file: see the webhook.
    """

    def __init__(
        self,
        host: str,
        to: Sequence[str],
        sender: str,
        port: int = 0,
        security: Security = "starttls",
        username: str = "",
        password: str = "",
        ca_file: str = "",
        timeout_s: float = 15.0,
        is_plain_allowed: bool = False,
    ) -> None:
        if security not in PORTS:
            raise ValueError(f"security {security!r} is none of {', '.join(PORTS)}")
        if security == "plain" and not (is_plain_allowed or _is_loopback(host)):
            raise ValueError('security = "plain" sends alerts readable by anybody: use "starttls" or "tls"')
        if security == "plain" and password and not _is_loopback(host):
            raise ValueError('a password is not sent with security = "plain"')
        if isinstance(to, str) or not to:
            raise ValueError("to must be a list of addresses")
        self._to, self._sender = [_address(each) for each in to], _address(sender)
        self._host, self._port, self._security = host, port or PORTS[security], security
        self._username, self._password, self._timeout_s = username, password, timeout_s
        self._tls = None if security == "plain" else ssl.create_default_context(cafile=ca_file or None)
        self._open: smtplib.SMTP | None = None

    def start(self) -> None:
        """Nothing to connect: each mail is a connection of its own."""

    def stop(self) -> None:
        """Break off a connection under way."""
        under_way = self._open
        if under_way is not None and under_way.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(under_way.sock, socket.SHUT_RDWR)

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        mail = written(message, self._sender, self._to)
        try:
            refused = self._hand_over(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            text = _refusals(error.recipients)
            raise NotifyError(text, is_retryable=all(400 <= code < 500 for code in codes)) from error
        except smtplib.SMTPResponseException as error:
            text = f"SMTP {error.smtp_code} {_said(error.smtp_error)}"
            raise NotifyError(text, is_retryable=400 <= error.smtp_code < 500 or error.smtp_code < 0) from error
        except smtplib.SMTPNotSupportedError as error:
            raise NotifyError(f"the server does not offer what is asked of it: {error}", is_retryable=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotifyError(str(error) or type(error).__name__, is_retryable=True) from error
        if refused:
            raise NotifyError(_refusals(refused), is_retryable=False)

    def _hand_over(self, mail: EmailMessage) -> dict[str, Any]:
        timeout = self._timeout_s
        if self._security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=timeout, context=self._tls)
        else:
            smtp = smtplib.SMTP(self._host, self._port, timeout=timeout)
        self._open = smtp
        deadline = threading.Timer(WHOLE * timeout, self.stop)  # a server that drips its answers
        deadline.daemon = True
        deadline.start()
        try:
            smtp.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                smtp.starttls(context=self._tls)  # raises where it is not offered or refused
            if self._username:
                smtp.login(self._username, self._password)
            refused = smtp.send_message(mail, self._sender.addr_spec, [a.addr_spec for a in self._to])
        except BaseException:
            smtp.close()
            raise
        finally:
            deadline.cancel()
            self._open = None
        with suppress(OSError, smtplib.SMTPException):  # it is delivered: how the talk ends does not count
            smtp.quit()
        return dict(refused)


def written(message: Message, sender: Address, to: Sequence[Address]) -> EmailMessage:
    """Return the mail of a message."""
    payload: dict[str, Any] = json.loads(message.payload)
    mail = EmailMessage(SMTP)
    mail["From"], mail["To"] = sender, tuple(to)
    mail["Subject"] = _one_line(str(payload.get("subject") or str(payload["text"]).partition("\n")[0]))[:300]
    if "planned_at" in payload:
        mail["Date"] = format_datetime(datetime.fromisoformat(payload["planned_at"]))
    digest = hashlib.sha256(message.key.encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{digest}@forewarn>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Priority"], mail["Importance"] = PRIORITIES[message.priority.value]
    mail.set_content(str(payload["text"]) + "\n")
    whole = str(payload.get("page", ""))
    if "subject" in payload:
        mail.add_alternative(whole or page(payload), subtype="html")
    if whole:  # a mail program that shows no pictures leaves them to the browser
        mail.add_attachment(whole, subtype="html", filename=ATTACHED)
    return mail


def _one_line(text: str) -> str:
    """Return a text for a header. `=?` is broken up: the library decodes such a word, and a line's end in it ends the
    header.
    """
    return printable(text).replace("=?", "= ?")


def _address(text: str) -> Address:
    """Read `name@host` or `Name <name@host>`; raises ValueError."""
    name, _, rest = text.rpartition("<")
    spec = rest.removesuffix(">").strip() if rest.endswith(">") else text.strip()
    if spec.count("@") != 1 or any(not c.isprintable() or c in ' ,;:<>()[]\\"' for c in spec):
        raise ValueError(f"{text!r} is not an address")
    return Address(_one_line(name.strip().strip('"')) if rest.endswith(">") else "", addr_spec=spec)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    said = ", ".join(f"{who}: {code} {_said(text)}" for who, (code, text) in recipients.items())
    return f"recipients refused: {said}"


def _said(text: bytes | str) -> str:
    return printable(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)[:200]
