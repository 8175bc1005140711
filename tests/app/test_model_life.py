"""Models that are damaged, replayed, promoted and rolled back: whatever happens to one, a good one scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from alerts import health
from app import drifting, promotion, training
from app.cli import main
from app.model_health import model_readings
from app.model_text import shown
from app.pipeline import Pipeline
from app.promotion import PromotionError
from app.rooms import Rooms
from app.settings import Settings, load
from app.shelf import ModelShelf
from detectors import bundle
from domain.errors import ConfigError, ModelError
from domain.instants import from_ns, to_ns
from domain.numerals import numeral
from domain.scores import Score
from domain.text import catalogue
from tests.app import tiny_plant as tiny
from tests.detectors import planted

ODD = "pump-odd"
DAY = timedelta(days=1)


def another(rooms: Rooms, bins: int, day: int = 1) -> str:
    """Train one more model of the pumps' detector; returns its id."""
    detector = rooms.settings.detector(ODD).model_copy(update={"options": {"bins": bins}})
    made = training.build(training.gather(rooms, detector, tiny.T0), rooms.models.folder)
    training.promote(rooms, made, tiny.T0 + day * DAY)
    return made.model_id


def champion(rooms: Rooms) -> str:
    row = rooms.ledger.scoring.champion(ODD)
    assert row is not None
    return row.model_id


def scored(rooms: Rooms, start: int, stop: int) -> list[Score]:
    """Return what the plant's own pipeline says of a pump's minutes."""
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, tiny.at(stop), tiny.decoded(tiny.pump_points(tiny.PUMP, start, stop)))
    pipeline.tick(tiny.at(stop))
    return rooms.ledger.scoring.scores(ODD, tiny.PUMP, since=tiny.at(start))


def said(shelf: ModelShelf) -> bytes:
    """Return, to the bit, what the champion says of some rows."""
    model = shelf.champions()[ODD]
    names = model.features.names
    rows = planted.vectors(np.random.default_rng(1).normal(5.0, size=(50, len(names))), names)
    return model.detector.score(rows).raw.tobytes()


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def one_bit(target: Path) -> None:
    flip(target / "model" / "head.json")


def wrong_key(target: Path) -> None:
    bundle.sign(target.parent.parent, target.parent.name, target.name, b"x" * 32)


def joblib_file(target: Path) -> None:
    (target / "model" / "model.joblib").write_bytes(b"\x80\x04cposix\nsystem\n(S'true'\ntR.")


def half_a_model(target: Path) -> None:
    file = target / "model" / "hist.npy"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def older_one(target: Path) -> None:
    old = next(p for p in target.parent.iterdir() if p.name != target.name and not p.name.startswith("."))
    shutil.rmtree(target)
    shutil.copytree(old, target)


@pytest.mark.parametrize("damage", [one_bit, wrong_key, joblib_file, half_a_model, older_one])
def test_a_bad_champion_is_refused_and_the_one_before_scores(
    trained_rooms: Rooms, damage: Callable[[Path], None]
) -> None:
    rooms, first = trained_rooms, champion(trained_rooms)
    second = another(rooms, bins=11)
    promotion.promote(rooms, second, "Kim", "sharper", tiny.T0 + DAY)
    damage(rooms.models.folder / ODD / second)
    assert rooms.models.champions()[ODD].model_id == first
    assert champion(rooms) == second  # the ledger says who should score
    readings = {r.name: r for r in model_readings(rooms, tiny.T0)}
    assert readings[health.MODELS].value == 1
    assert second in readings[health.MODELS].detail
    shutil.rmtree(rooms.models.folder / ODD / second)
    another(rooms, bins=11)
    assert rooms.models.champions()[ODD].model_id == second
    assert {r.name: r.value for r in model_readings(rooms, tiny.T0)}[health.MODELS] == 0


