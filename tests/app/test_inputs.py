"""Plants that know other things than tags: events alone, and plain rows of lots; from the files to the live score."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app import training
from app.examples import examples
from app.gate import lacking
from app.model_text import cautions
from app.pipeline import Pipeline
from app.settings import Settings
from domain.errors import ConfigError
from domain.records import Event, EventKind, Lot, Result
from domain.scores import TrainingError, Verdict
from domain.text import catalogue
from domain.vectors import FeatureName, FeatureVectors, Training
from features.context import level_names
from tests.app import tiny_plant as tiny

HOUR = timedelta(hours=1)
N_MACHINES = 12

EVENTS = """
[data]
folder = "DATA"
[mqtt]
is_enabled = false
[evaluate]
split = "unit"
[[classes]]
name = "machine"
horizon = "48h"
lead = "6h"
[[features]]
name = "log"
asset_class = "machine"
tags = []
events = ["alarm:*", "maintenance:*"]
event_windows = ["24h", "72h"]
attributes = ["model", "age"]
window = "24h"
step = "6h"
train_step = "6h"
[[detectors]]
name = "machine-failure"
kind = "failure_lightgbm"
asset_class = "machine"
features = "log"
"""
MACHINES = "asset,class,model,age\n" + "".join(f"m{i:02d},machine,{'AB'[i % 2]},{i}\n" for i in range(N_MACHINES + 1))
NEW = f"m{N_MACHINES:02d}"


def at(hours: float) -> datetime:
    return tiny.T0 + hours * HOUR


def log_of(asset: str, seed: int, lives: int, late: timedelta = timedelta(0)) -> tuple[list[Event], float]:
    """Return a machine's alarms, failures and repairs; E3 comes often in the three days before a failure."""
    random = np.random.default_rng(seed)
    events, t = [], 0.0
    for _ in range(lives):
        life = float(random.uniform(15, 40) * 24)
        told = [("E1", h) for h in random.uniform(t, t + life - 72, 6)]
        told += [("E3", h) for h in random.uniform(t + life - 72, t + life, 12)]
        events += [Event(asset, EventKind.ALARM, c, at(h), at(h), at(h) + late) for c, h in told]
        events.append(Event(asset, EventKind.FAILURE, "comp", at(t + life), at(t + life + 4), at(t + life)))
        events.append(Event(asset, EventKind.MAINTENANCE, "comp", at(t + life), at(t + life + 4), at(t + life)))
        t += life + 4
    return events, t


def settings_of(folder: Path, forewarn: str, assets: str, tags: str = "asset,tag\n") -> Settings:
    return tiny.settings_in(folder, forewarn_toml=forewarn, assets_csv=assets, tags_csv=tags, rules_toml="")


def test_a_plant_without_a_tag_learns_from_its_events_and_warns_live(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, EVENTS, MACHINES)
    with tiny.rooms_of(settings) as rooms:
        told = [log_of(f"m{i:02d}", i, 6) for i in range(N_MACHINES)]
        rooms.ledger.records.apply("events", [tiny.decoded(events=[e for events, _ in told for e in events])])
        now = at(max(t for _, t in told))
        made = training.build(training.gather(rooms, settings.detector("machine-failure"), now), rooms.models.folder)
        training.promote(rooms, made, now)
        report = made.about["report"]
        assert report["n_events"] > 60
        assert report["event_recall"] >= 0.9
        pipeline = Pipeline(rooms, {}, now)
        alarms = [Event(NEW, EventKind.ALARM, "E3", t, t, t) for t in (now + h * HOUR for h in range(20, 48, 2))]
        for hour in range(0, 60, 6):
            due = [a for a in alarms if now + (hour - 6) * HOUR < a.start <= now + hour * HOUR]
            tiny.accept(rooms, now + hour * HOUR, tiny.decoded(events=due))
            pipeline.tick(now + hour * HOUR)
        scores = rooms.ledger.scoring.scores("machine-failure", NEW)
        verdict = rooms.ledger.scoring.verdicts()[NEW]
    values = [s.value for s in scores]
    assert len(values) >= 8
    assert None not in values
    assert max(v for v in values[-3:] if v is not None) > 0.8 > 0.2 > min(v for v in values[:3] if v is not None)
    assert any(c.source == "alarm:E3" for c in scores[-1].contributions[:2])
    assert verdict.verdict is Verdict.OK  # there is no rule that would alarm


