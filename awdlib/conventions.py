"""Signs, orders and shapes used everywhere. Read this file first.

Filters
    ``h`` is the lowpass filter, PyWavelets' ``rec_lo``; ``g`` is the highpass filter, PyWavelets'
    ``rec_hi``, always derived as g[n] = (-1)^n h[N-1-n] (paper, Eq. 11). ``h`` has shape
    ``(taps,)``, or ``(filters, taps)`` for a batch of filters; ``taps`` (N) is even.

Signals
    Batches first: ``(batch, channel, time)`` and ``(batch, channel, height, width)``. The
    transforms accept any leading dimensions and act on the last one (two).

Coefficients
    In PyWavelets' order: ``[cA_J, cD_J, ..., cD_1]``, coarsest first; in 2-D each detail is
    ``Details2d(horizontal, vertical, diagonal)``. The authors' code has the finest first. With a
    batch of filters every array gains a leading ``filters`` dimension.

Modes
    How a signal x1..xn goes on beyond its ends::

        zero             0  0 | x1 x2 ... xn | 0  0
        symmetric       x2 x1 | x1 x2 ... xn | xn xn-1
        reflect         x3 x2 | x1 x2 ... xn | xn-1 xn-2
        periodic      xn-1 xn | x1 x2 ... xn | x1 x2
        periodization  as periodic, with the fewest coefficients (an odd signal repeats its last
                       sample first)

    The paper uses ``zero`` throughout.

Letters
    ``level`` J, ``lam`` λ (sparsity), ``gamma`` γ (interpretation), ``phi`` scaling function,
    ``psi`` wavelet, Ψ the transform, S its synthesis (Ψ⁻¹ of the paper), G the gradient of the
    network's output with respect to its input.

Scaling of the loss
    ``"reference"``: the units of the published λ and γ, those of the authors' code.
    ``"paper"``: Eq. 8 to the letter. See `awdlib.losses`.
"""

from typing import Literal, NamedTuple, get_args

import torch

Mode = Literal["zero", "symmetric", "reflect", "periodic", "periodization"]
Scaling = Literal["reference", "paper"]

MODES: tuple[str, ...] = get_args(Mode)


class Details2d(NamedTuple):
    """The three detail bands of one level, each ``(..., height, width)``.

    ``horizontal`` is highpass along the height (axis -2), ``vertical`` highpass along the width
    (axis -1), ``diagonal`` both: PyWavelets' cH, cV, cD.
    """

    horizontal: torch.Tensor
    vertical: torch.Tensor
    diagonal: torch.Tensor


Coeffs1d = list[torch.Tensor]
Coeffs2d = list[torch.Tensor | Details2d]


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def check_filter(h: torch.Tensor) -> None:
    """Raise ValueError unless `h` is a (taps,) or (filters, taps) tensor with an even taps."""
    if h.ndim not in (1, 2) or h.shape[-1] < 2 or h.shape[-1] % 2:
        raise ValueError(
            "the lowpass filter h must have shape (taps,) or (filters, taps) with an even number "
            f"of taps, not {tuple(h.shape)}"
        )
    if not h.is_floating_point():
        raise ValueError(f"the lowpass filter h must be floating point, not {h.dtype}")


def check_finite(h: torch.Tensor) -> None:
    """Raise ValueError if the filter `h` holds NaN or infinite taps."""
    if not torch.isfinite(h).all():
        raise ValueError("the lowpass filter h holds NaN or infinite taps")


def check_signal(x: torch.Tensor, dims: int, name: str = "x") -> None:
    """Raise ValueError unless `x` is a non-empty floating-point array of at least `dims` axes."""
    if x.ndim < dims or x.numel() == 0:
        raise ValueError(f"{name} must be a non-empty array whose last {dims} axes are the signal's"
                         f", not of shape {tuple(x.shape)}")  # fmt: skip
    if not x.is_floating_point():
        raise ValueError(f"{name} must be floating point, not {x.dtype}")
