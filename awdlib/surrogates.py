"""Gradients of networks seen through noise, and of black boxes that have none.

Each function returns a G of the shape of x, as `awdlib.attribution.input_gradients` does, for
`awdlib.attribution.from_gradients` and for ``distill(gradients=...)``: no other part of AWD needs
to see inside the model. G belongs to the signals; a filter's attributions are (Ψ⁻¹)ᵀG.

All draw their noise by `seed` alone, whatever the batch size and the device.
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from awdlib.attribution import Network, input_gradients
from awdlib.conventions import check_signal

Function = Callable[[torch.Tensor], torch.Tensor | np.ndarray]
Progress = Callable[[int, int], None]


def smoothgrad(
    model: Network,
    x: torch.Tensor,
    *,
    sd: float,
    samples: int = 32,
    target: int = 0,
    seed: int = 0,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> torch.Tensor:
    """SmoothGrad (Smilkov et al. 2017): G = mean over δ of ∇f(x + δ), δ ~ N(0, sd²).

    Ψ being linear, (Ψ⁻¹)ᵀG is the mean of the noisy signals' own saliencies: SmoothGrad in the
    wavelet domain, as WAM-SG has it (Kasmi et al., ICML 2025).

    Parameters
    ----------
    model, target, batch_size
        As of `awdlib.attribution.input_gradients`.
    x : torch.Tensor, shape (examples, ...)
    sd : float
        Of the noise, in the units of x. The literature gives it as a share, often 10 to 20 %, of
        the range of a signal's values.
    samples : int
        Noisy copies of every example.
    seed : int
        Of the noise.
    progress : callable, optional
        Called with (samples done, samples).

    Returns
    -------
    torch.Tensor, shape of `x`
        Detached, with the type and device of `x`.

    Raises
    ------
    ValueError
        For a wrong `sd`, `samples` or x, or as `input_gradients` does.
    """
    _check(x, sd=sd)
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    x, noise, total = x.detach(), np.random.default_rng(seed), torch.zeros_like(x)
    for done in range(1, samples + 1):
        seen = x + sd * _normal(noise, x.shape, x)
        total += input_gradients(model, seen, target=target, batch_size=batch_size)
        if progress:
            progress(done, samples)
    return total / samples


@torch.no_grad()
def lime(
    function: Function,
    x: torch.Tensor,
    *,
    sd: float,
    samples: int = 256,
    width: float = 0.75,
    ridge: float = 1e-3,
    seed: int = 0,
    batch_size: int = 16384,
    progress: Progress | None = None,
) -> torch.Tensor:
    """LIME (Ribeiro et al. 2016, Eq. 1) for continuous features: slopes of a local linear model.

    Around each example G minimises, with an intercept c,

        Σ_s w_s (f(x + δ_s) − c − G·δ_s)² / Σ_s w_s + ridge · sd² |G|²,   δ_s ~ N(0, sd²),

    with the exponential kernel w_s = exp(−|δ_s|² / (width² d sd²)) for signals of d values.

    Noise and kernel together are a Gaussian of variance sd² / (1 + 2 / (width² d)): with many
    samples and no ridge G is SmoothGrad's with this noise (Stein's lemma).

    The noise is isotropic. Hence for orthonormal filters (and every mode in which Ψ⁻¹ is Ψᵀ) a
    surrogate fitted to the coefficients themselves has the slopes (Ψ⁻¹)ᵀG, ridge included.

    Parameters
    ----------
    function : callable
        Maps a tensor (points, ...) to (points,), a tensor or an array: any model, such as
        ``lambda x: forest.predict(x[:, 0].numpy())``.
    x : torch.Tensor, shape (examples, ...)
    sd : float
        Of the noise, in the units of x: how far "local" reaches.
    samples : int
        Points of a fit, more than the values of a signal.
    width : float
        Of the kernel, in units of sd √d. The authors' package has 0.75 too, for the root of this
        kernel.
    ridge : float
        Penalty, as a share of the noise's variance: slopes shrink by about this share.
    seed : int
        Of the noise, which is every example's own.
    batch_size : int
        Points at a time, though never fewer than one fit's, which bounds memory.
    progress : callable, optional
        Called with (examples done, examples).

    Returns
    -------
    torch.Tensor, shape of `x`

    Raises
    ------
    ValueError
        For wrong numbers or x, or if the function's values have a wrong shape or are not finite.
    """
    _check(x, sd=sd, width=width)
    d = x[0].numel()
    if samples <= d:
        raise ValueError(
            f"samples must be more than the {d} values of a signal, not {samples}: "
            "fewer points do not determine the slopes"
        )
    if not (math.isfinite(ridge) and ridge >= 0):
        raise ValueError(f"ridge must be a number of at least 0, not {ridge}")
    result, noise = torch.empty_like(x), np.random.default_rng(seed)
    count = max(1, batch_size // samples)
    for start in range(0, len(x), count):
        part = x[start : start + count]
        z = _normal(noise, (len(part), samples, d), x)  # δ / sd
        points = part[:, None] + sd * z.view(len(part), samples, *x.shape[1:])
        values = _evaluate(function, points.flatten(0, 1)).reshape(len(part), samples, 1)
        weights = torch.softmax(-(z**2).sum(-1, keepdim=True) / (width**2 * d), 1)
        z = z - (weights * z).sum(1, keepdim=True)  # stands for the intercept
        normal = z.mT @ (weights * z) + ridge * torch.eye(d).to(x)
        slopes = torch.linalg.solve(normal, z.mT @ (weights * values))
        result[start : start + count] = slopes.reshape(part.shape) / sd
        if progress:
            progress(min(start + count, len(x)), len(x))
    return result


@torch.no_grad()
def finite_differences(
    function: Function,
    x: torch.Tensor,
    *,
    step: float,
    batch_size: int = 16384,
    progress: Progress | None = None,
) -> torch.Tensor:
    """Central differences G_k = (f(x + step·e_k) − f(x − step·e_k)) / (2 step).

    For smooth black boxes a small step. Trees are constant between their thresholds: there the
    step must span several of them, as a good part of the values' spread does.

    Parameters
    ----------
    function, batch_size
        As of `lime`.
    x : torch.Tensor, shape (examples, ...)
    step : float
        In the units of x.
    progress : callable, optional
        Called with (values done, values of x).

    Returns
    -------
    torch.Tensor, shape of `x`

    Raises
    ------
    ValueError
        For a wrong `step` or x, or if the function's values have a wrong shape or are not finite.
    """
    _check(x, step=step)
    d, count = x[0].numel(), max(1, batch_size // 2)
    flat, result = x.flatten(1), torch.empty_like(x).flatten()
    for index in torch.arange(x.numel(), device=x.device).split(count):
        centre = flat[index // d]
        shift = torch.zeros_like(centre).scatter(1, (index % d)[:, None], step)
        points = torch.cat([centre + shift, centre - shift]).reshape(-1, *x.shape[1:])
        ahead, behind = _evaluate(function, points).chunk(2)
        result[index] = (ahead - behind) / (2 * step)
        if progress:
            progress(int(index[-1]) + 1, x.numel())
    return result.view_as(x)


def _check(x: torch.Tensor, **positive: float) -> None:
    for name, value in positive.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive number, not {value}")
    check_signal(x, 1)
    if x.ndim < 2:
        raise ValueError(f"x must be (examples, ...), not of shape {tuple(x.shape)}")
    if bad := int((~torch.isfinite(x)).flatten(1).any(1).sum()):
        raise ValueError(f"x holds NaN or infinite values in {bad} of {len(x)} examples")


def _normal(noise: np.random.Generator, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    # NumPy's stream does not depend on how many numbers are drawn at once; torch's does.
    return torch.from_numpy(noise.standard_normal(shape)).to(like)


def _evaluate(function: Function, points: torch.Tensor) -> torch.Tensor:
    """Values (points,) of the black box."""
    values = torch.as_tensor(function(points), dtype=points.dtype, device=points.device)
    if values.shape != points.shape[:1]:
        raise ValueError(
            "the function must return (points,), not "
            f"{tuple(values.shape)} for {len(points)} points"
        )
    if not torch.isfinite(values).all():
        raise ValueError("the function's values are not all finite")
    return values
