"""Bars of the console's gate: strangers, roles, passwords, guessing, sessions, foreign pages, and the audit log.

`python -m benchmarks.access` prints them; QUICK=1 the same with fewer repetitions.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, update

from app import people
from app.access import ConsoleGate, hash_of
from benchmarks import access_walks as walks
from benchmarks.access_walks import IdleWorkshop
from benchmarks.bars import QUICK, Bars
from dashboard.access import BROWSER_COOKIE, SESSION_COOKIE
from dashboard.console import create_app
from dashboard.source import DetectorInfo, Done, Reread, Source
from domain.access import UserRole
from domain.audit import Action, Actor, Deed
from domain.passwords import LIST, password_fault
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from store import tables
from store.duckdb import DuckDBPoints
from store.journal import Journal
from store.ledger import Ledger
from store.users import User

START: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)
PASSWORD: Final = "blue horse at dawn"  # noqa: S105 - of users that live for this run
GUESSES: Final = 200 if QUICK else 1000
PAIRS: Final = 8 if QUICK else 60
ROOT: Final = Actor("benchmark", "command line")


class Stage:
    """A console with a user of each role, and a clock that is moved."""

    def __init__(self, folder: Path) -> None:
        self.at = START
        self.points, self.ledger, self.journal = DuckDBPoints(folder), Ledger(folder), Journal(folder)
        for room in (self.points, self.ledger, self.journal):
            room.start()
        self.gate = ConsoleGate(self.ledger, self.now, is_beyond=False)
        self.app = create_app(self._source(), self.gate)
        hashed = hash_of(PASSWORD)
        for role in UserRole:
            deed = Deed(START, ROOT.name, Action.USER_ADDED, role.value)
            self.ledger.users.add(User(role.value, role, hashed, START, must_change=False), deed)

    def stop(self) -> None:
        """Close the stores."""
        for room in (self.ledger, self.journal, self.points):
            room.stop()

    def now(self) -> datetime:
        """Return the stage's time."""
        return self.at

    def session(self, name: str) -> str:
        """Log somebody in."""
        return self.gate.log_in(name, PASSWORD, "127.0.0.1", "", "").session

    def is_let_in(self, session: str) -> bool:
        """Whether a session opens the console."""
        client = self.app.server.test_client(use_cookies=False)
        return walks.ask(client, "GET", "/_dash-layout", None, walks.headers(session))[0] == 200

    def _source(self) -> Source:
        kinds = [AssetClass(c, Axis.TIME, 10**12, 10**11, timedelta(minutes=1)) for c in ("press", "line")]
        tags = [Tag("p/press", "oil"), Tag("p/line", "feed"), Tag("p/line", "silica", role="lab")]
        plant = Plant.of(kinds, [Asset("p/press", "press"), Asset("p/line", "line")], tags)
        detectors = (DetectorInfo("risk", "failure", "press", ""), DetectorInfo("silica", "quality", "line", "silica"))
        return Source(
            "Stage", plant, ZoneInfo("UTC"), "en", 2.0, self.points, self.ledger, self.journal, lambda: (), detectors,
            self.now, lambda: "", lambda _doing: Done(0), lambda _id, _lang: (), lambda: (),
            lambda _n, _r, _b: Reread(0, 0),
            lambda _told: None, IdleWorkshop(), lambda _said: None, lambda _detector, _factor, _by, _why: "",
        )  # fmt: skip


