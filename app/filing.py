"""Where files go after they were read: `done/` or `rejected/`, each with a report of the same name plus `.report.json`.

Invariant: the report is written before the file is moved, so that a file that is filed away has one.
"""

from __future__ import annotations

import json
import os
import unicodedata
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.loading import Loaded
from collectors.tables import BadFileError

LONGEST_NAME: Final = 180
REPORT: Final = ".report.json"
DONE, REJECTED = "done", "rejected"


class Filing:
    """The two folders below a watched one."""

    def __init__(self, folder: Path) -> None:
        self._done, self._rejected = folder / DONE, folder / REJECTED

    def check_writable(self) -> None:
        """Make the folders where they are missing; raises OSError where files cannot be moved there."""
        for folder in (self._done, self._rejected):
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".probe"
            probe.write_bytes(b"")
            probe.unlink()

    def done(self, path: Path, loaded: Loaded, now: datetime) -> Path:
        """Move a loaded file; returns where it is now."""
        report = report_of(loaded) | {"filed_at": now.isoformat()}
        return _move(path, self._done, report, loaded.report.sha256[:12])

    def rejected(self, path: Path, error: BadFileError, now: datetime) -> Path:
        """Move a file that was refused as a whole, without opening it; returns where it is now."""
        report = {
            "file": path.name,
            "outcome": "rejected",
            "reason": error.reason.value,
            "detail": error.detail,
            "filed_at": now.isoformat(),
        }
        return _move(path, self._rejected, report, f"{now:%Y%m%dT%H%M%S%f}")


def clear_filed(folder: Path, before: datetime) -> int:
    """Delete the files, each with its report, that were filed in a folder before an instant; returns how many.

    What has no report was not filed by us and stays. A file's own time is no measure: it may be years older.
    """
    deleted = 0
    for report in sorted(folder.glob(f"*{REPORT}")):
        path = report.with_name(report.name.removesuffix(REPORT))
        filed_at = _filed_at(report)
        if filed_at is not None and filed_at < before:
            with suppress(FileNotFoundError):
                path.unlink()
                deleted += 1
            report.unlink(missing_ok=True)
    return deleted


def _filed_at(report: Path) -> datetime | None:
    try:
        found = datetime.fromisoformat(json.loads(report.read_bytes())["filed_at"])
    except (ValueError, TypeError, KeyError):
        return None  # a file of that name, and no report of ours
    return found if found.tzinfo is not None else None


def report_of(loaded: Loaded) -> dict[str, Any]:
    """Return a loaded file's report as it is written beside it; counts are items."""
    r = loaded.report
    counts = {name: getattr(r, name) for name in ("rows_in", "stored", "rejected", "duplicates", "conflicts")}
    return {
        "file": r.name,
        "outcome": loaded.outcome,
        "note": loaded.note or ("loaded before, not read again" if loaded.outcome == "known" else ""),
        "sha256": r.sha256,
        "loaded_at": r.loaded_at.isoformat(),
        **counts,
        "reasons": dict(loaded.reasons),
        "examples": [{"at": at, "reason": reason, "detail": detail} for at, reason, detail in loaded.examples],
    }


def is_text(sign: str) -> bool:
    """Say whether a sign may stand in a file's name: no control or format sign, no half character, no line break."""
    return unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _move(path: Path, folder: Path, report: dict[str, Any], mark: str) -> Path:
    name = "".join(c if is_text(c) else "_" for c in path.name)
    if len(name.encode()) > LONGEST_NAME:  # the report's name is longer still
        name = f"{name.encode()[:LONGEST_NAME].decode('utf-8', 'ignore')}{path.suffix[:10]}"
    target = folder / name
    stem, suffix = os.path.splitext(name)
    number = 0
    while os.path.lexists(target):
        target = folder / f"{stem}.{mark}{f'-{number}' if number else ''}{suffix}"
        number += 1
    draft = folder / f".{target.name}.report"
    draft.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", errors="replace")
    draft.replace(folder / f"{target.name}{REPORT}")
    os.rename(path, target)
    return target
