"""Bundles on disk: complete or absent, verified before parsed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from detectors import bundle, detector_class
from detectors.bundle import Bundle
from domain.errors import ModelError
from domain.scores import Detector
from tests.detectors import planted

ABOUT = {"trained": "some day"}


@pytest.fixture(scope="module")
def trained() -> dict[str, Detector]:
    sources = {"failure_lightgbm": planted.failures, "quality_ridge": planted.lots, "anomaly_hbos": planted.normal}
    return {kind: detector_class(kind).train(made(), {}, planted.aids()) for kind, made in sources.items()}


def _bundle(trained: dict[str, Detector], kind: str = "failure_lightgbm") -> Bundle:
    detector = trained[kind]
    return bundle.bundle_of("my-detector", kind, planted.feature_set(detector.names), detector)


@pytest.mark.parametrize("kind", ["failure_lightgbm", "quality_ridge", "anomaly_hbos"])
def test_what_was_saved_loads_with_bit_equal_scores(trained: dict[str, Detector], kind: str, tmp_path: Path) -> None:
    made = _bundle(trained, kind)
    assert bundle.save(made, tmp_path, ABOUT) == tmp_path / "my-detector" / made.model_id
    again = bundle.load(tmp_path, "my-detector", made.model_id)
    assert (again.name, again.kind, again.features, again.model_id) == (
        "my-detector",
        kind,
        made.features,
        made.model_id,
    )
    asked = planted.vectors(np.random.default_rng(3).normal(size=(50, len(made.detector.names))), made.detector.names)
    one, two = made.detector.score(asked), again.detector.score(asked)
    for part in ("value", "low", "high", "raw", "contributions"):
        assert getattr(one, part).tobytes() == getattr(two, part).tobytes()
    assert (one.base, one.scale) == (two.base, two.scale)
    assert (again.detector.threshold, again.detector.clear_threshold) == (
        made.detector.threshold,
        made.detector.clear_threshold,
    )


def test_a_flipped_byte_anywhere_is_refused(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained)
    target = bundle.save(made, tmp_path, ABOUT)
    files = [f for f in sorted(target.rglob("*")) if f.is_file() and f.name != "about.json"]
    assert {"checksum", "bundle.json", "head.json", "lightgbm.txt"} <= {f.name for f in files}
    random = np.random.default_rng(6)
    for file in files:
        whole = file.read_bytes()
        for place in {0, len(whole) - 1, *random.integers(0, len(whole), 4).tolist()}:
            for flip in (0x01, 0x80):
                damaged = bytearray(whole)
                damaged[place] ^= flip
                file.write_bytes(bytes(damaged))
                with pytest.raises(ModelError):
                    bundle.load(tmp_path, "my-detector", made.model_id)
        file.write_bytes(whole)
    bundle.load(tmp_path, "my-detector", made.model_id)


def test_a_truncated_tree_is_refused_before_it_is_parsed(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained)
    tree = bundle.save(made, tmp_path, ABOUT) / "model" / "0" / "lightgbm.txt"
    tree.write_bytes(tree.read_bytes()[:-500])
    with pytest.raises(ModelError, match="damaged"):
        bundle.load(tmp_path, "my-detector", made.model_id)


def test_a_file_more_or_less_is_refused(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained)
    target = bundle.save(made, tmp_path, ABOUT)
    (target / "model" / "extra.txt").write_text("x")
    with pytest.raises(ModelError, match="damaged"):
        bundle.load(tmp_path, "my-detector", made.model_id)
    (target / "model" / "extra.txt").unlink()
    (target / "model" / "head.json").unlink()
    with pytest.raises(ModelError, match="damaged"):
        bundle.load(tmp_path, "my-detector", made.model_id)


def test_a_model_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not in"):
        bundle.load(tmp_path, "my-detector", "0123456789abcdef")


def test_a_bundle_under_another_models_id_is_refused(trained: dict[str, Detector], tmp_path: Path) -> None:
    target = bundle.save(_bundle(trained), tmp_path, ABOUT)
    target.rename(target.with_name("0123456789abcdef"))
    with pytest.raises(ModelError, match="damaged"):
        bundle.load(tmp_path, "my-detector", "0123456789abcdef")


def _rewritten(target: Path, **changes: object) -> str:
    """Change the bundle's head and make its checksum fit; returns the id it then has."""
    head = json.loads((target / "bundle.json").read_text())
    (target / "bundle.json").write_text(json.dumps(head | changes, sort_keys=True))
    files = [f for f in target.rglob("*") if f.is_file() and f.name not in ("checksum", "about.json")]
    found = bundle.hash_of({f.relative_to(target).as_posix(): f.read_bytes() for f in files})
    (target / "checksum").write_text(found)
    target.rename(target.with_name(found[:16]))
    return found[:16]


def test_an_unknown_kind_is_refused_by_name(trained: dict[str, Detector], tmp_path: Path) -> None:
    model_id = _rewritten(bundle.save(_bundle(trained), tmp_path, ABOUT), kind="crystal_ball")
    with pytest.raises(ModelError, match="crystal_ball"):
        bundle.load(tmp_path, "my-detector", model_id)


def test_a_feature_set_that_is_not_the_stated_one_is_refused(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained)
    wider = planted.feature_set((*made.features.names, *planted.tag_names(1, "median")))
    model_id = _rewritten(bundle.save(made, tmp_path, ABOUT), features=wider.as_json())
    with pytest.raises(ModelError, match="hash"):
        bundle.load(tmp_path, "my-detector", model_id)
    again = bundle.save(made, tmp_path, ABOUT)
    model_id = _rewritten(again, features=wider.as_json(), feature_set_hash=wider.hash)
    with pytest.raises(ModelError, match="columns"):
        bundle.load(tmp_path, "my-detector", model_id)


def test_equal_trainings_have_equal_ids_and_what_is_told_about_them_does_not_count(
    trained: dict[str, Detector], tmp_path: Path
) -> None:
    made = _bundle(trained, "quality_ridge")
    detector = detector_class("quality_ridge").train(planted.lots(), {}, planted.aids())
    again = bundle.bundle_of("my-detector", "quality_ridge", planted.feature_set(detector.names), detector)
    assert again.model_id == made.model_id
    target = bundle.save(made, tmp_path, ABOUT)
    (target / "about.json").write_text('{"trained": "another day"}')
    assert bundle.load(tmp_path, "my-detector", made.model_id).model_id == made.model_id


def test_the_id_covers_model_features_and_name(trained: dict[str, Detector]) -> None:
    made = _bundle(trained, "quality_ridge")
    longer = type(made.features)("planted", made.features.axis, 11, 1, 0.8, made.features.names)
    other = detector_class("quality_ridge").train(planted.lots(seed=6), {}, planted.aids())
    ids = {
        made.model_id,
        bundle.bundle_of("my-detector", "quality_ridge", longer, made.detector).model_id,
        bundle.bundle_of("another", "quality_ridge", made.features, made.detector).model_id,
        bundle.bundle_of("my-detector", "quality_ridge", planted.feature_set(other.names), other).model_id,
    }
    assert len(ids) == 4


def test_saving_twice_leaves_one_whole_bundle(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained, "anomaly_hbos")
    bundle.save(made, tmp_path, ABOUT)
    bundle.save(made, tmp_path, ABOUT)
    assert [f.name for f in (tmp_path / "my-detector").iterdir()] == [made.model_id]
