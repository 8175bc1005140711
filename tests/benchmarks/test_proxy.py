"""The proxy passes bytes on unchanged, and delays, freezes and resets on demand."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.proxy import Link, Proxy


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes."""

    def handle(self) -> None:
        try:
            while block := self.request.recv(65536):
                self.request.sendall(block)
        except ConnectionError:
            return


class Server(socketserver.ThreadingTCPServer):
    """A server for one test."""

    daemon_threads = True
    block_on_close = False


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Proxy(server.server_address[1])
        made.start()
        yield made
        made.stop()
        made.stop()
        server.shutdown()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def received(line: socket.socket, n: int) -> bytes:
    found = b""
    while len(found) < n:
        found += line.recv(n - len(found))
    return found


def takes_nobody(proxy: Proxy) -> bool:
    try:
        with connected(proxy) as line:
            return line.recv(1) == b""
    except ConnectionError:
        return True


def test_bytes_pass_unchanged_both_ways(proxy: Proxy) -> None:
    block = bytes(range(256)) * 1000
    with connected(proxy) as line:
        threading.Thread(target=line.sendall, args=(block,), daemon=True).start()
        assert received(line, len(block)) == block
    assert proxy.n_connections == 1


def test_a_late_line_is_late(proxy: Proxy) -> None:
    proxy.link = Link(delay_s=0.2)
    with connected(proxy) as line:
        begun = time.monotonic()
        line.sendall(b"x")
        assert received(line, 1) == b"x"
        assert time.monotonic() - begun >= 0.4  # each way


def test_a_throttled_line_takes_its_time(proxy: Proxy) -> None:
    proxy.link = Link(bytes_per_s=1000)
    with connected(proxy) as line:
        begun = time.monotonic()
        line.sendall(b"x" * 300)
        assert received(line, 300) == b"x" * 300
        assert time.monotonic() - begun >= 0.3


def test_a_frozen_line_stays_open_and_silent_and_goes_on(proxy: Proxy) -> None:
    with connected(proxy) as line:
        line.sendall(b"1")
        assert received(line, 1) == b"1"
        proxy.link = Link(is_frozen=True)
        line.sendall(b"2")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
        proxy.link = Link()
        line.settimeout(5)
        assert received(line, 1) == b"2"


def test_reset_ends_connections_at_once_and_new_ones_are_taken(proxy: Proxy) -> None:
    with connected(proxy) as line:
        line.sendall(b"x")
        assert received(line, 1) == b"x"
        assert proxy.reset() == 2
        with pytest.raises(ConnectionResetError):
            line.recv(1)
    with connected(proxy) as line:
        line.sendall(b"y")
        assert received(line, 1) == b"y"


def test_a_refusing_line_takes_nobody(proxy: Proxy) -> None:
    proxy.link = Link(is_refusing=True)
    assert takes_nobody(proxy)


def test_a_dead_target_ends_the_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = Proxy(unused.getsockname()[1])
        proxy.start()
        assert takes_nobody(proxy)
        proxy.stop()