@contextmanager
def staged() -> Iterator[Stage]:
    """Open a stage in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        made = Stage(Path(folder))
        try:
            yield made
        finally:
            made.stop()


def strangers(stage: Stage, bars: Bars) -> None:
    """S1: what a browser without a session, or with a forged one, gets."""
    found = walks.strangers(stage.app) | {f"forged {k}": v for k, v in walks.strangers(stage.app, "forged").items()}
    let_in = [what for what, status in found.items() if status not in (401, 302)]
    how = "every route by every method and every callback, without a session and with a forged one"
    bars.show("S1 refused without log-in", f"{len(found) - len(let_in)} of {len(found)}", "all", not let_in, how)


def roles(stage: Stage, bars: Bars) -> None:
    """S2: four roles times all actions, and how fast a demotion is in force."""
    found = walks.matrix(stage.app, {role: stage.session(role.value) for role in UserRole})
    wrong = [what for what, (written, let_pass) in found.items() if written != let_pass]
    how = f"{len(found)} pairs of action and role: routes, callbacks, pages"
    bars.show("S2 roles: mismatches", len(wrong), "0", not wrong, how)
    session, client = stage.session("engineer"), stage.app.server.test_client(use_cookies=False)
    (body,) = [b for what, _, _, b in walks.asked(stage.app) if what.startswith("..system-reread") and b is not None]
    ask = partial(walks.ask, client, "POST", "/_dash-update-component", body, walks.headers(session))
    before, begun = ask()[0], time.perf_counter()
    people.give_role(stage.ledger, "engineer", UserRole.VIEWER, ROOT, stage.at)
    after = ask()[0]
    seconds = time.perf_counter() - begun
    people.give_role(stage.ledger, "engineer", UserRole.ENGINEER, ROOT, stage.at)
    holds = (before, after) == (200, 403) and seconds <= 5
    bars.show("S2 demotion in force after [s]", round(seconds, 3), "<= 5", holds, "in the middle of a session")


def passwords(stage: Stage, bars: Bars) -> None:
    """S3: what is refused, first passwords, what a hash costs."""
    common = LIST.read_text(encoding="utf-8").split()[:3000]
    taken = [w for w in common if not password_fault(w, "")]
    bars.show(
        "S3 common passwords refused", f"{3000 - len(taken)} of 3000", "all", not taken, "the most frequent first"
    )
    lengths = {n: not password_fault(secrets.token_hex(n)[:n], "") for n in (7, 8, 15, 64, 256, 257)}
    holds = lengths == {7: False, 8: True, 15: True, 64: True, 256: True, 257: False}
    bars.show("S3 lengths taken", [n for n, ok in lengths.items() if ok], "8 to 256", holds, "random ones")
    made = [people.add(stage.ledger, f"new{i}", UserRole.VIEWER, ROOT, stage.at)[1] for i in range(5)]
    held = [stage.ledger.users.get(f"new{i}") for i in range(5)]
    holds = len(set(made)) == 5 and all(u is not None and u.must_change for u in held)
    bars.show(
        "S3 first passwords", "random, to be changed", "random, one-time", holds, "5 new users; there is no default"
    )
    costs = []
    for _ in range(5):
        begun = time.thread_time()
        hash_of(PASSWORD)
        costs.append((time.thread_time() - begun) * 1000)
    bars.show("S3 cost of a hash [ms of processor]", round(min(costs)), ">= 100", min(costs) >= 100, "argon2id, 96 MB")


def guessing(stage: Stage, bars: Bars) -> None:
    """S4: how many guesses are tried, who is kept out by them, and what the answers' times tell."""
    counted = [0]
    is_right = stage.gate._is_right

    def counting(user: User | None, password: str) -> bool | None:
        counted[0] += 1
        return user is not None and password == PASSWORD

    stage.gate._is_right = counting  # type: ignore[method-assign]
    known = stage.gate.log_in("viewer", PASSWORD, "10.9.9.9", "", "").browser
    counted[0] = 0
    for i in range(GUESSES):
        stage.gate.log_in("viewer", f"guess {i}", f"10.0.{i % 97}.1", "", known if i % 3 == 0 else "")
        stage.at += timedelta(hours=1) / GUESSES
    how = f"{GUESSES} guesses on one account within an hour from 97 addresses, a third from a known browser"
    bars.show("S4 tries an hour on one account", counted[0], "<= 30", counted[0] <= 30, how)
    _shut_out(stage, bars)
    stage.at += timedelta(days=1)
    counted[0] = 0
    for i in range(GUESSES):
        stage.gate.log_in(f"somebody{i}", "Summer2026!", "10.0.0.7", "", "")
    how = f"one password on {GUESSES} accounts from one address, at once"
    bars.show("S4 tries of one password on many accounts", counted[0], "<= 30", counted[0] <= 30, how)
    stage.at += timedelta(days=1)
    counted[0] = 0
    threads = [
        threading.Thread(target=stage.gate.log_in, args=("operator", "x", f"10.1.0.{i}", "", "")) for i in range(40)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    bars.show("S4 tries of 40 in parallel", counted[0], "<= 5", counted[0] <= 5, "one account, 40 addresses")
    stage.gate._is_right = is_right  # type: ignore[method-assign]
    _times(stage, bars)


def _shut_out(stage: Stage, bars: Bars) -> None:
    """Measure how long the real user waits while one address, and then many, go on guessing."""
    for title, n_addresses, browser, goal in (
        ("S4 wait on a new browser, one address guessing [min]", 1, False, 15),
        ("S4 wait on a known browser, 50 addresses guessing [min]", 50, True, 15),
    ):
        stage.at += timedelta(days=1)
        held = stage.gate.log_in("admin", PASSWORD, "10.9.9.9", "", "").browser if browser else ""
        for i in range(120):
            stage.gate.log_in("admin", "guess", f"10.2.{i % n_addresses}.1", "", "")
            stage.at += timedelta(seconds=30)
        begun = stage.at
        while not stage.gate.log_in("admin", PASSWORD, "10.9.9.8", "", held).session and stage.at - begun < timedelta(
            hours=2
        ):
            stage.gate.log_in("admin", "guess", "10.2.0.1", "", "")
            stage.at += timedelta(seconds=30)
        minutes = (stage.at - begun) / timedelta(minutes=1)
        bars.show(title, minutes, f"<= {goal}", minutes <= goal, "after an hour of guesses, which go on")


def _times(stage: Stage, bars: Bars) -> None:
    """Compare the work for a known name and for an unknown one; what a stranger can time beyond it is the machine."""
    work: dict[str, list[float]] = {"engineer": [], "nobody": []}
    wall: dict[str, list[float]] = {"engineer": [], "nobody": []}
    for i in range(PAIRS + 2):
        for name in sorted(work, reverse=bool(i % 2)):
            stage.at += timedelta(hours=2)
            begun = time.perf_counter(), time.thread_time()
            stage.gate.log_in(name, "guess", "10.3.0.1", "", "")
            wall[name].append(time.perf_counter() - begun[0])
            work[name].append(time.thread_time() - begun[1])
    known, unknown = (statistics.median(each[2:]) for each in work.values())
    known_wall, unknown_wall = (statistics.median(each[2:]) for each in wall.values())
    apart = abs(known - unknown) / unknown
    how = (
        f"processor time, medians of {PAIRS} interleaved log-ins each: {known * 1000:.0f} and {unknown * 1000:.0f} ms; "
        f"by the clock {known_wall * 1000:.0f} and {unknown_wall * 1000:.0f} ms"
    )
    bars.show_speed("S4 known and unknown names apart [%]", round(apart * 100, 1), "< 10", apart < 0.1, how)


def sessions(stage: Stage, bars: Bars) -> None:
    """S5: sessions that must not open anything, and the cookies."""
    fixed = "a" * 43
    client = stage.app.server.test_client(use_cookies=False)
    stage.at += timedelta(days=1)
    sent = {**walks.OURS, "Cookie": f"{SESSION_COOKIE}={fixed}"}
    answer = client.post("/login", data={"name": "viewer", "password": PASSWORD}, headers=sent)
    made = answer.headers.getlist("Set-Cookie")
    session = made[0].split(";")[0].split("=", 1)[1]
    refused = {"fixation": not stage.is_let_in(fixed) and stage.is_let_in(session)}
    client.post("/logout", headers=walks.headers(session))
    refused["after log-out"] = not stage.is_let_in(session)
    session = stage.session("viewer")
    stage.at += timedelta(minutes=31)
    refused["idle for 31 min"] = not stage.is_let_in(session)
    session = stage.session("viewer")
    was_in = True
    for _ in range(36):
        stage.at += timedelta(minutes=20)
        was_in = was_in and stage.is_let_in(session)
    stage.at += timedelta(minutes=1)
    refused["after 12 h"] = was_in and not stage.is_let_in(session)
    session = stage.session("operator")
    people.switch(stage.ledger, "operator", ROOT, stage.at, is_disabled=True)
    refused["disabled user"] = not stage.is_let_in(session)
    people.switch(stage.ledger, "operator", ROOT, stage.at, is_disabled=False)
    session = stage.session("operator")
    people.reset_password(stage.ledger, "operator", ROOT, stage.at)
    refused["after a new password"] = not stage.is_let_in(session)
    bars.show(
        "S5 sessions refused", [k for k, v in refused.items() if v], "all", all(refused.values()), "of 6 situations"
    )
    flags = {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
    holds = all(flags <= set(c.split("; ")) and c.startswith("__Host-") and "Domain" not in c for c in made)
    names = [SESSION_COOKIE, BROWSER_COOKIE]
    bars.show("S5 cookies", names, f"__Host-, {', '.join(sorted(flags))}", holds and len(made) == 2, "of a log-in")
    bars.show("S5 bits of a session", 8 * 32, ">= 128", len(session) >= 43, "random, kept as SHA-256")


def foreign(stage: Stage, bars: Bars) -> None:
    """S6: what a page elsewhere can change."""
    stage.at += timedelta(days=1)
    session = stage.session("admin")
    found = walks.foreign(stage.app, session)
    let_pass = [what for what, status in found.items() if status != 403]
    how = "every route and callback that changes something, as fetch and as form, with 7 kinds of foreign headers"
    bars.show(
        "S6 cross-site requests refused", f"{len(found) - len(let_pass)} of {len(found)}", "all", not let_pass, how
    )
    matrix = walks.matrix(stage.app, {UserRole.ADMIN: session})
    own = [ok for (what, _), (written, ok) in matrix.items() if written and not what.startswith("page")]
    bars.show(
        "S6 own requests pass", f"{sum(own)} of {len(own)}", "all", all(own), "the same, from the console's own page"
    )


def audit(stage: Stage, bars: Bars) -> None:
    """S19: tampering that the chain finds."""
    ledger, t = stage.ledger, tables.audit
    for i in range(20):
        ledger.audit.save(Deed(stage.at, "kim", Action.RULE_CHANGED, f"rule{i}", "1", "2", "why", "10.0.0.5"))
    n, clean = ledger.audit.head().number, not ledger.audit.faults()
    edits: list[list[Any]] = []
    for row in (1, n // 2, n):
        edits += [
            [update(t).where(t.c.id == row).values({c.name: 7 if c.name == "at" else "x"})]
            for c in t.c
            if c.name != "id"
        ]
        edits.append([delete(t).where(t.c.id == row)])
    swapped = [update(t).where(t.c.id == a).values(id=b) for a, b in ((n - 1, 0), (n, n - 1), (0, n))]
    copied = select(t.c.id + n, *(c for c in t.c if c.name != "id")).where(t.c.id == 1)
    forged = insert(t).from_select(list(t.c), copied)
    edits += [swapped, [forged], [delete(t)], [delete(t).where(t.c.id > n - 5)]]
    found = 0
    for steps in edits:
        with ledger._db.connect() as connection:
            saved = connection.execute(t.select()).mappings().all()
            for step in steps:
                connection.execute(step)
            connection.commit()
            found += bool(ledger.audit.faults())
            connection.execute(delete(t))
            connection.execute(t.insert(), [dict(row) for row in saved])
            connection.commit()
    how = f"of {n} rows each column edited, rows deleted, swapped, put in, the end cut off"
    bars.show("S19 tampering found", f"{found} of {len(edits)}", "all", clean and found == len(edits), how)
    deeds = ledger.audit.deeds(most=10_000)
    told = {d.action for d in deeds}
    wanted = {
        Action.LOGGED_IN, Action.LOG_IN_FAILED, Action.LOG_IN_LIMITED, Action.LOGGED_OUT, Action.REFUSED,
        Action.USER_ADDED, Action.USER_ROLE, Action.USER_DISABLED, Action.PASSWORD_RESET, Action.EXPORTED,
    }  # fmt: skip
    whole = all(d.by or d.action == Action.REFUSED for d in deeds) and all(d.at.tzinfo is UTC for d in deeds)
    bars.show(
        "S19 deeds of this run recorded",
        f"{len(told & wanted)} of {len(wanted)}",
        "all, with who, when, what, from where",
        wanted <= told and whole,
        "acknowledgement, training, config, backup and restore: tests/app",
    )


def show(bars: Bars) -> None:
    """Print all bars of the gate."""
    with staged() as stage:
        for part in (strangers, roles, passwords, guessing, sessions, foreign, audit):
            part(stage, bars)


if __name__ == "__main__":
    all_bars = Bars()
    show(all_bars)
    all_bars.end()
