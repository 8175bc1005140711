"""The same values again, in another order, late, contradicted, mixed with rubbish, under a clock that steps."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

import numpy as np

from app.rereading import reread
from app.rooms import opened
from benchmarks.chaos_crashes import clean
from benchmarks.collecting import Task
from benchmarks.oracle import ASSET, START_NS, Stream
from benchmarks.publishing import Publisher
from benchmarks.stage import Stage, points_of
from benchmarks.trial import Figure, Trial, until
from domain.records import Reason

Message = tuple[str, bytes]
HOUR_S: Final = 3600
POISON_EVERY: Final = 100
POISON: Final[Sequence[tuple[Reason, Callable[[int], Message]]]] = (
    (Reason.EMPTY, lambda _: (f"forewarn/points/{ASSET}", b"")),
    (Reason.ENCODING, lambda i: (f"forewarn/points/{ASSET}", b"\xff\xfe%d" % i)),
    (Reason.JSON, lambda i: (f"forewarn/points/{ASSET}", b'{"at": %d, "values": {"t000": 1.' % i)),
    (Reason.DUPLICATE_KEY, lambda i: (f"forewarn/points/{ASSET}", b'{"at": %d, "at": 1, "values": {"t000": 1}}' % i)),
    (Reason.TOPIC, lambda i: (f"forewarn/nowhere/{ASSET}", b"%d" % i)),
    (Reason.UNKNOWN_ASSET, lambda i: ("forewarn/points/oracle/none", b'{"values": {"t000": %d}}' % i)),
    (Reason.TYPE, lambda i: (f"forewarn/points/{ASSET}", b'{"at": 1, "values": [%d]}' % i)),
    (Reason.DEPTH, lambda i: (f"forewarn/points/{ASSET}", b"[" * 100_000 + b"%d" % i)),
    (Reason.NUMBER_SIZE, lambda _: (f"forewarn/points/{ASSET}", b'{"values": {"t000": %s}}' % (b"9" * 5000))),
    (Reason.UNKNOWN_TAG, lambda i: (f"forewarn/points/{ASSET}", _later(i))),
)


def replays(trial: Trial) -> Figure:
    """R3: the stream, then all of it again three times in mixed order, with a crash in the midst of each."""
    chance, n = trial.chance(), trial.size(20_000, 2_000)
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        stage.launch()
        first = stage.issue(n)
        first.join(300)
        stage.wait_drained(n)
        stage.close()
        before = stage.table_hash()
        is_whole = True
        for lap in range(3):
            stage.launch()
            again = stage.publish(_shuffled(stage.stream, n, chance))
            until(lambda a=again: a.n_issued > n // 2, 60)  # type: ignore[misc]
            stage.kill()  # what was not acknowledged comes again with DUP set
            again.join(300)
            stage.launch()
            wanted = n * (lap + 1)
            is_whole &= stage.wait(lambda t, w=wanted: t.duplicates >= w and not t.in_journal)  # type: ignore[misc]
            stage.close()
        after, found = stage.table_hash(), stage.judge(first)
    return Figure(
        f"R3: {n} messages, replayed 3 times in mixed order",
        found.figure() | {"is_hash_equal": before == after},
        "rows = distinct keys; table hash unchanged",
        clean(found, n) and found.stored == n and before == after and is_whole,
        "a SIGKILL in each replay makes the broker send with DUP",
    )


def conflicts(trial: Trial) -> Figure:
    """R4: as many second, different values as first ones."""
    n = 10_000
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        stage.launch()
        first = stage.issue(n)
        first.join(300)
        stage.wait_drained(n)
        second = stage.issue(n, version=1)
        second.join(300)
        stage.wait(lambda t: t.conflicts >= n and not t.in_journal)
        stage.close()
        found = stage.judge(first)
    return Figure(
        f"R4: {n} pairs of different values for one (tag, time)",
        found.figure(),
        f"{n} conflicts counted, the first value kept",
        clean(found, n) and found.conflicts == n and found.stored == n,
        "the second value is in the conflict log",
    )


def orders(trial: Trial) -> Figure:
    """R14: the same data in order, shuffled, 13 % of tags 50 min late, and one day late."""
    chance, n = trial.chance(), trial.size(20_000, 2_000)
    stream = Stream(n_tags=100, step_ns=60_000_000_000)  # a minute apart: n / 100 minutes
    late_tags = set(chance.sample(range(100), 13))
    ways: dict[str, Callable[[int], float]] = {
        "in order": lambda i: i,
        "shuffled": lambda _: chance.random(),
        "13 % of tags 50 min late": lambda i: i + (50 * 100 if i % 100 in late_tags else 0),
        "13 % of tags 24 h late": lambda i: i + (24 * 60 * 100 if i % 100 in late_tags else 0),
    }
    hashes, is_clean = {}, True
    for number, (way, place) in enumerate(list(ways.items())[: trial.size(4, 2)]):
        with Stage(trial.folder / str(number), stream) as stage:
            stage.subscribe()
            stage.launch()
            order = sorted(range(n), key=place)
            publisher = stage.publish((stream.topic, stream.payload(i)) for i in order)
            publisher.join(300)
            stage.wait_drained(n)
            stage.close()
            hashes[way] = stage.table_hash()
            is_clean &= clean(stage.judge(publisher), n)
    return Figure(
        f"R14: {n} values in order, shuffled, late",
        {"hashes": {way: x[:12] for way, x in hashes.items()}},
        "equal table hashes",
        is_clean and len(set(hashes.values())) == 1,
        "the stored table; how scores are revised is not looked at here",
    )


def poison(trial: Trial) -> Figure:
    """R9: one bad message in a hundred, at 1,000 messages a second; the unknown tag is mended afterwards."""
    n = trial.size(10_000, 1_500)
    p99: dict[str, list[float]] = {"without": [], "with": []}
    for lap in range(trial.size(3, 1)):
        with ThreadPoolExecutor(1) as pool:  # side by side, so that a busy machine is busy for both
            beside = pool.submit(_delays, trial, f"without-{lap}", n, lambda _: None)
            with_poison, stage, bad = _delays(trial, f"with-{lap}", n, _poison)
            p99["without"].append(beside.result()[0])
            p99["with"].append(with_poison)
    with opened(stage.settings()) as rooms:
        letters = rooms.journal.dead_letters(most=10 * n)
        kept = Counter((x.reason, x.topic, x.sha256) for x in letters)
        sent = Counter((r.value, topic, hashlib.sha256(body).hexdigest()) for r, (topic, body) in bad)
        is_intact = all(hashlib.sha256(x.payload).hexdigest() == x.sha256 for x in letters)
    with (stage.config / "tags.csv").open("a") as tags:
        tags.write(f"{ASSET},later\n")
    with opened(stage.settings()) as rooms:
        mended = [x for x in rooms.journal.dead_letters(most=10 * n) if x.reason == Reason.UNKNOWN_TAG]
        stored = reread(rooms, mended, datetime.now(UTC)).outcome.stored
        is_balanced = all(t.difference == 0 for t in rooms.journal.totals())
    ratio = float(np.median(p99["with"]) / np.median(p99["without"]))
    n_later = sum(r is Reason.UNKNOWN_TAG for r, _ in bad)
    figure = {
        "bad": len(bad),
        "in_dead_letter": len(letters),
        "not_found": sum((sent - kept).values()),
        "not_expected": [list(x)[:2] for x in (kept - sent)][:5],
        "reasons": dict(Counter(x.reason for x in letters)),
        "p99_delay_s": {k: round(float(np.median(v)), 3) for k, v in p99.items()},
        "p99_ratio": round(ratio, 2),
        "stored_after_the_fix": [stored, n_later],
    }
    is_kept = sent == kept and is_intact and stored == n_later and is_balanced
    return Figure(
        f"R9: 1 % of {n} messages bad, {len(POISON)} kinds",
        figure,
        "each in the dead letter with reason, topic, bytes and hash; p99 of the good < 2 x; stored after a fix",
        is_kept and (ratio < 2 or trial.is_quick),
        "1,000 messages per second with and without, side by side, medians; a quick run only prints the delays",
    )


def clock_steps(trial: Trial) -> Figure:
    """R15, in part: the collector's clock steps up to an hour either way while it receives."""
    chance, n = trial.chance(), trial.size(20_000, 3_000)
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        task = Task(stage.config)
        stage.launch(task)
        publisher = stage.issue(n, rate=1000)
        n_steps = 0
        while not publisher.join(0.3):
            task.file("step").write_text(str(chance.choice((-HOUR_S, -600, 0, 600, HOUR_S))))
            n_steps += 1
        is_drained = stage.wait_drained(n)
        is_alive = stage.is_alive()
        stage.close()
        found = stage.judge(publisher)
    figure = found.figure() | {"steps": n_steps}
    figure.pop("max_delay_s")
    return Figure(
        f"R15 (in part): the clock steps {n_steps} times, up to an hour",
        figure,
        "missing 0, the sum's difference 0",
        clean(found, n) and is_drained and is_alive,
        "an injected clock; alarms and scores are not looked at here",
    )


