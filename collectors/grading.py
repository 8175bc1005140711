"""What a source says of a value's quality, to good, uncertain or bad; what it writes in place of a value.

Invariant: a word or code that is not known is uncertain, never good.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from domain.points import Quality

Codes = Literal["opc-ua", "opc-da"]

WORDS: Final = {
    "good": Quality.GOOD,
    "ok": Quality.GOOD,
    "uncertain": Quality.UNCERTAIN,
    "bad": Quality.BAD,
    # the device states of NAMUR NE 107
    "maintenance required": Quality.GOOD,
    "out of specification": Quality.UNCERTAIN,
    "function check": Quality.BAD,
    "failure": Quality.BAD,
}
CODE: Final = re.compile(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}", re.ASCII)
STATUS_NAME: Final = re.compile(r"(good|uncertain|bad)[a-z]+")
UA_CLASSES: Final = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)
DA_CLASSES: Final = (Quality.BAD, Quality.UNCERTAIN, Quality.UNCERTAIN, Quality.GOOD)

# What historians and gateways write where they have no number. Compared without case.
HISTORIAN_TEXTS: Final = frozenset(
    {
        "bad",
        "bad input",
        "bad quality",
        "i/o timeout",
        "configure",
        "no data",
        "not connect",
        "pt created",
        "shutdown",
        "scan off",
        "over range",
        "under range",
        "comm fail",
        "calc failed",
        "intf shut",
        "no result",
        "-",
        "--",
        "---",
        "#n/a",
        "n/a",
        "#value!",
        "#ref!",
        "#div/0!",
        "****",
        "*****",
        "null",
    }
)


def grade(stated: Any, codes: Codes = "opc-ua") -> Quality:
    """Return the quality that a source states: a word, an OPC code (number, decimal or hex text), a boolean.

    Nothing stated is good. codes: a number is an OPC UA status (top two of 32 bits; 0 is good) or an OPC DA quality
    (top two of 8 bits; 192 is good, 0 is bad).
    """
    if stated is None:
        return Quality.GOOD
    if isinstance(stated, bool):
        return Quality.GOOD if stated else Quality.BAD
    if isinstance(stated, int) or (isinstance(stated, float) and stated.is_integer()):
        return _of_code(int(stated), codes)  # a column of whole numbers with gaps is one of floats
    if not isinstance(stated, str):
        return Quality.UNCERTAIN
    word = stated.strip().lower()
    if (found := WORDS.get(word)) is not None:
        return found
    if CODE.fullmatch(word):
        return _of_code(int(word, 0 if word.startswith("0x") else 10), codes)
    status = STATUS_NAME.fullmatch(word)  # BadSensorFailure, UncertainLastUsableValue
    return WORDS[status[1]] if status else Quality.UNCERTAIN


def _of_code(code: int, codes: Codes) -> Quality:
    if codes == "opc-da":
        return DA_CLASSES[code >> 6 & 3] if 0 <= code < 2**16 else Quality.UNCERTAIN
    if code and not 2**16 <= code < 2**32:
        return Quality.UNCERTAIN  # no OPC UA status: its lower half alone says nothing of the quality
    return UA_CLASSES[code >> 30]


def is_historian_text(text: str) -> bool:
    """Say whether a text stands for a missing value."""
    return text.strip().lower() in HISTORIAN_TEXTS
