"""CSV bytes to pieces of whole lines: decoded strictly, cut at line ends, with quotes taken off where that is safe.

Invariants: the pieces hold every line once and in order; a piece that is `plain` holds no quote and only `\\n` as
line end, so that splitting it at delimiters is all there is to reading it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from collectors.settings import FormatSettings
from collectors.tables import BadFileError
from domain.records import Reason

BOM: Final = b"\xef\xbb\xbf"
CONTROL_Z: Final = b"\x1a"  # the end-of-file mark of old systems


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines in UTF-8, and the number of the first. Not plain: as they came, to be read by the csv module."""

    data: bytes
    first_line: int
    n_lines: int
    is_plain: bool


def pieces(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[Piece]:
    """Yield the lines in pieces of about `size` bytes.

    Raises BadFileError: `encoding`, `limit` for a line that is too long, `partial` where the last line does not end.
    """
    waiting, line = b"", 1
    for chunk in _utf8(file, name, form.encoding, size):
        waiting += chunk.data
        cut = _last_line_end(waiting, chunk.is_last)
        if cut:
            piece = _piece(waiting[:cut], line, name, form)
            yield piece
            line += piece.n_lines
            waiting = waiting[cut:]
        if len(waiting) > form.max_line_bytes and not chunk.is_last:
            raise _too_long(name, line, form)
    if waiting:
        raise BadFileError(
            Reason.PARTIAL, f"{name} line {line} does not end with a line end: cut off, or still being written?"
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    data: bytes
    is_last: bool


def _utf8(file: BinaryIO, name: str, encoding: str, size: int) -> Iterator[_Chunk]:
    """Yield the file's bytes as UTF-8. What is UTF-8 already is checked later, by line."""
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")
    decoder = None if is_utf8 else codecs.getincrementaldecoder(encoding)()
    n_lines, is_first = 0, True
    following = file.read(size)
    while following:
        raw, following = following, file.read(size)
        is_last = not following
        if decoder is None:
            data = raw.removeprefix(BOM) if is_first else raw
        else:
            try:
                data = decoder.decode(raw, is_last).encode()
            except UnicodeError as error:
                start = getattr(error, "start", 0)
                before = raw[:start].decode(encoding, "ignore").count("\n")
                raise BadFileError(
                    Reason.ENCODING, f"{name} is not {encoding} in line {n_lines + before + 1}"
                ) from error
            n_lines += data.count(b"\n")
        if is_last:
            data = data.removesuffix(CONTROL_Z)
        is_first = False
        yield _Chunk(data, is_last)


def _last_line_end(data: bytes, is_last: bool) -> int:
    """Return where the last whole line ends; a CR at the very end may be half of a CRLF, unless nothing follows."""
    cut = data.rfind(b"\n") + 1
    if cut:
        return len(data) if is_last and data.endswith(b"\r") else cut
    return data.rfind(b"\r", 0, len(data) if is_last else len(data) - 1) + 1


def _piece(data: bytes, line: int, name: str, form: FormatSettings) -> Piece:
    if b"\0" in data:
        where = line + _line_ends(data[: data.index(b"\0")])
        raise BadFileError(Reason.ENCODING, f"{name} line {where} holds NUL bytes")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        where = line + _line_ends(data[: error.start])
        raise BadFileError(Reason.ENCODING, f"{name} is not {form.encoding} in line {where}") from error
    ended = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
    _check_lengths(ended, line, name, form)
    n_lines = ended.count(b"\n")
    bare = _without_quotes(ended, form.delimiter)
    if bare is None:
        return Piece(data, line, n_lines, is_plain=False)
    return Piece(bare, line, n_lines, is_plain=True)


def _check_lengths(data: bytes, line: int, name: str, form: FormatSettings) -> None:
    place, most = 0, form.max_line_bytes
    while place < len(data):
        end = data.rfind(b"\n", place, place + most + 1)
        if end < 0:
            raise _too_long(name, line + data.count(b"\n", 0, place), form)
        place = end + 1


def _too_long(name: str, line: int, form: FormatSettings) -> BadFileError:
    return BadFileError(Reason.LIMIT, f"{name} line {line} is longer than max_line_bytes ({form.max_line_bytes})")


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _without_quotes(data: bytes, delimiter: str) -> bytes | None:
    """Return the lines without their quotes, None where a quoted cell holds a quote, a delimiter or a line end."""
    if b'"' not in data:
        return data
    if not delimiter.isascii():
        return None
    array = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(array == ord('"'))
    if len(quotes) % 2:
        return None
    is_edge = (array == ord(delimiter)) | (array == ord("\n"))
    opens, closes = quotes[0::2], quotes[1::2]
    is_opened = (opens == 0) | is_edge[opens - 1]
    is_closed = is_edge[np.minimum(closes + 1, len(array) - 1)]
    edges = np.flatnonzero(is_edge)
    is_whole = np.searchsorted(edges, opens) == np.searchsorted(edges, closes)
    if not (is_opened & is_closed & is_whole).all() or data.startswith(b'""\n') or b'\n""\n' in data:
        return None  # a line of one empty quoted cell is a row; without its quotes it would be a blank line
    return data.translate(None, b'"')
