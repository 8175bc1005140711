"""One tick of the plant's data: journal -> stores -> scores -> alerts -> verdicts; the same code live and in replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerts.dispatch import dispatch
from alerts.verdict import AssetState, verdict_of
from app import drain as draining
from app import late, revising, scoring, watching, windowing
from app.rooms import Rooms
from detectors.bundle import Bundle
from domain.instants import from_ns, to_ns
from domain.points import Points
from domain.ports import Notifier
from domain.records import Event
from domain.scores import Score
from store.scoring import VerdictRow

STARTED_AT = "scoring_started_at"


def started_at(rooms: Rooms, now: datetime) -> int:
    """Return since when (ns) new values are scored and watched; noted once, when a plant first runs."""
    noted = rooms.ledger.note(STARTED_AT)
    if noted is None:
        rooms.ledger.save_note(STARTED_AT, str(to_ns(now)))
    return int(noted) if noted is not None else to_ns(now)


class Pipeline:
    """Holds what a tick needs from the tick before: the newest time of each asset, and what failed."""

    def __init__(
        self, rooms: Rooms, notifiers: Mapping[str, Notifier], now: datetime, *, has_journal: bool = True
    ) -> None:
        """has_journal False leaves draining to another process, and asks the store what is new."""
        self._rooms, self._notifiers, self._has_journal = rooms, notifiers, has_journal
        self._started_at = started_at(rooms, now)
        self._newest: dict[str, int] = {}
        self._is_learnt = False  # whether what the store held before is in `_newest`
        self._errors: dict[str, str] = {}  # detector -> what stopped it

    def drain(self) -> int:
        """Move the journal to the stores; returns the number of items."""
        drained = draining.drain(self._rooms, self._rooms.settings.root.run.drain_items)
        self._note(drained.newest)
        return drained.n_items

    def note(self, points: Points) -> None:
        """Take notice of points that were stored past the journal."""
        draining.note_newest(points, self._newest)

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
        cursors = self._rooms.ledger.scoring.cursors()
        watching.watch(self._rooms, champions, events, cursors, self._newest, self._started_at, now)
        self._judge(champions, events, now)

    def dispatch(self, now: datetime) -> int:
        """Send what waits in the outbox; returns how many messages were delivered."""
        return dispatch(self._rooms.ledger.alerting, self._notifiers, now)

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
            n_open[key.asset] += alert.state.is_active
        latest: dict[str, list[Score]] = defaultdict(list)
        for detector in settings.root.detectors:
            for owner, score in self._rooms.ledger.scoring.latest(detector.name).items():
                latest[owner].append(score)
        rows = []
        for path, asset in plant.assets.items():
            own = [d for d in settings.root.detectors if d.asset_class == asset.class_name]
            newest = self._newest.get(path, None if plant.tags[path] else to_ns(now))
            state = AssetState(
                path,
                windowing.stopped_since(events.get(path, ()), now),
                None if newest is None else from_ns(newest),
                max((t.period for t in plant.tags[path].values() if t.role != "lab"), default=timedelta(minutes=1)),
                n_open[path],
                tuple(latest.get(path, ())),
                len(own),
                sum(d.name in champions for d in own),
                next((self._errors[d.name] for d in own if self._errors.get(d.name)), ""),
            )
            verdict, reason = verdict_of(state, now)
            is_stopped = state.stopped_since is not None
            rows.append(VerdictRow(path, verdict, reason, now, state.newest_at, is_stopped))
        self._rooms.ledger.scoring.save_verdicts(rows)

    def _events(self, now: datetime) -> dict[str, list[Event]]:
        by_asset: dict[str, list[Event]] = defaultdict(list)
        for event in self._rooms.ledger.records.events(now, kinds=windowing.TOLD):
            by_asset[event.asset].append(event)
        return by_asset

    def _note(self, newest: Mapping[str, int]) -> None:
        for asset, at in newest.items():
            self._newest[asset] = max(at, self._newest.get(asset, 0))

    def _newest_stored(self, now: datetime) -> dict[str, int]:
        plant = self._rooms.settings.plant
        ids = [t.tag_id for tags in plant.tags.values() for t in tags.values() if t.role != "lab"]
        newest: dict[str, int] = {}
        draining.note_newest(self._rooms.points.latest(ids, to_ns(now) + 1), newest)
        return newest
