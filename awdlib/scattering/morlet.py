"""Morlet wavelets, which start as kymatio's, and filters whose every pixel is free.

Their lowpass is kymatio's, a Gaussian that does not learn.
"""

from __future__ import annotations

from math import ceil, floor, log, log2, pi, sqrt

import torch
from torch import Tensor, nn

from awdlib.scattering.banks import Bank, Filters, at_least_one
from awdlib.scattering.spectra import blocks

_PI = 3.1415  # as kymatio has it in its norms: equal filters need the same digits
_COPIES = 2  # periods on either side that periodising a Gaussian adds up


class Morlet2d(Bank):
    """Morlet wavelets for images; they start as kymatio's.

    ψ(u) = exp(−uᵀR diag(1, s²) Rᵀu / 2σ²) · (exp(iξ e·u) − β) · s / 2πσ², with e the direction θ,
    R the rotation by it and β such that the mean is zero, periodised. Scale j starts with
    σ = .8 · 2ʲ, ξ = ¾π / 2ʲ and s = 4/L, orientation l with θ = (⌊L/2 − 1⌋ − l) π / L.

    Parameters
    ----------
    J, L : int
        Scales and orientations.
    share : {"each", "rotated"}
        A set of parameters for each wavelet, or one a scale, which all orientations share (θ then
        turns them together).

    Attributes
    ----------
    log_sigma, log_xi, log_slant, turn : torch.nn.Parameter, shape (J, L) or (J, 1)
        Logarithms, so that one step length suits all scales and nothing changes its sign; `turn`,
        in radians, is added to the angle of the start.

    Raises
    ------
    ValueError
        If J or L is below 1, or `share` is not one of the two.
    """

    dims = 2

    def __init__(self, J: int, L: int = 8, *, share: str = "each"):
        super().__init__()
        at_least_one(J=J, L=L)
        if share not in ("each", "rotated"):
            raise ValueError(f"share must be 'each' or 'rotated', not {share!r}")
        self.J, self.L = J, L
        self.scales = tuple(j for j in range(J) for _ in range(L))
        self.orientations = tuple(range(L)) * J
        size = 2.0 ** torch.arange(J, dtype=torch.float64)[:, None]
        rows = torch.ones(J, L if share == "each" else 1, dtype=torch.float64)
        self.log_sigma = nn.Parameter((0.8 * size * rows).log())
        self.log_xi = nn.Parameter((0.75 * pi / size * rows).log())
        self.log_slant = nn.Parameter((4 / L * rows).log())
        self.turn = nn.Parameter(0 * rows)
        start = (int(L - L / 2 - 1) - torch.arange(L, dtype=torch.float64)) * pi / L
        self.start: Tensor
        self.register_buffer("start", start)

    def values(self) -> dict[str, Tensor]:
        """Each wavelet's sigma, xi, slant and theta (radians), tensors of shape (J, L)."""
        logs = {"sigma": self.log_sigma, "xi": self.log_xi, "slant": self.log_slant}
        found = {name: value.exp().expand(self.J, self.L) for name, value in logs.items()}
        return {**found, "theta": self.turn + self.start}

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape."""
        sigma, xi, slant, theta = (v.reshape(-1, 1, 1) for v in self.values().values())
        cos, sin = theta.cos(), theta.sin()
        # Beyond six widths a Gaussian is below 1e-8.
        width = float((sigma / slant.clamp(max=1)).detach().max())
        periods = min(ceil(2 * 6.1 * width / min(shape)), 2 * _COPIES)
        x, y = (_places(periods * n).to(sigma) for n in shape)
        x = x[:, None]
        envelope = torch.exp(
            -((cos**2 + (slant * sin) ** 2) * x**2
              + 2 * (1 - slant**2) * sin * cos * x * y
              + (sin**2 + (slant * cos) ** 2) * y**2) / (2 * sigma**2)
        )  # fmt: skip
        wave = torch.polar(torch.ones_like(xi * x), xi * cos * x)
        wave = wave * torch.polar(torch.ones_like(xi * y), xi * sin * y)

        def spectrum(signal: Tensor) -> Tensor:
            # Hermitian signals have real spectra.
            return torch.fft.fft2(sum(blocks(signal, periods, 2), torch.zeros(()))).real

        gabor, gaussian = spectrum(envelope * wave), spectrum(envelope)
        mean = gabor[:, :1, :1] / gaussian[:, :1, :1]
        psi = (gabor - mean * gaussian) * slant / (2 * _PI * sigma**2)
        return Filters(psi, _gaussian_lowpass(self.J, shape, psi))


class Morlet1d(Bank):
    """Morlet wavelets for signals; they start as kymatio's (σ₀ = .1, r = √½, α = 5).

    ψ̂(ω) ∝ exp(−(ω − ξ)²/2σ²) − κ exp(−ω²/2σ²), periodised, with κ such that ψ̂(0) = 0 and the
    norm such that Σ|ψ| = 1; frequencies are in cycles a sample.

    Parameters
    ----------
    J : int
        The lowest wavelet has σ = .1 / 2**J.
    Q : int
        Wavelets an octave.

    Attributes
    ----------
    log_sigma, log_xi : torch.nn.Parameter, shape (wavelets,)

    Raises
    ------
    ValueError
        If J or Q is below 1.
    """

    dims = 1

    def __init__(self, J: int, Q: int = 1):
        super().__init__()
        at_least_one(J=J, Q=Q)
        self.J, self.Q = J, Q
        xi, sigma = _constant_q(J, Q)
        # The largest subsampling 2ʲ below which five widths of the wavelet have no alias.
        self.scales = tuple(
            floor(-log2(min(x + 5 * s, 0.5))) - 1 for x, s in zip(xi, sigma, strict=True)
        )
        self.orientations = tuple(n % Q for n in range(len(xi)))
        self.log_xi = nn.Parameter(torch.tensor(xi, dtype=torch.float64).log())
        self.log_sigma = nn.Parameter(torch.tensor(sigma, dtype=torch.float64).log())

    def values(self) -> dict[str, Tensor]:
        """Each wavelet's sigma and xi (cycles a sample), tensors of shape (wavelets,)."""
        return {"sigma": self.log_sigma.exp(), "xi": self.log_xi.exp()}

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape, (n,)."""
        (n,) = shape
        sigma, xi = (v[:, None] for v in self.values().values())
        gabor, gaussian = _periodic_gaussian(n, sigma, xi), _periodic_gaussian(n, sigma, 0 * xi)
        psi = gabor - gabor[:, :1] / gaussian[:, :1] * gaussian
        phi = _periodic_gaussian(n, 0.1 / 2**self.J + 0 * sigma[:1], 0 * xi[:1])
        return Filters(_unit_sum(psi), (_unit_sum(phi)[0],))


def _constant_q(J: int, Q: int) -> tuple[list[float], list[float]]:
    """Centres and widths: a geometric series down to the width .1 / 2**J, then an even one."""
    least, ratio = 0.1 / 2**J, 2 ** (-1 / Q)
    xi = max(1 / (1 + 2 ** (3 / Q)), 0.35)
    sigma = xi * (1 - ratio) / (1 + ratio) / sqrt(log(2))
    xis, sigmas = [], []
    elbow = sigma
    if sigma > least:
        xis, sigmas = [xi], [sigma]
        while sigmas[-1] > least / ratio:
            xis.append(xis[-1] * ratio)
            sigmas.append(sigmas[-1] * ratio)
        elbow = xis[-1]
    below = [elbow * (1 - q / Q) for q in range(1, Q)]
    return xis + below, sigmas + [least] * len(below)


def _periodic_gaussian(n: int, sigma: Tensor, xi: Tensor) -> Tensor:
    """exp(−(ω − ξ)²/2σ²) summed over the periods of ω, at n frequencies from 0 on."""
    periods = torch.arange(-_COPIES * n, (_COPIES + 1) * n).to(sigma) / n
    return torch.exp(-((periods - xi) ** 2) / (2 * sigma**2)).reshape(len(sigma), -1, n).sum(1)


def _unit_sum(spectrum: Tensor) -> Tensor:
    return spectrum / torch.fft.ifft(spectrum).abs().sum(-1, keepdim=True)


def _places(count: int) -> Tensor:
    """0, 1, … and then the negative ones, as `torch.fft` counts: so many pixels about 0."""
    return (torch.arange(count) + count // 2) % count - count // 2


def _gaussian_lowpass(J: int, shape: tuple[int, ...], like: Tensor) -> tuple[Tensor, ...]:
    """kymatio's lowpass for images, a Gaussian of width .8 · 2**(J − 1), along each axis."""
    sigma, phi = 0.8 * 2 ** (J - 1), []
    for n in shape:
        x = torch.arange(-_COPIES * n, _COPIES * n).to(like)
        signal = torch.exp(-(x**2) / (2 * sigma**2)).reshape(-1, n).sum(0)
        phi.append(torch.fft.fft(signal).real / (sqrt(2 * _PI) * sigma))
    return tuple(phi)


