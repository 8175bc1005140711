"""The whole config: one folder in, frozen settings and the plant out, or every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from alerts import silence
from alerts.delivery_settings import DeliverySettings, RouteSettings, ShiftSettings, WatchdogSettings
from alerts.health import with_own
from alerts.settings import NotifierSettings
from alerts.watchdog import CANARY_RULE, with_canary
from app import faults as f
from app import mqtt_files, secrets
from app.beats import cron_fault
from app.delivery_faults import delivery_faults
from app.feature_faults import derived_faults, hypothesis_faults, input_faults, span_faults, window_faults
from app.inbox_settings import InboxSettings
from app.keeping_settings import KeepingSettings
from app.lot_settings import LotSettings, ResultSettings, lot_faults
from app.mqtt_names import name_faults
from app.plant_files import read_plant
from app.rule_file import RULES, Known, read_rules
from app.spans import units
from collectors.settings import FormatSettings, MqttSettings
from dashboard.settings import ConsoleSettings
from detectors import DETECTORS
from detectors.life_settings import ModelsSettings
from detectors.settings import DetectorSettings
from detectors.symptoms import is_of_lots
from domain.alerting import Rule
from domain.errors import ConfigError, Fault
from domain.instants import parse_duration
from domain.lots import Judged, LotColumns
from domain.plant import AssetClass, Axis, Plant
from domain.shifts import parse_start
from features.settings import DerivedSettings, FeatureSettings, HypothesisSettings
from store import POINT_STORES, SHARED
from store.ledger_settings import LedgerSettings
from store.settings import DuckDBSettings, InfluxSettings

STRICT = ConfigDict(frozen=True, extra="forbid")
PASSWORDS: Final[Mapping[str, str]] = {  # section -> environment variable
    "mqtt": "FOREWARN_MQTT_PASSWORD",
    "influxdb": "FOREWARN_INFLUXDB_PASSWORD",
    "ledger": "FOREWARN_LEDGER_PASSWORD",
}


class PlantSettings(BaseModel):
    """`[plant]`: its name, its time zone for display, the language of messages, and when its shifts begin."""

    model_config = STRICT
    name: str = "Plant"
    zone: str = "UTC"
    language: Literal["en", "ko"] = "en"
    shifts: tuple[str, ...] = ()

    @field_validator("shifts")
    @classmethod
    def _are_hours(cls, starts: tuple[str, ...]) -> tuple[str, ...]:
        if list(map(parse_start, starts)) != sorted(set(map(parse_start, starts))):
            raise ValueError("must be hours in order, each once")
        return starts

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"not a time zone{f.suggest(zone, available_timezones())}")
        return zone


class DataSettings(BaseModel):
    """`[data]`: where everything is kept, and which telemetry store holds it."""

    model_config = STRICT
    folder: str = ".forewarn"
    telemetry: str = "duckdb"

    @field_validator("telemetry")
    @classmethod
    def _is_store(cls, kind: str) -> str:
        if kind not in POINT_STORES:
            raise ValueError(f"none of {', '.join(POINT_STORES)}{f.suggest(kind, POINT_STORES)}")
        return kind


class RunSettings(BaseModel):
    """`[run]`: how often the service does its work, in seconds, and how far back (days) late data revise scores."""

    model_config = STRICT
    drain_s: Annotated[float, Field(gt=0)] = 0.5
    roll_up_s: Annotated[float, Field(gt=0)] = 3600.0
    tick_s: Annotated[float, Field(gt=0)] = 2.0
    dispatch_s: Annotated[float, Field(gt=0)] = 1.0
    drain_items: Annotated[int, Field(ge=1)] = 50_000
    revise_days: Annotated[float, Field(ge=0)] = 7.0


class EvaluateSettings(BaseModel):
    """`[evaluate]`: how history is split to judge a model; a detector may override it."""

    model_config = STRICT
    split: Literal["time", "unit", "batch", "stratified", "given"] = "time"


class ClassSettings(BaseModel):
    """One `[[classes]]` entry. horizon, lead, recovery and relearn are cycles (a number) or durations ("6h"), as the
    axis asks; "" is none.
    """

    model_config = STRICT
    name: Annotated[str, Field(min_length=1)]
    axis: Axis = Axis.TIME
    cycle: str = ""
    horizon: int | str
    lead: int | str
    period: str = "60s"
    lateness: str = "0s"
    recovery: int | str = ""
    relearn: int | str = ""

    @field_validator("period")
    @classmethod
    def _is_positive(cls, text: str) -> str:
        if parse_duration(text) <= timedelta(0):
            raise ValueError("must be longer than 0")
        return text

    @field_validator("lateness")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        parse_duration(text)
        return text

    def build(self) -> AssetClass:
        """Return the class; raises ValueError where spans do not fit the axis."""
        if self.axis is Axis.CYCLE and not self.cycle:
            raise ValueError("a class on the cycle axis needs `cycle`, the nominal duration of one cycle")
        horizon, lead = units(self.horizon, self.axis), units(self.lead, self.axis)
        if not 0 <= lead < horizon:
            raise ValueError(f"`lead` {self.lead} must be shorter than `horizon` {self.horizon}")
        return AssetClass(
            self.name,
            self.axis,
            horizon,
            lead,
            parse_duration(self.period),
            parse_duration(self.lateness),
            parse_duration(self.cycle) if self.cycle else None,
            *(0 if span == "" else units(span, self.axis) for span in (self.recovery, self.relearn)),
        )


class Root(BaseModel):
    """forewarn.toml as a whole."""

    model_config = STRICT
    plant: PlantSettings = PlantSettings()
    data: DataSettings = DataSettings()
    duckdb: DuckDBSettings = DuckDBSettings()
    influxdb: InfluxSettings = InfluxSettings()
    ledger: LedgerSettings = LedgerSettings()
    keeping: KeepingSettings = KeepingSettings()
    run: RunSettings = RunSettings()
    mqtt: MqttSettings = MqttSettings()
    inbox: InboxSettings = InboxSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    models: ModelsSettings = ModelsSettings()
    console: ConsoleSettings = ConsoleSettings()
    formats: tuple[FormatSettings, ...] = ()
    classes: tuple[ClassSettings, ...] = ()
    lots: tuple[LotSettings, ...] = ()
    results: tuple[ResultSettings, ...] = ()
    derived: tuple[DerivedSettings, ...] = ()
    features: tuple[FeatureSettings, ...] = ()
    hypotheses: tuple[HypothesisSettings, ...] = ()
    detectors: tuple[DetectorSettings, ...] = ()
    notifiers: tuple[NotifierSettings, ...] = ()
    delivery: DeliverySettings = DeliverySettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    shifts: tuple[ShiftSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Everything the config says, checked as a whole."""

    folder: Path
    root: Root
    plant: Plant
    rules: tuple[Rule, ...]

    @property
    def data_folder(self) -> Path:
        """Where data is kept; a relative folder is below the working directory."""
        return Path(self.root.data.folder)

    @property
    def collector_folder(self) -> Path:
        """Where the MQTT collector keeps births and sequence numbers."""
        return self.data_folder / "collector"

    @property
    def zone(self) -> ZoneInfo:
        """The plant's time zone."""
        return ZoneInfo(self.root.plant.zone)

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The plant's rules, and those by which Forewarn watches itself."""
        return (*with_own(self.rules), CANARY_RULE, silence.RULE)

    @property
    def watched(self) -> Plant:
        """The plant with what Forewarn tests itself on, which no page shows."""
        return with_canary(self.plant)

    def detector(self, name: str) -> DetectorSettings:
        """Return a detector by name; raises KeyError."""
        return {d.name: d for d in self.root.detectors}[name]

    def feature_set(self, name: str) -> FeatureSettings:
        """Return a feature set by name; raises KeyError."""
        return {x.name: x for x in self.root.features}[name]

    def lot_columns(self, asset_class: str) -> LotColumns:
        """Return what the columns of a class's lots are for; of tags, tags.csv says which are controllable."""
        found = next((x.build() for x in self.root.lots if x.asset_class == asset_class), LotColumns())
        tags = [tag for a in self.plant.of_class(asset_class) for tag in self.plant.tags[a.path].values()]
        own = sorted({tag.name for tag in tags if tag.is_controllable})
        return replace(found, controllable=(*found.controllable, *own))

    def judged(self, asset_class: str, result: str) -> Judged:
        """Return how a result of a class's lots is judged."""
        found = (x.build() for x in self.root.results if (x.asset_class, x.name) == (asset_class, result))
        return next(found, Judged(result))


