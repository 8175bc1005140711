"""One tick of the plant's data: journal -> stores -> scores -> alerts -> verdicts; the same code live and in replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerts.health import RULES_FAILED
from alerts.verdict import AssetState, verdict_of
from app import drain as draining
from app import late, misses, revising, scoring, watching, windowing
from app.notify import Delivering
from app.rooms import Rooms
from app.rule_file import WHOLE_ASSET
from detectors.bundle import Bundle
from domain.health import Reading
from domain.instants import from_ns, to_ns
from domain.points import Points
from domain.ports import Notifier
from domain.records import Event
from domain.scores import Score, Verdict
from store.scoring import VerdictRow

STARTED_AT = "scoring_started_at"
VERDICT: Final = "verdict:"


def started_at(rooms: Rooms, now: datetime) -> int:
    """Return since when (ns) new values are scored and watched; noted once, when a plant first runs."""
    noted = rooms.ledger.note(STARTED_AT)
    if noted is None:
        rooms.ledger.save_note(STARTED_AT, str(to_ns(now)))
    return int(noted) if noted is not None else to_ns(now)


class Pipeline:
    """Holds what a tick needs from the tick before: the newest time of each asset, and what failed."""

    def __init__(
        self,
        rooms: Rooms,
        notifiers: Mapping[str, Notifier],
        now: datetime,
        *,
        has_journal: bool = True,
        arrived: Callable[[Points], None] = lambda _: None,
    ) -> None:
        """has_journal False leaves draining to another process, and asks the store what is new. arrived: told of what
        is stored.
        """
        self._rooms, self._has_journal, self._arrived = rooms, has_journal, arrived
        self.delivering = Delivering(rooms, notifiers)
        self._started_at = started_at(rooms, now)
        self._watcher = watching.Watcher(rooms, self._started_at)
        self._newest: dict[str, int] = {}
        self._is_learnt = False  # whether what the store held before is in `_newest`
        self._errors: dict[str, str] = {}  # detector -> what stopped it

    def drain(self) -> int:
        """Move the journal to the stores; returns the number of items."""
        drained = draining.drain(self._rooms, self._rooms.settings.root.run.drain_items, self._arrived)
        self._note(drained.newest)
        return drained.n_items

    def note(self, points: Points) -> None:
        """Take notice of points that were stored past the journal."""
        draining.note_newest(points, self._newest)
        self._arrived(points)

    def relearn(self) -> None:
        """Ask the store at the next tick what is new, as at the first one."""
        self._is_learnt = False

    def tick(self, now: datetime) -> None:
        """Drain, score what is new, advance the rules, and say what can be said of each asset."""
        if self._has_journal:
            self.drain()
        if not (self._has_journal and self._is_learnt):
            self._note(self._newest_stored(now))
            self._is_learnt = True
        champions = self._rooms.models.champions()
        events = self._events(now)
        revising.revise(self._rooms, champions, events, self._started_at, now)
        self._score(champions, events, now)
        self._watcher.watch(champions, events, self._newest, now)
        self._judge(champions, events, now)

    def rules_reading(self) -> Reading:
        """Return how many rules failed in the last tick."""
        failed = self._watcher.failed
        return Reading(RULES_FAILED, float(len(failed)), ", ".join(sorted({key.rule for key in failed})[:5]))

    def dispatch(self, now: datetime) -> int:
        """Send what is due, one receiver after the other; returns how many messages were delivered."""
        return self.delivering.dispatch(now)

    def _score(self, champions: Mapping[str, Bundle], events: Mapping[str, Sequence[Event]], now: datetime) -> None:
        cursors = self._rooms.ledger.scoring.cursors()
        plant = self._rooms.settings.plant
        for detector in self._rooms.settings.root.detectors:
            bundle = champions.get(detector.name)
            if bundle is None:
                continue
            is_silent = not bundle.features.sources  # it needs no tag, so that none has to have reported
            assets = [a for a in plant.of_class(detector.asset_class) if is_silent or a.path in self._newest]
            reading = late.cursor_name(detector.name, "")
            if not self._has_journal:  # who stores points meanwhile takes all of them for late
                self._rooms.ledger.scoring.save((), {reading: to_ns(now)})
            found = scoring.score_detector(
                self._rooms, detector, bundle, assets, events, cursors, self._newest, self._started_at, now
            )
            self._errors[detector.name] = found.error
            moved = found.cursors if self._has_journal else {**found.cursors, reading: 0}
            if found.scores or moved:
                self._rooms.ledger.scoring.save(found.scores, moved)

    def _judge(self, champions: Mapping[str, Bundle], events: Mapping[str, Sequence[Event]], now: datetime) -> None:
        settings = self._rooms.settings
        plant = settings.plant
        n_open: dict[str, int] = defaultdict(int)
        for key, alert in self._rooms.ledger.alerting.open().items():
            n_open[key.asset] += alert.state.is_active and not key.subject.startswith(VERDICT)
        latest: dict[str, list[Score]] = defaultdict(list)
        for detector in settings.root.detectors:
            for owner, score in self._rooms.ledger.scoring.latest(detector.name).items():
                latest[owner].append(score)
        rows = []
        found: dict[tuple[str, str], Verdict] = {}
        failed = {key.asset: f"{key.rule}: {error}" for key, error in self._watcher.failed.items()}
        for path, asset in plant.assets.items():
            own = [d for d in settings.root.detectors if d.asset_class == asset.class_name]
            periods = [t.period for t in plant.tags[path].values() if t.role != "lab"]
            newest = self._newest.get(path) if periods else to_ns(now)  # a line of lots alone is never silent
            state = AssetState(
                path,
                windowing.stopped_since(events.get(path, ()), now),
                None if newest is None else from_ns(newest),
                max(periods, default=timedelta(minutes=1)),
                n_open[path],
                tuple(latest.get(path, ())),
                len(own),
                sum(d.name in champions for d in own),
                next((self._errors[d.name] for d in own if self._errors.get(d.name)), failed.get(path, "")),
            )
            verdict, reason = verdict_of(state, now)
            found[(path, WHOLE_ASSET)] = verdict
            for detector in own:
                mine = (s for s in state.scores if s.detector == detector.name)
                is_trained, error = int(detector.name in champions), self._errors.get(detector.name, "")
                alone = replace(state, scores=tuple(mine), n_detectors=1, n_models=is_trained, engine_error=error)
                found[(path, detector.name)] = verdict_of(alone, now)[0]
            is_stopped = state.stopped_since is not None
            rows.append(VerdictRow(path, verdict, reason, now, state.newest_at, is_stopped))
        self._rooms.ledger.scoring.save_verdicts(rows)
        misses.look(self._rooms, latest, {row.asset for row in rows if row.is_stopped})
        if any(VERDICT in r.watch for r in settings.rules):
            watching.advance_rules(self._rooms, watching.verdict_samples(found, now), now)

    def _events(self, now: datetime) -> dict[str, list[Event]]:
        by_asset: dict[str, list[Event]] = defaultdict(list)
        for event in self._rooms.ledger.records.events(now, kinds=windowing.TOLD):
            by_asset[event.asset].append(event)
        return by_asset

    def _note(self, newest: Mapping[str, int]) -> None:
        for asset, at in newest.items():
            self._newest[asset] = max(at, self._newest.get(asset, 0))

    def _newest_stored(self, now: datetime) -> dict[str, int]:
        plant = self._rooms.settings.watched
        ids = [t.tag_id for tags in plant.tags.values() for t in tags.values() if t.role != "lab"]
        newest: dict[str, int] = {}
        draining.note_newest(self._rooms.points.latest(ids, to_ns(now) + 1), newest)
        return newest
