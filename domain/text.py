"""The text catalogue: English message ids in, a person's language out (gettext)."""

from __future__ import annotations

import gettext
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = {"en": "English", "ko": "한국어"}
LOCALES: Final = Path(__file__).parent / "locale"

Translate = Callable[..., str]


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Translate:
    """Return `t(message, **values)` for a language of LANGUAGES; raises KeyError for any other."""
    if language not in LANGUAGES:
        raise KeyError(language)
    translations: gettext.NullTranslations = gettext.NullTranslations()
    if language != "en":
        translations = gettext.translation("forewarn", LOCALES, languages=[language])

    def translate(message: str, /, **values: object) -> str:
        text = translations.gettext(message)
        return text.format(**values) if values else text

    return translate


def mark(message: str) -> str:
    """Mark a message for the catalogue where it is only translated later, e.g. in a table of titles."""
    return message


def phrase(message: str, /, **values: object) -> str:
    """Return a message with its values as one storable text; `spoken` says it in a person's language later."""
    return json.dumps([message, values], sort_keys=True, default=str)


def spoken(t: Translate, stored: str, **instead: Callable[[str], str]) -> str:
    """Say a stored phrase with a translator; "" stays "". instead: value name -> how that value is said."""
    if not stored:
        return ""
    message, values = json.loads(stored)
    return t(message, **{k: instead[k](v) if k in instead else v for k, v in values.items()})


def printable(text: str) -> str:
    """Return a text that came from outside in one line of plain signs: a control sign as its escape, `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
