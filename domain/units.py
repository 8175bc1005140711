"""Units as plants spell them: a text in, its dimension, size and zero point out, for the units listed here only.

Invariant: nothing is guessed; a text that is neither listed nor made of listed units by `*`, `/` and powers is unknown.
Plants spell units in ways that unit libraries read differently (`C` is coulomb there, `bar(g)` unknown), hence a table.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

BOOLEAN_UNIT: Final = "bool"  # the unit in tags.csv of a tag that takes true and false, kept as 1 and 0
MAX_LENGTH: Final = 60
MAX_POWER: Final = 9

Base = tuple[Fraction, ...]  # powers of kilogram, metre, second, ampere, kelvin
SYMBOLS: Final = ("kg", "m", "s", "A", "K")
NO_DIMENSION: Final[Base] = (Fraction(0),) * len(SYMBOLS)


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
    "temperature difference": {"delta_degC delta_K Δ°C ΔK": (1.0, 0.0), "delta_degF Δ°F": (5 / 9, 0.0)},
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
    "angle": {"rad": (1.0, 0.0), "deg °": (math.pi / 180, 0.0)},
    "speed": {"mm/s": (1.0, 0.0), "m/s": (1000.0, 0.0), "in/s ips": (25.4, 0.0), "m/min": (1000 / 60, 0.0)},
    "acceleration": {"m/s² m/s2": (1.0, 0.0), "g gn": (9.80665, 0.0)},
    "rotation": {"rpm 1/min r/min min-1": (1.0, 0.0), "rps 1/s": (60.0, 0.0), "rad/s": (30 / math.pi, 0.0)},
    "frequency": {"Hz": (1.0, 0.0), "kHz": (1000.0, 0.0)},
    "force": {"N": (1.0, 0.0), "kN": (1000.0, 0.0), "lbf": (4.4482216152605, 0.0), "kgf": (9.80665, 0.0)},
    "torque": {"Nm N·m N*m": (1.0, 0.0), "kNm kN·m": (1000.0, 0.0), "lbf·ft lbf*ft ft·lb": (1.3558179483314, 0.0)},
    "mass": {"kg": (1.0, 0.0), "t tonne": (1000.0, 0.0), "lb lbs": (0.45359237, 0.0)},
    "density": {"kg/m³ kg/m3 g/L g/l": (1.0, 0.0), "g/cm³ g/cm3 kg/L kg/l": (1000.0, 0.0)},
    "volume": {"m³ m3": (1.0, 0.0), "L l litre liter": (1e-3, 0.0)},
    "volume flow": {
        "m³/h m3/h": (1.0, 0.0),
        "L/min l/min lpm": (0.06, 0.0),
        "L/s l/s": (3.6, 0.0),
        "gpm": (0.2271247070, 0.0),
    },
    "mass flow": {"kg/h": (1.0, 0.0), "kg/s": (3600.0, 0.0), "t/h": (1000.0, 0.0)},
    "power": {"kW": (1.0, 0.0), "W": (1e-3, 0.0), "MW": (1000.0, 0.0), "hp": (0.745699871582, 0.0)},
    "apparent power": {"kVA": (1.0, 0.0), "VA": (1e-3, 0.0), "MVA": (1000.0, 0.0)},
    "energy": {
        "kWh": (1.0, 0.0),
        "Wh": (1e-3, 0.0),
        "MWh": (1000.0, 0.0),
        "MJ": (1 / 3.6, 0.0),
        "J": (1 / 3.6e6, 0.0),
        "kJ": (1 / 3600, 0.0),
        "GJ": (1000 / 3.6, 0.0),
    },
    "current": {"A": (1.0, 0.0), "mA": (1e-3, 0.0)},
    "voltage": {"V": (1.0, 0.0), "mV": (1e-3, 0.0), "kV": (1000.0, 0.0)},
    "resistance": {"Ω Ohm ohm": (1.0, 0.0), "kΩ kOhm": (1000.0, 0.0)},
    "duration": {"s sec": (1.0, 0.0), "ms": (1e-3, 0.0), "min": (60.0, 0.0), "h hr": (3600.0, 0.0)},
}

# dimension -> powers of the base units, and the dimension's first unit in them
COHERENT: Final[Mapping[str, tuple[tuple[int, ...], float]]] = {
    "temperature": ((0, 0, 0, 0, 1), 1.0),
    "temperature difference": ((0, 0, 0, 0, 1), 1.0),
    "pressure": ((1, -1, -2, 0, 0), 1e5),
    "gauge pressure": ((1, -1, -2, 0, 0), 1e5),
    "length": ((0, 1, 0, 0, 0), 1e-3),
    "fraction": ((0, 0, 0, 0, 0), 1.0),
    "angle": ((0, 0, 0, 0, 0), 1.0),
    "speed": ((0, 1, -1, 0, 0), 1e-3),
    "acceleration": ((0, 1, -2, 0, 0), 1.0),
    "rotation": ((0, 0, -1, 0, 0), math.pi / 30),
    "frequency": ((0, 0, -1, 0, 0), 1.0),
    "force": ((1, 1, -2, 0, 0), 1.0),
    "torque": ((1, 2, -2, 0, 0), 1.0),
    "mass": ((1, 0, 0, 0, 0), 1.0),
    "density": ((1, -3, 0, 0, 0), 1.0),
    "volume": ((0, 3, 0, 0, 0), 1.0),
    "volume flow": ((0, 3, -1, 0, 0), 1 / 3600),
    "mass flow": ((1, 0, -1, 0, 0), 1 / 3600),
    "power": ((1, 2, -3, 0, 0), 1000.0),
    "apparent power": ((1, 2, -3, 0, 0), 1000.0),
    "energy": ((1, 2, -2, 0, 0), 3.6e6),
    "current": ((0, 0, 0, 1, 0), 1.0),
    "voltage": ((1, 2, -3, -1, 0), 1.0),
    "resistance": ((1, 2, -3, -2, 0), 1.0),
    "duration": ((0, 0, 1, 0, 0), 1.0),
}
ZERO_KELVIN: Final = 273.15  # K, the zero point of degC
NO_ATOMS: Final = frozenset({"g", "gn", "C", "F", "1"})  # not what they seem beside others: g is a gram there
ATOM: Final = re.compile(r'([^\W\d]+|[%°"]|1)(?:\^?(-?\d+))?')


@dataclass(frozen=True, slots=True)
class Measure:
    """What a unit is in coherent SI: number * `factor` + `offset` is the number there.

    zeros: how often a number holds the unit's own zero point: 1 for degC and barg, 0 where zero is nothing, None where
    that cannot be told (a number in K may be a temperature or a difference of two).
    """

    base: Base
    factor: float
    offset: float = 0.0
    zeros: int | None = 0


@cache
def spellings() -> Mapping[str, Unit]:
    """Return every listed spelling. Case matters, as it does between mPa and MPa."""
    return {
        spelled(_listed(spelling)): Unit(dimension, *scale)
        for dimension, units in DIMENSIONS.items()
        for names, scale in units.items()
        for spelling in names.split()
    }


def _listed(spelling: str) -> str:
    return spelling if spelling.startswith("delta_") else spelling.replace("_", " ")


def spelled(unit: str) -> str:
    """Return a unit without outer blanks, and with one code point for each of its signs (µ, °C, powers)."""
    return unicodedata.normalize("NFKC", unit).strip().replace("\u2212", "-")


@cache
def measure(unit: str) -> Measure | None:
    """Return what a unit is, listed or made of listed ones (`kJ/(kg*K)`); None where it is not known, or ""."""
    text = spelled(unit)
    if text == BOOLEAN_UNIT:
        return Measure(NO_DIMENSION, 1.0)
    found = spellings().get(text)
    if found is not None:
        return _of_listed(found)
    if not text or len(text) > MAX_LENGTH:
        return None
    return _compound(text)


def described(base: Base) -> str:
    """Return a dimension in words: the listed dimensions that it may be, or else its base units."""
    if not any(base):
        return "no dimension"
    names = [name for name, (powers, _) in COHERENT.items() if _base(powers) == base]
    return " or ".join(names) if names else written(base)


def written(base: Base) -> str:
    """Return a dimension in base units, e.g. `kg*m^2/s^3`."""
    above = [_power(s, p) for s, p in zip(SYMBOLS, base, strict=True) if p > 0]
    below = [_power(s, -p) for s, p in zip(SYMBOLS, base, strict=True) if p < 0]
    divisor = below[0] if len(below) == 1 else f"({'*'.join(below)})"
    return ("*".join(above) or "1") + (f"/{divisor}" if below else "")


def _power(symbol: str, power: Fraction) -> str:
    return symbol if power == 1 else f"{symbol}^{power}"


def _base(powers: Sequence[int]) -> Base:
    return tuple(Fraction(p) for p in powers)


def _of_listed(unit: Unit) -> Measure:
    powers, size = COHERENT[unit.dimension]
    if unit.dimension == "temperature":
        offset = unit.offset + ZERO_KELVIN
        is_kelvin = offset == 0
        return Measure(_base(powers), unit.factor, 0.0 if is_kelvin else offset, None if is_kelvin else 1)
    return Measure(_base(powers), unit.factor * size, 0.0, int(unit.dimension == "gauge pressure"))


def _compound(text: str) -> Measure | None:
    """Read units joined by `*`, `·`, `/` and parentheses, each with a whole power; a zero point does not go through."""
    place, depth = 0, 0

    def product() -> Measure | None:
        nonlocal place
        found = power()
        while found is not None and place < len(text) and text[place] in "*·⋅/":
            sign = -1 if text[place] == "/" else 1
            place += 1
            other = power()
            if other is None:
                return None
            base = tuple(a + sign * b for a, b in zip(found.base, other.base, strict=True))
            found = Measure(base, found.factor * other.factor**sign)
        return found

    def power() -> Measure | None:
        nonlocal place, depth
        if text[place : place + 1] == "(":
            place, depth = place + 1, depth + 1
            inner = product() if depth < MAX_POWER else None
            if inner is None or text[place : place + 1] != ")":
                return None
            place, depth = place + 1, depth - 1
            return inner
        match = ATOM.match(text, place)
        if match is None:
            return None
        place = match.end()
        return _atom(match[1], int(match[2] or 1))

    found = product()
    return found if place == len(text) else None


def _atom(name: str, power: int) -> Measure | None:
    if name == "1":
        return Measure(NO_DIMENSION, 1.0)
    unit = spellings().get(name)
    if unit is None or name in NO_ATOMS or abs(power) > MAX_POWER or unit.dimension == "gauge pressure":
        return None
    one = _of_listed(unit)
    return Measure(tuple(p * power for p in one.base), one.factor**power)