def _delays(
    trial: Trial, name: str, n: int, bad_after: Callable[[int], tuple[Reason, Message] | None]
) -> tuple[float, Stage, list[tuple[Reason, Message]]]:
    """Publish with what is bad in between; returns the p99 delay of the good in seconds, the stage, and the bad."""
    bad: list[tuple[Reason, Message]] = []
    numbers: list[int] = []  # of the good messages among all

    def messages(stream: Stream) -> Iterator[Message]:
        for i in range(n):
            numbers.append(i + len(bad))
            yield stream.topic, stream.payload(i)
            if (rotten := bad_after(i)) is not None:
                bad.append(rotten)
                yield rotten[1]

    with Stage(trial.folder / name, Stream()) as stage:
        stage.subscribe()
        stage.launch()
        time.sleep(2)
        publisher = stage.publish(messages(stage.stream), rate=1000)
        publisher.join(300)
        stage.wait_drained(n)
        stage.close()
        return _p99(stage, publisher, numbers), stage, bad


def _p99(stage: Stage, publisher: Publisher, numbers: list[int]) -> float:
    at = publisher.published_at()[numbers]
    with opened(stage.settings()) as rooms:
        found = [
            p.received_at - at[stage.stream.ids_of(tag, p.at) // stage.stream.width]
            for tag, p in points_of(rooms, stage.stream)
        ]
    return float(np.quantile(np.concatenate(found), 0.99)) / 1e9


def _poison(i: int) -> tuple[Reason, Message] | None:
    if i % POISON_EVERY:
        return None
    reason, make = POISON[i // POISON_EVERY % len(POISON)]
    return reason, make(i)


def _later(i: int) -> bytes:
    return json.dumps({"at": START_NS + i * 1000, "values": {"later": i + 0.5}}).encode()


def _shuffled(stream: Stream, n: int, chance: random.Random) -> Iterator[Message]:
    order = list(range(n))
    chance.shuffle(order)
    return ((stream.topic, stream.payload(i)) for i in order)
