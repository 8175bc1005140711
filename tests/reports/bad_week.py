"""A week in which everything is wrong that a week can tell of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.instants import to_ns
from domain.text import phrase
from reports.live_class import Broken, ClassFigures, Counts, Promise, told
from reports.week.figures import (
    AlarmFigures,
    BadActor,
    Change,
    DataFigures,
    ErrorFigures,
    Factor,
    Held,
    Live,
    LiveCalls,
    Load,
    LotFigures,
    Model,
    Quality,
    Silent,
    Standing,
    Stop,
    StopFigures,
    Warned,
    WarningFigures,
    Week,
)

START = datetime(2026, 11, 16, tzinfo=UTC)
END = START + timedelta(days=7)
WORST = 'Hot <b>oil</b> & "steam"'
LOAD = Load("crew", 40, 5.7, 0.04, 12, 1, 0.002, 1, 2, 5, 0.8, 1, ("most_in_10_min", "top_share"))
ALERT = Standing("a1", "oil", WORST, "p/1", "high", "active, unacknowledged", START, True, False)
ERRS = phrase("errs by {rmse} over {n} lots, against {other} in the back-test", rmse="2", n=40, other="1")
MISSES = told(Broken(Promise.RECALL, to_ns(START), 20, 12, 0.6, 0.25))
CALLS = ClassFigures(30, Counts(10, 4, 20, 5), 0.3, 0.21)
NO_CALLS = ClassFigures(0, Counts(0, 0, 0, 0), None, None)
BAD = Week(
    plant="Plant <1>",
    start=START,
    end=END,
    made_at=END,
    is_over=True,
    name="2026-W47",
    said="this",
    said_before="that",
    zone="Asia/Seoul",
    console="https://console.example",
    newest_data=END,
    days=tuple(START + timedelta(days=i) for i in range(7)),
    stops=(StopFigures(3, 5.0, 2, 1, 1, 1, 0, 1, 7200.0, (1, 1, 1, 0, 0, 0, 0)),) * 2,
    stops_list=(
        Stop("p/1", "failure", "seal", START, END, Warned.IN_TIME, 7200.0),
        Stop("p/2", "failure", "seal", START, None, Warned.MISSED, None, ("threshold too high",), "pump-failure"),
        Stop("p/3", "stop", "<i>", START, END, Warned.MISSED, None, ("not watched",)),
    ),
    warnings=(WarningFigures(4, 1, 2, 0, 1, 1, 8.0), WarningFigures(0, 0, 0, 0, 0, 0, 8.0)),
    asking=(ALERT,),
    alarms=(AlarmFigures((LOAD,), (9, 0, 0, 0, 0, 0, 31)), AlarmFigures((), (0,) * 7)),
    bad_actors=(BadActor("oil", WORST, "p/1", 30, 0.75, 2),),
    standing=(replace(ALERT, raised_at=START),),
    held=(Held("oil", WORST, "p/9", "out of service", "Kim", "<u>why</u>", None),),
    quality=(Quality("line", "purity", "%", "purity", LotFigures(9, 8, 0.5, 91.0), LotFigures(9, 9, 0.25, 92.0)),),
    live=(Live("purity", "%", ErrorFigures(8, 1.5, 1.0), ErrorFigures(0, None, None), (ERRS,)),),
    live_calls=(LiveCalls("grade", CALLS, NO_CALLS, (MISSES,)),),
    factors=(Factor("factor-heat", "heat outside", 3, 0, 1),),
    data=(DataFigures(100, 90, 5, 3, 1, 0, 1, 2), DataFigures(50, 50, 0, 0, 0, 0, 0, 0)),
    silent=(Silent("p/1", "heat", START), Silent("p/2", "", START)),
    unassessed=(("p/7", ""),),
    models=(
        Model("pump-failure", "failure", "m1", START, "m2", 40.0, "heat has changed", "", "no signature"),
        Model("purity", "quality", "", None, "", None, "", "no lots", ""),
    ),
    changes=(Change(START, "rule changed", "oil", "Kim", phrase("{at}: {file} was found changed", at="", file="<x>")),),
)
