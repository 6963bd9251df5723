"""The objective (Eq. 8), one function a term, for one filter or a batch of them.

Each filter's loss depends on that filter alone, so a batch of filters trains at once: the terms
return one value a filter, shape ``(filters,)`` or ``()``, and their sum is differentiated.

Two scalings (`awdlib.conventions.Scaling`):

``"reference"`` (default; the units of the published λ and γ, those of the authors' code)
    Σ‖x − x̂‖² / m + ½ · (the five penalties, the fourth over the first N/2 frequencies)
    + λ Σ|Ψx| / (m (J+1)) + γ Σ|TRIM| / (m (J+1))
``"paper"`` (Eq. 8 to the letter)
    Σ‖x − x̂‖² / m + the five penalties, the fourth over all N frequencies
    + λ Σ|Ψx| / m + γ Σ|TRIM|

with m examples in the batch and J + 1 bands.
"""

from functools import lru_cache
from math import pi, sqrt

import torch

from awdlib.conventions import Scaling


def lowpass_sum(h: torch.Tensor) -> torch.Tensor:
    """(Σ h[n] − √2)², from Eq. 9. `h` is (..., taps); so in every function here."""
    return (h.sum(-1) - sqrt(2)) ** 2


def highpass_sum(h: torch.Tensor) -> torch.Tensor:
    """(Σ g[n])² with g from Eq. 11: the alternating sum of h, up to its sign."""
    return (h[..., 0::2].sum(-1) - h[..., 1::2].sum(-1)) ** 2


def norm(h: torch.Tensor) -> torch.Tensor:
    """(‖h‖² − 1)², from Eq. 10."""
    return (h.square().sum(-1) - 1) ** 2


def conjugate_mirror(h: torch.Tensor, *, scaling: Scaling = "reference") -> torch.Tensor:
    """Σ_w (|ĥ(w)|² + |ĥ(w+π)|² − 2)² at w = 2πk/N, from Eq. 9.

    Eq. 8 sums all N frequencies; the authors' code the first N/2, which is half as much, as w and
    w + π give the same value.
    """
    # |ĥ(w)|² + |ĥ(w+π)|² = 2 Σ_k r[2k] cos(2kw): only even lags of the autocorrelation survive.
    r = even_autocorrelation(h)
    total = (r @ _cosines(h.shape[-1], h.dtype, h.device) - 2).square().sum(-1)
    return total if scaling == "reference" else 2 * total


