"""Wavelets of orthogonal filters: by lattice angles, or such that exponentials are reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import torch
from torch import Tensor, nn

from awdlib import filters
from awdlib.scattering.banks import Bank, Filters, at_least_one


class LatticeTaps(nn.Module):
    """An orthonormal lowpass filter by its lattice angles, the same at every scale.

    Parameters
    ----------
    h : str or torch.Tensor, shape (2K,)
        The start: an orthogonal wavelet of PyWavelets (dbN, symN, coifN, ...) or its taps.

    Attributes
    ----------
    angles : torch.nn.Parameter, shape (K − 1,)
        Free: the last angle is π/4 minus their sum, so that Σh = √2.
    """

    def __init__(self, h: str | Tensor):
        super().__init__()
        taps = filters.lowpass(h) if isinstance(h, str) else h
        self.angles = nn.Parameter(filters.angles_from_taps(taps)[:-1].clone())

    def forward(self, scale: int) -> Tensor:
        """The filter, shape (2K,)."""
        last = pi / 4 - self.angles.sum(-1, keepdim=True)
        return filters.taps_from_angles(torch.cat([self.angles, last]))


class ExponentialTaps(nn.Module):
    """Generalised Daubechies filters: those of scale j reproduce exp(2ʲαt) for given α.

    Parameters
    ----------
    decay, frequency : sequence of float
        α = decay ± i · frequency, in 1 and radians a sample; see `generalised_daubechies`.

    Attributes
    ----------
    decay, frequency : torch.nn.Parameter
        A frequency of 0 stands for one real exponent and is not learned.
    """

    def __init__(self, decay: Sequence[float], frequency: Sequence[float]):
        super().__init__()
        self.decay = nn.Parameter(torch.tensor(decay, dtype=torch.float64))
        self.frequency = nn.Parameter(torch.tensor(frequency, dtype=torch.float64))

    def forward(self, scale: int) -> Tensor:
        """The filter of one scale."""
        # Small systems of equations, which the CPU solves wherever the images are.
        taps = generalised_daubechies(self.decay * 2**scale, self.frequency * 2**scale)
        return taps.to(self.decay.device)


def generalised_daubechies(
    decay: Sequence[float] | Tensor, frequency: Sequence[float] | Tensor
) -> Tensor:
    """Shortest orthonormal filter whose scaling function reproduces exponentials.

    H(z) = R(z) Q(z) with R(z) = Π (1 + exp(α) z⁻¹) over all exponents α: combinations of the
    filter's even shifts give every exp(αn), and the highpass filter removes them. Q is what makes
    H orthonormal: |Q|² solves a linear system, and Q takes the roots inside the unit circle
    (Vonesch, Blu, Unser 2007, Sec. IV). With N exponents of 0 it is Daubechies' filter of 2N taps.

    Parameters
    ----------
    decay, frequency : sequence of float or torch.Tensor, shape (exponents,)
        α = decay + i · frequency. Where the frequency is not 0, α's conjugate is added.

    Returns
    -------
    torch.Tensor, shape (2N,)
        float64, of norm 1 and positive sum; N counts conjugates. Differentiable in both.

    Raises
    ------
    ValueError
        If the two differ in length or are empty, or no such filter exists.
    """
    decay, frequency = (torch.as_tensor(v, dtype=torch.float64).cpu() for v in (decay, frequency))
    if decay.ndim != 1 or decay.shape != frequency.shape or not len(decay):
        raise ValueError(
            "decay and frequency are two lists of equal length, at least 1, not "
            f"{tuple(decay.shape)} and {tuple(frequency.shape)}"
        )
    one = torch.ones(1, dtype=torch.float64)
    reproduce = one
    for a, w in zip(decay, frequency, strict=True):
        if w == 0:
            factor = torch.stack([one[0], a.exp()])
        else:
            factor = torch.stack([one[0], 2 * a.exp() * w.cos(), (2 * a).exp()])
        reproduce = _convolve(reproduce, factor)
    count = len(reproduce) - 1
    power = _convolve(reproduce, reproduce.flip(0))
    # |H|² = |R|² |Q|² must be 1 at lag 0 and 0 at every other even lag; |Q|² is symmetric.
    padded = torch.nn.functional.pad(power, (2 * count, 2 * count))
    lag = 2 * torch.arange(count)[:, None] + 3 * count  # place of the even lags
    k = torch.arange(count)
    system = padded[lag - k] + torch.where(k > 0, padded[lag + k], 0.0)
    if not torch.linalg.cond(system.detach()) < 1e12:
        raise ValueError(
            "no orthonormal filter reproduces these exponentials: at no scale may two of them, "
            "conjugates included, differ by an odd multiple of iπ; change a frequency"
        )
    half = torch.linalg.solve(system, (k == 0).double())
    square = torch.cat([half.flip(0)[:-1], half])
    inside = _roots(square)
    inside = inside[inside.detach().abs() < 1 - 1e-7]
    if len(inside) != count - 1:  # the others lie on the unit circle
        raise ValueError(
            "no orthonormal filter reproduces these exponentials, as |Q|² would be negative "
            "somewhere: lower the frequencies, which double with every scale"
        )
    h = reproduce.to(torch.complex128)
    for root in inside:
        h = _convolve(h, torch.stack([torch.ones_like(root), -root]))
    taps = h.real / torch.linalg.vector_norm(h.real)
    taps = taps * taps.detach().sum().sign()
    even = torch.stack([(taps[2 * m :] * taps[: len(taps) - 2 * m]).sum() for m in range(count)])
    error = float((even.detach() - (k == 0).double()).abs().max())
    if not error < 1e-6:
        raise ValueError(
            f"the filter that reproduces these exponentials misses orthonormality by {error:.0e}: "
            "take fewer exponents, or decays nearer to 0"
        )
    return taps


def _convolve(a: Tensor, b: Tensor) -> Tensor:
    size = len(a) + len(b) - 1
    total = a.new_zeros(size)
    for k, value in enumerate(b):
        total = total + nn.functional.pad(a * value, (k, size - k - len(a)))
    return total


def _roots(polynomial: Tensor) -> Tensor:
    """Roots of a polynomial, highest power first, as eigenvalues of its companion matrix."""
    degree = len(polynomial) - 1
    if not degree:
        return polynomial.new_zeros(0, dtype=torch.complex128)
    shift = torch.diag(torch.ones(degree - 1, dtype=polynomial.dtype), -1)
    top = nn.functional.pad(-polynomial[None, 1:] / polynomial[0], (0, 0, 0, degree - 1))
    return torch.linalg.eigvals(shift + top)


class Orthogonal1d(Bank):
    """Wavelets of an orthogonal filter by the cascade, without subsampling (à trous).

    ψ̂_j(ω) = Ĝ_j(2ʲω) Π_{i<j} Ĥ_i(2ⁱω) and φ̂(ω) = Π_{i<J} Ĥ_i(2ⁱω), with filters divided by √2 and
    shifted so that they are centred. Their Littlewood–Paley sum is 1 at every frequency.

    Parameters
    ----------
    J : int
    taps : LatticeTaps, ExponentialTaps, or str
        The lowpass filter of each scale; a name of PyWavelets stands for `LatticeTaps` of it.

    Raises
    ------
    ValueError
        If J is below 1, or some scale has no such filter.
    """

    dims = 1

    def __init__(self, J: int, taps: nn.Module | str = "db4"):
        super().__init__()
        at_least_one(J=J)
        self.J = J
        self.taps = LatticeTaps(taps) if isinstance(taps, str) else taps
        self.scales, self.orientations = tuple(range(J)), (0,) * J
        _taps_of(self)  # a scale without a filter fails here, not in the first pass

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape, (n,)."""
        (n,) = shape
        _, high, phi = _cascade(_taps_of(self), n)
        return Filters(torch.stack(high), (phi,))


