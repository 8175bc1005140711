"""No data as an alarm: what the drain brings in, one alert per tag, asset or gateway that has fallen silent out.

Invariant: an alert of a tag that has not come since the start keeps its state until the tag comes, or may no longer.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from alerts import lifecycle
from alerts.lifecycle import Sample
from alerts.messages import Background, notices_for
from alerts.silence import RULE, RULE_ID, WHOLE, Arrivals, Rhythm, Root, roots
from app import windowing
from app.rooms import Rooms
from domain.alerting import Alert, AlertKey, AlertUpdate
from domain.errors import StaleAlertError
from domain.instants import to_ns
from domain.plant import Plant
from domain.points import Flag, Points, run_starts

GATEWAY: Final = "gateway"  # the column of assets.csv that names what an asset's data come through
SAVE_NS: Final = 60 * 10**9
CHANGED: Final = 0.2  # share by which a rhythm must differ from the one saved, to be saved again
SECOND_NS: Final = 10**9
PART_OF: Final = "part of {root}"


class Silence:
    """Holds the arrivals of the plant's tags; `note` may be called from another thread than `look`."""

    def __init__(self, rooms: Rooms, now: datetime) -> None:
        self._rooms = rooms
        plant = rooms.settings.plant
        known = {tag: Rhythm(*held) for tag, held in rooms.ledger.rhythms.all().items() if plant.tag(tag) is not None}
        self._arrivals, self._saved, self._saved_at = Arrivals(known, to_ns(now)), known, to_ns(now)
        self._lab = {t.tag_id for tags in plant.tags.values() for t in tags.values() if t.role == "lab"}
        self._above = above(plant)
        self._lock = threading.Lock()

    def note(self, points: Points) -> None:
        """Take notice of points that arrived; old news that a broker kept is none."""
        points = points.take((points.flags & Flag.RETAINED) == 0) if points.flags.any() else points
        if not len(points):
            return
        ids, starts = points.tag_id, run_starts(points.tag_id)
        arrived, newest = (np.maximum.reduceat(x, starts).tolist() for x in (points.received_at, points.at))
        with self._lock:
            for tag_id, at, value_at in zip(ids[starts].tolist(), arrived, newest, strict=True):
                if tag_id not in self._lab and self._rooms.settings.plant.tag(tag_id) is not None:
                    self._arrivals.note(tag_id, at, value_at)

    def look(self, now: datetime) -> int:
        """Raise and return alerts; returns how many changed.

        Where a slow store keeps values waiting in the journal, what came since the oldest of them is not known yet, and
        silence is judged as of then.
        """
        waiting = self._rooms.journal.waiting_since()
        at = to_ns(now if waiting is None else min(now, waiting))
        expected = self._expected(now)
        with self._lock:
            pauses = {
                tag: held for tag, held in self._arrivals.pauses(at).items() if tag.rpartition("/")[0] in expected
            }
            unknown = {tag for tag in pauses if self._arrivals.is_unknown(tag, at)}
            rhythms = dict(self._arrivals.rhythms())
        self._save(rhythms, at)
        found = {AlertKey(RULE_ID, r.asset, r.subject): r for r in roots(pauses, self._above)}
        held = {k: a for k, a in self._rooms.ledger.alerting.open().items() if k.rule == RULE_ID}
        updates = [self._raised(key, root, held.get(key), now) for key, root in found.items()]
        updates += [
            self._returned(key, alert, found, now)
            for key, alert in held.items()
            if key not in found and not (self._tags_of(key, pauses) & unknown)
        ]
        changed = [u for u in updates if u is not None and u.transitions]
        try:
            self._rooms.ledger.alerting.save(changed, {}, now)
        except StaleAlertError:
            return 0  # a person acknowledged one meanwhile: the next look sees it
        return len(changed)

    def _expected(self, now: datetime) -> set[str]:
        """Return the assets that should report: not those that stand still."""
        by_asset = defaultdict(list)
        for event in self._rooms.ledger.records.events(now, kinds=windowing.STOPPING):
            by_asset[event.asset].append(event)
        assets = self._rooms.settings.plant.assets
        return {path for path in assets if windowing.stopped_since(by_asset.get(path, ()), now) is None}

    def _raised(self, key: AlertKey, root: Root, alert: Alert | None, now: datetime) -> AlertUpdate | None:
        sample = Sample(now, root.pause / SECOND_NS)
        step = lifecycle.advance(alert, True, sample, root.allowed / SECOND_NS, RULE, key)
        names = root.tags if root.subject == WHOLE else ()
        return None if step is None else self._numbered(step, alert, Background("s", (), names))

    def _returned(
        self, key: AlertKey, alert: Alert, found: Mapping[AlertKey, Root], now: datetime
    ) -> AlertUpdate | None:
        tag = f"{key.asset}/{key.subject}"
        nodes = {key.asset, *self._above.get(key.asset, ())}
        over = next((k.asset for k, r in found.items() if k.asset in nodes and (tag in r.tags or k != key)), "")
        note = PART_OF.format(root=over) if over else ""
        step = lifecycle.advance(alert, False, Sample(now, 0.0), alert.limit, RULE, key, note)
        return None if step is None else self._numbered(step, alert, Background("s", ()))

    def _numbered(self, step: AlertUpdate, alert: Alert | None, background: Background) -> AlertUpdate:
        if not step.transitions:
            return step
        first = len(self._rooms.ledger.alerting.transitions([alert.id])) if alert is not None and alert.id else 0
        rows = tuple(replace(row, sequence=first + i) for i, row in enumerate(step.transitions))
        notices = notices_for(step.alert, RULE, rows, background)
        seen = None if alert is None else alert.state
        return replace(step, transitions=rows, notices=notices, seen=seen)

    def _tags_of(self, key: AlertKey, pauses: Mapping[str, object]) -> set[str]:
        if key.subject != WHOLE:
            return {f"{key.asset}/{key.subject}"}
        below = {a for a, nodes in self._above.items() if key.asset in (a, *nodes)}
        return {tag for tag in pauses if tag.rpartition("/")[0] in below}

    def _save(self, rhythms: Mapping[str, Rhythm], at: int) -> None:
        if at - self._saved_at < SAVE_NS:
            return
        self._saved_at = at
        changed = {
            tag: rhythm
            for tag, rhythm in rhythms.items()
            if (old := self._saved.get(tag)) is None or abs(rhythm.allowed - old.allowed) > CHANGED * old.allowed
        }
        self._rooms.ledger.rhythms.save({tag: (r.period, r.allowed) for tag, r in changed.items()})
        self._saved = {**self._saved, **changed}


def above(plant: Plant) -> dict[str, Sequence[str]]:
    """Return what each asset hangs on, nearest first: its gateway where assets.csv names one, the folders of its path,
    and the plant as a whole, `*`.
    """
    found: dict[str, Sequence[str]] = {}
    for path, asset in plant.assets.items():
        levels = path.split("/")[:-1]
        folders = ["/".join(levels[:n]) for n in range(len(levels), 0, -1)]
        gateway = asset.attributes.get(GATEWAY, "")
        found[path] = [*([gateway] if gateway else []), *folders, WHOLE]
    return found