def load(folder: Path, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """Read and check a config folder; raises ConfigError with every fault found.

    overrides: section -> key -> value, laid over forewarn.toml by the command line.
    """
    f.refuse_missing(folder)
    toml = folder / "forewarn.toml"
    data, toml_faults = f.read_toml(toml)
    faults = list(toml_faults)
    for section, variable in PASSWORDS.items():
        faults += secrets.fill_in(data, section, variable, os.environ, toml)
    for section, values in (overrides or {}).items():
        data[section] = {**data.get(section, {}), **values}
    if isinstance(data.get("mqtt", {}), dict):
        data["mqtt"] = mqtt_files.with_paths(data.get("mqtt", {}), toml)
    root, found = f.build(Root, data, str(toml)) if not toml_faults else (None, [])
    undecided = f.undecided(data, str(toml))
    found = [*undecided, *(fault for fault in found if fault.key not in {u.key for u in undecided})]
    faults += found
    classes, class_faults = _classes(root.classes if root else _readable_classes(data), str(toml))
    known = classes | {n: _placeholder(n) for n in _class_names(data) if n not in classes}
    plant, plant_faults = read_plant(folder, known)
    # Where forewarn.toml cannot be read, that it lacks the classes is no fault of the tables.
    faults += [*class_faults, *(x for x in plant_faults if not toml_faults or x.key != "class")]
    if root is not None:
        faults += _feature_faults(root, known, plant, str(toml))
        faults += [*_detector_faults(root, known, str(toml)), *_name_faults(root, str(toml))]
        faults += [*mqtt_files.tls_faults(root.mqtt, str(toml)), *name_faults(root.mqtt, plant, str(toml))]
        faults += [*_keeping_faults(root, str(toml)), *_key_faults(root, str(toml))]
        faults += delivery_faults(root.notifiers, root.routes, root.shifts, root.watchdog, root.delivery, str(toml))
    rules, rule_faults = read_rules(folder / RULES, None if root is None else known_of(root, known, plant))
    faults += rule_faults
    if faults or root is None:
        raise ConfigError(faults)
    return Settings(folder, root, plant, rules)


def known_of(root: Root, classes: Mapping[str, AssetClass], plant: Plant) -> Known:
    """Return what rules may name."""
    detectors = {d.name: d.asset_class for d in root.detectors}
    return Known(plant, classes, detectors, tuple(n.name for n in root.notifiers))


def _classes(found: Sequence[ClassSettings], file: str) -> tuple[dict[str, AssetClass], list[Fault]]:
    classes: dict[str, AssetClass] = {}
    faults = []
    for i, each in enumerate(found):
        try:
            if each.name in classes:
                raise ValueError("stands twice")
            classes[each.name] = each.build()
        except ValueError as error:
            faults.append(Fault(file, f"classes[{i}]", each.name, str(error)))
    return classes, faults


def _readable_classes(data: Mapping[str, Any]) -> list[ClassSettings]:
    """Return the classes that can be read from a file that has faults, so that the tables are checked all the same."""
    entries = data.get("classes")
    built = (
        [f.build(ClassSettings, e, "")[0] for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    )
    return [each for each in built if each is not None]


def _class_names(data: Mapping[str, Any]) -> list[str]:
    entries = data.get("classes")
    return [str(e["name"]) for e in entries if isinstance(e, dict) and "name" in e] if isinstance(entries, list) else []


def _placeholder(name: str) -> AssetClass:
    """Stand in for a class that has a fault of its own, so that its assets are not called unknown."""
    return AssetClass(name, Axis.TIME, 2**62, 0, timedelta(minutes=1))


def _name_faults(root: Root, file: str) -> list[Fault]:
    named = {
        "features": [x.name for x in root.features],
        "detectors": [x.name for x in root.detectors],
        "notifiers": [x.name for x in root.notifiers],
        "shifts": [x.name for x in root.shifts],
        "formats": [x.name for x in root.formats],
    }
    return [
        Fault(file, f"{section}[{i}].name", name, "stands twice")
        for section, names in named.items()
        for i, name in enumerate(names)
        if names.count(name) > 1
    ]


def _feature_faults(root: Root, classes: Mapping[str, AssetClass], plant: Plant, file: str) -> list[Fault]:
    faults = [
        *span_faults(root.features, classes, file),
        *input_faults(root.features, classes, plant, file),
        *window_faults(root.features, root.derived, classes, plant, file),
        *derived_faults(root.derived, root.features, classes, plant, file),
        *lot_faults(root.lots, root.results, root.features, root.detectors, classes, file),
    ]
    if faults or _detector_faults(root, classes, file):
        return faults
    return list(hypothesis_faults(root.hypotheses, root.detectors, root.derived, root.features, plant, file))


def _detector_faults(root: Root, classes: Mapping[str, AssetClass], file: str) -> list[Fault]:
    faults = []
    sets = {x.name: x for x in root.features}
    for i, d in enumerate(root.detectors):
        key = f"detectors[{i}]"
        if d.kind not in DETECTORS:
            faults.append(_unknown(file, f"{key}.kind", d.kind, "kind of detector", DETECTORS))
        if d.asset_class not in classes:
            faults.append(_unknown(file, f"{key}.asset_class", d.asset_class, "class", classes))
        if d.features not in sets:
            faults.append(_unknown(file, f"{key}.features", d.features, "feature set", sets))
        elif sets[d.features].asset_class != d.asset_class:
            rule = f"the feature set is of class {sets[d.features].asset_class!r}"
            faults.append(Fault(file, f"{key}.features", d.features, rule))
        if fault := cron_fault(d.retrain.at):
            faults.append(Fault(file, f"{key}.retrain.at", d.retrain.at, fault))
        if (d.split or root.evaluate.split) == "stratified" and d.kind in DETECTORS and not is_of_lots(d):
            rule = (
                '"stratified" splits single lots, and windows of an asset would tell of one another: "time" or "unit"'
            )
            faults.append(Fault(file, f"{key}.split", d.split or root.evaluate.split, rule))
        try:
            if d.remaining_life != "" and d.asset_class in classes:
                units(d.remaining_life, classes[d.asset_class].axis)
        except ValueError as error:
            faults.append(Fault(file, f"{key}.remaining_life", str(d.remaining_life), str(error)))
        try:
            parse_duration(d.embargo)
        except ValueError as error:
            faults.append(Fault(file, f"{key}.embargo", d.embargo, str(error)))
    return faults


def _key_faults(root: Root, file: str) -> list[Fault]:
    if root.models.file is not None and not root.models.file.is_file():
        return [Fault(file, "models.key_file", root.models.key_file, "the file does not exist")]
    return []


def _keeping_faults(root: Root, file: str) -> list[Fault]:
    if root.keeping.raw_max_mb and root.data.telemetry in SHARED:
        rule = f"{root.data.telemetry} keeps tag values on a disk of its own: bound them by the retention there"
        return [Fault(file, "keeping.raw_max_mb", str(root.keeping.raw_max_mb), rule)]
    return []


def _unknown(file: str, key: str, value: str, what: str, known: Any) -> Fault:
    return Fault(file, key, repr(value), f"no such {what}{f.suggest(value, known)}")
