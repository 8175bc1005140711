"""The bars of rules and alarms: the life cycle against its model, restarts, chattering, shelving, the figures on a
hand-made log, and how fast many rules and long previews are. QUICK=1 is the same work smaller.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from alerts import lifecycle
from alerts.cycle import Feed, advance_all, evidence_of
from alerts.evidence import against
from alerts.following import advance_through
from alerts.lifecycle import Sample, advance
from alerts.performance import Announcement, Standing, performance
from alerts.plan import Plan, plan_of
from app import attending
from app.pipeline import Pipeline
from app.previewing import run
from app.rooms import Rooms
from benchmarks.bars import QUICK, Bars
from domain.alerting import Alert, AlertState, Change, Condition, Hold, Priority, Rule
from domain.audit import Actor
from domain.instants import to_ns
from domain.limits import Limits
from domain.points import Points
from store.ledger import Ledger
from tests.alerts import fleet
from tests.alerts.examples import KEY, T0, at, rule
from tests.alerts.reference import disagreement
from tests.app import tiny_plant as tiny

MINUTE_NS: Final = 60_000_000_000
N_SEQUENCES: Final = 2_000 if QUICK else 100_000
N_TAGS: Final = 1_500 if QUICK else 15_000
N_RESTARTS: Final = 5 if QUICK else 50
PREVIEW_DAYS: Final = 7 if QUICK else 90
REPLAY_DAYS: Final = 1 if QUICK else 7


def main() -> None:
    """Print the bars; exit code 1 where one falls short."""
    bars = Bars()
    show(bars)
    bars.end()


def show(bars: Bars) -> None:
    """Measure and print every bar of rules and alarms."""
    _life(bars)
    _restarts(bars)
    _chattering(bars)
    _shelving(bars)
    _figures(bars)
    _cycle(bars)
    _preview(bars)
    _replay(bars)


def _life(bars: Bars) -> None:
    wrong = [text for seed in range(N_SEQUENCES) if (text := disagreement(seed))]
    how = f"{N_SEQUENCES} random sequences of 20 events beside a model of four memories {wrong[:1]}"
    bars.show("R24: lives of alerts that part from the reference model", len(wrong), "0", not wrong, how)
    twice = Alert("a", KEY, AlertState.ACTIVE_UNACKED, T0, None, T0, T0, 1.0, 1.0, Priority.HIGH, 2)
    try:
        lifecycle.acknowledge(twice, "kim", T0, "", 1, occurrence=1)
        is_hidden = True
    except ValueError:
        is_hidden = False
    bars.show("R24: an older acknowledgement hides a newer raise", is_hidden, "false", not is_hidden, "raised twice")


def _restarts(bars: Bars) -> None:
    """Each state is written by one ledger and read by the next, in the middle of its delays."""
    rules = {"pending": rule(5), "active": rule(0), "acknowledged": rule(0, re_alarm=timedelta(hours=1))}
    rules |= {"returning": rule(0, off_delay=timedelta(minutes=5)), "returned": rule(0), "shelved": rule(0)}
    rules |= {"latched": rule(0, is_latching=True), "out of service": rule(0)}
    n_bad = n = 0
    for number in range(N_RESTARTS):
        for name, each in rules.items():
            n += 1
            n_bad += not _survives(name, each, number)
    bars.show("R23: states, timers, who and when that differ after a restart", n_bad, "0", n_bad == 0, f"{n} restarts")


def _survives(name: str, each: Rule, number: int) -> bool:
    """Run one life with a restart after one of its minutes, and without any; say whether all rows are the same."""
    lives = []
    for restart in (-1, number % 8):
        with tempfile.TemporaryDirectory() as folder:
            lives.append(_life_on_disk(Path(folder), name, each, number % 2, restart))
    return lives[0] == lives[1] and bool(lives[0][1])


def _life_on_disk(folder: Path, name: str, each: Rule, late: int, restart: int) -> tuple[Any, ...]:
    ledger = Ledger(folder)
    ledger.start()
    high = [11.0] * 8 if name in ("pending", "active", "acknowledged", "shelved") else [11.0] * 3 + [5.0] * 5
    for minute, value in enumerate(high):
        now = at(minute)
        alert, holds = ledger.alerting.open().get(KEY), ledger.alerting.holds()
        steps: list[tuple[int, Hold | None]] = []
        if hold := holds.get((KEY.rule, KEY.asset)):
            steps = [(-(2**62), hold)] + ([] if hold.until is None else [(to_ns(hold.until), None)])
        found = against(np.array([to_ns(now)]), np.array([value]), Limits(10.0, 10.0))
        first = 0 if alert is None else ledger.alerting.n_transitions([alert.id]).get(alert.id, 0)
        updates = advance_through(alert, found, each, KEY, first, steps, to_ns(now))
        ledger.alerting.save(updates, {}, now)
        alert = ledger.alerting.open().get(KEY)
        if minute == 1 + late and alert is not None and alert.id:
            _act(ledger, name, alert, now)
        if minute == restart:
            ledger.stop()
            ledger = Ledger(folder)
            ledger.start()
    found_rows = (
        ledger.alerting.open(),
        ledger.alerting.alerts(),
        ledger.alerting.transitions(),
        ledger.alerting.holds(),
    )
    ledger.stop()
    return found_rows


def _act(ledger: Ledger, name: str, alert: Alert, now: datetime) -> None:
    first = ledger.alerting.n_transitions([alert.id])[alert.id]
    if name in ("acknowledged", "latched"):
        ledger.alerting.save([lifecycle.acknowledge(alert, "kim", now, "seen", first)], {}, now)
    elif name in ("shelved", "out of service"):
        until = now + timedelta(minutes=3)
        hold = lifecycle.shelf("kim", "noise", now, until) if name == "shelved" else None
        hold = hold or lifecycle.out_of_service("kim", "repair", now)
        update = lifecycle.hold_back(alert, hold, now, first)
        ledger.alerting.save([update], {}, now, {(KEY.rule, KEY.asset): hold})


def _chattering(bars: Bars) -> None:
    """A day of a value a second within 1 % of the limit, against a deadband of 2 %; a step, a spike, a ramp."""
    n = 86_400
    seconds = to_ns(T0) + np.arange(n, dtype=np.int64) * 1_000_000_000
    band = Limits(100.0, 98.0)
    noise = 100.0 + np.random.default_rng(1).uniform(-1.0, 1.0, n)
    shapes: dict[str, tuple[Any, str, Callable[[int], bool]]] = {
        "noise of +-1 % around the limit for 24 h": (noise, "1", lambda k: k == 1),
        "step": (np.where(np.arange(n) < 600, 90.0, 110.0), "1", lambda k: k == 1),
        "spike shorter than the delay": (np.where(np.arange(n) // 8 == 100, 110.0, 90.0), "0", lambda k: k == 0),
        "ramp": (np.linspace(80.0, 120.0, n), "1", lambda k: k == 1),
    }
    for name, (values, goal, holds) in shapes.items():
        delayed = rule(0, on_delay=timedelta(seconds=10 if name != "noise of +-1 % around the limit for 24 h" else 0))
        updates = advance_through(None, against(seconds, values, band), delayed, KEY)
        rows = [r for u in updates for r in u.transitions if r.change in (Change.RAISED, Change.RE_RAISED)]
        late = ""
        if rows and name in ("step", "ramp"):
            crossed = int(seconds[np.flatnonzero(values >= 100.0)[0]])
            late = f", raised {(to_ns(rows[0].at) - crossed) / 1e9:g} s after the limit was passed"
        how = f"a value a second, deadband 2 %, on-delay {delayed.on_delay.total_seconds():g} s{late}"
        bars.show(f"R25: alerts of a {name}", len(rows), goal, holds(len(rows)), how)


def _shelving(bars: Bars) -> None:
    """Shelve for half an hour; restart; set the clock back and forward; let it end."""
    found = {}
    for name, step in (("no step", 0), ("clock set back by 10 min", -10), ("clock set forward by 10 min", 10)):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = _shelved_minutes(Path(folder), step)
    is_right = all(minutes == 30 for minutes, _, _ in found.values())
    is_told = all(told for _, told, _ in found.values())
    how = f"true minutes until it came back, told again, row says who and why: {found}; restarted at the tenth minute"
    bars.show(
        "R30: shelving for 30 min ends on time and is announced",
        is_right and is_told,
        "true",
        is_right and is_told,
        how,
    )
    n_refused = 0
    for by, why, minutes in (("", "noise", 30), ("kim", "", 30), ("kim", "noise", -1), ("kim", "noise", 60 * 24 * 365)):
        try:
            lifecycle.shelf(by, why, at(0), at(minutes))
        except ValueError:
            n_refused += 1
    bars.show("R30: shelvings refused (no name, no reason, past, for ever)", n_refused, "4", n_refused == 4, "of 4")


def _shelved_minutes(folder: Path, step: int) -> tuple[float | None, bool, bool]:
    """Return after how many true minutes a shelved alert that stays active was announced again."""
    settings = tiny.settings_in(folder)
    watch = attending.ClockSteps()
    wall, back = 0, None
    rooms = Rooms(settings)
    rooms.start()
    pipeline = Pipeline(rooms, {}, tiny.T0)
    for true in range(1, 60):
        wall = true + (step if true >= 25 else 0)
        now = tiny.at(wall)
        if true <= 20 or true >= 40:  # values of the past do not come in while the clock is set
            tiny.accept(rooms, now, tiny.decoded([tiny.point(tiny.PUMP, "pressure", wall, 9.0)]))
        if moved := watch.step(now, true * 60.0):
            attending.keep_time(rooms, moved, now)
        pipeline.tick(now)
        if true == 8:
            attending.shelve(rooms, "pressure-high", tiny.PUMP, Actor("kim"), "noise", now, now + timedelta(minutes=30))
        if true == 18:
            rooms.stop()
            rooms = Rooms(settings)
            rooms.start()
            pipeline = Pipeline(rooms, {}, tiny.T0)
            attending.keep_time(rooms, timedelta(0), now)
        rows = rooms.ledger.alerting.transitions()
        if back is None and any(r.change is Change.ANNOUNCED for r in rows):
            back = true - 8
    is_told = len(rooms.ledger.outbox.open_notices()) == 2
    is_signed = any(r.change is Change.HELD and r.by == "kim" and r.note == "noise" for r in rows)
    rooms.stop()
    return back, is_told, is_signed


def _figures(bars: Bars) -> None:
    """A day worked by hand: see each line for what it must come to."""
    day, minute = timedelta(days=1), timedelta(minutes=1)
    north = [_told(0, i, "burst") for i in range(12)]  # 12 in the first 10 min ...
    north += [_told(10, i, "burst") for i in range(6)] + [_told(20, 0, "burst"), _told(20, 1, "burst")]  # 6, then 2
    east = [Announcement(T0 + timedelta(hours=5, seconds=20 * i), "chat", "b", "east", Priority.LOW) for i in range(3)]
    east += [Announcement(T0 + timedelta(hours=i), f"r{i}", "b", "east", Priority.LOW) for i in range(12)]
    stood = [
        Standing("old", "c", "west", T0 - 3 * day, None),  # stands on both days
        Standing("edge", "c", "west", T0 - day, T0 + minute),  # a day old for its last minute
        Standing("young", "c", "west", T0, T0 + day),  # never older than a day
        Standing("brief", "c", "west", T0 + minute, T0 + minute + timedelta(seconds=59)),  # fleeting
    ]
    found = {p.owner: p for p in performance([*north, *east], stood, {"west": 1}, T0, T0 + 2 * day)}
    n, e, w = found["north"], found["east"], found["west"]
    facts = {
        "north alarms": (n.burden.n, 20),
        "north per 10 min": (n.burden.per_10_min, 20 / 288),
        "north per day": (n.burden.per_day, 10.0),
        "north most in 10 min": (n.burden.most_in_10_min, 12),
        "north floods": (n.burden.n_floods, 1),
        "north flood share": (n.burden.flood_share, 2 / 288),
        "north chattering": (len(n.chattering), 0),
        "north missed": (n.missed, ("most_in_10_min",)),
        "east chattering": (e.chattering, (("chat", "b"),)),
        "east top share": (round(e.top_share, 9), round(12 / 15, 9)),
        "east worst": ((e.bad_actors[0].rule, e.bad_actors[0].n), ("chat", 3)),
        "east low": (e.priorities[Priority.LOW], 1.0),
        "west stale": (w.most_stale, 2),
        "west fleeting": (w.n_fleeting, 1),
        "west unauthorised": (w.n_unauthorised, 1),
        "west alarms": (w.burden.n, 0),
    }
    wrong = {name: got for name, (got, wanted) in facts.items() if got != wanted}
    how = f"{len(facts)} figures of 3 positions over 2 days; wrong: {wrong}"
    bars.show("R29: alarm figures of a hand-made log that differ", len(wrong), "0", not wrong, how)


def _told(minute: int, place: int, name: str) -> Announcement:
    when = T0 + timedelta(minutes=minute, seconds=45 * place)
    return Announcement(when, f"{name}-{place % 4}", "a", "north", Priority.HIGH)


def _cycle(bars: Bars) -> None:
    """Ten rules on every tag: eight levels, a rate, staleness; one of a hundred values is a breach."""
    plan, feed, plain = _many_rules()
    now = int(feed.until[0])
    took: dict[str, list[float]] = {"ours": [], "plain": []}
    rows: dict[str, int] = {}
    for _ in range(1 if QUICK else 3):
        begun = time.perf_counter()
        rows["ours"] = sum(len(u.transitions) for _, us in advance_all(plan, feed, {}, {}, {}, {}, now) for u in us)
        took["ours"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        rows["plain"] = plain()
        took["plain"].append(time.perf_counter() - begun)
    seconds, ratio = statistics.median(took["ours"]), statistics.median(took["plain"]) / statistics.median(took["ours"])
    n, same = len(plan.watches), rows["ours"] == rows["plain"]
    how = f"{n} rules on {N_TAGS} tags, {rows['ours']} raises; a loop over every rule with the same state machine"
    bars.show_speed(f"one cycle of {n} rules, s", round(seconds, 3), "< 2", seconds < 2, how)
    bars.show("plain loop / one cycle, with the same raises", round(ratio, 1), "same raises", same, f"{rows}")


def _many_rules() -> tuple[Plan, Feed, Callable[[], int]]:
    n_assets = N_TAGS // 15
    tags = [f"t{i}" for i in range(15)]
    rules = []
    for tag in tags:
        for level in range(4):
            high = {"watch": f"tag:{tag}", "raise_at": 13.0 + level, "clear_at": 12.0}
            low = {"watch": f"tag:{tag}", "raise_at": 7.0 - level, "clear_at": 8.0, "condition": Condition.LOW}
            rules += [rule(0, id=f"{tag}-h{level}", **high), rule(0, id=f"{tag}-l{level}", **low)]
        rate = {"condition": Condition.RISING, "raise_at": 3.0, "clear_at": 1.0, "over": timedelta(minutes=2)}
        stale = {"condition": Condition.STALE, "raise_at": 180.0, "clear_at": 180.0}
        rules += [
            rule(0, id=f"{tag}-r", watch=f"tag:{tag}", **rate),
            rule(0, id=f"{tag}-s", watch=f"tag:{tag}", **stale),
        ]
    plan = plan_of(rules, fleet.plant_of(n_assets, tags))
    draw = np.random.default_rng(3)
    minutes = fleet.BEGIN + np.arange(1, 7, dtype=np.int64) * MINUTE_NS
    series = [(minutes, np.where(draw.random(6) < 0.01, 16.5, draw.normal(10, 0.3, 6))) for _ in plan.sources]
    since = np.full(len(plan.sources), int(minutes[4]), np.int64)
    feed = fleet.feed_of(plan, series, since, int(minutes[5]))
    raise_at, clear_at = plan.limits({})

    def plain() -> int:
        n = 0
        for watch in plan.watches:
            found = evidence_of(plan, feed, watch, raise_at, clear_at)
            alert: Alert | None = None
            for i in range(0 if found is None else len(found)):
                is_over = bool(found.over_raise[i] if alert is None else found.over_clear[i])  # type: ignore[union-attr]
                sample = Sample(T0, float(found.value[i]))  # type: ignore[union-attr]
                step = advance(alert, is_over, sample, 0.0, watch.rule, watch.key)
                n += 0 if step is None else len(step.transitions)
                alert = None if step is None else step.alert
        return n

    return plan, feed, plain


def _preview(bars: Bars) -> None:
    """Fifty rules over a stored history of a minute's beat, and the same history through the running pipeline."""
    with tempfile.TemporaryDirectory() as folder:
        rooms, until = _history(Path(folder), PREVIEW_DAYS)
        rules = rooms.settings.rules
        begun = time.perf_counter()
        found = run(rooms, rules, frozenset(r.id for r in rules), tiny.T0, until)
        seconds = time.perf_counter() - begun
        pipeline = Pipeline(rooms, {}, tiny.T0)
        pipeline.tick(until)
        rows = rooms.ledger.alerting.transitions()
        real = sum(r.change.is_announced for r in rows)
        rooms.stop()
    n = len(found.announcements)
    how = f"{len(rules)} rules x {PREVIEW_DAYS} days at 1 min, {n} alerts; the run of the pipeline: {real}"
    bars.show_speed("preview, s", round(seconds, 2), "< 10", seconds < 10, how)
    bars.show("preview's alerts - the real run's", n - real, "0", n == real > 0, how)


