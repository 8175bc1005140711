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
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.filing import Filing, is_text
from app.inbox_settings import InboxSettings
from app.loading import Loading, StoppedError, load_file
from app.rooms import Rooms
from collectors.tables import PARQUET_MAGIC, BadFileError
from domain.errors import StoreAwayError
from domain.ports import Clock
from domain.records import Reason

log = logging.getLogger(__name__)
UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".lock", ".swp")
MOST_TRIES: Final = 3
NOTE, FAULTS_NOTE = "inbox", "inbox faults"
NEWS_S: Final = 3600.0  # that a file was rejected, or came with other content, is told of for this long
SEEN_ENDS: Final = (b"\n", b"\r", b"\x1a")
WIDE_ENDS: Final = tuple(unit for end in SEEN_ENDS for unit in (end + b"\0", b"\0" + end))
LEAST_PARQUET: Final = 12  # bytes: the magic at both ends, and the footer's length


def waiting(rooms: Rooms) -> dict[str, str]:
    """Return the files that the watched folder was last seen to keep waiting, each with the reason."""
    return dict(json.loads(rooms.ledger.note(NOTE) or "{}"))


def faults(rooms: Rooms) -> dict[str, str]:
    """Return what a person should look at in the watched folder, by file: it cannot be taken, was rejected, or has
    changed.
    """
    return dict(json.loads(rooms.ledger.note(FAULTS_NOTE) or "{}"))


class InboxError(Exception):
    """What cannot be taken just now, and why; it is tried again."""


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
        self._news: dict[str, tuple[float, str]] = {}
        self._noted: dict[str, dict[str, str]] = {}

    def look(self) -> int:
        """Take every file that is whole; returns how many. Raises InboxError naming those that must wait."""
        self._waiting = {}
        try:
            self._filing.check_writable()
        except OSError as error:
            self._note(FAULTS_NOTE, {"done, rejected": error.strerror or str(error)})
            raise InboxError(f"files cannot be moved to done and rejected: {error}") from error
        self._taking.mkdir(exist_ok=True)
        problems: dict[str, str] = {}
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
        self._note(NOTE, self._waiting)
        now = self._clock.monotonic()
        self._news = {name: each for name, each in self._news.items() if now - each[0] < NEWS_S}
        self._note(FAULTS_NOTE, {name: why for name, (_, why) in self._news.items()} | problems)
        if problems:
            raise InboxError("; ".join(f"{name!r}: {why}" for name, why in list(problems.items())[:5]))
        return n_taken

    def _note(self, name: str, content: dict[str, str]) -> None:
        if content != self._noted.get(name):
            self._rooms.ledger.save_note(name, json.dumps(content))
            self._noted[name] = content

    def _is_left_alone(self, name: str) -> bool:
        marker = self._settings.marker
        return (
            name in ("done", "rejected")
            or name.startswith((".", "~$"))
            or name.lower().endswith(UNFINISHED)
            or bool(marker and name.endswith(marker))
        )

    def _guarded(self, path: Path, work: Callable[[Path], bool], problems: dict[str, str]) -> bool:
        """Do the work on one file; what goes wrong is noted, so that the next file has its turn."""
        try:
            return work(path)
        except StoppedError:
            return False
        except StoreAwayError:
            raise  # no other file would fare better
        except FileNotFoundError:
            if not os.path.lexists(path):
                return False  # whoever put it there took it back
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
                raise
            self._waiting[path.name] = error.strerror or str(error)
            problems[path.name] = error.strerror or str(error)
            return False

    def _consider(self, path: Path) -> bool:
        """Take one file of the folder if it is whole."""
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return False
        if fault := _path_fault(path.name, found):
            self._drop_marker(path.name)
            return self._reject(path, BadFileError(Reason.PATH, fault))
        signature = (found.st_ino, found.st_size, found.st_mtime_ns)
        seen = self._seen.get(path.name)
        now = self._clock.monotonic()
        if seen is None or seen.signature != signature:
            seen = self._seen[path.name] = _Seen(signature, now)
        waited = now - seen.since
        if not self._is_whole(path, waited):
            if waited < self._settings.timeout_s:
                self._waiting[path.name] = self._why_waiting(path, waited)
                return False
            reason = Reason.PARTIAL if found.st_size else Reason.EMPTY
            return self._reject(path, BadFileError(reason, self._why_partial()))
        taken = self._taking / path.name
        if taken.exists():
            return False  # one of this name is under way
        path.rename(taken)
        self._drop_marker(path.name)  # the next file of this name has a marker of its own
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
            head, size = file.read(4), file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 4))
            return bool(self._settings.marker) or _is_ended(path, head, file.read(), size)

    def _why_waiting(self, path: Path, waited: float) -> str:
        if self._settings.marker:
            return f"its {self._settings.marker} file has not come"
        if waited < self._settings.settle_s:
            return f"changed within the last {self._settings.settle_s:g} s"
        return "has no footer at its end" if path.suffix.lower() == ".parquet" else "does not end with a line end"

    def _why_partial(self) -> str:
        if self._settings.marker:
            return f"no {self._settings.marker} file came within {self._settings.timeout_s:g} s"
        return f"ends in the middle, and has not grown for {self._settings.timeout_s:g} s"

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
        if loaded.is_other_content:
            self._news[path.name] = self._clock.monotonic(), loaded.note
        self._filing.done(path, loaded, self._clock.now())
        return True

    def _reject(self, path: Path, error: BadFileError) -> bool:
        self._filing.rejected(path, error, self._clock.now())
        self._news[path.name] = self._clock.monotonic(), f"rejected, {error}"
        log.error("file rejected name=%r reason=%s detail=%s", path.name, error.reason.value, error.detail)
        return True

    def _drop_marker(self, name: str) -> None:
        if self._settings.marker:
            (self._folder / (name + self._settings.marker)).unlink(missing_ok=True)


def _is_ended(path: Path, first: bytes, last: bytes, size: int) -> bool:
    """Say whether a file's first and last 4 bytes are those of a whole one; what is no Parquet will not become it."""
    if path.suffix.lower() == ".parquet":
        is_parquet = PARQUET_MAGIC.startswith(first)  # also the first bytes of one
        return not is_parquet or (size >= LEAST_PARQUET and last == PARQUET_MAGIC)
    if first[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) or b"\0" in first:
        return size % 2 == 0 and last[-2:] in WIDE_ENDS
    return last[-1:] in SEEN_ENDS


def _path_fault(name: str, found: os.stat_result) -> str:
    """Say why a directory entry is not opened; "" for a plain file with a plain name."""
    if not all(map(is_text, name)):
        return f"the name {name!r} holds signs that are no text"
    if ".." in name:
        return f"the name {name!r} holds `..`"
    if stat.S_ISLNK(found.st_mode):
        return "a symbolic link"
    if not stat.S_ISREG(found.st_mode):
        return "a pipe, a socket or a device, and no file"
    return "a hard link to a file that is known elsewhere" if found.st_nlink > 1 else ""
