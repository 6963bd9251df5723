"""The scattering transform (Mallat 2012; Bruna and Mallat 2013), differentiable in all it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import Any

import torch
from torch import Tensor, nn

from awdlib.scattering.banks import Bank, Filters, littlewood_paley
from awdlib.scattering.morlet import Morlet1d
from awdlib.scattering.spectra import Modulus, filtered


@dataclass(frozen=True)
class Channel:
    """What an output channel is.

    Attributes
    ----------
    order : int
        How many wavelets its path has: 0, 1 or 2.
    filters : tuple of int
        Their numbers, as `Scattering.keep` counts them.
    scales, orientations : tuple of int
        Of each.
    """

    order: int
    filters: tuple[int, ...]
    scales: tuple[int, ...]
    orientations: tuple[int, ...]

    @property
    def name(self) -> str:
        """For instance ``S2(j0 l3, j1 l5)``."""
        parts = (f"j{j} l{o}" for j, o in zip(self.scales, self.orientations, strict=True))
        return f"S{self.order}({', '.join(parts)})" if self.order else "S0"


class Scattering(nn.Module):
    """S₀ = x⋆φ, S₁ = |x⋆ψ₁|⋆φ and S₂ = ||x⋆ψ₁|⋆ψ₂|⋆φ, every 2**J-th sample of each.

    Use `Scattering1d` or `Scattering2d`. Paths that share their scales are computed together; a
    modulus at scale j keeps every 2ʲ-th sample; second wavelets are coarser than first ones.

    Parameters
    ----------
    shape : tuple of int
        Of an input: (time,) or (height, width).
    bank : Bank
        Wavelets of both orders, and the lowpass.
    second : Bank, optional
        Other wavelets for the second order.
    order : int
        The highest: 0, 1 or 2.
    padding : {"reflect", "circular"}
        Beyond the edges: mirrored, as kymatio does, or periodic, for sizes divisible by 2**J.
    subsample : bool
        Without it everything stays at full size: slow, and free of aliasing.
    rescale : bool
        Divide the filters in every pass by what makes the transform non-expansive (see
        `littlewood_paley_max`). What learns needs it; kymatio's own filters are without.

    Raises
    ------
    ValueError
        If the shape does not suit the bank or the padding, or another argument is out of range.
    """

    dims: int

    def __init__(
        self,
        shape: Sequence[int],
        bank: Bank,
        second: Bank | None = None,
        *,
        order: int = 2,
        padding: str = "reflect",
        subsample: bool = True,
        rescale: bool = False,
    ):
        super().__init__()
        self.shape = tuple(int(n) for n in shape)
        self.bank, self.second = bank, second
        self.order, self.padding, self.rescale = order, padding, rescale
        banks = [bank] if second is None else [bank, second]
        if any(b.dims != self.dims for b in banks) or len(self.shape) != self.dims:
            raise ValueError(
                f"{type(self).__name__} takes a shape and banks of {self.dims} dimension(s), not "
                f"{self.shape} and {', '.join(type(b).__name__ for b in banks)}"
            )
        if order not in (0, 1, 2):
            raise ValueError(f"order must be 0, 1 or 2, not {order}")
        if padding not in ("reflect", "circular"):
            raise ValueError(f"padding must be 'reflect' or 'circular', not {padding!r}")
        step = 2**bank.J
        if min(self.shape) < step:
            raise ValueError(f"2**J = {step} samples do not fit into {self.shape}: lower J")
        if padding == "circular" and subsample and any(n % step for n in self.shape):
            raise ValueError(f"circular padding needs sizes divisible by {step}, not {self.shape}")
        self.depth = bank.J if subsample else 0  # log2 of the outputs' subsampling
        self._layout()
        self._cached: tuple[tuple, list[Filters], list[Filters]] | None = None
        self.keep = (True,) * sum(len(b.scales) for b in banks)

    # --- what there is ---------------------------------------------------------------------------

    @property
    def keep(self) -> tuple[bool, ...]:
        """Which filters exist: the bank's, then those of `second` if it has its own.

        Setting it removes, or brings back, all paths that a filter is part of.
        """
        return self._keep

    @keep.setter
    def keep(self, keep: Sequence[bool]) -> None:
        count = len(self.bank.scales) + (len(self.second.scales) if self.second else 0)
        if len(keep) != count:
            raise ValueError(f"keep has an entry for each of the {count} filters, not {len(keep)}")
        self._keep = tuple(bool(k) for k in keep)
        self._plan()

    @property
    def channels(self) -> list[Channel]:
        """Labels of the outputs: order 0, then 1, then 2, each in the order of the filters."""
        return self._channels

    def _plan(self) -> None:
        """Group the paths by their scales, and find the order of the outputs."""
        first, offset = self.bank, len(self.bank.scales) if self.second else 0
        later = self.second or self.bank
        ones = _by_scale(first, self._keep[: len(first.scales)])
        twos = _by_scale(later, self._keep[offset:])
        self._groups = [
            (j1, n1, [(j2, n2) for j2, n2 in twos.items() if j2 > j1] if self.order == 2 else [])
            for j1, n1 in ones.items()
        ] if self.order else []  # fmt: skip
        computed: list[tuple[int, ...]] = [()]
        for _, n1, pairs in self._groups:
            computed += [(a,) for a in n1]
            for _, n2 in pairs:
                computed += [(a, offset + b) for a in n1 for b in n2]
        wanted = sorted(computed, key=lambda path: (len(path), path))
        place = {path: k for k, path in enumerate(computed)}
        self._order = torch.tensor([place[path] for path in wanted])
        scales = first.scales + (later.scales if self.second else ())
        turns = first.orientations + (later.orientations if self.second else ())
        self._channels = [
            Channel(len(p), p, tuple(scales[n] for n in p), tuple(turns[n] for n in p))
            for p in wanted
        ]

    def resolution(self, scale: int) -> int:
        """log2 of the subsampling of a modulus at this scale."""
        return min(scale, self.depth)

    # --- filters ---------------------------------------------------------------------------------

    def filters(self, like: Tensor) -> tuple[list[Filters], list[Filters]]:
        """Filters of the first and the second order at each resolution, rescaled if so asked.

        They are made anew where a gradient by their parameters may be asked for, and otherwise
        kept until a parameter changes.

        Parameters
        ----------
        like : torch.Tensor
            Its precision and device.
        """
        parameters = list(self.parameters())
        learning = torch.is_grad_enabled() and any(p.requires_grad for p in parameters)
        key = (like.dtype, like.device, self.rescale, tuple(p._version for p in parameters),
               tuple(p.data_ptr() for p in parameters))  # fmt: skip
        if not learning and self._cached and self._cached[0] == key:
            return self._cached[1:]
        one, two = self._unscaled()
        if self.rescale:
            factor = self._bound(one, two).rsqrt()
            one, two = ([f.scaled(factor) for f in some] for some in (one, two))
        one, two = ([f.to(like) for f in some] for some in (one, two))
        if not learning:
            self._cached = (key, one, two)
        return one, two

    def littlewood_paley_max(self, like: Tensor | None = None) -> Tensor:
        """Largest Littlewood–Paley sum of what this module applies, rescaled or not.

        The largest over frequencies, orders and the resolutions at which the order is applied; at
        each, over all filters that are used there or could be if `keep` were all true. Where it is
        at most 1, no two inputs come further apart: ‖Φf − Φh‖ ≤ ‖Pf − Ph‖, P being the padding.
        With circular padding that is ‖f − h‖; mirrored edges are counted twice on the right. It is
        about the coefficients themselves: no bound holds for their logarithms.

        Parameters
        ----------
        like : torch.Tensor, optional
            Of the filters as they are applied to such inputs, rounded to their precision; by
            default in the precision of the parameters.
        """
        if like is not None:
            exact = torch.zeros((), dtype=torch.float64, device=like.device)
            return self._bound(*([f.to(exact) for f in some] for some in self.filters(like)))
        one, two = self._unscaled()
        bound = self._bound(one, two)
        if self.rescale:
            factor = bound.rsqrt()
            bound = self._bound(*([f.scaled(factor) for f in some] for some in (one, two)))
        return bound

    def _unscaled(self) -> tuple[list[Filters], list[Filters]]:
        full = self.bank(self.padded)
        one = [full.coarser(r) for r in range(self.depth + 1)]
        if self.second is None:
            return one, one
        later = self.second(self.padded)
        # One lowpass for both orders.
        whole = Filters(later.psi, full.phi)
        return one, [whole.coarser(r) for r in range(self.depth + 1)]

    def _bound(self, one: list[Filters], two: list[Filters]) -> Tensor:
        """Largest sum: the first order's at full size, the second's wherever it is applied."""
        sums = [littlewood_paley(one[0]).amax()]
        scales = (self.second or self.bank).scales
        for r, filters in enumerate(two):
            used = [n for n, j in enumerate(scales) if j > r or not self.depth]
            sums.append(littlewood_paley(Filters(filters.psi[used], filters.phi)).amax())
        return torch.stack(sums).amax()

    # --- the transform ---------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor:
        """Scattering coefficients.

        Parameters
        ----------
        x : torch.Tensor, shape (..., *shape)
            float32 or float64.

        Returns
        -------
        torch.Tensor, shape (..., channels, *coarse)
            coarse has about shape / 2**J samples.

        Raises
        ------
        ValueError
            If `x` ends with another shape, or does not hold real floating-point numbers.
        """
        if tuple(x.shape[-self.dims :]) != self.shape:
            raise ValueError(f"x must end with the shape {self.shape}, not {tuple(x.shape)}")
        if x.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"x must be float32 or float64, not {x.dtype}")
        one, two = self.filters(x)
        lead = x.shape[: -self.dims]
        u = self._pad(x.reshape(-1, 1, *self.shape))
        spectrum = torch.fft.fftn(u, dim=self._axes) if self._groups else u
        blocks = [self._average(u, one[0], 0)]
        for j1, n1, pairs in self._groups:
            r1 = self.resolution(j1)
            u1 = self._modulus(spectrum, one[0].psi[n1], r1)
            blocks.append(self._average(u1, one[r1], r1))
            if pairs:
                spectrum1 = torch.fft.fftn(u1, dim=self._axes).unsqueeze(2)
            for j2, n2 in pairs:
                r2 = self.resolution(j2)
                u2 = self._modulus(spectrum1, two[r1].psi[n2], r2 - r1).flatten(1, 2)
                blocks.append(self._average(u2, one[r2], r2))
        found = torch.cat(blocks, 1).index_select(1, self._order.to(x.device))
        return found.reshape(*lead, *found.shape[1:])

    def _modulus(self, spectrum: Tensor, psi: Tensor, halvings: int) -> Tensor:
        """|u ⋆ ψ| for every wavelet, every 2**halvings-th sample; from the spectrum of u."""
        product = filtered(spectrum, psi, halvings, self.dims)
        return Modulus.apply(torch.fft.ifftn(product, dim=self._axes))

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-self.dims, 0))

    def _pad(self, x: Tensor) -> Tensor:
        for axis, index in enumerate(self._index):
            if len(index) != self.shape[axis]:
                x = x.index_select(axis - self.dims, index.to(x.device))
        return x

    def _layout(self) -> None:
        """Set `padded`, `_index` (where each padded sample comes from) and `_crop`."""
        if self.padding == "circular":
            self.padded = self.shape
            margins: Sequence[tuple[int, int]] = [(0, 0)] * self.dims
            self._crop: Sequence[tuple[int, int]] = [(0, n >> self.depth) for n in self.shape]
        else:
            margins, self._crop = zip(*map(self._margins, self.shape), strict=True)
            self.padded = tuple(n + sum(m) for n, m in zip(self.shape, margins, strict=True))
        self._index = [
            _reflected(n, before, after)
            for n, (before, after) in zip(self.shape, margins, strict=True)
        ]

    def _margins(self, n: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Samples before and after, and the part of the outputs that is kept, along one axis."""
        raise NotImplementedError

    def _average(self, u: Tensor, filters: Filters, resolution: int) -> Tensor:
        """u ⋆ φ, subsampled to the outputs' grid and cropped."""
        raise NotImplementedError


