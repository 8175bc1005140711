"""The message catalogues: texts of the sources in, `forewarn.po` brought up to date and `forewarn.mo` compiled."""

from __future__ import annotations

import tomllib
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from domain.text import LANGUAGES, LOCALES

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("alerts", "app", "dashboard", "detectors", "domain", "features", "reports")
DEMO_RULES = "config/demo/rules.toml"
KEYWORDS: dict[str, None] = {"t": None, "mark": None, "phrase": None}


def messages() -> dict[str, list[str]]:
    """Return every text for people that stands in the sources or in the demo's rules, with the files it stands in."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for file, _line, message, _comments, _context in extract_from_dir(
            str(ROOT / package), method_map=[("**.py", "python")], keywords=KEYWORDS
        ):
            if isinstance(message, str):
                found.setdefault(message, []).append(f"{package}/{file}")
    for rule in tomllib.loads((ROOT / DEMO_RULES).read_text())["rules"]:
        for text in (rule["title"], rule["action"]):
            found.setdefault(text, []).append(DEMO_RULES)
    return found


def read(language: str) -> Catalog:
    """Return a language's catalogue as it is written."""
    path = LOCALES / language / "LC_MESSAGES" / "forewarn.po"
    if not path.exists():
        return Catalog(locale=language, domain="forewarn", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Rewrite each .po with the texts of the sources, keeping translations, and compile the .mo."""
    for language in LANGUAGES:
        if language == "en":
            continue
        old = read(language)
        new = Catalog(locale=language, domain="forewarn", charset="utf-8", fuzzy=False)
        for message, files in sorted(messages().items()):
            kept = old.get(message)
            new.add(message, kept.string if kept else "", locations=[(f, 0) for f in sorted(set(files))])
        folder = LOCALES / language / "LC_MESSAGES"
        with (folder / "forewarn.po").open("wb") as file:
            write_po(file, new, omit_header=False, include_lineno=False, width=110, sort_output=True)
        with (folder / "forewarn.mo").open("wb") as file:
            write_mo(file, new)
        empty = [m.id for m in new if m.id and not m.string]
        print(f"{language}: {len(new)} texts, {len(empty)} not translated")
        for text in empty:
            print(f"  {text}")


if __name__ == "__main__":
    main()