class Free2d(Bank):
    """Wavelets of which every pixel within a window is free; only their mean stays zero.

    Parameters
    ----------
    start : Bank
        Where the pixels start. The lowpass is that of `Morlet2d`.
    window : int
        Height and width; odd. Pixels beyond it are cut off.

    Attributes
    ----------
    pixels : torch.nn.Parameter, shape (wavelets, 2, window, window)
        Real and imaginary parts.

    Raises
    ------
    ValueError
        If `start` is not for images, or `window` is even or not positive.
    """

    dims = 2

    def __init__(self, start: Bank, window: int):
        super().__init__()
        if start.dims != 2 or window < 1 or not window % 2:
            raise ValueError("Free2d starts from a bank for images, and its window is odd")
        self.J, self.scales, self.orientations = start.J, start.scales, start.orientations
        self.window = window
        side = max(window + 1, 2 ** (start.J + 3))
        with torch.no_grad():
            psi = torch.fft.ifft2(start((side, side)).psi)
        psi = psi.roll((window // 2,) * 2, (1, 2))[:, :window, :window]
        self.pixels = nn.Parameter(torch.stack([psi.real, psi.imag], 1))

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape, which must hold the window."""
        if min(shape) < self.window:
            raise ValueError(f"a window of {self.window} does not fit a grid of {shape}")
        zero_mean = self.pixels - self.pixels.mean((2, 3), keepdim=True)
        psi = torch.complex(zero_mean[:, 0], zero_mean[:, 1])
        psi = nn.functional.pad(psi, (0, shape[1] - self.window, 0, shape[0] - self.window))
        psi = torch.fft.fft2(psi.roll((-(self.window // 2),) * 2, (1, 2)))
        return Filters(psi, _gaussian_lowpass(self.J, shape, self.pixels))
