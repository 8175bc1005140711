"""A running service and what comes out of it: mail, web, MQTT; how soon; and what is heard when a part of it dies."""

from __future__ import annotations

import json
import os
import queue
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.health import RECEIVER_NOTE
from app.rooms import opened
from app.settings import load
from benchmarks import receivers
from benchmarks.bars import QUICK, Bars
from benchmarks.crash import _broker
from benchmarks.receivers import Taken, mail_of
from store.ledger import Ledger

ASSETS: Final = 20 if QUICK else 100
TAGS: Final = 5 if QUICK else 10
BEAT_S: Final = 2.0 if QUICK else 60.0

CONFIG: Final = """
[plant]
name = "Bench"
zone = "Asia/Seoul"
[data]
folder = "{data}"
[mqtt]
port = {broker}
client_id = "delivery-bench"
[console]
is_enabled = false
[delivery]
console_url = "https://forewarn.example.com"
[watchdog]
canary_at = ""
heartbeat_to = ["beat"]
heartbeat_s = {beat_s}
[[classes]]
name = "press"
horizon = "1h"
lead = "1min"
period = "1s"
[[notifiers]]
name = "hook"
kind = "webhook"
most = 0
options = {{ url = "http://127.0.0.1:{web}/", allow = ["127.0.0.1"], secret = "bench" }}
[[notifiers]]
name = "mail"
kind = "email"
language = "ko"
most = 0
[notifiers.options]
host = "127.0.0.1"
port = {mail}
security = "plain"
sender = "f@example.com"
to = ["crew@example.com"]
[[notifiers]]
name = "mqtt"
kind = "mqtt"
most = 0
options = {{ host = "127.0.0.1", port = {broker}, topic = "plant/alerts" }}
[[notifiers]]
name = "beat"
kind = "webhook"
most = 0
options = {{ url = "http://127.0.0.1:{beats}/", allow = ["127.0.0.1"] }}
[[routes]]
to = [{to}]
"""


