"""The discrete wavelet transform in one and two dimensions, differentiable in x and in h.

Equal to PyWavelets for every orthogonal filter, mode, level and length. Each size is computed the
way that is fastest for it, all equal to 1e-12: short signals by one dense matrix per filter
(`awdlib.matrices`), long ones by strided convolutions, images by products of small blocks
(`awdlib.blocks`).

One step of the analysis reads a[p] = Σ_m h[m] x̃[2p + first + m] (Eq. 5; x̃ is x extended as the
mode says) and d[p] likewise with g. Synthesis (Eq. 6) is the transpose of the ``zero`` mode's
step, whatever the mode, except for ``periodization``, which has its own.

Inside, signals are (filters or 1, batch, time) and filters (filters, taps).
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import conv1d, conv_transpose1d, pad

from awdlib.blocks import filter_pairs, reverse
from awdlib.conventions import (
    MODES,
    Coeffs1d,
    Coeffs2d,
    Details2d,
    Mode,
    check_choice,
    check_filter,
    check_signal,
)
from awdlib.matrices import (
    analysis_matrix,
    band_lengths,
    extend,
    filter_pair,
)

DENSE_UP_TO = 128  # signals of at most so many samples go through one matrix per filter


# --- one dimension -----------------------------------------------------------------------------


def wavedec(
    x: torch.Tensor, h: torch.Tensor, *, level: int, mode: Mode = "zero", paired: bool = False
) -> Coeffs1d:
    """Multilevel analysis Ψx (Eq. 5).

    Parameters
    ----------
    x : torch.Tensor, shape (..., time)
        Any leading dimensions; the book uses (batch, channel, time).
    h : torch.Tensor, shape (taps,) or (filters, taps)
    level : int
        J, at least 1.
    mode : str
        See `awdlib.conventions`.
    paired : bool
        With a batch of filters: `x` is (filters, ..., time), each filter has its own signals.

    Returns
    -------
    list of torch.Tensor, each (..., length), or (filters, ..., length) for a batch of filters
        ``[cA_J, cD_J, ..., cD_1]``.

    Raises
    ------
    ValueError
        For a wrong shape, type, level or mode, in one sentence.
    """
    _check(h, level, mode)
    check_signal(x, 1)
    flat, lead = _flatten(x, h, 1, paired)
    n, filters = x.shape[-1], h.reshape(-1, h.shape[-1])
    if n <= DENSE_UP_TO:
        matrix = analysis_matrix(filters, n, level=level, mode=mode)
        bands = (flat @ matrix.mT).split(band_lengths(n, h.shape[-1], level=level, mode=mode), -1)
    else:
        bands = _analysis_conv(flat, filters, level, mode)
    return [band.reshape(*lead, band.shape[-1]) for band in bands]


def waverec(coeffs: Coeffs1d, h: torch.Tensor, *, mode: Mode = "zero") -> torch.Tensor:
    """Multilevel synthesis Ψ⁻¹w (Eq. 6). Like PyWavelets', an odd length comes back one longer.

    Parameters
    ----------
    coeffs : list of torch.Tensor
        As `wavedec` returns them, with a leading ``filters`` dimension for a batch of filters.
    h : torch.Tensor, shape (taps,) or (filters, taps)
    mode : str
        Of the analysis; only ``periodization`` makes a difference here.

    Returns
    -------
    torch.Tensor, shape (..., time), or (filters, ..., time) for a batch of filters
    """
    _check(h, len(coeffs) - 1, mode)
    filters, lead = h.reshape(-1, h.shape[-1]), coeffs[0].shape[:-1]
    approximation, *details = (_flatten(c, h, 1, paired=True)[0] for c in coeffs)
    for detail in details:
        approximation = _crop(approximation, detail)
        stacked = torch.stack([approximation, detail], 2)  # (filters, batch, 2, length)
        approximation = _synthesis_step(stacked, filters, mode)
    return approximation.reshape(*lead, approximation.shape[-1])


def adjoint_synthesis(
    x: torch.Tensor, h: torch.Tensor, *, level: int, mode: Mode = "zero", paired: bool = False
) -> Coeffs1d:
    """(Ψ⁻¹)ᵀx: what turns a gradient in the signal into one in the coefficients.

    Synthesis is cropped to the signal's length. Its adjoint is the ``zero`` mode's analysis with
    the same filters whatever the mode of the analysis, except for ``periodization``, where it is
    found by differentiating the (linear) synthesis. Arguments and result as of `wavedec`.
    """
    if mode != "periodization":
        return wavedec(x, h, level=level, mode="zero", paired=paired)
    return _adjoint_by_autograd(x, h, level, paired, wavedec, waverec)


# --- two dimensions ----------------------------------------------------------------------------


def wavedec2(
    x: torch.Tensor, h: torch.Tensor, *, level: int, mode: Mode = "zero", paired: bool = False
) -> Coeffs2d:
    """Separable multilevel analysis of images (paper, App. A.1).

    Parameters
    ----------
    x : torch.Tensor, shape (..., height, width)
    h, level, mode, paired
        As of `wavedec`.

    Returns
    -------
    list
        ``[cA_J, Details2d_J, ..., Details2d_1]``; every array (..., rows, columns), or
        (filters, ..., rows, columns) for a batch of filters.
    """
    _check(h, level, mode)
    check_signal(x, 2)
    flat, lead = _flatten(x, h, 2, paired)
    filters = h.reshape(-1, h.shape[-1])
    coeffs: Coeffs2d = []
    for _ in range(level):
        halves = [half.unbind(2) for half in _analysis_step2(flat, filters, mode).unbind(2)]
        (flat, vertical), (horizontal, diagonal) = halves
        details = (b.reshape(*lead, *b.shape[-2:]) for b in (horizontal, vertical, diagonal))
        coeffs.insert(0, Details2d(*details))
    return [flat.reshape(*lead, *flat.shape[-2:]), *coeffs]


def waverec2(coeffs: Coeffs2d, h: torch.Tensor, *, mode: Mode = "zero") -> torch.Tensor:
    """Separable multilevel synthesis of images; odd sizes come back one larger, as in `waverec`."""
    _check(h, len(coeffs) - 1, mode)
    filters, first = h.reshape(-1, h.shape[-1]), coeffs[0]
    assert isinstance(first, torch.Tensor)
    approximation = _flatten(first, h, 2, paired=True)[0]
    for details in coeffs[1:]:
        bands = [_flatten(d, h, 2, paired=True)[0] for d in details]
        approximation = _crop(_crop(approximation, bands[0]).mT, bands[0].mT).mT
        horizontal, vertical, diagonal = bands
        low = torch.stack([approximation, vertical], 2)
        high = torch.stack([horizontal, diagonal], 2)
        approximation = _synthesis_step2(torch.stack([low, high], 2), filters, mode)
    return approximation.reshape(*first.shape[:-2], *approximation.shape[-2:])


def adjoint_synthesis2(
    x: torch.Tensor, h: torch.Tensor, *, level: int, mode: Mode = "zero", paired: bool = False
) -> Coeffs2d:
    """The two-dimensional `adjoint_synthesis`."""
    if mode != "periodization":
        return wavedec2(x, h, level=level, mode="zero", paired=paired)
    return _adjoint_by_autograd(x, h, level, paired, wavedec2, waverec2)


def flatten_coeffs(coeffs: Sequence[torch.Tensor | Details2d]) -> list[torch.Tensor]:
    """Every array of the coefficients, 1-D or 2-D, in order."""
    flat: list[torch.Tensor] = []
    for c in coeffs:
        flat.extend(c) if isinstance(c, Details2d) else flat.append(c)
    return flat


def unflatten_coeffs(
    arrays: Sequence[torch.Tensor], like: Sequence[torch.Tensor | Details2d]
) -> list:
    """The inverse of `flatten_coeffs`, in the structure of `like`."""
    source = iter(arrays)
    return [
        Details2d(*(next(source) for _ in c)) if isinstance(c, Details2d) else next(source)
        for c in like
    ]


# --- steps -------------------------------------------------------------------------------------


def _analysis_step(x: torch.Tensor, h: torch.Tensor, mode: str) -> torch.Tensor:
    """(filters or 1, batch, n) -> (filters, batch, 2, n_out)."""
    weight = filter_pair(h).flatten(0, 1)[:, None]
    out = conv1d(extend(x, h.shape[-1], mode).transpose(0, 1), weight, stride=2, groups=len(x))
    return out.unflatten(1, (len(h), 2)).transpose(0, 1)


def _analysis_conv(x: torch.Tensor, h: torch.Tensor, level: int, mode: str) -> list[torch.Tensor]:
    details: list[torch.Tensor] = []
    for _ in range(level):
        x, detail = _analysis_step(x, h, mode).unbind(2)
        details.insert(0, detail)
    return [x, *details]


def _synthesis_step(coeffs: torch.Tensor, h: torch.Tensor, mode: str) -> torch.Tensor:
    """(filters, batch, 2, n) -> (filters, batch, time)."""
    taps, n = h.shape[-1], coeffs.shape[-1]
    weight = filter_pair(h).flatten(0, 1)[:, None]
    full = conv_transpose1d(coeffs.transpose(0, 1).flatten(1, 2), weight, stride=2, groups=len(h))
    return _trim(full.transpose(0, 1), n, taps, mode)


def _trim(full: torch.Tensor, n: int, taps: int, mode: str) -> torch.Tensor:
    """Cut the full synthesis of n coefficients to its samples; periodization wraps its ends."""
    if mode != "periodization":
        return full[..., taps - 2 : 2 * n]
    # Sample q of the full synthesis belongs to position (q + 1 - taps/2) modulo 2n.
    period = 2 * n
    rows = -(-full.shape[-1] // period)
    wrapped = pad(full, (0, rows * period - full.shape[-1])).unflatten(-1, (rows, period)).sum(-2)
    return wrapped.roll(1 - taps // 2, -1)


def _analysis_step2(x: torch.Tensor, h: torch.Tensor, mode: str) -> torch.Tensor:
    """(filters or 1, batch, height, width) -> (filters, batch, 2, 2, rows, columns).

    The two axes of two are the height's and the width's band, low before high.
    """
    pair, batch = filter_pair(h), x.shape[1]
    x = extend(extend(x, h.shape[-1], mode).mT, h.shape[-1], mode).mT
    once = filter_pairs(x.flatten(1, 2), pair)  # (filters, columns, batch * height)
    once = once.unflatten(-1, (batch, -1)).flatten(1, 2)
    twice = filter_pairs(once, pair)  # (filters, rows, columns * batch)
    return twice.unflatten(1, (-1, 2)).unflatten(-1, (-1, 2, batch)).permute(0, 5, 2, 4, 1, 3)


def _synthesis_step2(coeffs: torch.Tensor, h: torch.Tensor, mode: str) -> torch.Tensor:
    """(filters, batch, 2, 2, rows, columns) -> (filters, batch, height, width)."""
    columns, weights = 2 * coeffs.shape[-1], reverse(filter_pair(h))
    mixed = coeffs.permute(0, 1, 5, 3, 4, 2).flatten(-2).flatten(1, 3)
    once = _back(mixed, weights, mode)  # (filters, height, batch * columns)
    once = once.unflatten(-1, (-1, columns)).flatten(1, 2)
    twice = _back(once, weights, mode)  # (filters, width, height * batch)
    return twice.unflatten(-1, (-1, coeffs.shape[1])).permute(0, 3, 2, 1)


def _back(mixed: torch.Tensor, weights: torch.Tensor, mode: str) -> torch.Tensor:
    """(filters, signals, 2 coefficients), interleaved -> (filters, time, signals)."""
    if mode != "periodization":
        return filter_pairs(mixed, weights)
    taps = weights.shape[-1]
    full = filter_pairs(pad(mixed, (taps - 2, taps - 2)), weights)
    return _trim(full.mT, mixed.shape[-1] // 2, taps, mode).mT


# --- shapes ------------------------------------------------------------------------------------


def _check(h: torch.Tensor, level: int, mode: str) -> None:
    check_filter(h)
    check_choice("mode", mode, MODES)
    if level < 1:
        raise ValueError(f"level must be at least 1, not {level}")


def _flatten(
    x: torch.Tensor, h: torch.Tensor, dims: int, paired: bool
) -> tuple[torch.Tensor, tuple[int, ...]]:
    """(filters or 1, batch, signal) and the leading shape of the results."""
    signal = x.shape[x.ndim - dims :]
    if h.ndim == 1:
        return x.reshape(1, -1, *signal), tuple(x.shape[:-dims])
    if not paired:
        return x.reshape(1, -1, *signal), (len(h), *x.shape[:-dims])
    if x.ndim == dims or len(x) != len(h):
        raise ValueError(
            f"a batch of {len(h)} filters needs arrays with a leading dimension of {len(h)}, "
            f"not of shape {tuple(x.shape)}"
        )
    return x.reshape(len(h), -1, *signal), tuple(x.shape[:-dims])


def _crop(approximation: torch.Tensor, detail: torch.Tensor) -> torch.Tensor:
    """Drop the sample that synthesis adds to an odd length."""
    extra = approximation.shape[-1] - detail.shape[-1]
    if extra not in (0, 1):
        raise ValueError(
            f"coefficient lengths {approximation.shape[-1]} and {detail.shape[-1]} do not belong "
            "to one transform: were they made with another filter length, mode or order?"
        )
    return approximation[..., : detail.shape[-1]]


def _adjoint_by_autograd(x, h, level, paired, decompose, reconstruct):
    """Adjoint of the cropped synthesis in periodization mode, differentiable in x and h."""
    keep = torch.is_grad_enabled() and (x.requires_grad or h.requires_grad)
    with torch.no_grad():
        shape = decompose(x, h, level=level, mode="periodization", paired=paired)
    flat = [torch.zeros_like(c).requires_grad_() for c in flatten_coeffs(shape)]
    with torch.enable_grad():
        signal = reconstruct(unflatten_coeffs(flat, shape), h, mode="periodization")
        for axis in (-1, -2) if decompose is wavedec2 else (-1,):
            signal = signal.narrow(axis, 0, x.shape[axis])
        target = x if paired or h.ndim == 1 else x[None].expand(signal.shape)
        grads = torch.autograd.grad(signal, flat, grad_outputs=target, create_graph=keep)
    return unflatten_coeffs(list(grads), shape)
