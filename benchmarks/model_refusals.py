"""The bar of models that must not be used (S15): damaged, signed by another, put in another's place, or crashing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import promotion
from app.promotion import PromotionError
from app.rooms import Rooms, opened
from benchmarks import model_gate, model_plant
from benchmarks.bars import Bars
from detectors import bundle
from domain.errors import ModelError
from store.scoring import ModelRow

DAY = timedelta(days=1)


def refused(bars: Bars, folder: Path) -> None:
    """Bad champions of a LightGBM detector and of an anomaly detector; the process that looks at them goes on."""
    settings = model_plant.plant(folder)
    outcome: dict[str, str] = {}
    with opened(settings) as rooms:
        begun = model_plant.now()
        model_plant.history(rooms, begun, 3600)
        good = model_plant.trained(rooms, 10, begun)
        bad = model_plant.trained(rooms, 11, begun + DAY)
        kept = rooms.models.folder / model_plant.ODD
        shutil.copytree(kept / bad, folder / "whole")
        for name, damage in _DAMAGES.items():
            shutil.rmtree(kept / bad, ignore_errors=True)
            shutil.copytree(folder / "whole", kept / bad)
            damage(kept / bad, kept / good)
            try:
                promotion.promote(rooms, bad, "bars", "is it refused?", begun)
                outcome[name] = "PROMOTED"
            except PromotionError:
                scores = rooms.models.champions()[model_plant.ODD].model_id
                outcome[name] = "refused" if scores == good else "NO CHAMPION"
        with _silence():
            for name, text in _texts().items():
                outcome[name] = _text_refused(rooms, text)
    holds = set(outcome.values()) == {"refused"}
    how = "S15; the last three are LightGBM texts that crash or mislead it, the crashing ones signed with the right key"
    bars.show(
        "bad models that a service refuses, its champion scoring on", outcome, "all refused; 0 crashes", holds, how
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Let nothing through that a crashing library prints, here and in child processes."""
    kept = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
        os.close(nowhere)


def _flip(target: Path, _good: Path) -> None:
    file = target / "model" / "head.json"
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 4
    file.write_bytes(bytes(data))


def _other_key(target: Path, _good: Path) -> None:
    bundle.sign(target.parent.parent, target.parent.name, target.name, b"another plant's key, 32 bytes ...")


def _replay(target: Path, good: Path) -> None:
    shutil.rmtree(target)
    shutil.copytree(good, target)


def _joblib(target: Path, _good: Path) -> None:
    (target / "model" / "model.joblib").write_bytes(b"\x80\x04cposix\nsystem\n(S'touch /tmp/never'\ntR.")


_DAMAGES: dict[str, Callable[[Path, Path], None]] = {
    "one bit": _flip,
    "another key": _other_key,
    "an older model in its place": _replay,
    "a joblib file": _joblib,
}


def _texts() -> dict[str, tuple[bytes, bool]]:
    """Return damaged parts of a LightGBM bundle, and whether somebody with the key signs them."""
    model = model_gate.learned(model_gate.fleet(1, 0), model_gate.ALL, 1)
    whole = model.dump()["0/lightgbm.txt"]
    lines = whole.decode().split("\n")
    wild = [("left_child=" + " ".join(["99999"] * 14)) if x.startswith("left_child=") else x for x in lines]
    return {
        "LightGBM text cut in half, signed": (whole[: len(whole) // 2], True),
        "LightGBM children that lead nowhere, signed": ("\n".join(wild).encode(), True),
        "LightGBM leaves with another sign": (whole.replace(b"leaf_value=-", b"leaf_value=", 1)[:-1] + b" ", False),
    }


def _text_refused(rooms: Rooms, damaged: tuple[bytes, bool]) -> str:
    """Put a damaged LightGBM bundle on the shelf and ask for it."""
    name, (text, is_signed) = "lightgbm", damaged
    model = model_gate.learned(model_gate.fleet(1, 0), model_gate.ALL, 1)
    features = rooms.models.champions()[model_plant.ODD].features
    own = type(features)("level", features.axis, features.window, features.step, features.min_coverage, model.names)
    made = bundle.bundle_of(name, "failure_lightgbm", own, model)
    target = bundle.save(made, rooms.models.folder, {})
    (target / "model" / "0" / "lightgbm.txt").write_bytes(text)
    model_id = made.model_id
    if is_signed:
        files = [f for f in target.rglob("*") if f.is_file() and f.name not in bundle.BESIDE]
        model_id = bundle.hash_of({f.relative_to(target).as_posix(): f.read_bytes() for f in files})[:16]
        target.rename(target.with_name(model_id))
        bundle.sign(rooms.models.folder, name, model_id)
    rooms.ledger.scoring.add_model(ModelRow(model_id, name, "champion", datetime.now(UTC), {}, datetime.now(UTC)))
    try:
        rooms.models.prove(name, model_id)
        return "LOADED"
    except ModelError:
        has_it = name in rooms.models.champions()
        return "LOADED" if has_it else "refused"
    finally:
        shutil.rmtree(rooms.models.folder / name)