def test_a_model_that_kills_its_reader_kills_a_child_only(
    trained_rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed, so that it would be parsed; the library that reads it crashes."""
    rooms, good = trained_rooms, champion(trained_rooms)
    other = another(rooms, bins=11)
    (rooms.models.folder / ODD / other / "proof").unlink()
    (rooms.models.folder / "sitecustomize.py").write_text(
        "import os, signal\n"
        "from detectors.anomaly_hbos import AnomalyHBOS\n"
        "AnomalyHBOS.load = classmethod(lambda cls, parts: os.kill(os.getpid(), signal.SIGSEGV))\n"
    )
    root = Path(bundle.__file__).resolve().parent.parent
    monkeypatch.setenv("PYTHONPATH", f"{rooms.models.folder}:{root}")
    with pytest.raises(PromotionError, match="SIGSEGV"):
        promotion.promote(rooms, other, "Kim", "sharper", tiny.T0 + DAY)
    assert champion(rooms) == good
    assert rooms.models.champions()[ODD].model_id == good


def test_rollback_scores_bit_for_bit_as_before(trained_rooms: Rooms) -> None:
    rooms, first = trained_rooms, champion(trained_rooms)
    before, at_first = scored(rooms, 0, 60), said(rooms.models)
    second = another(rooms, bins=11)
    promotion.promote(rooms, second, "Kim", "sharper", tiny.T0 + DAY)
    between = scored(rooms, 60, 120)
    assert said(rooms.models) != at_first
    deed = promotion.rollback(rooms, ODD, "Lee", "three false alarms", tiny.T0 + 2 * DAY)
    after = scored(rooms, 120, 180)
    assert [{s.model_id for s in part} for part in (before, between, after)] == [{first}, {second}, {first}]
    assert (deed.old, deed.new, deed.by, deed.reason) == (second, first, "Lee", "three false alarms")
    ends = [s.at for s in (*before, *between, *after)]
    assert ends == sorted(set(ends))  # nothing scored twice, and below: no window left out
    assert {b - a for a, b in pairwise(ends)} == {timedelta(minutes=5)}
    assert said(ModelShelf(rooms.models.folder, rooms.ledger)) == said(rooms.models) == at_first


def test_the_deeds_say_who_why_when_old_and_new(trained_rooms: Rooms) -> None:
    rooms, first = trained_rooms, champion(trained_rooms)
    second = another(rooms, bins=11)
    promotion.promote(rooms, second[:8], "Kim", "sharper", tiny.T0 + DAY)
    promotion.rollback(rooms, ODD, "Lee", "too loud", tiny.T0 + 2 * DAY)
    deeds = [(d.action, d.by, d.reason, d.at, d.old, d.new) for d in rooms.ledger.audit.deeds(ODD)]
    assert deeds == [
        ("model rolled back", "Lee", "too loud", tiny.T0 + 2 * DAY, second, first),
        ("model promoted", "Kim", "sharper", tiny.T0 + DAY, first, second),
        ("model promoted", "forewarn", "its first model", tiny.T0, "", first),
    ]


def test_nothing_is_changed_without_a_name_a_reason_or_a_model_that_loads(trained_rooms: Rooms) -> None:
    rooms, first = trained_rooms, champion(trained_rooms)
    second = another(rooms, bins=11)
    with pytest.raises(PromotionError, match="--by and --reason"):
        promotion.promote(rooms, second, " ", "", tiny.T0)
    with pytest.raises(PromotionError, match="is the champion"):
        promotion.promote(rooms, first, "Kim", "again", tiny.T0)
    with pytest.raises(PromotionError, match="no model 'zz'"):
        promotion.promote(rooms, "zz", "Kim", "what", tiny.T0)
    with pytest.raises(PromotionError, match="no champion before"):
        promotion.rollback(rooms, ODD, "Kim", "back", tiny.T0)
    one_bit(rooms.models.folder / ODD / second)
    with pytest.raises(PromotionError, match="damaged"):
        promotion.promote(rooms, second, "Kim", "sharper", tiny.T0)
    assert champion(rooms) == first
    assert len(rooms.ledger.audit.deeds(ODD)) == 1


def test_three_former_champions_are_kept_and_older_ones_go_with_a_deed(trained_rooms: Rooms) -> None:
    rooms, ids = trained_rooms, [champion(trained_rooms)]
    for i in range(5):
        ids.append(another(rooms, bins=8 + i, day=i))
        promotion.promote(rooms, ids[-1], "Kim", "newer", tiny.T0 + (i + 1) * DAY)
    kept = {p.name for p in (rooms.models.folder / ODD).iterdir()}
    assert kept == set(ids[-4:])
    assert {row.model_id for row in rooms.ledger.scoring.models(ODD)} == kept
    deleted = [d.old for d in rooms.ledger.audit.deeds(ODD) if d.action == "model deleted"]
    assert deleted == [ids[1], ids[0]]
    for wanted in (ids[-2], ids[-3], ids[-4]):
        assert promotion.rollback(rooms, ODD, "Lee", "back", tiny.T0 + 9 * DAY).new == wanted


def test_what_a_killed_process_left_is_cleaned_and_what_a_running_one_writes_is_not(trained_rooms: Rooms) -> None:
    rooms = trained_rooms
    folder = rooms.models.folder / ODD
    (folder / ".0123456789abcdef.999999999" / "model").mkdir(parents=True)
    (folder / ".0123456789abcdef.proof.999999999").write_text("")
    (folder / ".fedcba9876543210.999999999.deleted" / "model").mkdir(parents=True)
    (folder / ".0123456789abcdef.1").mkdir()  # process 1 runs
    (folder / "0123456789abcdef").mkdir()  # on disk before the ledger names it: not yet old
    assert promotion.clean_folder(rooms, tiny.T0) == 3
    assert {p.name for p in folder.iterdir()} == {".0123456789abcdef.1", "0123456789abcdef", champion(rooms)}


def test_a_running_service_takes_up_a_promotion_of_another_process(trained_plant: Settings) -> None:
    with tiny.rooms_of(trained_plant) as rooms:
        first, second = champion(rooms), another(rooms, bins=11)
        assert rooms.models.champions()[ODD].model_id == first
        config = str(trained_plant.folder)
        assert main(["models", "promote", second, "--by", "Kim", "--reason", "sharper", "--config", config]) == 0
        assert rooms.models.champions()[ODD].model_id == second
        assert main(["models", "rollback", ODD, "--by", "Lee", "--reason", "no", "--config", config]) == 0
        assert rooms.models.champions()[ODD].model_id == first


def test_command_shows_the_history_and_refuses_in_words(
    trained_plant: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with tiny.rooms_of(trained_plant) as rooms:
        first, second = champion(rooms), another(rooms, bins=11)
    config = ["--config", str(trained_plant.folder)]
    assert main(["models", "promote", second, *config]) == 1
    assert "--by and --reason" in capsys.readouterr().err
    assert main(["models", "rollback", *config]) == 2
    assert main(["models", "promote", second, "--by", "Kim", "--reason", "sharper", *config]) == 0
    assert f"Kim promoted model {second} of {ODD} in the place of {first}: sharper" in capsys.readouterr().out
    assert main(["models", "show", first, *config]) == 0
    shown = capsys.readouterr().out
    assert "Kim promoted model" in shown
    assert (
        main(["models", "show", *config, ODD]) == 0
    )  # an operand after the options; a detector stands for its champion
    assert second in capsys.readouterr().out
    assert main(["models", "list", "--json", *config]) == 0
    roles = {row["model_id"]: row["role"] for row in json.loads(capsys.readouterr().out)}
    assert (roles[first], roles[second]) == ("retired", "champion")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_model_of_lots_is_shown_with_what_each_learner_lost(trained_rooms: Rooms, language: str) -> None:
    model = trained_rooms.ledger.scoring.champion("purity")
    assert model is not None
    rows = {r["learner"]: r for r in model.details["report"]["leaderboard"]}
    lines = list(shown(model, catalogue(language), trained_rooms.settings.zone))
    told = {name: next(line for line in lines if line.startswith(f"  {name}: ")) for name in rows}
    assert len(told) > 2
    for name, row in rows.items():
        assert told[name].startswith(f"  {name}: {numeral(row['loss'])}, ")
        assert told[name].endswith("<-") == row["is_taken"]


def test_command_shows_a_model_that_the_command_has_trained(
    trained_plant: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(trained_plant.folder)]
    assert main(["train", "quality", *config]) == 0
    with tiny.rooms_of(trained_plant) as rooms:
        newest = max(rooms.ledger.scoring.models(), key=lambda row: row.trained_at)
    capsys.readouterr()
    assert main(["models", "show", newest.model_id, *config]) == 0
    assert f"trained model {newest.model_id} of purity; challenger: it waits" in capsys.readouterr().out
    assert main(["models", "show", newest.model_id, "--json", *config]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["role"], told["history"][0]["action"]) == ("challenger", "model trained")


def test_a_model_without_a_signature_is_signed_by_a_person_who_vouches_for_it(trained_rooms: Rooms) -> None:
    rooms, first = trained_rooms, champion(trained_rooms)
    (rooms.models.folder / ODD / first / "signature").unlink()
    assert ODD not in rooms.models.champions()
    promotion.sign(rooms, first, "Kim", "made by the release before", tiny.T0)
    assert rooms.models.champions()[ODD].model_id == first
    assert rooms.ledger.audit.deeds(ODD)[0].action == "model signed"


def test_a_key_file_signs_and_another_key_refuses(trained_plant: Settings, tmp_path: Path) -> None:
    key = tmp_path / "plant.key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    config = trained_plant.folder / "forewarn.toml"
    with pytest.raises(ConfigError, match=r"models\.key_file"):
        load(trained_plant.folder, {"models": {"key_file": str(tmp_path / "none")}})
    config.write_text(config.read_text() + f'\n[models]\nkey_file = "{key}"\n')
    with tiny.rooms_of(load(trained_plant.folder)) as rooms:
        assert rooms.models.champions() == {}  # what was trained before has the folder's own signature
        second = another(rooms, bins=11)
        promotion.promote(rooms, second, "Kim", "signed with the plant's key", tiny.T0 + DAY)
        assert rooms.models.champions()[ODD].model_id == second
        key.chmod(0o644)
        with pytest.raises(ModelError, match="read by others"):
            rooms.models.key()


def test_drift_of_a_tag_is_told_with_its_name_and_promotes_nothing(trained_rooms: Rooms) -> None:
    rooms, first = trained_rooms, champion(trained_rooms)
    another(rooms, bins=11)
    minutes = 24 * 60
    rows = tiny.pump_points(tiny.PUMP, 0, minutes)
    sigma = 0.3
    drifted = [p._replace(value=(p.value or 0.0) + sigma) if p.tag_id.endswith("pressure") else p for p in rows]
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, tiny.at(minutes), tiny.decoded(drifted))
    pipeline.tick(tiny.at(minutes))
    found = drifting.look(rooms, tiny.at(minutes))
    assert set(found) == {ODD}
    assert "pressure" in found[ODD].told
    assert "flow" not in found[ODD].told
    reading = {r.name: r for r in model_readings(rooms, tiny.at(minutes))}[health.DRIFT]
    assert (reading.value, "pressure" in reading.detail) == (1, True)
    assert champion(rooms) == first


def test_what_was_seen_before_a_start_counts_after_it(trained_rooms: Rooms) -> None:
    rooms, half = trained_rooms, 12 * 60
    rows = tiny.pump_points(tiny.PUMP, 0, 24 * 60)
    drifted = [p._replace(value=(p.value or 0.0) + 0.3) if p.tag_id.endswith("pressure") else p for p in rows]
    noted = []
    for start, stop in ((0, half), (half, half + 60)):
        rooms.models = ModelShelf(rooms.models.folder, rooms.ledger)
        pipeline = Pipeline(rooms, {}, tiny.T0)
        some = [p for p in drifted if tiny.at(start) <= from_ns(p.at) < tiny.at(stop)]
        tiny.accept(rooms, tiny.at(stop), tiny.decoded(some))
        pipeline.tick(tiny.at(stop))
        drifting.look(rooms, tiny.at(stop))
        (held,) = (b.recent for b in rooms.models.held() if b.name == ODD)
        assert held is not None
        noted.append(len(held.bins(to_ns(tiny.at(stop)))))
    assert noted[1] >= noted[0] + 60 // 5 - 3
    assert "pressure" in drifting.noted(rooms)[ODD].told


def test_a_quiet_day_is_no_drift(trained_rooms: Rooms) -> None:
    minutes = 24 * 60
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, tiny.at(minutes), tiny.decoded(tiny.pump_points(tiny.PUMP, 0, minutes)))
    pipeline.tick(tiny.at(minutes))
    assert drifting.look(trained_rooms, tiny.at(minutes)) == {}
