"""kill -9 against a running service with mosquitto, an outside publisher and a webhook receiver; every item is
looked for.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.rooms import opened
from app.settings import load
from domain.instants import to_ns

TAGS = 4
SPACING = timedelta(milliseconds=5)
LEVELS = (50.0, 95.0)  # below and above the rule's limit: the value alternates, so that alerts keep coming


def mosquitto_path() -> str | None:
    """Return the broker's path, None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def crash_figures(folder: Path, kills: int, messages: int, seed: int = 7) -> dict[str, Any]:
    """Publish, kill, restart, wait until all is stored; return the figures."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    broker, broker_port = _broker(folder)
    receiver, keys = _receiver()
    config = _config(folder, broker_port, receiver.server_address[1])
    try:
        service = _service(config)
        _wait_for(lambda: "mqtt connected" in _log(config), 60)
        start = datetime.now(UTC)
        publisher = threading.Thread(target=_publish, args=(broker_port, messages, start))
        publisher.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 2.0))
            service.send_signal(signal.SIGKILL)
            service.wait()
            service = _service(config)
            time.sleep(chance.uniform(2.0, 4.0))
        publisher.join()
        _wait_for(lambda: _received(config) >= messages * TAGS, 120)
        time.sleep(6)  # let rules and outbox finish
        service.send_signal(signal.SIGTERM)
        exit_code = service.wait(timeout=60)
        return _judge(config, messages, start, keys, kills) | {"exit_code_after_sigterm": exit_code}
    finally:
        if service.poll() is None:
            service.kill()
        receiver.shutdown()
        broker.terminate()
        broker.wait()


def _judge(config: Path, messages: int, start: datetime, keys: list[str], kills: int) -> dict[str, Any]:
    settings = load(config)
    with opened(settings) as rooms:
        ids = [f"bench/press/{name}" for name in _names()]
        points = rooms.points.read(ids, 0, 2**62)
        found = {(t, a): v for t, a, v in zip(points.tag_id, points.at.tolist(), points.value.tolist(), strict=True)}
        expected = {
            (tag, to_ns(start + i * SPACING)): _value(i, place)
            for i in range(messages)
            for place, tag in enumerate(ids)
        }
        tally = rooms.journal.totals()[0]
        transitions = rooms.ledger.alerting.transitions()
        n_raises = sum(x.change.value.startswith("raised") for x in transitions)
    repeats = Counter(keys)
    return {
        "published": len(expected),
        "missing": len(set(expected) - set(found)),
        "corrupted": sum(found.get(k) != v for k, v in expected.items() if k in found),
        "spurious": len(set(found) - set(expected)),
        "store_duplicates": len(points) - len(found),
        "redelivered": tally.duplicates,
        "sum_difference": tally.difference,
        "alerts": n_raises,
        "alerts_not_notified": n_raises - len(repeats),
        "alert_repeats": sum(repeats.values()) - len(repeats),
        "repeats_beyond_kills": max(0, sum(repeats.values()) - len(repeats) - kills),
    }


def _names() -> list[str]:
    return [f"tag_{i}" for i in range(TAGS)]


def _value(i: int, place: int) -> float:
    return LEVELS[(i // 200) % 2] + place + (i % 7) / 10


def _publish(port: int, messages: int, start: datetime) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="outside-publisher")
    client.max_inflight_messages_set(50)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = []
    for i in range(messages):
        at = (start + i * SPACING).isoformat()
        body = {"at": at, "values": {name: _value(i, place) for place, name in enumerate(_names())}}
        sent.append(client.publish("forewarn/points/bench/press", json.dumps(body), qos=1))
        time.sleep(SPACING.total_seconds())
    for each in sent:
        each.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def _service(config: Path) -> subprocess.Popen[bytes]:
    log = (config / "service.log").open("ab")
    command = [str(Path(sys.executable).parent / "forewarn"), "run", "--config", str(config)]
    return subprocess.Popen(command, stderr=log, stdout=log, env=dict(os.environ))


def _log(config: Path) -> str:
    file = config / "service.log"
    return file.read_text() if file.exists() else ""


def _received(config: Path) -> int:
    command = [str(Path(sys.executable).parent / "forewarn"), "status", "--json", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["sum"] if done.stdout else []
    return sum(row["stored"] for row in found)


def _wait_for(is_done: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            return
        time.sleep(0.3)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _broker(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = _free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(
        f"user root\npersistence true\npersistence_location {folder}/\nautosave_interval 1\n"
        f"max_queued_messages 0\nallow_anonymous true\nlistener {port} 127.0.0.1\n"
    )
    path = mosquitto_path()
    if path is None:
        raise FileNotFoundError("mosquitto")
    process = subprocess.Popen([path, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    raise TimeoutError("mosquitto does not listen")


def _receiver() -> tuple[ThreadingHTTPServer, list[str]]:
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Idempotency-Key"])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, keys


def _config(folder: Path, broker_port: int, receiver_port: int) -> Path:
    config = folder / "config"
    config.mkdir()
    (config / "forewarn.toml").write_text(f"""
[data]
folder = "{folder / "data"}"
[mqtt]
port = {broker_port}
client_id = "crash-bench"
[console]
is_enabled = false
[run]
tick_s = 0.5
dispatch_s = 0.2
[watchdog]
has_no_data_alarms = false
[[classes]]
name = "press"
horizon = "1h"
lead = "1min"
period = "1s"
[[notifiers]]
name = "hook"
kind = "webhook"
most = 0
options = {{ url = "http://127.0.0.1:{receiver_port}/", allow = ["127.0.0.1"] }}
[[routes]]
to = ["hook"]
group_by = "alert"
group_wait = "0s"
group_interval = "0s"
repeat = "0s"
""")
    (config / "assets.csv").write_text("asset,class\nbench/press,press\n")
    (config / "tags.csv").write_text("asset,tag\n" + "".join(f"bench/press,{n}\n" for n in _names()))
    rules = [
        f'[[rules]]\nid = "high-{n.replace("_", "-")}"\nasset_class = "press"\nwatch = "tag:{n}"\nraise = 90.0\n'
        f'clear = 80.0\non_delay = "200ms"\n'
        for n in _names()
    ]
    (config / "rules.toml").write_text("\n".join(rules))
    return config
