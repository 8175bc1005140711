"""The console's server stops whatever its connections are doing, and can listen again."""

from __future__ import annotations

import socket
import threading

from dashboard.console import ConsoleServer, create_app
from dashboard.source import Source
from tests.dashboard.gates import open_gate

HALF = b"POST /_dash-update-component HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
WHOLE = b"GET /alerts HTTP/1.1\r\nHost: x\r\n\r\n"


def test_it_stops_amid_requests_and_listens_again_on_the_same_port(source: Source) -> None:
    app = create_app(source, open_gate(source))
    port = 0
    for turn in range(6):
        server = ConsoleServer(app, "127.0.0.1", port)
        server.start()
        port = server.port
        held = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(4)]
        for i, connection in enumerate(held):
            connection.sendall(HALF if (i + turn) % 2 else WHOLE)
        server.stop()
        assert "console" not in [t.name for t in threading.enumerate()]
        for connection in held:
            connection.close()