class Live:
    """A service under way, with its broker and receivers."""

    def __init__(self, config: Path, broker: int, module: Sequence[str] = ("app.cli",)) -> None:
        self.config, self.broker, self._module = config, broker, module
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the service and wait until it has subscribed: what is published before is nobody's."""
        log = self.config / "service.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", *self._module, "run", "--config", str(self.config)]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stderr=file, stdout=file, env=dict(os.environ))
        wait(lambda: "running plant" in log.read_text(), 60)
        ledger = Ledger(self.config.parent / "data")
        ledger.start()
        wait(lambda: json.loads(ledger.note(RECEIVER_NOTE) or "{}").get("is_subscribed", False), 60)
        ledger.stop()
        return process

    def publish(self, values: dict[str, dict[str, float]]) -> dict[str, float]:
        """Publish values of assets now; returns when each asset's went out."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"bench-publisher-{time.time_ns()}")
        client.connect("127.0.0.1", self.broker)
        client.loop_start()
        sent = {}
        for asset, each in values.items():
            at = datetime.now(UTC)
            body = {"at": at.isoformat(), "values": each}
            info = client.publish(f"forewarn/points/{asset}", json.dumps(body), qos=1)
            sent[asset] = at.timestamp()
            info.wait_for_publish(30)
        client.disconnect()
        client.loop_stop()
        return sent


def wait(is_done: Callable[[], bool], seconds: float) -> bool:
    """Wait for something; says whether it came."""
    begun = time.monotonic()
    while not is_done():
        if time.monotonic() - begun > seconds:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def service(
    folder: Path, to: str, module: Sequence[str] = ("app.cli",)
) -> Iterator[tuple[Live, list[Taken], list[Taken], list[Taken]]]:
    """Run a service, by the command line or another module; yields it with what its web, mail and heartbeat
    receivers took.
    """
    config = folder / "config"
    config.mkdir(parents=True)
    with ExitStack() as stack:
        broker, port = _broker(folder)
        stack.callback(broker.wait)
        stack.callback(broker.terminate)
        web, hooked = stack.enter_context(receivers.web())
        mail, mailed = stack.enter_context(receivers.mail())
        beats, beaten = stack.enter_context(receivers.web())
        text = CONFIG.format(data=folder / "data", broker=port, web=web, mail=mail, beats=beats, to=to, beat_s=BEAT_S)
        (config / "forewarn.toml").write_text(text)
        assets = "".join(f"plant/press-{i},press\n" for i in range(ASSETS))
        (config / "assets.csv").write_text(f"asset,class\n{assets}")
        (config / "tags.csv").write_text("asset,tag,unit\n" + "".join(f"class:press,t{i},degC\n" for i in range(TAGS)))
        rules = [
            f'[[rules]]\nid = "hot-{i}"\nasset_class = "press"\nwatch = "tag:t{i}"\nraise = 90.0\nclear = 80.0\n'
            f'priority = "high"\ntitle = "Bearing too hot"\naction = "Check the oil and the fan."\n'
            for i in range(TAGS)
        ]
        (config / "rules.toml").write_text("\n".join(rules))
        live = Live(config, port, module)
        try:
            yield live, hooked, mailed, beaten
        finally:
            live.process.kill()
            live.process.wait()


def hear(bars: Bars, folder: Path) -> None:
    """Let one tag cross its limit; what comes by mail, web and MQTT?"""
    with service(folder, '"hook", "mail", "mqtt"') as (live, hooked, mailed, _):
        heard: queue.Queue[bytes | bytearray] = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-listener")
        client.on_message = lambda _c, _d, message: heard.put(message.payload)
        client.connect("127.0.0.1", live.broker)
        client.loop_start()
        client.subscribe("plant/alerts", 1)
        time.sleep(0.5)
        live.publish({"plant/press-0": {"t0": 20.0}})
        time.sleep(1.5)
        live.publish({"plant/press-0": {"t0": 95.5}})
        wait(lambda: bool(hooked and mailed and not heard.empty()), 30)
        time.sleep(3)
        client.disconnect()
        client.loop_stop()
    published = [json.loads(heard.get()) for _ in range(heard.qsize())]
    counts = (len(mailed), len(hooked), len(published))
    plain = mail_of(mailed[0]).get_body(("plain",)) if mailed else None
    text = plain.get_content() if plain is not None else ""
    html = mail_of(mailed[0]).get_body(("html",)) if mailed else None
    if html is not None and (where := os.environ.get("MAIL_PAGE")):
        Path(where).write_text(html.get_content())
    said = all(part in text for part in ("Bearing too hot", "plant/press-0", "95.5 degC", "90 degC", "KST", "https://"))
    signed = bool(hooked and hooked[0].headers.get("webhook-signature", "").startswith("v1,"))
    how = f"mail (Korean) says what, where, since when, value and limit, what to do, link: {said}; web signed: {signed}"
    bars.show("one alert by mail, web, MQTT: times received", counts, "(1, 1, 1)", counts == (1, 1, 1) and said, how)


def timely(bars: Bars, folder: Path) -> None:
    """Let every tag of every asset cross its limit at once; how soon is it an alert, and handed over?"""
    with service(folder, '"hook"') as (live, hooked, _, _b):
        names = [f"plant/press-{i}" for i in range(ASSETS)]
        live.publish({name: {f"t{k}": 20.0 for k in range(TAGS)} for name in names})
        time.sleep(3)
        sent = live.publish({name: {f"t{k}": 95.0 for k in range(TAGS)} for name in names})
        wait(lambda: sum(t.payload["n_alerts"] for t in hooked) >= ASSETS * TAGS, 90)
        live.process.send_signal(signal.SIGTERM)
        live.process.wait(30)
        with opened(load(live.config)) as rooms:
            notices = rooms.ledger.outbox.open_notices()
    changed = sorted(n.noted_at.timestamp() - sent[n.asset] for n in notices)
    handed = sorted(t.at - sent[each["key"][1]] for t in hooked for each in t.payload["alerts"])
    n = ASSETS * TAGS
    how = f"{n} crossings published at once as fast as the broker takes them, no delay set, default beats and grouping"
    p99 = [statistics.quantiles(x, n=100)[98] if len(x) > 1 else None for x in (changed, handed)]
    for name, values, found, goal in (("state change", changed, p99[0], 2.0), ("handed over", handed, p99[1], 10.0)):
        is_kept = len(values) == n and found is not None and found <= goal
        shown = None if found is None else round(found, 2)
        bars.show_speed(
            f"R20: crossing to {name}, p99 (s)", shown, f"<= {goal:g}", is_kept, f"{how}; {len(values)} came"
        )


def heartbeats(bars: Bars, folder: Path) -> None:
    """Stop the broker's side, freeze and kill the service; how soon would a watcher outside know?

    A watcher alarms on a beat that is not well, and on a silence of two and a half beats.
    """
    with service(folder, '"hook"') as (live, _h, _m, beaten):
        wait(lambda: any(b.payload["is_well"] for b in beaten), 2 * BEAT_S + 30)
        checks = sorted(beaten[-1].payload["checks"]) if beaten else []
        live.process.send_signal(signal.SIGSTOP)
        frozen_s = _silence(beaten)
        live.process.send_signal(signal.SIGCONT)
        wait(lambda: time.time() - beaten[-1].at < BEAT_S, 2 * BEAT_S + 30)
        live.process.kill()
        killed_s = _silence(beaten)
    worst = max(frozen_s, killed_s)
    goal = 3 * BEAT_S
    how = f"beats every {BEAT_S:g} s with checks of {checks}; frozen: {frozen_s:.0f} s, killed: {killed_s:.0f} s"
    bars.show("R28: a dead service is known outside after (s)", round(worst), f"<= {goal:g}", worst <= goal, how)


def _silence(beaten: list[Taken]) -> float:
    """Wait until a watcher would alarm; returns after how many seconds."""
    begun = time.time()
    while time.time() - max(beaten[-1].at, begun - BEAT_S) < 2.5 * BEAT_S:
        time.sleep(0.1)
    return time.time() - begun
