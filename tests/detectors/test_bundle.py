"""Bundles on disk: complete or absent, verified before parsed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from detectors import bundle, detector_class, signing
from detectors.bundle import Bundle
from domain.errors import ModelError
from domain.scores import Detector
from tests.detectors import planted

ABOUT = {"trained": "some day"}


@pytest.fixture(scope="module")
def trained() -> dict[str, Detector]:
    sources = {"failure_lightgbm": planted.failures, "quality_tournament": planted.lots, "anomaly_hbos": planted.normal}
    return {kind: detector_class(kind).train(made(), {}, planted.aids()) for kind, made in sources.items()}


def _bundle(trained: dict[str, Detector], kind: str = "failure_lightgbm") -> Bundle:
    detector = trained[kind]
    return bundle.bundle_of("my-detector", kind, planted.feature_set(detector.names), detector)


@pytest.mark.parametrize("kind", ["failure_lightgbm", "quality_tournament", "anomaly_hbos"])
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
    assert {"signature", "bundle.json", "head.json", "lightgbm.txt"} <= {f.name for f in files}
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
    """Change the bundle's head, and sign it anew under the id that it then has, which is returned."""
    head = json.loads((target / "bundle.json").read_text())
    (target / "bundle.json").write_text(json.dumps(head | changes, sort_keys=True))
    files = [f for f in target.rglob("*") if f.is_file() and f.name not in bundle.BESIDE]
    model_id = bundle.hash_of({f.relative_to(target).as_posix(): f.read_bytes() for f in files})[:16]
    target.rename(target.with_name(model_id))
    bundle.sign(target.parent.parent, target.parent.name, model_id)
    return model_id


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
    made = _bundle(trained, "quality_tournament")
    detector = detector_class("quality_tournament").train(planted.lots(), {}, planted.aids())
    again = bundle.bundle_of("my-detector", "quality_tournament", planted.feature_set(detector.names), detector)
    assert again.model_id == made.model_id
    target = bundle.save(made, tmp_path, ABOUT)
    (target / "about.json").write_text('{"trained": "another day"}')
    assert bundle.load(tmp_path, "my-detector", made.model_id).model_id == made.model_id


def test_the_id_covers_model_features_and_name(trained: dict[str, Detector]) -> None:
    made = _bundle(trained, "quality_tournament")
    longer = type(made.features)("planted", made.features.axis, 11, 1, 0.8, made.features.names)
    other = detector_class("quality_tournament").train(planted.lots(seed=6), {}, planted.aids())
    ids = {
        made.model_id,
        bundle.bundle_of("my-detector", "quality_tournament", longer, made.detector).model_id,
        bundle.bundle_of("another", "quality_tournament", made.features, made.detector).model_id,
        bundle.bundle_of("my-detector", "quality_tournament", planted.feature_set(other.names), other).model_id,
    }
    assert len(ids) == 4


def test_saving_twice_leaves_one_whole_bundle(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained, "anomaly_hbos")
    bundle.save(made, tmp_path, ABOUT)
    bundle.save(made, tmp_path, ABOUT)
    assert [f.name for f in (tmp_path / "my-detector").iterdir()] == [made.model_id]


def test_another_key_is_refused_and_signing_by_hand_makes_it_good(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained, "anomaly_hbos")
    bundle.save(made, tmp_path, ABOUT, b"k" * 32)
    with pytest.raises(ModelError, match="this plant's key"):
        bundle.load(tmp_path, "my-detector", made.model_id)
    assert bundle.load(tmp_path, "my-detector", made.model_id, b"k" * 32).model_id == made.model_id
    bundle.sign(tmp_path, "my-detector", made.model_id)
    assert bundle.load(tmp_path, "my-detector", made.model_id).model_id == made.model_id


def test_a_bundle_without_a_signature_is_refused(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained, "anomaly_hbos")
    (bundle.save(made, tmp_path, ABOUT) / "signature").unlink()
    with pytest.raises(ModelError, match="not signed"):
        bundle.load(tmp_path, "my-detector", made.model_id)


