"""What one shift hands to the next: the ledger in, everything that is open or that waits for somebody out.

Invariant: every alert that is neither pending nor closed is here, told to the operators or held back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dashboard.source import Source
from domain.alerting import Alert, AlertState, Change, Priority
from domain.audit import Action, Deed
from domain.instants import to_ns
from domain.records import Event, EventKind
from domain.scores import Verdict
from domain.shifts import Shift, planned, reported, unplanned
from store.scoring import ModelRow, VerdictRow

FRESH: Final = timedelta(hours=1)  # a shift that has just begun is told of the one before
TOLD: Final = (EventKind.FAILURE, EventKind.STOP, EventKind.MAINTENANCE, EventKind.ALARM)
UNASSESSED: Final = (Verdict.NO_DATA, Verdict.NOT_ASSESSED, Verdict.ENGINE_ERROR)
ACKED: Final = (AlertState.ACTIVE_ACKED, AlertState.LATCHED)
OF_A_DEED: Final = (Change.HELD, Change.RELEASED)  # where a person does it, the deed tells
OTHERS: Final = frozenset(  # deeds that are no news for a shift: who came and went, and what alerts and events tell
    {
        Action.LOGGED_IN, Action.LOG_IN_FAILED, Action.LOG_IN_LIMITED, Action.LOGGED_OUT, Action.REFUSED,
        Action.USER_ADDED, Action.USER_ROLE, Action.USER_DISABLED, Action.USER_ENABLED, Action.PASSWORD_RESET,
        Action.PASSWORD_CHANGED, Action.ACKNOWLEDGED, Action.RESET, Action.COMMENTED, Action.EVENT_RECORDED,
        Action.EXPORTED,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An open alert, what its rule says to do, and what was last said of it."""

    alert: Alert
    title: str
    action: str
    note: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept from the operators. subject: "" for every alert of the rule on the asset. by: who holds it back;
    "" where that is the design, whose `why` is a stored phrase. until None: without an end that is known.
    """

    rule: str
    asset: str
    subject: str
    state: AlertState
    by: str
    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ModelState:
    """A detector's model that somebody should look at: none at all, one that is too old, or one that waits for a
    decision. age: None for none at all.
    """

    detector: str
    model_id: str
    age: timedelta | None


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened in the shift: a change of an alert, an event of the plant, or a deed."""

    at: datetime
    what: str  # a message id, or a kind of deed
    subject: str
    by: str
    note: str
    is_phrase: bool = False  # the note is a stored phrase, where the design keeps an alert back


@dataclass(frozen=True, slots=True)
class HandOver:
    """A page's worth. since: the start of what is told as having happened. is_planned: the plant says its shifts."""

    shift: Shift
    since: datetime
    now: datetime
    is_planned: bool
    open: tuple[OpenAlert, ...]
    held: tuple[Held, ...]
    unassessed: tuple[VerdictRow, ...]
    untrained: tuple[ModelState, ...]
    stale: tuple[ModelState, ...]
    waiting: tuple[ModelState, ...]
    ending: tuple[Held, ...]
    happened: tuple[Happened, ...]
    failing: Mapping[str, str]
    n_given_up: int

    @property
    def unacknowledged(self) -> tuple[OpenAlert, ...]:
        """The open alerts that nobody has acknowledged."""
        return tuple(x for x in self.open if x.alert.state not in ACKED)


def hand_over(source: Source, *, of_last: bool | None = None) -> HandOver:
    """Return what is handed over now.

    of_last: tell what happened in the last shift as well, or only in the present one; None: in the last one as well,
    where the present one has just begun.
    """
    now = source.now()
    (last, present), is_planned = _shifts(source, now)
    if of_last is None:
        of_last = now - present.start < FRESH
    since = last.start if of_last else present.start
    unclosed = [a for a in source.ledger.alerting.open().values() if a.state is not AlertState.PENDING]
    held = _held(source, unclosed, now)
    models = source.ledger.scoring.models()
    champions = {m.detector: m for m in models if m.role == "champion"}
    until = present.end or now + (present.start - last.start)
    return HandOver(
        present,
        since,
        now,
        is_planned,
        tuple(_opened(source, [a for a in unclosed if a.state.is_open])),
        held,
        tuple(x for x in _verdicts(source) if x.verdict in UNASSESSED and not x.is_stopped),
        tuple(ModelState(d.name, "", None) for d in source.detectors if d.name not in champions),
        tuple(_state(m, now) for m in champions.values() if source.is_stale(m.trained_at)),
        tuple(_state(m, now) for m in models if m.role == "challenger" and _is_newer(m, champions)),
        tuple(x for x in held if x.until is not None and x.until <= until),
        tuple(sorted(_happened(source, since, now), key=lambda x: x.at)),
        {name: error for name, (_, error) in source.ledger.job_runs().items() if error},
        source.ledger.outbox.counts().given_up,
    )


