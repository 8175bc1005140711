"""The bars of delivery: kills and failing receivers, timeliness, floods, the watchdog, addresses, real servers."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Final

from alerts.addresses import AllowList, place, resolve
from alerts.webhook import WebhookNotifier
from app.clock import SystemClock
from app.notify import Delivering, notifiers
from app.rooms import opened
from app.settings import Settings, load
from app.silence import Silence
from benchmarks import delivery_child, receivers
from benchmarks.bars import QUICK, Bars
from benchmarks.crash import mosquitto_path
from benchmarks.delivery_child import raised
from benchmarks.delivery_live import hear, heartbeats, timely
from benchmarks.receivers import Taken, failing
from domain.alerting import Message, Priority
from domain.errors import NotifyError
from domain.instants import to_ns
from domain.points import Point, Points

SEED: Final = 7
N_ALERTS: Final = 100 if QUICK else 1000
KILLS: Final = 20 if QUICK else 200
MOST_S: Final = 0.2  # from a message taken to the kill, at most
FLOOD: Final = 2000
LOOK_S: Final = 4
CONFIG: Final = """
[data]
folder = "{data}"
[mqtt]
is_enabled = false
[console]
is_enabled = false
[[classes]]
name = "press"
horizon = "1h"
lead = "1min"
[[notifiers]]
name = "hook"
kind = "webhook"
most = 0
options = {{ url = "http://127.0.0.1:{web}/", allow = ["127.0.0.1"], timeout_s = {timeout_s} }}
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
[[routes]]
to = ["hook", "mail"]
group_by = "alert"
group_wait = "0s"
repeat = "0s"
"""


def main() -> None:
    """Print the bars; exit code 1 where one falls short."""
    logging.basicConfig(stream=sys.stderr, level=logging.CRITICAL)
    bars = Bars()
    show(bars)
    bars.end()


def show(bars: Bars) -> None:
    """Measure and print every bar."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _addresses(bars)
        for what, dead in SILENCES.items():
            _silence(bars, folder / what.replace(" ", "-"), what, dead)
        _flood(bars, folder / "flood")
        _repeats(bars, folder / "calm", 0)
        _repeats(bars, folder / "kills", KILLS)
        _isolation(bars, folder / "dead")
        if mosquitto_path() is None:
            bars.show("R20, R28 and MQTT", None, "", None, "mosquitto is not installed")
            return
        hear(bars, folder / "hear")
        timely(bars, folder / "timely")
        heartbeats(bars, folder / "beats")


def _config(folder: Path, web: int, mail: int, text: str = CONFIG, timeout_s: float = 10) -> Path:
    config = folder / "config"
    config.mkdir(parents=True)
    (config / "forewarn.toml").write_text(text.format(data=folder / "data", web=web, mail=mail, timeout_s=timeout_s))
    (config / "assets.csv").write_text("asset,class\nplant/press-0,press\n")
    (config / "tags.csv").write_text("asset,tag\nplant/press-0,t\n")
    (config / "rules.toml").write_text("")
    return config


def _repeats(bars: Bars, folder: Path, kills: int) -> None:
    """Raise alerts while both receivers fail in a third of all tries, and kill the process at random moments."""
    share = 0.3
    web_fail = failing(SEED, share, "500", "503", "429", "slow", "close") if kills else receivers.never
    mail_fail = failing(SEED, share, "451", "550") if kills else receivers.never
    with ExitStack() as stack:
        web, hooked = stack.enter_context(receivers.web(web_fail, 2.0))
        mail, mailed = stack.enter_context(receivers.mail(mail_fail))
        # An answer that comes too late is a repeat without a crash: only where time-outs are tried are they short.
        config = _config(folder, web, mail, timeout_s=1 if kills else 10)
        n_killed = _until_done(config, kills, lambda: len(hooked) + len(mailed))
        settings = load(config)
        found = _judge(settings, hooked, mailed)
    how = f"{N_ALERTS} alerts to webhook and mail, {n_killed} times kill -9" + (
        ", receivers failing in a third of all tries (500, 503, 429, slow, closed; 451, 550)" if kills else ""
    )
    name = "with kills and failing receivers" if kills else "without a crash"
    bars.show(f"R21: alerts not notified, {name}", found["missed"], "0", found["missed"] == 0, how)
    goal = "<= crashes" if kills else "0"
    shown = f"{how}; same key in {found['same_key']} of {found['n_repeated']} repeated"
    is_kept = found["extra"] <= n_killed and found["same_key"] == found["n_repeated"]
    bars.show(f"R22: repeated, {name}", found["extra"], goal, is_kept, shown)
    if kills:
        bars.show("kills reached", n_killed, str(kills), n_killed >= kills, how)


