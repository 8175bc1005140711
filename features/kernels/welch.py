"""Power spectral density by Welch's method (`spkt_welch_density`) and the entropy of its values (`fourier_entropy`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, columns, numbers, whole
from features.kernels.histogram import countable, entropy, span, terms
from features.kernels.numeric import Floats, Ints, compiled, total

DENSITY: Final = "spkt_welch_density"
ENTROPY: Final = "fourier_entropy"
LONGEST: Final = 256  # samples of a segment


def taper(size: int) -> Floats:
    """Return the periodic Hann window as scipy scales it for a density at one sample per unit: float64 (size,)."""
    hann = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, size + 1))[:-1]
    scaled: Floats = hann * (1.0 / np.sqrt(sum(hann * hann)))
    return scaled


@compiled
def _segments(x: Floats, weights: Floats, hop: int, out: Floats) -> None:
    """Cut windows into overlapping segments without their means, weighted: out (windows * segments, len(weights))."""
    size = len(weights)
    each = len(out) // len(x)
    for w in range(len(x)):
        for s in range(each):
            first = s * hop
            mean = total(x[w, first : first + size]) / size
            row = w * each + s
            for i in range(size):
                out[row, i] = (x[w, first + i] - mean) * weights[i]


@compiled
def _densities(spectra: Floats, first: int, each: int, size: int, out: Floats) -> None:
    """Average the powers of the spectra of one window's segments, from row `first` on.

    spectra: real and imaginary parts in turn. size: samples of a segment. out: (frequencies,).
    """
    out[:] = 0.0
    for s in range(first, first + each):  # numpy adds in this order too, up to seven segments
        for k in range(len(out)):
            real, imaginary = spectra[s, 2 * k], spectra[s, 2 * k + 1]
            out[k] += real * real + imaginary * imaginary
    unpaired = len(out) - 1 if size % 2 == 0 else len(out)
    for k in range(1, unpaired):
        out[k] *= 2.0  # for the negative frequency
    for k in range(len(out)):
        out[k] /= each


@compiled
def _features(
    spectra: Floats, each: int, size: int, at: Ints, bins: Ints, by_count: Floats, to: Ints, out: Floats
) -> None:
    """Write densities at the frequencies `at` (-1: none such), then entropies of `bins` bins, into the columns `to`."""
    density = np.empty(spectra.shape[1] // 2)
    bin_of, counts = np.empty(len(density), np.int64), np.empty(bins.max() if len(bins) else 0, np.int64)
    for w in range(len(spectra) // each):
        _densities(spectra, w * each, each, size, density)
        for k in range(len(at)):
            out[w, to[k]] = density[at[k]] if at[k] >= 0 else np.nan
        if len(bins) == 0:
            continue
        _, greatest = span(density)
        for k in range(len(density)):
            density[k] /= greatest
        low, high = span(density)
        for k in range(len(bins)):
            found = entropy(density, low, high, bins[k], by_count, bin_of, counts) if greatest > 0.0 else np.nan
            out[w, to[len(at) + k]] = found


def _frequencies(asked: Sequence[int], known: int) -> Ints:
    """Return which of the known frequencies tsfresh gives for those asked, -1 where it gives NaN.

    It gives those that exist first and fills up with NaN, whatever the order in which they were asked for.
    """
    existing = [k for k in asked if k < known]
    return np.array(existing + [-1] * (len(asked) - len(existing)), dtype=np.int64)


def _has_coefficient(params: Mapping[str, Any]) -> bool:
    return whole(params["coeff"], 0)


def _has_bins(params: Mapping[str, Any]) -> bool:
    return countable(params["bins"])


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    size = min(n, LONGEST)
    overlap = size // 2
    hop = size - overlap
    each = (n - overlap) // hop
    known = size // 2 + 1
    weights, by_count = taper(size), terms(known)
    at = _frequencies([w.params["coeff"] for w in wanted if w.calculator == DENSITY], known)
    bins = numbers(wanted, ENTROPY, "bins").astype(np.int64)
    to = np.concatenate([columns(wanted, DENSITY), columns(wanted, ENTROPY)])

    def run(block: Block, out: Floats) -> None:
        segments = np.empty((len(block.x) * each, size))
        _segments(block.x, weights, hop, segments)
        spectra = np.fft.rfft(segments, axis=1).view(np.float64)
        _features(spectra, each, size, at, bins, by_count, to, out)

    return run


GROUP = Group("welch", {DENSITY: _has_coefficient, ENTROPY: _has_bins}, _prepare)
