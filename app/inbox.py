"""The watched folder: dump files that were put there in, loaded files in `done/`, the others in `rejected/`, a report
beside each.

Invariant: a file is in exactly one of the folder itself, `.taking/`, `done/` and `rejected/`; what a crash leaves in
`.taking/` is taken up first. A file that is at fault never keeps the others waiting.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.filing import Filing
from app.inbox_settings import InboxSettings
from app.loading import Loading, StoppedError, load_file
from app.rooms import Rooms
from collectors.tables import BadFileError
from domain.errors import StoreAwayError
from domain.ports import Clock
from domain.records import Reason

log = logging.getLogger(__name__)
UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".lock", ".swp")
MOST_TRIES: Final = 3
NOTE: Final = "inbox"


def waiting(rooms: Rooms) -> dict[str, str]:
    """Return the files that the watched folder was last seen to keep waiting, each with the reason."""
    return dict(json.loads(rooms.ledger.note(NOTE) or "{}"))


class InboxError(Exception):
    """Files that cannot be taken just now, and why; they are tried again."""


@dataclass(slots=True)
class _Seen:
    """A file as it was last looked at: what it looks like, since when, and how often it failed."""

    signature: tuple[int, int, int]
    since: float
    n_failed: int = 0


class Inbox:
    """Takes files from `settings.folder`; `look` is called again and again, by one thread."""

    def __init__(self, rooms: Rooms, settings: InboxSettings, clock: Clock, how: Loading) -> None:
        self._rooms, self._settings, self._clock, self._how = rooms, settings, clock, how
        self._folder = Path(settings.folder)
        self._taking = self._folder / ".taking"
        self._filing = Filing(self._folder)
        self._seen: dict[str, _Seen] = {}
        self._waiting: dict[str, str] = {}
        self._noted: dict[str, str] | None = None

    def look(self) -> int:
        """Take every file that is whole; returns how many. Raises InboxError naming those that must wait."""
        self._waiting = {}
        self._filing.check_writable()
        self._taking.mkdir(exist_ok=True)
        problems: list[str] = []
        n_taken = 0
        for path in sorted(self._taking.iterdir()):
            n_taken += self._guarded(path, self._load, problems)
        names = [entry.name for entry in os.scandir(self._folder)]
        known = {*names, *(f".taking/{path.name}" for path in self._taking.iterdir())}
        self._seen = {name: seen for name, seen in self._seen.items() if name in known}
        for name in sorted(names):
            if self._how.is_stopping():
                break
            if not self._is_left_alone(name):
                n_taken += self._guarded(self._folder / name, self._consider, problems)
        if self._waiting != self._noted:
            self._rooms.ledger.save_note(NOTE, json.dumps(self._waiting))
            self._noted = self._waiting
        if problems:
            raise InboxError("; ".join(problems[:5]))
        return n_taken

    def _is_left_alone(self, name: str) -> bool:
        marker = self._settings.marker
        return (
            name in ("done", "rejected")
            or name.startswith((".", "~$"))
            or name.lower().endswith(UNFINISHED)
            or bool(marker and name.endswith(marker))
        )

    def _guarded(self, path: Path, work: Callable[[Path], bool], problems: list[str]) -> bool:
        """Do the work on one file; what goes wrong is noted, so that the next file has its turn."""
        try:
            return work(path)
        except StoppedError:
            return False
        except StoreAwayError:
            raise  # no other file would fare better
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
                raise
            self._waiting[path.name] = error.strerror or str(error)
            problems.append(f"{path.name!r}: {error.strerror or error}")
            log.warning("file not taken, tried again name=%r error=%s", path.name, error)
            return False

    def _consider(self, path: Path) -> bool:
        """Take one file of the folder if it is whole."""
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return False
        if fault := _path_fault(path.name, found):
            return self._reject(path, BadFileError(Reason.PATH, fault))
        signature = (found.st_ino, found.st_size, found.st_mtime_ns)
        seen = self._seen.get(path.name)
        now = self._clock.monotonic()
        if seen is None or seen.signature != signature:
            seen = self._seen[path.name] = _Seen(signature, now)
        waited = now - seen.since
        if not self._is_whole(path, waited):
            if waited < self._settings.timeout_s:
                self._waiting[path.name] = self._why_waiting(waited)
                return False
            return self._reject(path, BadFileError(Reason.PARTIAL, self._why_partial()))
        taken = self._taking / path.name
        if taken.exists():
            return False  # one of this name is under way
        path.rename(taken)
        if not stat.S_ISREG(os.lstat(taken).st_mode):
            return self._reject(taken, BadFileError(Reason.PATH, "changed into something that is no file"))
        return self._load(taken)

    def _is_whole(self, path: Path, waited: float) -> bool:
        if self._settings.marker:
            if not path.with_name(path.name + self._settings.marker).exists():
                return False
        elif waited < self._settings.settle_s:
            return False
        with path.open("rb") as file:  # also says whether it may be read at all
            if path.suffix.lower() == ".parquet" or file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return bool(self._settings.marker) or file.read(1) in b"\r\n\x1a\0"

    def _why_waiting(self, waited: float) -> str:
        if self._settings.marker:
            return f"its {self._settings.marker} file has not come"
        if waited < self._settings.settle_s:
            return f"changed within the last {self._settings.settle_s:g} s"
        return "does not end with a line end"

    def _why_partial(self) -> str:
        if self._settings.marker:
            return f"no {self._settings.marker} file came within {self._settings.timeout_s:g} s"
        return f"does not end with a line end, and has not grown for {self._settings.timeout_s:g} s"

    def _load(self, path: Path) -> bool:
        """Load a file of `.taking/` and file it away."""
        try:
            loaded = load_file(self._rooms, path, self._clock.now(), how=self._how)
        except BadFileError as error:
            return self._reject(path, error)
        except (OSError, StoreAwayError, StoppedError):
            raise
        except Exception as error:  # a fault of ours with this one file
            log.exception("file failed name=%r", path.name)
            seen = self._seen.setdefault(f".taking/{path.name}", _Seen((0, 0, 0), 0.0))
            seen.n_failed += 1
            if seen.n_failed < MOST_TRIES:
                return False
            return self._reject(path, BadFileError(Reason.REFUSED, repr(error)))
        self._filing.done(path, loaded, self._clock.now())
        self._drop_marker(path.name)
        return True

    def _reject(self, path: Path, error: BadFileError) -> bool:
        self._filing.rejected(path, error, self._clock.now())
        self._drop_marker(path.name)
        log.error("file rejected name=%r reason=%s detail=%s", path.name, error.reason.value, error.detail)
        return True

    def _drop_marker(self, name: str) -> None:
        if self._settings.marker:
            (self._folder / (name + self._settings.marker)).unlink(missing_ok=True)


def _path_fault(name: str, found: os.stat_result) -> str:
    """Say why a directory entry is not opened; "" for a plain file with a plain name."""
    if not name.isprintable():
        return f"the name {name!r} holds signs that are no text"
    if ".." in name:
        return f"the name {name!r} holds `..`"
    if stat.S_ISLNK(found.st_mode):
        return "a symbolic link"
    if not stat.S_ISREG(found.st_mode):
        return "a pipe, a socket or a device, and no file"
    return "a hard link to a file that is known elsewhere" if found.st_nlink > 1 else ""
