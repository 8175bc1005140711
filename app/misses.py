"""Windows and lots that could not be assessed, several in a row of one asset: what was last said in, the assets that
nothing warns of out, noted for the health rules.

An asset that stands still, recovers, learns again or is too young for a window is not missed: that is expected.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from app.courses import RECOVERING, RELEARNING
from app.rooms import Rooms
from app.scoring import TOO_SHORT
from domain.scores import Score, Verdict
from domain.text import catalogue, spoken

NOTE: Final = "misses"
IN_A_ROW: Final = 3
EXPECTED: Final = frozenset((TOO_SHORT, RECOVERING, RELEARNING))


def look(rooms: Rooms, latest: Mapping[str, Sequence[Score]], stopped: Collection[str]) -> None:
    """Note each asset whose last IN_A_ROW windows or lots a detector could not assess, and why.

    latest: the newest score of each detector by asset. stopped: assets that stand still.
    """
    found = [
        [score.detector, asset, score.reason]
        for asset, scores in latest.items()
        if asset not in stopped
        for score in scores
        if _is_missed(score) and _are_missed(rooms.ledger.scoring.newest(score.detector, asset, IN_A_ROW))
    ]
    text = json.dumps(sorted(found))
    if text != (rooms.ledger.note(NOTE) or "[]"):
        rooms.ledger.save_note(NOTE, text)


def noted(rooms: Rooms) -> dict[str, str]:
    """Return by asset and detector why it was last not assessed, in English."""
    rows: list[Any] = json.loads(rooms.ledger.note(NOTE) or "[]")
    return {f"{asset} ({detector})": spoken(catalogue("en"), reason) for detector, asset, reason in rows}


def _are_missed(scores: Sequence[Score]) -> bool:
    return len(scores) == IN_A_ROW and all(_is_missed(score) for score in scores)


def _is_missed(score: Score) -> bool:
    return score.verdict is Verdict.NOT_ASSESSED and bool(score.reason) and json.loads(score.reason)[0] not in EXPECTED