def test_a_log_whose_stops_never_end_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, EVENTS, MACHINES)
    with tiny.rooms_of(settings) as rooms:
        told = [log_of(f"m{i:02d}", i, 3) for i in range(N_MACHINES)]
        events = [replace(e, end=None) for found, _ in told for e in found]
        rooms.ledger.records.apply("events", [tiny.decoded(events=events)])
        now = at(max(t for _, t in told))
        history = training.gather(rooms, settings.detector("machine-failure"), now)
    n = N_MACHINES
    with pytest.raises(TrainingError, match=f"{2 * n} of {3 * n} failures or stops came after one that has no end"):
        training.training_of(history)
    once = {a: found[:1] for a, found in history.events.items()}
    training.training_of(replace(history, events=once))  # a unit that ran to its failure stands still from then


def test_failures_after_a_stop_that_was_never_ended_are_counted_and_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, EVENTS, MACHINES)
    with tiny.rooms_of(settings) as rooms:
        told = [log_of(f"m{i:02d}", i, 6)[0] for i in range(N_MACHINES)]
        second = [e for e in told[0] if e.kind is EventKind.FAILURE][1]
        told[0] = [replace(e, end=None) if e is second else e for e in told[0]]
        rooms.ledger.records.apply("events", [tiny.decoded(events=[e for events in told for e in events])])
        now = max(e.start for events in told for e in events) + 24 * HOUR
        history = training.gather(rooms, settings.detector("machine-failure"), now)
        report = training.build(history, rooms.models.folder).about["report"]
    assert report["n_events_after_open_stop"] == 4
    assert report["first_after_open_stop"].startswith("m00, ")
    assert [x for x in cautions(report, catalogue("en")) if x.startswith("4 failures were left out")]
    ended = training.lost_events(replace(history, events={"m01": history.events["m01"]}))
    assert ended == {"n_events_after_open_stop": 0, "first_after_open_stop": None}


def test_rows_know_nothing_that_came_later(tmp_path: Path) -> None:
    """The rows up to a time are the same, whatever happens after it."""
    settings = settings_of(tmp_path, EVENTS, MACHINES)
    with tiny.rooms_of(settings) as rooms:
        events = [e for i in range(3) for e in log_of(f"m{i:02d}", i, 3)[0]]
        rooms.ledger.records.apply("events", [tiny.decoded(events=events)])
        whole, _ = examples(training.gather(rooms, settings.detector("machine-failure"), at(10_000)))
        half, _ = examples(training.gather(rooms, settings.detector("machine-failure"), at(700)))
    rows = {(a, e): v for a, e, v in zip(whole.vectors.asset, whole.vectors.end, whole.vectors.values, strict=True)}
    shared = [n for n in half.vectors.names if n in whole.vectors.names]
    assert len(half.vectors) > 100
    picked = [whole.vectors.names.index(n) for n in shared]
    for a, e, v in zip(half.vectors.asset, half.vectors.end, half.vectors.select(tuple(shared)).values, strict=True):
        if (a, e) in rows:
            np.testing.assert_array_equal(rows[(a, e)][picked], v)


def test_events_that_were_known_far_too_late_are_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, EVENTS, MACHINES)
    with tiny.rooms_of(settings) as rooms:
        events = [e for e in log_of("m00", 0, 3, late=timedelta(days=400))[0] if e.kind is EventKind.ALARM]
        rooms.ledger.records.apply("events", [tiny.decoded(events=events)])
        with pytest.raises(TrainingError, match='known = "start"'):
            training.gather(rooms, settings.detector("machine-failure"), at(100_000))


def test_a_model_of_an_attribute_that_is_new_here_is_not_asked(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, EVENTS, MACHINES)
    with tiny.rooms_of(settings) as rooms:
        told = [log_of(f"m{i:02d}", i, 6) for i in range(N_MACHINES)]
        rooms.ledger.records.apply("events", [tiny.decoded(events=[e for events, _ in told for e in events])])
        _, features = examples(training.gather(rooms, settings.detector("machine-failure"), at(9_000)))
    assert dict(features.inputs.levels) == {"model": ("A", "B")}
    assert {n.label for n in features.names} >= {'model__is__level_"A"', "age__value", "alarm:E3__count__hours_24.0"}