class Orthogonal2d(Bank):
    """Separable wavelets of an orthogonal filter: three a scale; see `Orthogonal1d`.

    Orientation 0 is lowpass along rows (the first axis) and highpass along columns, 1 the reverse,
    2 highpass along both.

    Parameters
    ----------
    J, taps
        As of `Orthogonal1d`.
    """

    dims = 2

    def __init__(self, J: int, taps: nn.Module | str = "db4"):
        super().__init__()
        at_least_one(J=J)
        self.J = J
        self.taps = LatticeTaps(taps) if isinstance(taps, str) else taps
        self.scales = tuple(j for j in range(J) for _ in range(3))
        self.orientations = (0, 1, 2) * J
        _taps_of(self)

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape."""
        taps = _taps_of(self)
        (low0, high0, phi0), (low1, high1, phi1) = (_cascade(taps, n) for n in shape)
        psi = [
            one[:, None] * other
            for l0, h0, l1, h1 in zip(low0, high0, low1, high1, strict=True)
            for one, other in ((l0, h1), (h0, l1), (h0, h1))
        ]
        return Filters(torch.stack(psi), (phi0, phi1))


def _taps_of(bank: Orthogonal1d | Orthogonal2d) -> list[Tensor]:
    return [bank.taps(scale) for scale in range(bank.J)]


def _cascade(taps: Sequence[Tensor], n: int) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Lowpass and highpass branch of each scale, and the last lowpass, at n frequencies."""
    frequency = torch.arange(n, device=taps[0].device)
    before = torch.ones(n, dtype=torch.complex128, device=taps[0].device)
    low, high = [], []
    for scale, h in enumerate(taps):
        shift = len(h) // 2

        def spectrum(filter_: Tensor, scale: int = scale, shift: int = shift) -> Tensor:
            whole = nn.functional.pad(filter_, (0, -len(filter_) % n)).reshape(-1, n).sum(0)
            centred = torch.fft.fft(whole.roll(-shift)) / sqrt(2)
            return centred[(frequency << scale) % n]  # at 2ʲω: of n frequencies, every 2ʲ-th

        low.append(before * spectrum(h))
        high.append(before * spectrum(filters.highpass(h)))
        before = low[-1]
    return low, high, before
