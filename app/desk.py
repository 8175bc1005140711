"""What people do on the console with alerts: a doing in, done in the name of who is logged in; why something was
refused comes back in words of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from app import attending
from app.explaining import NotExplainableError, explained
from app.explanation_text import shown
from app.rooms import Rooms
from dashboard.source import Act, Doing, Done
from domain.alerting import AlertState
from domain.audit import Actor
from domain.errors import ModelError, RecordError
from domain.text import catalogue, mark, phrase

Do = Callable[[Rooms, str, Actor, Doing, datetime], None]
NOT_DONE: Final = mark("it cannot be done: {why}")
NOT_EXPLAINED: Final = mark("no more can be said of it: {why}")


def _comment(rooms: Rooms, alert_id: str, who: Actor, doing: Doing, now: datetime) -> None:
    attending.comment(rooms, alert_id, who, doing.note, now)


def _reset(rooms: Rooms, alert_id: str, who: Actor, doing: Doing, now: datetime) -> None:
    attending.reset(rooms, alert_id, who, doing.note, now)


def _shelve(rooms: Rooms, alert_id: str, who: Actor, doing: Doing, now: datetime) -> None:
    attending.shelve(rooms, *attending.place_of(rooms, alert_id), who, doing.note, now, now + doing.lasts)


def _unshelve(rooms: Rooms, alert_id: str, who: Actor, doing: Doing, now: datetime) -> None:
    attending.release(rooms, *attending.place_of(rooms, alert_id), who, doing.note, now, AlertState.SHELVED)


def _take_out(rooms: Rooms, alert_id: str, who: Actor, doing: Doing, now: datetime) -> None:
    attending.take_out_of_service(rooms, *attending.place_of(rooms, alert_id), who, doing.note, now)


def _put_back(rooms: Rooms, alert_id: str, who: Actor, doing: Doing, now: datetime) -> None:
    attending.release(rooms, *attending.place_of(rooms, alert_id), who, doing.note, now, AlertState.OUT_OF_SERVICE)


ACTS: Final[dict[Act, Do]] = {
    Act.COMMENT: _comment,
    Act.RESET: _reset,
    Act.SHELVE: _shelve,
    Act.UNSHELVE: _unshelve,
    Act.OUT_OF_SERVICE: _take_out,
    Act.IN_SERVICE: _put_back,
}


def attend(rooms: Rooms, doing: Doing, who: Actor, now: datetime) -> Done:
    """Do it with each of the alerts; one that refuses keeps no other back."""
    if doing.act is Act.ACKNOWLEDGE:
        refused = list(attending.acknowledge_all(rooms, doing.seen, who, doing.note, now).values())
    else:
        refused = []
        for alert_id in doing.seen:
            try:
                ACTS[doing.act](rooms, alert_id, who, doing, now)
            except ValueError as error:
                refused.append(error)
    return Done(len(doing.seen) - len(refused), tuple(dict.fromkeys(map(_stored, refused))))


def explain(rooms: Rooms, alert_id: str, language: str, now: datetime) -> Sequence[str]:
    """Return why an alert was raised, scored again from stored rows, in lines; raises RecordError saying why not."""
    try:
        return list(shown(explained(rooms, alert_id, now), catalogue(language), rooms.settings.zone))
    except (NotExplainableError, ModelError) as error:
        raise RecordError(NOT_EXPLAINED, why=error) from error


def _stored(error: ValueError) -> str:
    return error.stored if isinstance(error, RecordError) else phrase(NOT_DONE, why=error)