ROWS = """
[data]
folder = "DATA"
[mqtt]
is_enabled = false
[evaluate]
split = "stratified"
[[classes]]
name = "mill"
horizon = "1h"
lead = "0s"
[[derived]]
name = "strain"
asset_class = "mill"
unit = "Nm*min"
formula = "torque * wear"
[[features]]
name = "row"
asset_class = "mill"
tags = []
process = ["*"]
window = "1h"
step = "1h"
train_step = "1h"
[[detectors]]
name = "mill-failure"
kind = "failure_lightgbm"
asset_class = "mill"
features = "row"
outcome = "state"
embargo = "0s"
[detectors.symptom]
from = "result"
codes = ["overstrain"]
"""
MILL_TAGS = "asset,tag,unit\nmill,torque,Nm\nmill,wear,min\n"


def rows_of(n: int, seed: int, at_: datetime) -> tuple[list[Lot], list[Result]]:
    random = np.random.default_rng(seed)
    torque, wear = random.uniform(20, 60, n), random.uniform(0, 200, n)
    lots = [
        Lot("mill", f"L{i}", None, None, at_, {"torque": float(torque[i]), "wear": float(wear[i]), "hum": 1.0 * i})
        for i in range(n)
    ]
    states = ["overstrain" if t * w > 7_000 else "ok" for t, w in zip(torque, wear, strict=True)]
    return lots, [Result("mill", f"L{i}", "state", None, at_, "", s) for i, s in enumerate(states)]


