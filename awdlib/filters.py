"""Orthogonal wavelet filters: from a name, from lattice angles, and how valid they are.

The whole method learns one thing, the lowpass filter h. Everything here is a pure function of it.
"""

from dataclasses import asdict, dataclass
from math import pi, sqrt

import numpy as np
import pywt
import torch

from awdlib import losses
from awdlib.conventions import check_filter, check_finite


def lowpass(name: str, *, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Lowpass filter of a named orthogonal wavelet.

    Parameters
    ----------
    name : str
        An orthogonal wavelet of PyWavelets, for instance ``"db5"``.
    dtype : torch.dtype

    Returns
    -------
    torch.Tensor, shape (taps,)
        PyWavelets' ``rec_lo``.

    Raises
    ------
    ValueError
        If PyWavelets has no orthogonal wavelet of that name.
    """
    discrete = pywt.wavelist(kind="discrete")
    if name not in discrete or not pywt.Wavelet(name).orthogonal:
        raise ValueError(
            f"{name!r} is no orthogonal wavelet of PyWavelets; examples: haar, db5, sym5, coif2"
        )
    return torch.tensor(pywt.Wavelet(name).rec_lo, dtype=dtype)


def highpass(h: torch.Tensor) -> torch.Tensor:
    """Highpass filter g[n] = (-1)^n h[N-1-n] (paper, Eq. 11).

    Parameters
    ----------
    h : torch.Tensor, shape (..., taps)

    Returns
    -------
    torch.Tensor, shape (..., taps)
        PyWavelets' ``rec_hi`` when `h` is ``rec_lo``.
    """
    sign = torch.ones(h.shape[-1], dtype=h.dtype, device=h.device)
    sign[1::2] = -1
    return h.flip(-1) * sign


def taps_from_angles(angles: torch.Tensor) -> torch.Tensor:
    """Orthonormal filter of 2K taps from K lattice angles.

    The polyphase parts (e, o), even and odd taps, start as (cos θ₁, sin θ₁); each further angle
    maps (e, o) to (cos θ · e − sin θ · Do, sin θ · e + cos θ · Do), D being a unit delay. The
    result satisfies Eq. 10 for any angles, and Σh = √2 when they sum to π/4 modulo 2π
    (Vaidyanathan's lossless lattice).

    Parameters
    ----------
    angles : torch.Tensor, shape (..., K)
        In radians.

    Returns
    -------
    torch.Tensor, shape (..., 2K)
    """
    even, odd = torch.cos(angles[..., :1]), torch.sin(angles[..., :1])
    zero = torch.zeros_like(even)
    for k in range(1, angles.shape[-1]):
        c, s = torch.cos(angles[..., k : k + 1]), torch.sin(angles[..., k : k + 1])
        even, odd = torch.cat([even, zero], -1), torch.cat([zero, odd], -1)
        even, odd = c * even - s * odd, s * even + c * odd
    return torch.stack([even, odd], -1).flatten(-2)


def angles_from_taps(h: torch.Tensor, *, atol: float = 1e-6) -> torch.Tensor:
    """Lattice angles of an orthonormal filter: the inverse of `taps_from_angles`.

    Each step is solved from the larger end tap, which keeps filters of up to 76 taps accurate.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)
    atol : float
        Largest difference allowed between `h` and the filter made from the angles.

    Returns
    -------
    torch.Tensor, shape (taps / 2,)
        In radians, in (-π, π].

    Raises
    ------
    ValueError
        If `h` is not orthonormal to its even shifts, so that no angles give it back.
    """
    check_filter(h)
    if h.ndim != 1:
        raise ValueError(f"angles_from_taps takes one filter of shape (taps,), not {h.shape}")
    target = h.detach().double().cpu()
    even, odd = target[0::2].numpy().copy(), target[1::2].numpy().copy()
    angles = []
    while len(even) > 1:
        # Undone, the step must leave e without a last tap and o without a first one:
        # c e[-1] + s o[-1] = 0 and -s e[0] + c o[0] = 0.
        first, last = np.hypot(even[0], odd[0]), np.hypot(even[-1], odd[-1])
        if first >= last:
            theta = np.arctan2(odd[0], even[0])
        else:
            theta = np.arctan2(-even[-1], odd[-1])
        c, s = np.cos(theta), np.sin(theta)
        angles.append(theta)
        even, odd = (c * even + s * odd)[:-1], (-s * even + c * odd)[1:]
    angles.append(np.arctan2(odd[0], even[0]))
    result = torch.tensor(angles[::-1], dtype=torch.float64)
    error = (taps_from_angles(result) - target).abs().max().item()
    if not error <= atol:
        raise ValueError(
            f"h is not an orthonormal filter: its nearest lattice differs by {error:.1e} "
            f"(allowed {atol:.0e}); validity(h) shows which condition fails"
        )
    return result.to(h.dtype)


def random_angles(count: int, taps: int, generator: torch.Generator) -> torch.Tensor:
    """Angles of random orthonormal wavelets, the control of every chapter.

    K − 1 angles are uniform on [−π, π); the last is π/4 minus their sum, so that Σh = √2.

    Parameters
    ----------
    count : int
        Number of filters.
    taps : int
        2K.
    generator : torch.Generator
        On the CPU, seeded by the caller.

    Returns
    -------
    torch.Tensor, shape (count, K)
    """
    free = (torch.rand(count, taps // 2 - 1, generator=generator, dtype=torch.float64) * 2 - 1) * pi
    return torch.cat([free, pi / 4 - free.sum(-1, keepdim=True)], -1)


def cascade(h: torch.Tensor, *, level: int = 5) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Scaling function φ and wavelet ψ by the cascade algorithm.

    Equal to ``pywt.Wavelet(filter_bank=...).wavefun(level)``, which has one sample fewer than the
    same wavelet taken by its name.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,) or (filters, taps)
    level : int
        Number of refinements; the grid has 2**level samples per unit of time.

    Returns
    -------
    phi, psi : torch.Tensor, shape (samples,) or (filters, samples)
        samples is (taps - 1) * 2**level, for two taps 2 more.
    t : numpy.ndarray
        The grid, from 0.
    """
    check_filter(h)
    taps = h.shape[-1]
    # As PyWavelets: a zero in front and, but for two taps, zeros up to (taps - 1) * 2**level.
    size = max((taps - 1) * 2**level, (taps - 1) * (2**level - 1) + 3)
    filters = h.reshape(-1, taps)

    def refine(signal: torch.Tensor, taps_: torch.Tensor) -> torch.Tensor:
        out = torch.nn.functional.conv_transpose1d(
            signal[None], taps_[:, None], stride=2, groups=len(filters)
        )
        return out[0]

    functions = []
    for first in (filters, highpass(filters)):
        signal = first
        for _ in range(level - 1):
            signal = refine(signal, filters)
        signal = torch.nn.functional.pad(signal * sqrt(2) ** level, (1, size))[:, :size]
        functions.append(signal.reshape(*h.shape[:-1], size))
    return functions[0], functions[1], np.arange(size) / 2**level


def distance(psi: torch.Tensor, psi_star: torch.Tensor, *, up_to_sign: bool = False) -> np.ndarray:
    """Distance of two wavelets up to circular shift and flip (paper, Sec. 4.1).

    d(ψ, ψ*) = min over shifts k of ‖ψᵏ − ψ*‖₂, with ψ as it is or reversed in time; the shorter
    one is zero-padded at its end. The best shift is found by FFT, the norm then computed directly,
    so that a shifted copy is at distance 0 and not at the square root of a rounding error.

    Parameters
    ----------
    psi : torch.Tensor, shape (samples,) or (filters, samples)
        As `cascade` gives it, level 5 for the published distances.
    psi_star : torch.Tensor, shape (samples,)
    up_to_sign : bool
        Also allow −ψ. The published distance does not: db5 with its taps reversed is at 3.69.

    Returns
    -------
    numpy.ndarray, shape () or (filters,)
    """
    size = max(psi.shape[-1], psi_star.shape[-1])
    batch = _padded(psi.detach().reshape(-1, psi.shape[-1]), size)
    star = _padded(psi_star.detach().reshape(1, -1), size)[0]
    best = np.full(len(batch), np.inf)
    for candidate in (batch, batch[:, ::-1]):
        spectrum = np.conj(np.fft.rfft(candidate)) * np.fft.rfft(star)
        correlation = np.fft.irfft(spectrum, size)  # [k] = <psi shifted by k, psi*>
        for sign in (1, -1) if up_to_sign else (1,):
            shift = np.argmax(sign * correlation, axis=-1)
            index = (np.arange(size)[None] - shift[:, None]) % size
            moved = sign * np.take_along_axis(candidate, index, axis=-1)
            best = np.minimum(best, np.linalg.norm(moved - star, axis=-1))
    return best.reshape(psi.shape[:-1])


def _padded(signals: torch.Tensor, size: int) -> np.ndarray:
    array = signals.double().cpu().numpy()
    return np.pad(array, ((0, 0), (0, size - array.shape[-1])))


@dataclass(frozen=True)
class Validity:
    """How far a lowpass filter is from a wavelet's. Residuals are 0 for a valid filter.

    Attributes
    ----------
    lowpass_sum : float
        |Σh − √2| (Eq. 9).
    highpass_sum : float
        |Σg| (follows from Eqs. 10 and 11).
    norm : float
        |‖h‖² − 1| (Eq. 10).
    conjugate_mirror : float
        Largest ||ĥ(w)|² + |ĥ(w+π)|² − 2| over all w (Eq. 9), on 4,096 frequencies.
    even_shifts : float
        Largest |Σ h[n]h[n−2k] − 1_{k=0}| (Eq. 10).
    infimum : float
        Smallest |ĥ(w)| on [−π/2, π/2], which Theorem 1 wants above 0. No residual: (1,0,0,1)/√2
        has five zero residuals and infimum 0.
    penalty : float
        Sum of the five penalties of Eq. 8 (``scaling="reference"``), as training sees it.
    """

    lowpass_sum: float
    highpass_sum: float
    norm: float
    conjugate_mirror: float
    even_shifts: float
    infimum: float
    penalty: float

    def ok(self, atol: float = 1e-2) -> bool:
        """Whether every residual is within `atol` and the infimum is above it."""
        residuals = (self.lowpass_sum, self.highpass_sum, self.norm, self.conjugate_mirror,
                     self.even_shifts)  # fmt: skip
        return max(residuals) <= atol < self.infimum

    def as_dict(self) -> dict[str, float]:
        """The numbers by name."""
        return asdict(self)


def validity(h: torch.Tensor) -> Validity:
    """Check the conditions of Theorems 1 to 3 on one lowpass filter.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)

    Returns
    -------
    Validity

    Raises
    ------
    ValueError
        If `h` is not one filter, or not finite.
    """
    check_filter(h)
    h = h.detach().double().cpu()
    if h.ndim != 1:
        raise ValueError(f"validity takes one filter of shape (taps,), not {tuple(h.shape)}")
    check_finite(h)
    power = np.abs(np.fft.fft(h.numpy(), 4096)) ** 2
    shifts = losses.even_autocorrelation(h)
    shifts[0] -= 1
    return Validity(
        lowpass_sum=abs(h.sum().item() - sqrt(2)),
        highpass_sum=abs(highpass(h).sum().item()),
        norm=abs((h @ h).item() - 1),
        conjugate_mirror=float(np.abs(power + np.roll(power, 2048) - 2).max()),
        even_shifts=shifts.abs().max().item(),
        infimum=_infimum(h.numpy()),
        penalty=float(losses.validity_penalties(h).sum()),
    )


def _infimum(h: np.ndarray) -> float:
    """Smallest |ĥ| on [0, π/2] (|ĥ| is even), a grid refined by golden section around its best."""
    n = np.arange(len(h))

    def modulus(w: float | np.ndarray) -> np.ndarray:
        return np.abs(np.exp(-1j * np.multiply.outer(w, n)) @ h)

    grid = np.linspace(0, pi / 2, 4097)
    best = int(np.argmin(modulus(grid)))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, 4096)]
    ratio = (sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if modulus(a) < modulus(b) else (a, high)
    return float(min(modulus(grid[best]), modulus((low + high) / 2)))
