"""How signals go on beyond their ends, and the transform of short ones as a matrix a filter.

An analysis step with n_out outputs reads the extended signal x̃ at 2p + first + m, p < n_out,
m < taps: `extension` lists these positions for every mode. A step is linear in the signal and in
the taps, so a whole transform is a matrix P made from the taps: for short signals by far the
fastest way (`awdlib.dwt.wavedec` takes it by itself).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch.nn.functional import pad

from awdlib.conventions import Mode
from awdlib.filters import highpass


def band_lengths(n: int, taps: int, *, level: int, mode: Mode = "zero") -> list[int]:
    """Lengths of the bands [cA_J, cD_J, ..., cD_1] of a signal of `n` samples.

    Examples
    --------
    >>> band_lengths(40, 10, level=4)
    [10, 10, 12, 16, 24]
    """
    lengths: list[int] = []
    for _ in range(level):
        n = (n + 1) // 2 if mode == "periodization" else (n + taps - 1) // 2
        lengths.insert(0, n)
    return [n, *lengths]


@lru_cache(maxsize=512)
def extension(n: int, taps: int, mode: str) -> np.ndarray:
    """Positions in x of the extended signal x̃ that one analysis step reads; -1 is a zero."""
    if mode == "periodization":
        even = n + n % 2
        first, outputs = 1 - taps // 2, even // 2
    else:
        first, outputs = 2 - taps, (n + taps - 1) // 2
    position = np.arange(first, first + 2 * (outputs - 1) + taps)
    if mode == "zero":
        return np.where((position < 0) | (position >= n), -1, position)
    if mode == "periodization":
        return np.minimum(position % even, n - 1)
    if mode == "periodic":
        return position % n
    if mode == "symmetric":
        position = position % (2 * n)
        return np.where(position < n, position, 2 * n - 1 - position)
    if n < 2:
        raise ValueError("mode 'reflect' needs at least 2 samples at every level: lower the level")
    position = position % (2 * n - 2)
    return np.where(position < n, position, 2 * n - 2 - position)


def extend(x: torch.Tensor, taps: int, mode: str) -> torch.Tensor:
    """x̃ along the last axis."""
    n = x.shape[-1]
    index = extension(n, taps, mode)
    if mode == "zero":
        return pad(x, (taps - 2, len(index) - n - (taps - 2)))
    return x[..., torch.as_tensor(index, device=x.device)]


def filter_pair(h: torch.Tensor) -> torch.Tensor:
    """(filters, 2, taps): lowpass and highpass."""
    return torch.stack([h, highpass(h)], -2)


def analysis_matrix(h: torch.Tensor, n: int, *, level: int, mode: Mode = "zero") -> torch.Tensor:
    """The matrix P of the analysis: wavedec(x) is xPᵀ, bands one after the other.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,) or (filters, taps)
    n : int
        Samples of the signal.

    Returns
    -------
    torch.Tensor, shape (coefficients, n), or (filters, coefficients, n)
    """
    tensor, shapes = _step_tensors(_chain(n, h.shape[-1], level, mode), h, mode)
    lowest: torch.Tensor | None = None
    bands: list[torch.Tensor] = []
    for flat, shape in zip((h @ tensor).split([a * b for a, b in shapes], -1), shapes, strict=True):
        step = flat.unflatten(-1, shape)
        lowest, detail = (step if lowest is None else step @ lowest).chunk(2, -2)
        bands.insert(0, detail)
    assert lowest is not None
    return torch.cat([lowest, *bands], -2)


def analysis_matrix_and_gradient(
    h: torch.Tensor, n: int, *, level: int
) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """`analysis_matrix` of mode ``zero``, and what maps a gradient in it to one in `h`.

    Without autograd, whose bookkeeping takes longer than the few small products.
    """
    tensor, shapes = _step_tensors(_chain(n, h.shape[-1], level, "zero"), h, "zero")
    steps = [
        flat.view(-1, *shape)
        for flat, shape in zip(
            (h @ tensor).split([a * b for a, b in shapes], -1), shapes, strict=True
        )
    ]
    half = [rows // 2 for rows, _ in shapes]
    products = steps[:1]  # of the steps up to each level
    for k in range(1, level):
        products.append(torch.bmm(steps[k], products[-1][:, : half[k - 1]]))
    # The lowest band stands above its detail in the last product; from the others come details.
    bands = [products[-1], *(products[k][:, half[k] :] for k in range(level - 2, -1, -1))]

    def pull_back(upstream: torch.Tensor) -> torch.Tensor:
        part, gradients, end = upstream[:, : 2 * half[-1]], steps[:0], 2 * half[-1]
        for k in range(level - 1, 0, -1):
            lowest = products[k - 1][:, : half[k - 1]]
            gradients.insert(0, torch.bmm(part, lowest.mT).flatten(1))
            detail = upstream[:, end : end + half[k - 1]]
            part, end = torch.cat([torch.bmm(steps[k].mT, part), detail], 1), end + half[k - 1]
        return torch.cat([part.flatten(1), *gradients], -1) @ tensor.mT

    return torch.cat(bands, 1), pull_back


def synthesis_matrix(h: torch.Tensor, n: int, *, level: int, mode: Mode = "zero") -> torch.Tensor:
    """The matrix S of the synthesis, cropped to `n` samples: waverec(w)[..., :n] is wSᵀ.

    Parameters and shapes as of `analysis_matrix`; the result is (..., n, coefficients).
    """
    if mode != "periodization":
        return analysis_matrix(h, n, level=level, mode="zero").mT
    lengths = _chain(n, h.shape[-1], level + 1, mode)
    # Each step's synthesis is the transpose of the even length's analysis, cropped.
    tensor, shapes = _step_tensors([2 * shorter for shorter in lengths[1:]], h, mode)
    steps = (h @ tensor).split([a * b for a, b in shapes], -1)
    lowest: torch.Tensor | None = None
    bands: list[torch.Tensor] = []
    for flat, shape, longer in zip(steps, shapes, lengths[:-1], strict=True):
        step = flat.unflatten(-1, shape).mT[..., :longer, :]
        lowest, detail = (step if lowest is None else lowest @ step).chunk(2, -1)
        bands.insert(0, detail)
    assert lowest is not None
    return torch.cat([lowest, *bands], -1)


def _chain(n: int, taps: int, level: int, mode: str) -> list[int]:
    """Lengths of the signals that the steps of a transform start from: n first."""
    return [n, *band_lengths(n, taps, level=level, mode=mode)[:1:-1]]  # type: ignore[arg-type]


def _step_tensors(
    lengths: list[int], h: torch.Tensor, mode: str
) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """What maps taps to the matrices of several steps at once, and the matrices' shapes.

    ``h @ tensor`` holds every step's matrix (2 n_out, n_in), lowpass rows first, one after the
    other: a matrix is linear in the taps, and g is h with other positions and signs.
    """
    return _cached_step_tensors(tuple(lengths), h.shape[-1], mode, h.dtype, h.device)


@lru_cache(maxsize=32)  # one is up to 10 MB, for the longest signals and filters
def _cached_step_tensors(
    lengths: tuple[int, ...], taps: int, mode: str, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    columns, shapes = [], []
    for n in lengths:
        index = extension(n, taps, mode)
        outputs = (len(index) - taps) // 2 + 1
        tensor = torch.zeros(taps, 2, outputs, n, dtype=torch.float64)
        for m in range(taps):
            inputs = index[m : m + 2 * outputs : 2]
            p = np.flatnonzero(inputs >= 0)
            tensor[m, 0, p, inputs[p]] = 1.0
        sign = torch.tensor([(-1.0) ** m for m in range(taps)], dtype=torch.float64)
        # Tap m of g is (-1)^m h[taps-1-m].
        tensor[:, 1] = (tensor[:, 0] * sign[:, None, None]).flip(0)
        columns.append(tensor.reshape(taps, -1))
        shapes.append((2 * outputs, n))
    return torch.cat(columns, -1).to(dtype=dtype, device=device), shapes
