"""An outside publisher: messages in, QoS 1 to a broker, and which of them the broker acknowledged out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import paho.mqtt.client as paho
from numpy.typing import NDArray
from paho.mqtt.enums import CallbackAPIVersion

IN_FLIGHT: Final = 400
PACE_S: Final = 0.02


class Publisher:
    """Publishes numbered messages in a thread of its own, `rate` per second or as fast as the broker takes them.

    It keeps its session, so that what a broker did not acknowledge before it died is sent again when it is back.
    """

    def __init__(self, port: int, client_id: str = "oracle") -> None:
        self._port = port
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._mids: deque[int] = deque()  # acknowledged, not yet looked at
        self._open: dict[int, int] = {}  # mid -> message
        self._acked: list[bool] = []
        self._published_at: list[int] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, messages: Iterable[tuple[str, bytes]], rate: float | None = None) -> None:
        """Begin to publish."""
        self._client.connect("127.0.0.1", self._port, keepalive=30)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, args=(messages, rate), name="oracle", daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait until all is published and acknowledged; returns whether it was."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def stop(self) -> None:
        """Issue no more, wait a little for the last acknowledgements, and disconnect."""
        self._stopping.set()
        self.join(30)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def n_issued(self) -> int:
        """Messages handed to the broker's connection."""
        return len(self._published_at)

    def acked(self) -> NDArray[np.bool_]:
        """Return per message whether the broker has acknowledged it."""
        return np.array(self._acked[: self.n_issued], dtype=bool)

    def published_at(self) -> NDArray[np.int64]:
        """Return when each message was issued, ns."""
        return np.array(self._published_at, dtype=np.int64)

    def _run(self, messages: Iterable[tuple[str, bytes]], rate: float | None) -> None:
        begun = time.monotonic()
        for i, (topic, payload) in enumerate(messages):
            if self._stopping.is_set():
                break
            while len(self._open) >= 2 * IN_FLIGHT and not self._stopping.is_set():
                if not self._note():
                    time.sleep(0.001)
            if rate is not None and i % max(1, int(rate * PACE_S)) == 0:
                time.sleep(max(0.0, begun + i / rate - time.monotonic()))
                self._note()
            self._acked.append(False)
            self._published_at.append(time.time_ns())
            self._open[self._client.publish(topic, payload, qos=1).mid] = i
        until = time.monotonic() + 60
        while self._open and time.monotonic() < until:
            if not self._note():
                time.sleep(0.01)

    def _note(self) -> bool:
        is_any = bool(self._mids)
        while self._mids:
            self._acked[self._open.pop(self._mids.popleft())] = True
        return is_any

    def _on_publish(self, _client: Any, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        if not code.is_failure:
            self._mids.append(mid)