def _history(folder: Path, days: int) -> tuple[Rooms, datetime]:
    n = days * 1440
    entries = []
    for i in range(25):
        for kind, limit in (("high", 6.5 + 0.05 * i), ("low", 3.5 - 0.05 * i)):
            entries.append(
                f'[[rules]]\nid = "{kind}-{i}"\nasset_class = "pump"\nwatch = "tag:pressure"\ncondition = "{kind}"\n'
                f'raise = {limit}\ndeadband = 0.2\non_delay = "{i % 5}min"\noff_delay = "{i % 3}min"\n'
            )
    assets = "asset,class,position,lead\nplant/pump-1,pump,1,\nplant/line-1,line,3,\n"
    rooms = Rooms(tiny.settings_in(folder, rules_toml="\n".join(entries), assets_csv=assets))
    rooms.start()
    draw = np.random.default_rng(2)
    value = 5.0 + np.sin(np.arange(n) / 300.0) * 1.4 + draw.normal(0, 0.15, n)
    times = to_ns(tiny.T0) + np.arange(1, n + 1, dtype=np.int64) * MINUTE_NS
    for begin in range(0, n, 20_000):
        rows = slice(begin, begin + 20_000)
        part = Points.of([f"{tiny.PUMP}/pressure"] * len(times[rows]), times[rows].tolist(), value[rows].tolist())
        rooms.points.apply(f"history-{begin}", part)
    return rooms, tiny.at(n)


