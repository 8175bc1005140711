"""Units: a number and the unit it came in to the number in the unit of its tag, for the pairs listed here only.

Invariant: nothing is converted by guessing; two units that are not of one row of `DIMENSIONS` do not fit each other.
Plants spell units in ways that unit libraries read differently (`C` is coulomb there, `bar(g)` unknown), hence a table.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, NamedTuple

from collectors.values import BadValueError
from domain.records import Reason

BOOLEAN_UNIT: Final = "bool"  # the unit in tags.csv of a tag that takes true and false, kept as 1 and 0


class Unit(NamedTuple):
    """A unit of a dimension: number * `factor` + `offset` is the number in the dimension's first unit."""

    dimension: str
    factor: float
    offset: float = 0.0


# dimension -> spellings (parted by blanks, `_` for a blank) -> factor and offset to the first unit
DIMENSIONS: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    "temperature": {
        "degC °C C ℃ celsius deg_C cel": (1.0, 0.0),
        "degF °F F ℉ fahrenheit deg_F": (5 / 9, -160 / 9),
        "K kelvin": (1.0, -273.15),
    },
    "pressure": {
        "bar": (1.0, 0.0),
        "mbar hPa": (1e-3, 0.0),
        "Pa": (1e-5, 0.0),
        "kPa": (1e-2, 0.0),
        "MPa": (10.0, 0.0),
        "psi lbf/in² lbf/in2": (0.0689475729316836, 0.0),
        "atm": (1.01325, 0.0),
        "kgf/cm² kgf/cm2": (0.980665, 0.0),
    },
    "gauge pressure": {
        "barg bar(g)": (1.0, 0.0),
        "kPag kPa(g)": (1e-2, 0.0),
        "psig psi(g)": (0.0689475729316836, 0.0),
    },
    "length": {
        "mm": (1.0, 0.0),
        "µm um micron": (1e-3, 0.0),
        "cm": (10.0, 0.0),
        "m": (1000.0, 0.0),
        'in inch " ″': (25.4, 0.0),
        "ft foot": (304.8, 0.0),
        "mil thou": (0.0254, 0.0),
    },
    "fraction": {"1 fraction ratio": (1.0, 0.0), "% pct percent": (0.01, 0.0), "‰": (0.001, 0.0), "ppm": (1e-6, 0.0)},
    "speed": {"mm/s": (1.0, 0.0), "m/s": (1000.0, 0.0), "in/s ips": (25.4, 0.0), "m/min": (1000 / 60, 0.0)},
    "acceleration": {"m/s² m/s2": (1.0, 0.0), "g gn": (9.80665, 0.0)},
    "rotation": {"rpm 1/min r/min min-1": (1.0, 0.0), "rps 1/s": (60.0, 0.0)},
    "frequency": {"Hz": (1.0, 0.0), "kHz": (1000.0, 0.0)},
    "force": {"N": (1.0, 0.0), "kN": (1000.0, 0.0), "lbf": (4.4482216152605, 0.0), "kgf": (9.80665, 0.0)},
    "torque": {"Nm N·m N*m": (1.0, 0.0), "kNm kN·m": (1000.0, 0.0), "lbf·ft lbf*ft ft·lb": (1.3558179483314, 0.0)},
    "mass": {"kg": (1.0, 0.0), "t tonne": (1000.0, 0.0), "lb lbs": (0.45359237, 0.0)},
    "volume flow": {
        "m³/h m3/h": (1.0, 0.0),
        "L/min l/min lpm": (0.06, 0.0),
        "L/s l/s": (3.6, 0.0),
        "gpm": (0.2271247070, 0.0),
    },
    "mass flow": {"kg/h": (1.0, 0.0), "kg/s": (3600.0, 0.0), "t/h": (1000.0, 0.0)},
    "power": {"kW": (1.0, 0.0), "W": (1e-3, 0.0), "MW": (1000.0, 0.0), "hp": (0.745699871582, 0.0)},
    "energy": {"kWh": (1.0, 0.0), "Wh": (1e-3, 0.0), "MWh": (1000.0, 0.0), "MJ": (1 / 3.6, 0.0)},
    "current": {"A": (1.0, 0.0), "mA": (1e-3, 0.0)},
    "voltage": {"V": (1.0, 0.0), "mV": (1e-3, 0.0), "kV": (1000.0, 0.0)},
    "duration": {"s sec": (1.0, 0.0), "ms": (1e-3, 0.0), "min": (60.0, 0.0), "h hr": (3600.0, 0.0)},
}


@cache
def spellings() -> Mapping[str, Unit]:
    """Return every listed spelling. Case matters, as it does between mPa and MPa."""
    return {
        _spelled(spelling.replace("_", " ")): Unit(dimension, *scale)
        for dimension, units in DIMENSIONS.items()
        for names, scale in units.items()
        for spelling in names.split()
    }


@cache
def converter(given: str, wanted: str) -> Callable[[float], float] | None:
    """Return what turns a number in unit `given` into unit `wanted`, None where nothing is to be done.

    A side without a unit is not compared. Raises BadValueError with `unit` where the pair is not listed.
    """
    given, wanted = _spelled(given), _spelled(wanted)
    if not given or not wanted or given == wanted:
        return None
    one, other = spellings().get(given), spellings().get(wanted)
    if one is None or other is None or one.dimension != other.dimension:
        raise BadValueError(Reason.UNIT, f"unit {given[:40]!r} where the tag is in {wanted!r}: no listed conversion")
    if one == other:
        return None
    factor, offset = one.factor / other.factor, (one.offset - other.offset) / other.factor
    return lambda number: number * factor + offset


def fitting(given: str | None, wanted: str) -> Callable[[float], float] | None:
    """Return what `converter` does, for a source that must state its unit; raises BadValueError with `unit`."""
    if wanted and not given:
        raise BadValueError(Reason.UNIT, f"no unit where the tag is in {wanted!r}")
    return converter(given or "", wanted)


def _spelled(unit: str) -> str:
    """Return a unit without outer blanks, and with one code point for each of its signs (µ, °C)."""
    return unicodedata.normalize("NFKC", unit).strip()