def test_plain_rows_with_a_result_are_learned_and_scored_one_by_one(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, ROWS, "asset,class\nmill,mill\n", MILL_TAGS)
    with tiny.rooms_of(settings) as rooms:
        lots, results = rows_of(1200, 1, tiny.T0)
        rooms.ledger.records.apply("rows", [tiny.decoded(lots=lots, results=results)])
        history = training.gather(rooms, settings.detector("mill-failure"), tiny.at(1))
        rows, _ = examples(history)
        n_bad = sum(r.text == "overstrain" for r in results)
        assert (int(rows.outcome.sum()), set(rows.mode.tolist())) == (n_bad, {"", "overstrain"})
        assert len(set(rows.group.tolist())) == 1200
        strain = rows.vectors.values[:, [n.source for n in rows.vectors.names].index("strain")]
        by_lot = {lot.lot: lot.values["torque"] * lot.values["wear"] for lot in lots}
        np.testing.assert_allclose(strain, [by_lot[x] for x in rows.vectors.subject])
        made = training.build(history, rooms.models.folder)
        training.promote(rooms, made, tiny.at(1))
        pipeline = Pipeline(rooms, {}, tiny.at(1))
        high = Lot("mill", "H", None, None, tiny.at(5), {"torque": 58.0, "wear": 190.0, "hum": 1.0})
        low = Lot("mill", "L", None, None, tiny.at(5), {"torque": 25.0, "wear": 20.0, "hum": 1.0})
        bare = Lot("mill", "B", None, None, tiny.at(5), {"hum": 1.0})
        tiny.accept(rooms, tiny.at(5), tiny.decoded(lots=[high, low, bare]))
        pipeline.tick(tiny.at(6))
        found = {s.subject: s for s in rooms.ledger.scoring.scores("mill-failure", "mill")}
    high_risk, low_risk = found["H"].value, found["L"].value
    assert high_risk is not None
    assert low_risk is not None
    assert high_risk > 0.9 > 0.1 > low_risk
    assert found["B"].verdict is Verdict.NOT_ASSESSED
    assert "strain" in found["B"].reason


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ('attributes = ["model", "age"]', 'attributes = ["modle"]', "column of assets.csv"),
        ('events = ["alarm:*", "maintenance:*"]', "events = []", "names no input"),
        ('event_windows = ["24h", "72h"]', "event_windows = [3]", "counts cycles"),
        ('attributes = ["model", "age"]', 'categories = ["age"]', "is none of `attributes`"),
        ('split = "unit"', 'split = "stratified"', "splits single lots"),
        ("tags = []", 'tags = []\nflat = "0s"', "must be longer than 0"),
    ],
)
def test_inputs_that_do_not_fit_are_faults_of_the_config(tmp_path: Path, before: str, after: str, rule: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings_of(tmp_path, EVENTS.replace(before, after), MACHINES)
    assert any(rule in str(fault) for fault in refused.value.faults)


def texts_of(asked: str, lots: list[Lot], tmp_path: Path, more: str = "") -> Training:
    toml = tiny.FOREWARN.replace('lab = ["purity"]', f"tags = []\nprocess = {asked}") + more
    results = [Result(tiny.LINE, x.lot, "purity", 95.0, at(900), "central") for x in lots]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
        return training.training_of(training.gather(rooms, rooms.settings.detector("purity"), at(1000)))[0]


def lot_of(i: int, texts: dict[str, str]) -> Lot:
    return Lot(tiny.LINE, f"{i:03d}", at(i), at(i + 1), at(i + 1), {"feed": 1.0 * i}, texts)


def test_texts_of_lots_are_learned_from_a_level_each_but_not_what_is_rare_forbidden_or_names_the_lots(
    tmp_path: Path,
) -> None:
    lots = [
        lot_of(
            i,
            {
                "product": "AB"[i % 2] if i < 40 else "C",
                "defect": "xy"[i % 2],
                "serial": f"{i}",
                "batch": "mn"[i // 22],
            },
        )
        for i in range(44)
    ]
    lots.append(lot_of(44, {}))
    forbidden = '\n[[lots]]\nasset_class = "line"\nforbidden = ["def*"]\n'
    made = texts_of('["*"]', lots, tmp_path, forbidden)
    assert [n.short for n in made.vectors.names] == ["feed", "product = A", "product = B"]
    levels = made.vectors.values[:, 1:]
    np.testing.assert_array_equal(levels[:40], [[1.0, 0.0], [0.0, 1.0]] * 20)
    np.testing.assert_array_equal(levels[40:44], np.zeros((4, 2)))  # C is too rare to learn of
    assert np.isnan(levels[44]).all()


def test_only_texts_that_are_asked_for_are_inputs(tmp_path: Path) -> None:
    lots = [lot_of(i, {"product": "AB"[i % 2]}) for i in range(44)]
    assert [n.short for n in texts_of('["feed"]', lots, tmp_path).vectors.names] == ["feed"]


def test_a_new_lot_is_predicted_by_its_product_and_not_assessed_where_that_is_not_told(tmp_path: Path) -> None:
    toml = tiny.FOREWARN.replace('lab = ["purity"]', 'lab = ["purity"]\ntags = []\nprocess = ["*"]')
    random = np.random.default_rng(7)
    product = random.choice(["A", "B"], 160).tolist()
    lots = [lot_of(i, {"product": p}) for i, p in enumerate(product)]
    lots = [replace(lot, values={"feed": float(x)}) for lot, x in zip(lots, random.normal(size=160), strict=True)]
    results = [
        Result(tiny.LINE, lot.lot, "purity", 95 - 5.0 * (p == "B") + float(e), at(i + 2), "central")
        for i, (lot, p, e) in enumerate(zip(lots, product, 0.2 * random.normal(size=160), strict=True))
    ]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
        made = training.build(training.gather(rooms, rooms.settings.detector("purity"), at(163)), rooms.models.folder)
        training.promote(rooms, made, at(163))
        pipeline = Pipeline(rooms, {}, at(163))
        new = [replace(lot_of(170 + i, texts), values={"feed": 0.0}) for i, texts in enumerate(
            [{"product": "A"}, {"product": "B"}, {"product": "new"}, {}])]  # fmt: skip
        tiny.accept(rooms, at(176), tiny.decoded(lots=new))
        pipeline.tick(at(177))
        of_a, of_b, of_new, untold = sorted(rooms.ledger.scoring.scores("purity", tiny.LINE), key=lambda s: s.subject)
    assert of_a.value == pytest.approx(95, abs=0.5)
    assert of_b.value == pytest.approx(90, abs=0.5)
    assert of_new.value is not None
    assert of_b.contributions[0].source == "product"
    assert untold.verdict is Verdict.NOT_ASSESSED
    assert "product" in untold.reason


def test_a_missing_text_is_one_missing_value_however_many_levels_it_has() -> None:
    values = [FeatureName("process", f"v{i}", "value") for i in range(9)]
    levels = level_names("process", "product", ["A", "B", "C"])
    row = np.array([[1.0] * 9 + [np.nan] * 3])
    names, one = (*values, *levels), np.zeros(1, dtype=np.int64)
    subject = np.array(["lot"], dtype=object)
    vectors = FeatureVectors(names, row, subject, subject, one, one, np.zeros(1))
    assert lacking(vectors, 0, 0.8) == ()
    assert lacking(vectors, 0, 0.95) == ("product",)
