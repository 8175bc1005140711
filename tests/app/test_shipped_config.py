"""The example config names every key, and the values it shows for the single sections are the real defaults."""

from __future__ import annotations

import re
import tomllib

import pytest
from pydantic import BaseModel

from alerts.delivery_settings import RouteSettings, ShiftSettings
from alerts.rules import RuleSettings
from alerts.settings import NotifierSettings
from app.lot_settings import LotSettings, ResultSettings
from app.paths import bundled_config
from app.settings import ClassSettings, Root, load
from collectors.mqtt_settings import TopicSettings
from collectors.settings import FormatSettings
from detectors.settings import DetectorSettings, StabilitySettings, SymptomSettings
from features.settings import DerivedSettings, FeatureSettings, HypothesisSettings, ModeSettings

SECTIONS = (
    "plant",
    "data",
    "duckdb",
    "influxdb",
    "ledger",
    "keeping",
    "run",
    "mqtt",
    "inbox",
    "evaluate",
    "models",
    "console",
    "delivery",
    "watchdog",
)
ENTRIES: dict[str, type[BaseModel]] = {
    "formats": FormatSettings,
    "classes": ClassSettings,
    "lots": LotSettings,
    "results": ResultSettings,
    "derived": DerivedSettings,
    "features": FeatureSettings,
    "detectors": DetectorSettings,
    "hypotheses": HypothesisSettings,
    "notifiers": NotifierSettings,
    "shifts": ShiftSettings,
    "routes": RouteSettings,
}


def shipped(name: str = "forewarn.toml") -> dict[str, object]:
    return tomllib.loads((bundled_config() / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_section_is_shown_with_its_default(section: str) -> None:
    defaults = getattr(Root(), section).model_dump(mode="json")
    defaults.pop("password", None)  # a secret is never dumped
    found = dict(shipped()[section])  # type: ignore[call-overload]
    found.pop("password", None)
    if section == "mqtt":
        found["topics"] = defaults["topics"]  # an example: held against its keys below
    assert found == defaults


def test_every_key_of_a_topic_is_shown() -> None:
    (example,) = shipped()["mqtt"]["topics"]  # type: ignore[index]
    commented = set(re.findall(r"^# (\w+) = ", (bundled_config() / "forewarn.toml").read_text(), re.MULTILINE))
    optional = {"records_path", "values_path", "name_path"}
    assert set(example) | optional == set(TopicSettings.model_fields)
    assert optional <= commented


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_key_of_an_entry_is_shown(entry: str) -> None:
    first = shipped()[entry][0]  # type: ignore[index]
    assert set(first) == {f.alias or name for name, f in ENTRIES[entry].model_fields.items()}


def test_every_key_of_a_rule_is_shown() -> None:
    rules = shipped("rules.toml")["rules"]
    shown = {key for rule in rules for key in rule}  # type: ignore[union-attr]
    assert shown | {"any"} == {f.alias or name for name, f in RuleSettings.model_fields.items()}
    assert "[[rules.any]]" in (bundled_config() / "rules.toml").read_text(encoding="utf-8")


def test_nothing_but_these_sections_exists() -> None:
    assert set(shipped()) == {*SECTIONS, *ENTRIES} == set(Root.model_fields)


def test_the_stability_of_a_screening_is_shown_with_its_defaults() -> None:
    assert shipped()["detectors"][0]["stability"] == StabilitySettings().model_dump()  # type: ignore[index]


@pytest.mark.parametrize(
    ("entry", "table", "settings"), [("detectors", "symptom", SymptomSettings()), ("features", "mode", ModeSettings())]
)
def test_a_table_of_an_entry_is_shown_with_its_defaults(entry: str, table: str, settings: BaseModel) -> None:
    assert shipped()[entry][0][table] == settings.model_dump(mode="json", by_alias=True)  # type: ignore[index]


@pytest.mark.parametrize("folder", ["", "demo"])
def test_shipped_configs_have_no_fault(folder: str) -> None:
    assert load(bundled_config() / folder).plant.assets