@lru_cache(maxsize=64)
def _cosines(taps: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """(lag k, frequency 2π j / N), j < N/2: what each even lag adds to the left-hand side."""
    k = torch.arange(taps // 2, dtype=torch.float64)
    table = 4 * torch.cos(4 * pi / taps * torch.outer(k, k))
    table[0] /= 2
    return table.to(dtype=dtype, device=device)


def even_shifts(h: torch.Tensor) -> torch.Tensor:
    """Σ_k (Σ_n h[n]h[n−2k] − 1_{k=0})² over every k, negative ones too, from Eq. 10."""
    r = even_autocorrelation(h)
    return (r[..., 0] - 1) ** 2 + 2 * r[..., 1:].square().sum(-1)


def even_autocorrelation(h: torch.Tensor) -> torch.Tensor:
    """Σ_n h[n]h[n−2k] for k = 0 .. N/2 − 1, shape (..., taps / 2)."""
    taps = h.shape[-1]
    padded = torch.nn.functional.pad(h, (0, taps - 2))
    return (padded.unfold(-1, taps, 2) * h[..., None, :]).sum(-1)


def validity_penalties(h: torch.Tensor, *, scaling: Scaling = "reference") -> torch.Tensor:
    """The five penalties that make h a wavelet's filter, weight 1 each in Eq. 8 (L4 to L8).

    Returns
    -------
    torch.Tensor, shape (..., 5)
        In Eq. 8's order; with ``scaling="reference"`` each is halved.
    """
    terms = [lowpass_sum(h), highpass_sum(h), norm(h),
             conjugate_mirror(h, scaling=scaling), even_shifts(h)]  # fmt: skip
    return torch.stack(terms, -1) * (0.5 if scaling == "reference" else 1.0)


def validity_and_gradient(
    h: torch.Tensor, *, scaling: Scaling = "reference"
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of `validity_penalties` and its gradient in h, without autograd.

    Each penalty is a sum of squares of what is linear in Σh and Σg, or in the even autocorrelation.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, taps)
    scaling : str

    Returns
    -------
    tuple of torch.Tensor, shapes (filters,) and (filters, taps)
    """
    taps = h.shape[-1]
    matrix, constant = _residuals(taps, scaling, h.dtype, h.device)
    # Row k of a filter's `shifted` is h[n + 2k], k of both signs: times h it is r[2k], and the
    # gradient of r[2k] is rows k and -k. Errors are the same for both, so one row stands for two.
    shifted = torch.nn.functional.pad(h, (taps - 2, taps - 2)).unfold(-1, taps, 2)
    lags = torch.bmm(shifted, h[..., None])[..., 0]
    errors = torch.addmm(constant, torch.cat([h, lags], -1), matrix)
    upstream = (errors @ matrix.mT)[:, None]
    slope = torch.baddbmm(upstream[..., :taps], upstream[..., taps:], shifted, beta=2, alpha=4)
    return torch.linalg.vecdot(errors, errors), slope[:, 0]


@lru_cache(maxsize=64)
def _residuals(
    taps: int, scaling: Scaling, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrix and constant that make what the penalties square of a filter's taps and even lags."""
    n = torch.arange(taps, dtype=torch.float64)
    lag = torch.arange(1 - taps // 2, taps // 2, dtype=torch.float64)
    frequency = 4 * pi / taps * (n if scaling == "paper" else n[: taps // 2])
    zero = (lag == 0).double()
    mirror = 2 * torch.cos(torch.outer(lag, frequency))
    of_taps = torch.stack([torch.ones_like(n), (-1) ** n], 1)
    of_lags = torch.cat([zero[:, None], mirror, torch.eye(taps - 1).double()], 1)
    want = [n.new_tensor([sqrt(2), 0, 1]), 2 * torch.ones_like(frequency), zero]
    weight = sqrt(0.5 if scaling == "reference" else 1.0)
    matrix, constant = torch.block_diag(of_taps, of_lags), -torch.cat(want)
    return (weight * matrix).to(device, dtype), (weight * constant).to(device, dtype)


def l1(arrays: list[torch.Tensor]) -> torch.Tensor:
    """Σ|a| over all of a filter's numbers: arrays (filters, ...) to (filters,)."""
    return torch.stack([a.abs().sum(tuple(range(1, a.ndim))) for a in arrays]).sum(0)


def reconstruction(squared_error: torch.Tensor, examples: int) -> torch.Tensor:
    """(1/m) Σ ‖x − x̂‖², first term of Eq. 8.

    Parameters
    ----------
    squared_error : torch.Tensor, shape (filters,)
        Σ ‖x − x̂‖² over a batch.
    examples : int
        m.
    """
    return squared_error / examples


def sparsity(
    l1_coeffs: torch.Tensor, examples: int, bands: int, *, scaling: Scaling = "reference"
) -> torch.Tensor:
    """(1/m) Σ ‖Ψx‖₁ of W in Eq. 8, to be multiplied by λ.

    Parameters
    ----------
    l1_coeffs : torch.Tensor, shape (filters,)
        Σ ‖Ψx‖₁ over a batch.
    examples, bands : int
        m, and J + 1 (in 2-D, too: the authors' code counts a level's three details as one).
    """
    return l1_coeffs / (examples * bands if scaling == "reference" else examples)


def interpretation(
    l1_attributions: torch.Tensor, examples: int, bands: int, *, scaling: Scaling = "reference"
) -> torch.Tensor:
    """Σ ‖TRIM(Ψx)‖₁, third term of Eq. 8, to be multiplied by γ. Parameters as of `sparsity`.

    Eq. 8 does not divide it by m, unlike the two others; the authors' code does.
    """
    return l1_attributions / (examples * bands) if scaling == "reference" else l1_attributions