class Scattering1d(Scattering):
    """Scattering of signals; see `Scattering`.

    Equal to kymatio 0.3.0's with ``Scattering1d(n, Morlet1d(J, Q), Morlet1d(J, 1))`` but for one
    thing: when kymatio subsamples by 2ʳ before the next filter, it divides that filter by 2ʳ, so
    its coefficients of order 1 are too small by 2^−r₁ and those of order 2 by 2^−(r₁ + r₂). Ours
    keep the size that they have without subsampling.

    Parameters
    ----------
    length : int
    bank, second, order, padding, subsample, rescale
        As of `Scattering`.
    """

    dims = 1

    def __init__(self, length: int, bank: Bank, second: Bank | None = None, **options: Any):
        super().__init__((length,), bank, second, **options)

    def _margins(self, n: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Three times the lowpass's reach, then on to a power of 2: kymatio's rule."""
        signal = torch.fft.ifft(Morlet1d(self.bank.J)((n,)).phi[0].detach()).abs()[: n // 2]
        beyond = signal.flip(0).cumsum(0).flip(0)  # what is cut off from each sample on
        small = (beyond <= 1e-3).nonzero()
        reach = int(small[0]) + 1 if len(small) else n // 2
        power = min(ceil(log2(n + 6 * reach)), floor(log2(3 * n - 2)))
        before = (2**power - n) // 2
        start, end = before, before + n
        for _ in range(self.depth):
            start, end = -(-start // 2), -(-end // 2)
        return (before, 2**power - n - before), (start, end)

    def _average(self, u: Tensor, filters: Filters, resolution: int) -> Tensor:
        halvings = self.depth - resolution
        found = torch.fft.ifft(filtered(torch.fft.fft(u), filters.phi[0], halvings, 1)).real
        return found[..., slice(*self._crop[0])]


class Scattering2d(Scattering):
    """Scattering of images, equal to kymatio's with `Morlet2d`; see `Scattering`.

    Parameters
    ----------
    shape, bank, second, order, padding, subsample, rescale
        As of `Scattering`.
    """

    dims = 2

    def _margins(self, n: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """At least one output on either side, which is cut off again: kymatio's rule."""
        step = 2**self.bank.J
        total = (n // step + 2) * step - n
        before = total // 2
        if not self.depth:
            return (before, total - before), (before, before + n)
        return (before, total - before), (1, n // step + 1)

    def _average(self, u: Tensor, filters: Filters, resolution: int) -> Tensor:
        # The lowpass is separable and leaves few samples: two small products of matrices do it,
        # with no transform of the many moduli of the second order.
        rows, columns = (
            _averaging(phi, 2 ** (self.depth - resolution), *crop)
            for phi, crop in zip(filters.phi, self._crop, strict=True)
        )
        return rows @ (u @ columns.T)


def _averaging(phi: Tensor, step: int, start: int, end: int) -> Tensor:
    """Matrix (end − start, n): circular filtering, of which every step-th sample is kept."""
    signal = torch.fft.ifft(phi).real
    places = torch.arange(start, end, device=phi.device)[:, None] * step
    return signal[(places - torch.arange(len(phi), device=phi.device)) % len(phi)]


def _by_scale(bank: Bank, keep: Sequence[bool]) -> dict[int, list[int]]:
    """Numbers of the filters that are kept, by scale, finest first."""
    groups: dict[int, list[int]] = {}
    for n, j in sorted(enumerate(bank.scales), key=lambda pair: pair[1]):
        if keep[n]:
            groups.setdefault(j, []).append(n)
    return groups


def _reflected(n: int, before: int, after: int) -> Tensor:
    """Which sample stands where after mirroring at both ends, without repeating them."""
    places = torch.arange(-before, n + after) % max(2 * n - 2, 1)
    return torch.minimum(places, 2 * n - 2 - places) if n > 1 else places
