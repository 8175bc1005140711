"""Which passwords are taken: long enough, and none that is guessed first (ASVS 5.0, 6.2).

`common_passwords.txt` holds the 5,000 most frequent ones of at least eight signs, from zxcvbn's list (Dropbox, MIT).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

from domain.text import mark

LEAST: Final = 8
ADVISED: Final = 15
MOST: Final = 256
LIST: Final = Path(__file__).parent / "common_passwords.txt"
TOO_SHORT: Final = mark("The password is too short: at least {least} signs, better {advised}.")
TOO_LONG: Final = mark("The password is too long: at most {most} signs.")
COMMON: Final = mark("This password is one of the most common ones: it is guessed first.")
NAMED: Final = mark("The password must not hold the name.")
MONOTONE: Final = mark("The password repeats too few signs.")
LIMITS: Final = {"least": LEAST, "advised": ADVISED, "most": MOST}


def normal(password: str) -> str:
    """Return a password in the one Unicode form that is hashed, however a keyboard composed it."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, name: str) -> str:
    """Return the message id of what is wrong with a password, to be filled from LIMITS; "" where it is good."""
    password = normal(password)
    if len(password) < LEAST:
        return TOO_SHORT
    if len(password) > MOST:
        return TOO_LONG
    folded = password.casefold()
    if folded in _common():
        return COMMON
    if len(name) > 2 and name.casefold() in folded:
        return NAMED
    return MONOTONE if len(set(folded)) < 4 else ""


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(LIST.read_text(encoding="utf-8").casefold().split())
