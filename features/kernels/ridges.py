"""Peaks that stay while a window is smoothed by wider and wider wavelets (`number_cwt_peaks`).

Ridge lines through the maxima of the transforms, as `scipy.signal.find_peaks_cwt` draws and filters them (Du, Kibbe and
Lin, Bioinformatics 22 (2006) 2059). Convolutions that rounding may decide about are done once more by numpy itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features import reference
from features.kernels.block import Block, Group, Run, Wanted, columns, numbers, whole
from features.kernels.numeric import EPSILON, Floats, Ints, below, compiled

NAME: Final = "number_cwt_peaks"
TOGETHER: Final = 5  # pairs of samples that a convolution adds at once
MOST_DIRECT: Final = 3_000_000  # above that many multiplications scipy may convolve by Fourier transforms
MOST_GAPS: Final = 1  # find_peaks_cwt's default: the narrowest width
NOISE: Final = 0.1  # its default percentile
DECIDED: Final = -1.0  # a tolerance that no difference is within


@compiled
def _convolve(padded: Floats, n: int, left: int, right: int, half: Floats, out: Floats) -> None:
    """Convolve with a symmetric wavelet, two samples of one weight at a time.

    padded: the window between zeros; its samples under the first weight begin at left and right. half: the first half
    of the weights, zero-filled to a multiple of TOGETHER.
    """
    out[:] = 0.0
    for j in range(0, len(half), TOGETHER):
        h0, h1, h2, h3, h4 = half[j], half[j + 1], half[j + 2], half[j + 3], half[j + 4]
        a, b = padded[left - j - 4 :], padded[right + j :]
        for i in range(n):
            near = h0 * (a[i + 4] + b[i]) + h1 * (a[i + 3] + b[i + 1])
            far = h2 * (a[i + 2] + b[i + 2]) + h3 * (a[i + 1] + b[i + 3])
            out[i] += near + far + h4 * (a[i] + b[i + 4])


@compiled
def _maxima(y: Floats, found: Ints) -> int:
    """Gather where a value is greater than both neighbours; return how many."""
    count = 0
    middle, after = y[1:], y[2:]
    for i in range(len(after)):
        found[count] = i + 1
        count += (middle[i] > y[i]) & (middle[i] > after[i])
    return count


@compiled
def _close(y: Floats, tolerance: float) -> int:
    """Count the neighbours that are equal within a tolerance."""
    count = 0
    after = y[1:]
    for i in range(len(after)):
        count += abs(after[i] - y[i]) <= tolerance
    return count


@compiled
def _start_of_runs(padded: Floats, start: Ints) -> None:
    start[0] = 0
    for i in range(1, len(padded)):
        start[i] = start[i - 1] if padded[i] == padded[i - 1] else i


@compiled
def _undecided(y: Floats, tolerance: float, start: Ints, first: int, length: int) -> bool:
    """Say whether rounding may decide which values are maxima.

    It does not where both neighbours are sums of the same samples, nor between two with a greater one on each side.
    start: of each padded sample, where its run of equal ones starts. first: the first sample under the first value's
    wavelet, length: how many are.
    """
    n = len(y)
    for i in range(n - 1):
        if abs(y[i + 1] - y[i]) > tolerance:
            continue
        if 0 < i < n - 2 and y[i - 1] - y[i] > tolerance and y[i + 2] - y[i + 1] > tolerance:
            continue
        if start[first + i + length] > first + i:
            return True
    return False


@compiled
def _percentile(values: Floats, at: float, least: Floats) -> float:
    """Return `scipy.stats.scoreatpercentile` at a low index of the sorted values; `least` is overwritten."""
    n, low = len(values), int(at)
    many = min(low + 2, n)
    kept = 0
    for i in range(n):
        v = values[i]
        if kept == many:
            if not v < least[many - 1]:
                continue
            kept -= 1
        j = kept
        while j > 0 and least[j - 1] > v:
            least[j] = least[j - 1]
            j -= 1
        least[j] = v
        kept += 1
    if low == at:
        return float(least[low])
    to_high, from_low = low + 1 - at, at - low
    return float((least[low] * to_high + least[low + 1] * from_low) / (to_high + from_low))


@compiled
def _stands_out(value: float, y: Floats, column: int, tolerance: float, least: Floats) -> int:
    """Return 1 where a ridge line's narrowest value is not below the noise around it, 0 where it is, -1 where rounding
    decides.
    """
    n = len(y)
    size = math.ceil(n / 20)
    around = y[max(column - size // 2, 0) : min(column + size // 2 + size % 2, n)]
    at = NOISE * (len(around) - 1)
    low = int(at)
    value = abs(value)
    if low > 0:  # mostly counting tells already
        margin = max(tolerance, 1e-12 * value)
        if below(around, margin - value) <= low and below(around, value - margin) >= low + 2:
            return 1
        if below(around, -value - margin) >= low + 2 or below(around, value + margin) <= low:
            return 0
    noise = abs(_percentile(around, at, least))
    if abs(value - noise) <= tolerance:
        return -1
    return 0 if value / noise < 1.0 else 1


@compiled
def _judge_narrowest(y: Floats, maxima: Ints, tolerance: float, least: Floats, verdicts: Ints) -> None:
    """Write `_stands_out` of each maximum of the narrowest transform, at its column."""
    for column in maxima:
        # in a short window the noise is the value itself
        verdicts[column] = 1 if len(y) <= 20 else _stands_out(y[column], y, column, tolerance, least)


LAST: Final = 0  # a line's last column
FIRST: Final = 1  # its first column in its last row
IN_ROW: Final = 2  # how many columns it has there
ROW: Final = 3  # its last row
LENGTH: Final = 4
GAPS: Final = 5  # rows since then
FIELDS: Final = 6


@compiled
def _is_peak(lines: Ints, k: int, transforms: Floats, tolerances: Floats, verdicts: Ints, least: Floats) -> int:
    """Return 1 where a ridge line is a peak, 0 where not, -1 where that cannot be said."""
    row, columns = lines[k, ROW], (lines[k, LAST], lines[k, FIRST])
    if row == 0:
        peak, other = verdicts[columns[0]], verdicts[columns[1]]
    else:
        tolerance = tolerances[row] + tolerances[0]
        peak = other = _stands_out(transforms[row, columns[0]], transforms[0], columns[0], tolerance, least)
        if columns[1] != columns[0]:
            other = _stands_out(transforms[row, columns[1]], transforms[0], columns[1], tolerance, least)
    # of several columns in its last row, scipy takes that which an unstable sort puts first
    if lines[k, IN_ROW] > 2 or other != peak:
        return -1
    return int(peak)


@compiled
def _nearest(at: Ints, column: int, reach: int) -> int:
    """Return the line whose last column is nearest, the earlier of two; -1 where none is within reach."""
    n = len(at)
    if at[column] >= 0:
        return int(at[column])
    for distance in range(1, reach + 1):
        before = at[column - distance] if distance <= column else -1
        after = at[column + distance] if column + distance < n else -1
        if before >= 0 and after >= 0:
            return min(before, after)
        if before >= 0 or after >= 0:
            return max(before, after)
    return -1


@compiled
def _extend(lines: Ints, alive: int, at: Ints, row: int, maxima: Ints) -> int:
    """Put a row's maxima on the nearest lines, or begin new ones; return how many there are then."""
    at[:] = -1
    for k in range(alive):
        lines[k, GAPS] += 1
        at[lines[k, LAST]] = k  # no two lines end in one column
    for i in range(len(maxima)):
        column = maxima[i]
        k = _nearest(at, column, (row + 1) // 4)
        if k < 0:
            k = alive
            alive += 1
            lines[k, LENGTH] = 0
            lines[k, ROW] = -1
        if lines[k, ROW] != row:
            lines[k, ROW] = row
            lines[k, FIRST] = column
            lines[k, IN_ROW] = 0
        lines[k, LAST] = column
        lines[k, IN_ROW] += 1
        lines[k, LENGTH] += 1
        lines[k, GAPS] = 0
    return alive


@compiled
def _count(
    transforms: Floats, many: int, maxima: Ints, counts: Ints, tolerances: Floats, verdicts: Ints, lines: Ints,
    at: Ints, least: Floats,
) -> int:  # fmt: skip
    """Count the peaks of the narrowest `many` transforms; -1 where that cannot be said.

    maxima, counts: of each transform. tolerances: what rounding may add to each. verdicts: on the maxima of the
    narrowest. lines, at, least: overwritten.
    """
    alive, peaks = 0, 0
    shortest = math.ceil(many / 4)
    for row in range(many - 1, -1, -1):
        alive = _extend(lines, alive, at, row, maxima[row, : counts[row]])
        kept = 0
        for k in range(alive):
            if row > 0 and lines[k, GAPS] <= MOST_GAPS:
                for field in range(FIELDS):
                    lines[kept, field] = lines[k, field]
                kept += 1
            elif lines[k, LENGTH] >= shortest:
                if lines[k, ROW] == 0 and lines[k, IN_ROW] == 1:
                    peak = verdicts[lines[k, LAST]]
                else:
                    peak = _is_peak(lines, k, transforms, tolerances, verdicts, least)
                if peak < 0:
                    return -1
                peaks += peak
        alive = kept
    return peaks


@compiled
def _count_all(
    transforms: Floats, many: Ints, maxima: Ints, counts: Ints, tolerances: Floats, room: Ints, least: Floats, to: Ints,
    out: Floats,
) -> bool:  # fmt: skip
    """Write the peaks of each wanted number of widths; say whether that could be done.

    room: overwritten, int64 (FIELDS + 2, n).
    """
    n = transforms.shape[1]
    verdicts, at, lines = room[0], room[1], room[2:].reshape(n, FIELDS)
    _judge_narrowest(transforms[0], maxima[0, : counts[0]], 2 * tolerances[0], least, verdicts)
    for k in range(len(many)):
        peaks = _count(transforms, many[k], maxima, counts, tolerances, verdicts, lines, at, least)
        if peaks < 0:
            return False
        out[to[k]] = peaks
    return True


@compiled
def _peaks(x: Floats, halves: Floats, spans: Ints, rounding: Floats, many: Ints, to: Ints, out: Floats) -> Ints:
    """Write the peaks of windows, and return the windows where rounding decides.

    spans: of each wavelet, how many samples it is long, how many of them lie before a value's own place, and how many
    weights its half has.
    """
    n, widths = x.shape[1], len(spans)
    pad = halves.shape[1] + spans[-1, 0]
    padded = np.zeros(n + 2 * pad)
    start = np.empty(n + 2 * pad, np.int64)
    transforms, tolerances = np.empty((widths, n)), np.empty(widths)
    maxima, counts = np.empty((widths, n), np.int64), np.empty(widths, np.int64)
    room, least = np.empty((FIELDS + 2, n), np.int64), np.empty(n)
    undecided = np.empty(len(x), np.int64)
    left_over = 0
    for w in range(len(x)):
        padded[pad : pad + n] = x[w]
        greatest = 0.0
        for i in range(n):
            greatest = max(greatest, abs(x[w, i]))
        is_decided, have_runs = True, False
        for k in range(widths):
            y = transforms[k]
            length, before, pairs = spans[k]
            first = pad - before
            _convolve(padded, n, first + length - 1, first, halves[k, :pairs], y)
            tolerances[k] = rounding[k] * greatest
            if _close(y, tolerances[k]) > 0:
                if not have_runs:
                    _start_of_runs(padded, start)
                    have_runs = True
                if _undecided(y, tolerances[k], start, first, length):
                    is_decided = False
                    break
            counts[k] = _maxima(y, maxima[k])
        if not is_decided or not _count_all(transforms, many, maxima, counts, tolerances, room, least, to, out[w]):
            undecided[left_over] = w
            left_over += 1
    return undecided[:left_over]


@compiled
def _recount(transforms: Floats, many: Ints, to: Ints, out: Floats) -> bool:
    """Write the peaks of a window from transforms whose last bits are numpy's own; say whether that could be done."""
    widths, n = transforms.shape
    maxima, counts = np.empty((widths, n), np.int64), np.empty(widths, np.int64)
    for k in range(widths):
        counts[k] = _maxima(transforms[k], maxima[k])
    room, least = np.empty((FIELDS + 2, n), np.int64), np.empty(n)
    tolerances = np.full(widths, DECIDED)
    return bool(_count_all(transforms, many, maxima, counts, tolerances, room, least, to, out))


def _ricker(length: int, width: int) -> Floats:
    """Return tsfresh's wavelet, bit for bit: float64 (length,)."""
    squares = (np.arange(0, length) - (length - 1.0) / 2) ** 2
    height = 2 / (np.sqrt(3 * width) * np.pi**0.25)
    values: Floats = height * (1 - squares / width**2) * np.exp(-squares / (2 * width**2))
    return values


def _half(wavelet: Floats) -> Floats:
    """Return the first half of a wavelet's weights, zero-filled to a multiple of TOGETHER."""
    pairs = (len(wavelet) + 1) // 2
    half = np.zeros(math.ceil(pairs / TOGETHER) * TOGETHER)
    half[:pairs] = wavelet[:pairs]
    if len(wavelet) % 2:
        half[pairs - 1] /= 2  # the middle sample is its own partner
    return half


def _convolution(n: int, longest: int) -> Any:
    """Return what convolves as `find_peaks_cwt` does."""
    if n * longest <= MOST_DIRECT:
        return np.convolve
    from scipy.signal import convolve

    return convolve


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    to = columns(wanted, NAME)
    many = numbers(wanted, NAME, "n").astype(np.int64)
    wavelets = [_ricker(min(10 * width, n), width) for width in range(1, int(many.max()) + 1)]
    halves = [_half(wavelet) for wavelet in wavelets]
    table = np.zeros((len(halves), max(map(len, halves))))
    for row, half in zip(table, halves, strict=True):
        row[: len(half)] = half
    spans = np.array([(len(w), len(w) // 2, len(h)) for w, h in zip(wavelets, halves, strict=True)], dtype=np.int64)
    # twice, of two values each, what a sum of so many products can be off
    rounding = np.array([4 * len(w) * EPSILON * np.abs(w).sum() for w in wavelets])
    convolve = _convolution(n, len(wavelets[-1]))

    def run(block: Block, out: Floats) -> None:
        for w in _peaks(block.x, table, spans, rounding, many, to, out):
            row = block.x[w]
            transforms = np.stack([convolve(row, wavelet[::-1], mode="same") for wavelet in wavelets])
            if not _recount(transforms, many, to, out[w]):
                out[w, to] = reference.values(NAME, [{"n": int(widths)} for widths in many], row)

    return run


def _has_widths(params: Mapping[str, Any]) -> bool:
    return whole(params["n"], 1)


GROUP: Final = Group("ridges", {NAME: _has_widths}, _prepare)