def _shifts(source: Source, now: datetime) -> tuple[tuple[Shift, Shift], bool]:
    events = source.ledger.records.events(now, kinds=(EventKind.SHIFT,))
    found = reported(events, now) or planned(source.shifts, source.zone, now)
    return (found, True) if found is not None else (unplanned(now), False)


def _opened(source: Source, alerts: list[Alert]) -> Iterator[OpenAlert]:
    rules = {r.id: r for r in source.rules}
    notes: dict[str, str] = {}
    for row in source.ledger.alerting.transitions([a.id for a in alerts]):
        if row.note and row.by:  # what the design says of itself stands in the state
            notes[row.alert_id] = row.note
    ranks = list(Priority)
    for alert in sorted(alerts, key=lambda a: (ranks.index(a.priority), to_ns(a.raised_at or a.breach_since), a.id)):
        rule = rules.get(alert.key.rule)
        title, action = (rule.title, rule.action) if rule is not None else (alert.key.rule, "")
        yield OpenAlert(alert, title, action, notes.get(alert.id, ""))


def _held(source: Source, unclosed: list[Alert], now: datetime) -> tuple[Held, ...]:
    """Return what persons hold back, and the alerts that something else keeps from the operators; by when it ends."""
    holds = {k: h for k, h in source.ledger.alerting.holds().items() if h.until is None or h.until > now}
    found = [Held(rule, asset, "", h.state, h.by, h.why, h.until) for (rule, asset), h in holds.items()]
    found += [
        Held(a.key.rule, a.key.asset, a.key.subject, a.state, "", a.cause, None)
        for a in unclosed
        if not a.state.is_open and (a.key.rule, a.key.asset) not in holds
    ]
    far = datetime.max.replace(tzinfo=source.zone)
    return tuple(sorted(found, key=lambda x: (x.until or far, x.asset, x.rule, x.subject)))


def _verdicts(source: Source) -> list[VerdictRow]:
    rows = source.ledger.scoring.verdicts()
    return [rows[asset] for asset in source.plant.assets if asset in rows]


def _state(model: ModelRow, now: datetime) -> ModelState:
    return ModelState(model.detector, model.model_id, now - model.trained_at)


def _is_newer(model: ModelRow, champions: Mapping[str, ModelRow]) -> bool:
    champion = champions.get(model.detector)
    return champion is None or model.trained_at > champion.trained_at


def _happened(source: Source, since: datetime, now: datetime) -> Iterator[Happened]:
    alerts = {a.id: a for a in source.ledger.alerting.alerts()}
    titles = {r.id: r.title for r in source.rules}
    for row in source.ledger.alerting.transitions_since(since):
        alert = alerts.get(row.alert_id) or source.ledger.alerting.alert(row.alert_id)
        if alert is not None and row.at <= now and not (row.by and row.change in OF_A_DEED):
            subject = f"{alert.key.asset}: {titles.get(alert.key.rule, alert.key.rule)}"
            is_phrase = row.state is AlertState.SUPPRESSED and row.change in (Change.HELD, Change.RAISED_HELD)
            yield Happened(row.at, row.change.value, subject, row.by, row.note, is_phrase)
    for event in source.ledger.records.events(now, kinds=TOLD):
        yield from _of_event(event, since, now)
    for deed in source.ledger.audit.deeds(since=since):
        if deed.action not in OTHERS and deed.at <= now:
            yield _of_deed(deed)


def _of_event(event: Event, since: datetime, now: datetime) -> Iterator[Happened]:
    subject = f"{event.asset}: {event.code}".rstrip(": ")
    if since <= event.start <= now:
        yield Happened(event.start, event.kind.value, subject, "", event.note)
    if event.end is not None and event.end != event.start and since <= event.end <= now:
        yield Happened(event.end, f"{event.kind.value} ended", subject, "", event.note)


def _of_deed(deed: Deed) -> Happened:
    is_changed = (deed.old or deed.new) and deed.action != Action.SHELVED  # until when stands among what is held
    change = f"{deed.old or '–'} → {deed.new or '–'}" if is_changed else ""
    return Happened(deed.at, deed.action, deed.subject, deed.by, " ".join(filter(None, (change, deed.reason))))
