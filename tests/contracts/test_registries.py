"""Every registry key resolves to what it promises."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from alerts import NOTIFIERS
from collectors import COLLECTORS
from detectors import DETECTORS, detector_class
from features import FEATURE_SETS
from features.settings import FeatureSettings
from store import POINT_STORES, open_points


@pytest.mark.parametrize("kind", sorted(DETECTORS))
def test_a_detectors_key_is_its_module(kind: str) -> None:
    found = detector_class(kind)
    assert found.__module__ == f"detectors.{kind}"
    assert found.__name__ == DETECTORS[kind]
    assert all(callable(getattr(found, name)) for name in ("train", "score", "dump", "load"))


def test_an_unknown_detector_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        detector_class("crystal_ball")


@pytest.mark.parametrize("kind", sorted(NOTIFIERS))
def test_a_notifiers_key_is_its_module(kind: str) -> None:
    found = getattr(import_module(f"alerts.{kind}"), NOTIFIERS[kind])
    assert found.__module__ == f"alerts.{kind}"
    assert all(callable(getattr(found, name)) for name in ("start", "stop", "send"))


@pytest.mark.parametrize("kind", sorted(COLLECTORS))
def test_a_collectors_key_is_its_module(kind: str) -> None:
    module, _, name = COLLECTORS[kind].partition(":")
    assert module == f"collectors.{kind}"
    assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("kind", sorted(POINT_STORES))
def test_a_point_stores_key_is_its_module_and_it_opens(kind: str, tmp_path: Path) -> None:
    module, _, name = POINT_STORES[kind].partition(":")
    assert module == f"store.{kind}"
    store = open_points(kind, tmp_path)
    assert type(store).__name__ == name
    store.start()  # a server need not be there for that
    store.stop()
    store.stop()


@pytest.mark.parametrize("name", sorted(FEATURE_SETS))
def test_a_feature_set_names_calculators_of_tsfresh_or_of_its_own_once_each(name: str) -> None:
    from tsfresh.feature_extraction import feature_calculators

    from features.kernels import trailing

    chosen = FEATURE_SETS[name]
    assert 1 <= len(chosen) == len(set(chosen))
    for calculator, _ in chosen:
        if calculator in trailing.GROUP.calculators:
            assert not hasattr(feature_calculators, calculator)
            continue
        function = getattr(feature_calculators, calculator)
        assert function.fctype in ("simple", "combiner")


def test_the_config_offers_exactly_the_feature_sets_there_are() -> None:
    assert set(get_args(FeatureSettings.model_fields["calculators"].annotation)) == set(FEATURE_SETS)
