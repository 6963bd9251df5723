"""Filter banks in the Fourier domain, differentiable in their few parameters.

A bank knows no signal: called with a grid's shape, it gives its filters on the frequencies of that
grid. Wavelets are numbered from the finest scale on; scale j belongs to details of about 2ʲ pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log, log2, pi, sqrt

import torch
from torch import Tensor, nn

from awdlib import filters as orthogonal

_PI = 3.1415  # as kymatio has it in its norms: equal filters need the same digits
_COPIES = 2  # periods on either side that periodising a Gaussian adds up


@dataclass(frozen=True)
class Filters:
    """A bank on one grid.

    Attributes
    ----------
    psi : torch.Tensor, shape (wavelets, *grid)
        Spectra of the wavelets, in the order of `torch.fft`; real where the wavelet is Hermitian.
    phi : tuple of torch.Tensor, each of shape (n,)
        Spectrum of the lowpass along each axis: it is separable.
    """

    psi: Tensor
    phi: tuple[Tensor, ...]

    @property
    def lowpass(self) -> Tensor:
        """Spectrum of the lowpass on the whole grid, shape (*grid,)."""
        if len(self.phi) == 1:
            return self.phi[0]
        return self.phi[0][:, None] * self.phi[1]

    def coarser(self, resolution: int) -> Filters:
        """The filters for signals of which every 2**resolution-th sample is left.

        Keeps the low frequencies, as kymatio does in two dimensions: each frequency of the coarse
        grid takes its value from one of the fine grid. At the highest one, ω and −ω become the
        same, so a Littlewood–Paley sum may change there.
        """
        if resolution == 0:
            return self
        psi = self.psi
        for axis in range(1, psi.ndim):
            psi = _low_frequencies(psi, axis, psi.shape[axis] >> resolution)
        phi = tuple(_low_frequencies(p, 0, len(p) >> resolution) for p in self.phi)
        return Filters(psi, phi)

    def scaled(self, factor: Tensor | float) -> Filters:
        """All filters, the lowpass among them, times `factor`."""
        return Filters(self.psi * factor, (self.phi[0] * factor, *self.phi[1:]))

    def to(self, like: Tensor) -> Filters:
        """With the precision and on the device of a real tensor."""
        paired = torch.complex64 if like.dtype == torch.float32 else torch.complex128

        def cast(a: Tensor) -> Tensor:
            return a.to(like.device, paired if a.is_complex() else like.dtype)

        return Filters(cast(self.psi), tuple(map(cast, self.phi)))


class Bank(nn.Module):
    """What all banks have in common.

    Attributes
    ----------
    dims : int
        1 for signals, 2 for images.
    J : int
        The lowpass averages over about 2**J samples.
    scales : tuple of int
        Scale j of each wavelet.
    orientations : tuple of int
        Number of each wavelet's orientation (in one dimension: of its place within an octave).
    """

    dims: int
    J: int
    scales: tuple[int, ...]
    orientations: tuple[int, ...]

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape, in the precision of the bank's parameters."""
        raise NotImplementedError


def littlewood_paley(filters: Filters) -> Tensor:
    """|φ̂(ω)|² + Σ (|ψ̂(ω)|² + |ψ̂(−ω)|²)/2: what a real signal's energy at ω is multiplied by.

    Where it is at most 1, filtering and taking moduli bring no two real signals further apart, so
    the scattering transform is non-expansive: ‖Φf − Φh‖ ≤ ‖f − h‖ (Mallat 2012, Sec. 2.5).

    Parameters
    ----------
    filters : Filters

    Returns
    -------
    torch.Tensor, shape (*grid,)
    """
    power = filters.psi.abs().square().sum(0)
    axes = tuple(range(power.ndim))
    mirrored = power.flip(axes).roll((1,) * power.ndim, axes)
    return filters.lowpass.abs().square() + (power + mirrored) / 2


def rescale(filters: Filters, bound: Tensor | None = None) -> Filters:
    """Filters of which the Littlewood–Paley sum is 1 at its largest; differentiable.

    Parameters
    ----------
    filters : Filters
    bound : torch.Tensor, optional
        Largest value of the sum; the filters' own where none is given.
    """
    if bound is None:
        bound = littlewood_paley(filters).amax()
    return filters.scaled(bound.rsqrt())


# --- Morlet wavelets -----------------------------------------------------------------------------


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
        _at_least_one(J=J, L=L)
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
        reach = min(max(1, ceil(6.1 * width / min(shape))), _COPIES)
        x, y = (torch.arange(-reach * n, reach * n).to(sigma) for n in shape)
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
            return torch.fft.fft2(sum(blocks(signal, 2 * reach, 2), torch.zeros(()))).real

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
        _at_least_one(J=J, Q=Q)
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


def _gaussian_lowpass(J: int, shape: tuple[int, ...], like: Tensor) -> tuple[Tensor, ...]:
    """kymatio's lowpass for images, a Gaussian of width .8 · 2**(J − 1), along each axis."""
    sigma, phi = 0.8 * 2 ** (J - 1), []
    for n in shape:
        x = torch.arange(-_COPIES * n, _COPIES * n).to(like)
        signal = torch.exp(-(x**2) / (2 * sigma**2)).reshape(-1, n).sum(0)
        phi.append(torch.fft.fft(signal).real / (sqrt(2 * _PI) * sigma))
    return tuple(phi)


# --- wavelets from orthogonal filters ------------------------------------------------------------


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
        taps = orthogonal.lowpass(h) if isinstance(h, str) else h
        self.angles = nn.Parameter(orthogonal.angles_from_taps(taps)[:-1].clone())

    def forward(self, scale: int) -> Tensor:
        """The filter, shape (2K,)."""
        last = pi / 4 - self.angles.sum(-1, keepdim=True)
        return orthogonal.taps_from_angles(torch.cat([self.angles, last]))


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
        _at_least_one(J=J)
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
        _at_least_one(J=J)
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
        high.append(before * spectrum(orthogonal.highpass(h)))
        before = low[-1]
    return low, high, before


# --- free filters --------------------------------------------------------------------------------


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


def blocks(a: Tensor, count: int, dims: int) -> list[Tensor]:
    """Cut each of the last `dims` axes into `count` equal parts; all blocks, in order."""
    for axis in range(dims):
        a = a.unflatten(-1 - 2 * axis, (count, -1))
    found = [a]
    for axis in range(dims, 0, -1):
        found = [part for block in found for part in block.unbind(-2 * axis)]
    return found


def _at_least_one(**values: int) -> None:
    for name, value in values.items():
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {value}")


def _low_frequencies(spectrum: Tensor, axis: int, size: int) -> Tensor:
    """The `size` frequencies nearest to 0 along an axis, still in the order of `torch.fft`."""
    half = size // 2
    top = spectrum.narrow(axis, 0, size - half)
    return torch.cat([top, spectrum.narrow(axis, spectrum.shape[axis] - half, half)], axis)
