"""A TCP proxy between two programs that delays, throttles, freezes and resets what passes through it.

Invariant: bytes are never reordered or changed, only held back or lost with their whole connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Any, Final

CHUNK: Final = 65536
LINGER: Final = struct.pack("ii", 1, 0)  # closing sends RST, not FIN


@dataclass(frozen=True, slots=True)
class Link:
    """How the line behaves: seconds added on each way, bytes per second (0: no limit), frozen (half open), refusing."""

    delay_s: float = 0.0
    bytes_per_s: int = 0
    is_frozen: bool = False
    is_refusing: bool = False


class Proxy:
    """Listens on `port` of the loopback and passes on to `target`; `link` may be replaced at any time."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.link = Link()
        self.port = 0
        self.n_connections = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """Reset all connections and listen no more."""
        if self._loop.is_closed():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def reset(self) -> int:
        """Reset every open connection on both sides; returns how many sides there were."""
        return int(self._call(self._abort()))

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._abort()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _abort(self) -> int:
        sides = list(self._open)
        for side in sides:
            _abort(side)
        return len(sides)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        if self.link.is_refusing:
            _abort(writer)
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _abort(writer)
            return
        sides = {writer, back}
        self._open |= sides
        ways = [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._open -= sides
            for side in sides:
                side.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(min(CHUNK, self.link.bytes_per_s or CHUNK)):
                link = self.link
                await asyncio.sleep(link.delay_s + (len(chunk) / link.bytes_per_s if link.bytes_per_s else 0.0))
                while self.link.is_frozen:
                    await asyncio.sleep(0.05)
                writer.write(chunk)
                await writer.drain()


def _abort(side: asyncio.StreamWriter) -> None:
    bare: socket.socket | None = side.get_extra_info("socket")
    if bare is not None:
        with contextlib.suppress(OSError):
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    side.transport.abort()