def _until_done(config: Path, kills: int, n_taken: Callable[[], int]) -> int:
    """Run the child to its end; kill and restart it at random points of its work. Returns how often it was killed."""
    begun, chance = time.time(), random.Random(SEED)
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.delivery_child"])
    points = sorted(chance.randrange(2 * N_ALERTS) for _ in range(kills))
    for point in points:
        child = _child(context, config, begun, is_last=False)
        while n_taken() < point and child.is_alive():
            time.sleep(0.002)
        child.join(chance.uniform(0.0, MOST_S))
        child.kill()
        child.join()
    child = _child(context, config, begun, is_last=True)
    child.join(1200)
    return len(points)


def _child(context: ForkServerContext, config: Path, begun: float, *, is_last: bool) -> ForkServerProcess:
    """Start the child and wait until it works."""
    ready, said = context.Pipe(duplex=False)
    child = context.Process(target=delivery_child.run, args=(config, begun, N_ALERTS, is_last, said))
    child.start()
    said.close()
    with suppress(EOFError):
        ready.recv()
    return child


def _judge(settings: Settings, hooked: Sequence[Taken], mailed: Sequence[Taken]) -> dict[str, Any]:
    with opened(settings, telemetry=False) as rooms:
        alerts = {a.id for a in rooms.ledger.alerting.alerts(most=10 * N_ALERTS)}
    by_alert: dict[tuple[str, str], list[str]] = defaultdict(list)
    for taken in hooked:
        for each in taken.payload["alerts"]:
            by_alert[("hook", each["alert"])].append(taken.key)
    ids = {_message_id(f"{alert}:0:mail"): alert for alert in alerts}
    for taken in mailed:
        by_alert[("mail", ids.get(taken.key, taken.key))].append(taken.key)
    wanted = {(name, a) for name in ("hook", "mail") for a in alerts}
    repeated = [found for found in by_alert.values() if len(found) > 1]
    return {
        "missed": len(wanted - set(by_alert)) + N_ALERTS - len(alerts) + len(set(by_alert) - wanted),
        "extra": sum(len(found) - 1 for found in by_alert.values()),
        "n_repeated": len(repeated),
        "same_key": sum(len(set(found)) == 1 for found in repeated),
    }


def _message_id(key: str) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@forewarn>"


class _Recorder:
    """A receiver that notes what it is sent, by the clock of the experiment."""

    def __init__(self) -> None:
        self.got: list[tuple[datetime, Any]] = []

    def start(self) -> None:
        """Nothing to connect."""

    def stop(self) -> None:
        """Nothing to close."""

    def send(self, message: Message) -> None:
        """Note it."""
        if message.tried_at is not None:
            self.got.append((message.tried_at, json.loads(message.payload)))


