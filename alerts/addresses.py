"""Where a notifier may connect to: a URL and an allow-list in, a checked address out.

Invariants: what is connected to is the very address that was checked, so that a name that changes its answer leads
nowhere else; inside addresses (private, loopback, link-local and the like) and unusual ports only where allow-listed.
Source: OWASP ASVS 5.0, 1.3.6 and 13.2.4.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from domain.errors import NotifyError

PORTS: Final = {"http": 80, "https": 443}
FIRST_FREE_PORT: Final = 1024  # below it only those of PORTS: no mail server, no SSH
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads: as it is written, before any name is looked up."""

    scheme: str
    host: str
    port: int
    path: str


class AllowList:
    """Inside places that may be connected to: addresses, networks, host names, each with `:port` or for any port."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._hosts: list[tuple[str, int | None]] = []
        self._networks: list[tuple[Any, int | None]] = []
        for entry in entries:
            host, port = _split_port(entry)
            try:
                self._networks.append((ipaddress.ip_network(host), port))
            except ValueError:
                if "/" in host or not host:
                    raise ValueError(f"allow {entry!r} is no address, network or host name") from None
                self._hosts.append((host.lower(), port))

    def names(self, host: str, port: int) -> bool:
        """Say whether a host is allowed by its name on a port, whatever address it has."""
        return any(h == host.lower() and p in (None, port) for h, p in self._hosts)

    def holds(self, host: str, address: Address, port: int) -> bool:
        """Say whether a host, or the address that it has, is allowed on a port."""
        return self.names(host, port) or any(
            address.version == n.version and address in n and p in (None, port) for n, p in self._networks
        )


def place(url: str) -> Place:
    """Read a URL; raises ValueError where it is not http or https, or names no host."""
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError(f"url {_shown(url)!r} is neither http nor https")
    parts = urlsplit(url)
    if not parts.hostname or any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise ValueError(f"url {_shown(url)!r} names no host, or holds blanks")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the url holds a user or password: it would stand in logs")
    port = parts.port or PORTS[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, parts.hostname, port, path)


def refuse_inside(where: Place, allowed: AllowList) -> None:
    """Raise ValueError for a URL whose host is written as an inside address: what can be told without a look-up."""
    found = written_address(where.host)
    if found is not None:
        _check(where, found, allowed)


def written_address(host: str) -> Address | None:
    """Return the address that a host is written as, None for a name."""
    try:
        return ipaddress.ip_address(socket.inet_ntoa(socket.inet_aton(host)))  # 0x7f.1 and 2130706433, too
    except OSError:
        pass
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def resolve(where: Place, allowed: AllowList, look_up: Resolve = socket.getaddrinfo) -> list[tuple[Any, ...]]:
    """Return the addresses of a place, as `getaddrinfo` gives them, all checked.

    Raises NotifyError: to be tried again where the name is not found, and not where one of its addresses is inside.
    """
    try:
        found = list(look_up(where.host, where.port, type=socket.SOCK_STREAM))
    except OSError as error:
        raise NotifyError(f"{where.host} is not found: {error}", is_retryable=True) from error
    for *_, sockaddr in found:
        try:
            _check(where, ipaddress.ip_address(sockaddr[0].partition("%")[0]), allowed)
        except ValueError as error:
            raise NotifyError(str(error), is_retryable=False) from error
    return found


def connect(found: Sequence[tuple[Any, ...]], timeout_s: float) -> socket.socket:
    """Connect to the first of the checked addresses that answers; raises OSError."""
    last: OSError = OSError("no address")
    for family, kind, protocol, _, sockaddr in found:
        made = socket.socket(family, kind, protocol)
        made.settimeout(timeout_s)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body go as two pieces: no wait between
        try:
            made.connect(sockaddr)
        except OSError as error:
            made.close()
            last = error
            continue
        return made
    raise last


def _check(where: Place, address: Address, allowed: AllowList) -> None:
    real = _unwrapped(address)
    if allowed.holds(where.host, real, where.port):
        return
    if not real.is_global or real.is_multicast or real.is_reserved:
        raise ValueError(f"{where.host} is the inside address {real}: put it into `allow` if that is meant")
    if where.port < FIRST_FREE_PORT and where.port not in PORTS.values():
        raise ValueError(f"port {where.port} is no port of a web server: put the host into `allow` if that is meant")


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _split_port(entry: str) -> tuple[str, int | None]:
    """Split `host:port`, `[v6]:port`, or a host or network without a port."""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, int(port[1:]) if port.startswith(":") else None
    host, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and ":" not in host:
        return host, int(port)
    return entry, None


def _shown(url: str) -> str:
    """Return a URL for a person, without what may be secret in it."""
    parts: SplitResult = urlsplit(url)
    return f"{parts.scheme}:{'//' if parts.netloc else ''}{parts.hostname or parts.path[:40]}"