def test_a_model_of_another_detector_is_refused_in_its_place(trained: dict[str, Detector], tmp_path: Path) -> None:
    """Whole and signed, but for another name: a replay."""
    made = _bundle(trained, "anomaly_hbos")
    target = bundle.save(made, tmp_path, ABOUT)
    (tmp_path / "other").mkdir()
    target.rename(tmp_path / "other" / made.model_id)
    with pytest.raises(ModelError, match="this plant's key"):
        bundle.load(tmp_path, "other", made.model_id)


def test_an_older_model_in_the_place_of_a_newer_one_is_refused(trained: dict[str, Detector], tmp_path: Path) -> None:
    old, new = _bundle(trained, "anomaly_hbos"), _bundle(trained, "quality_tournament")
    place = bundle.save(new, tmp_path, ABOUT)
    shutil.rmtree(place)
    shutil.copytree(bundle.save(old, tmp_path, ABOUT), place)
    with pytest.raises(ModelError, match="damaged"):
        bundle.load(tmp_path, "my-detector", new.model_id)


@pytest.mark.parametrize("name", ["model/model.joblib", "model.pkl", "model/model.skops", "head"])
def test_a_file_of_another_form_is_refused(trained: dict[str, Detector], tmp_path: Path, name: str) -> None:
    """A signature by hand does not help either: nothing of ours reads such a file."""
    made = _bundle(trained, "anomaly_hbos")
    (bundle.save(made, tmp_path, ABOUT) / name).write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(ModelError, match="no part of a bundle"):
        bundle.load(tmp_path, "my-detector", made.model_id)
    with pytest.raises(ModelError, match="no part of a bundle"):
        bundle.sign(tmp_path, "my-detector", made.model_id)


def test_a_link_is_not_followed(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained, "anomaly_hbos")
    head = bundle.save(made, tmp_path, ABOUT) / "model" / "head.json"
    head.rename(tmp_path / "elsewhere.json")
    head.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ModelError, match="no part of a bundle"):
        bundle.load(tmp_path, "my-detector", made.model_id)


def test_the_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "models" / "signing.key"
    key = signing.key_at(file)
    assert (len(key), file.stat().st_mode & 0o777) == (32, 0o600)
    assert signing.key_at(file) == key
    assert [f.name for f in file.parent.iterdir()] == ["signing.key"]
    file.chmod(0o640)
    with pytest.raises(ModelError, match="read by others"):
        signing.key_at(file)


@pytest.mark.parametrize("text", ["", "secret", "ab" * 31])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ModelError, match="the key"):
        signing.key_at(file)


def test_a_damaged_bundle_is_replaced_when_the_same_model_is_trained_again(
    trained: dict[str, Detector], tmp_path: Path
) -> None:
    made = _bundle(trained, "anomaly_hbos")
    (bundle.save(made, tmp_path, ABOUT) / "model" / "head.json").write_bytes(b"{}")
    bundle.save(made, tmp_path, ABOUT)
    assert bundle.load(tmp_path, "my-detector", made.model_id).model_id == made.model_id
    assert [f.name for f in (tmp_path / "my-detector").iterdir()] == [made.model_id]


def test_what_was_loaded_once_is_proved_for_this_content_and_key(trained: dict[str, Detector], tmp_path: Path) -> None:
    made = _bundle(trained)
    target = bundle.save(made, tmp_path, ABOUT)
    assert not bundle.is_proved(tmp_path, "my-detector", made.model_id)
    bundle.prove(tmp_path, "my-detector", made.model_id)
    assert bundle.is_proved(tmp_path, "my-detector", made.model_id)
    assert not bundle.is_proved(tmp_path, "my-detector", made.model_id, b"k" * 32)
    (target / "proof").write_text("0" * 64)
    assert not bundle.is_proved(tmp_path, "my-detector", made.model_id)