def _flood(bars: Bars, folder: Path) -> None:
    """Raise 2,000 alerts within ten minutes, and look every four seconds for twenty."""
    text = CONFIG.replace("most = 0", "most = 10").replace('group_by = "alert"', 'group_by = "asset"')
    settings = load(_config(folder, 9, 9, text))
    chance, recorder = random.Random(SEED), _Recorder()
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    with opened(settings, telemetry=False) as rooms:
        delivering = Delivering(rooms, {"hook": recorder, "mail": _Recorder()})
        for second in range(0, 1200 if not QUICK else 700, LOOK_S):
            now = begun + timedelta(seconds=second)
            n = range(second * FLOOD // 600, (second + LOOK_S) * FLOOD // 600) if second < 600 else range(0)
            updates = [
                raised(i, now, chance.choices(list(Priority), [5, 15, 80])[0], f"plant/{chance.randrange(100)}/{i}")
                for i in n
            ]
            rooms.ledger.alerting.save(updates, {}, now)
            delivering.dispatch(now)
        n_logged = len(rooms.ledger.alerting.alerts(most=2 * FLOOD))
        n_told = sum(each["n_alerts"] for _, each in recorder.got)
    times = [at for at, _ in recorder.got]
    worst = max(sum(t <= other < t + timedelta(minutes=10) for other in times) for t in times)
    ranks = [[Priority(a["priority"]).rank for a in each["alerts"]] for _, each in recorder.got]
    is_sorted = all(found == sorted(found) for found in ranks)
    is_counted = all(str(each["n_alerts"]) in each["subject"] for _, each in recorder.got if each["n_alerts"] > 1)
    how = (
        f"{FLOOD} alerts in 10 min, {n_logged} in the ledger, {n_told} told in {len(times)} messages, "
        f"highest first {is_sorted}, count in the subject {is_counted}"
    )
    is_kept = worst <= 10 and n_logged == n_told == FLOOD and is_sorted and is_counted
    bars.show("R26: most notices in any 10 min to one recipient", worst, "<= 10, none left out", is_kept, how)


def _isolation(bars: Bars, folder: Path) -> None:
    """Let one receiver hang until its time-out at every try; how long does the other wait?"""
    with ExitStack() as stack:
        web, hooked = stack.enter_context(receivers.web())
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        config = _config(folder, web, silent.getsockname()[1])
        rooms = stack.enter_context(opened(load(config), telemetry=False))
        found = stack.enter_context(notifiers(rooms.settings))
        delivering, clock = Delivering(rooms, found), SystemClock()
        waits = []
        with delivering.lanes(clock) as lanes:
            for i in range(20):
                begun = time.time()
                rooms.ledger.alerting.save([raised(i, clock.now())], {}, clock.now())
                delivering.plan(clock.now())
                for lane in lanes:
                    lane.wake()
                while len(hooked) <= i and time.time() - begun < 20:
                    time.sleep(0.005)
                waits.append(time.time() - begun)
            stopping = time.time()
        stopped_s = time.time() - stopping
    worst = max(waits)
    how = f"20 alerts, the mail server accepts and says nothing; median {statistics.median(waits):.3f} s"
    bars.show("R21: a hung receiver delays another (s)", round(worst, 2), "< 2", worst < 2 and len(hooked) == 20, how)
    bars.show("stopping while a receiver hangs (s)", round(stopped_s, 2), "< 5", stopped_s < 5, "its time-out is 15 s")


SILENCES: Final = {"one tag": ("plant/a-0/t0",), "one source": ("plant/a-",), "all": ("plant/", "works/")}
CYCLE_S: Final = 2  # seconds between looks, as in the service


def _silence(bars: Bars, folder: Path, what: str, dead: Sequence[str]) -> None:
    """Let 50 tags report every ten seconds, each at a moment of its own, then some of them no more."""
    config = _config(folder, 9, 9)
    assets = [f"{site}-{i}" for site in ("plant/a", "works/b") for i in range(5)]
    (config / "assets.csv").write_text("asset,class\n" + "".join(f"{a},press\n" for a in assets))
    (config / "tags.csv").write_text("asset,tag\n" + "".join(f"class:press,t{k}\n" for k in range(5)))
    tags = [f"{a}/t{k}" for a in assets for k in range(5)]
    begun, period_s = datetime(2026, 3, 1, tzinfo=UTC), 10
    with opened(load(config)) as rooms:
        silence = Silence(rooms, begun)
        last: dict[str, int] = {}
        for second in range(300):
            now = begun + timedelta(seconds=second)
            due = [
                tag
                for i, tag in enumerate(tags)
                if second % period_s == i % period_s and not (second > 200 and tag.startswith(tuple(dead)))
            ]
            last |= dict.fromkeys(due, second)
            at = to_ns(now)
            silence.note(Points.from_rows([Point(tag, at, 1.0, received_at=at) for tag in due]))
            if second % CYCLE_S == 0:
                silence.look(now)
        alerts = rooms.ledger.alerting.alerts()
        notices = rooms.ledger.outbox.open_notices()
        (facts,) = rooms.ledger.outbox.facts([notices[0].key]).values() if notices else ("{}",)
    silent = [tag for tag in tags if tag.startswith(tuple(dead))]
    raised_s = [(a.raised_at - begun).total_seconds() for a in alerts if a.raised_at is not None]
    delay_s = min(raised_s, default=float("inf")) - min(last[tag] for tag in silent)
    listed = len(json.loads(facts).get("affected", []))
    is_kept = len(alerts) == 1 and delay_s <= 3 * period_s + CYCLE_S and listed in (0, len(silent))
    key = f"{alerts[0].key.asset} {alerts[0].key.subject}" if alerts else "none"
    how = (
        f"{len(alerts)} alert on {key}, {listed} tags listed; a period of {period_s} s was learned, none is configured"
    )
    bars.show(f"R27: {what} falls silent, alert after (s)", delay_s, "<= 3 periods + 1 cycle; 1 alert", is_kept, how)


REFUSED: Final = (
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://0x7f.1/",
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "http://93.184.215.14:22/",
)


def _addresses(bars: Bars) -> None:
    """Try the list of S13."""
    let_through = []
    for url in REFUSED:
        try:
            WebhookNotifier(url)
            let_through.append(url)
        except ValueError:
            continue
    with receivers.web(lambda: "302") as (port, taken):
        hook = WebhookNotifier(f"http://127.0.0.1:{port}/", allow=["127.0.0.1"])
        try:
            hook.send(Message("k", "hook", "", "{}", tried_at=datetime.now(UTC)))
            let_through.append("redirect")
        except NotifyError:
            let_through += ["redirect"] * len(taken)
    answers = [[(2, 1, 6, "", ("93.184.215.14", 80))], [(2, 1, 6, "", ("127.0.0.1", 80))]]
    asked = Counter[str]()

    def look_up(host: str, _port: int, **_: Any) -> Any:
        asked[host] += 1
        return answers[min(asked[host] - 1, 1)]

    where = place("http://rebind.example.com/")
    first = resolve(where, AllowList([]), look_up)
    pinned = first[0][4][0] == "93.184.215.14" and asked["rebind.example.com"] == 1
    try:
        resolve(where, AllowList([]), look_up)
        let_through.append("rebinding")
    except NotifyError:
        pass
    how = f"{', '.join(REFUSED)}, redirect to inside, DNS rebinding; pinned: {pinned}"
    bars.show("S13: let through", len(let_through), "0", not let_through and pinned, f"{how} {let_through}")


if __name__ == "__main__":
    main()