def _replay(bars: Bars) -> None:
    """A week minute by minute, with restarts, beside the same week in one go."""
    found: list[Sequence[Any]] = []
    for every in (1, 1440 * REPLAY_DAYS):
        with tempfile.TemporaryDirectory() as folder:
            rooms, _ = _history(Path(folder), REPLAY_DAYS)
            pipeline = Pipeline(rooms, {}, tiny.T0, has_journal=False)
            for minute in range(every, 1440 * REPLAY_DAYS + 1, every * (1 if every > 1 else 10)):
                if minute // 10 % 50 == 7:
                    pipeline = Pipeline(rooms, {}, tiny.T0, has_journal=False)
                pipeline.tick(tiny.at(minute))
            pipeline.tick(tiny.at(1440 * REPLAY_DAYS))
            rows = rooms.ledger.alerting.transitions()
            found.append((sorted(rooms.ledger.alerting.alerts(100_000), key=lambda a: a.id), rows))
            rooms.stop()
    n = len(found[0][1])
    bars.show(
        "replay of a week: alert rows that differ from the live run's",
        sum(a != b for a, b in zip(found[0][1], found[1][1], strict=False)) + abs(n - len(found[1][1])),
        "0",
        found[0] == found[1] and n > 0,
        f"{REPLAY_DAYS} days, a tick each ten minutes with restarts, and one tick; {n} rows",
    )


if __name__ == "__main__":
    main()
