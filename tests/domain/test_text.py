"""The catalogues are complete: every text for people stands in them, translated, with its placeholders, and
compiled.
"""

from __future__ import annotations

import io
import re

import pytest
from babel.messages.mofile import write_mo

from domain.text import LANGUAGES, LOCALES, catalogue, phrase, spoken
from tests.domain import catalogue as catalogues

TRANSLATED = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_the_sources_is_translated(language: str) -> None:
    written = catalogues.read(language)
    texts = catalogues.messages()
    assert len(texts) > 100
    missing = [text for text in texts if not (found := written.get(text)) or not found.string]
    assert missing == [], "run python -m tests.domain.catalogue and translate the new lines"
    assert [m.id for m in written if m.id and m.id not in texts] == [], (
        "no longer used: run python -m tests.domain.catalogue"
    )


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_keep_the_placeholders(language: str) -> None:
    for message in catalogues.read(language):
        if message.id:
            wanted, found = (sorted(re.findall(r"{\w+}", str(x))) for x in (message.id, message.string))
            assert wanted == found, message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogues.read(language))
    path = LOCALES / language / "LC_MESSAGES" / "forewarn.mo"
    assert path.read_bytes() == compiled.getvalue(), "run python -m tests.domain.catalogue"


def test_texts_are_filled_and_translated() -> None:
    assert catalogue("en")("{n} h ago", n=3) == "3 h ago"
    assert catalogue("ko")("{n} h ago", n=3) == "3시간 전"


def test_a_stored_phrase_is_said_in_the_readers_language() -> None:
    stored = phrase("not enough data of {tags}", tags="oil")
    assert spoken(catalogue("en"), stored) == "not enough data of oil"
    assert spoken(catalogue("ko"), stored) == "데이터 부족: oil"
    assert spoken(catalogue("en"), "") == ""


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(KeyError):
        catalogue("xx")
