"""Who else says what matters: relevance scores that masks are compared with.

Each is a score for every entry of a domain; only the order and the size matter. Scores of pixels
are summed over channels, as a mask has one number for all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import attribution, surrogates
from awdlib.attribution import Method
from awdlib.masks.distortion import Network
from awdlib.masks.domains import Domain

Gradient = Callable[[Tensor, int], Tensor]  # (images of one class, that class) to gradients


def by_class(of: Gradient, x: Tensor, target: Tensor) -> Tensor:
    """Gradients at x (images, ...) of each image's own target (images,)."""
    found = torch.empty_like(x)
    for k in target.unique().tolist():
        some = target == k
        found[some] = of(x[some], int(k))
    return found


def gradients(
    network: Network, x: Tensor, target: Tensor, *, method: Method = "saliency", steps: int = 32
) -> Tensor:
    """∇f of each image's target, or its mean from black to the image (integrated gradients)."""

    def of(some: Tensor, k: int) -> Tensor:
        return attribution.input_gradients(network, some, target=k, method=method, steps=steps)

    return by_class(of, x, target)


def smooth_gradients(
    network: Network, x: Tensor, target: Tensor, *, sd: float = 0.15, samples: int = 32
) -> Tensor:
    """Mean gradient over noisy copies (SmoothGrad); `sd` is a share of the range 0 to 1."""

    def of(some: Tensor, k: int) -> Tensor:
        return surrogates.smoothgrad(network, some, sd=sd, samples=samples, target=k)

    return by_class(of, x, target)


def of_pixels(values: Tensor) -> Tensor:
    """Sizes (images, channels, ...) summed over channels, (images, pixels)."""
    return values.abs().sum(1).flatten(1)


def of_coefficients(slopes: Tensor, domain: Domain, rows: Tensor | None = None) -> Tensor:
    """Sizes of attributions in a domain, (images, entries): WAM (Kasmi et al., ICML 2025).

    Parameters
    ----------
    slopes : torch.Tensor, shape (images, *shape)
        Gradients by the inputs; by the coefficients they are Sᵀ of them.
    domain : Domain
    rows : torch.Tensor, shape (images, channels, entries), optional
        Coefficients that are multiplied with, for integrated gradients.
    """
    zeros = torch.zeros(len(slopes), *_row_shape(domain, slopes)).to(slopes).requires_grad_()
    (found,) = torch.autograd.grad(domain.synthesise(zeros), zeros, slopes)
    return (found if rows is None else found * rows).abs().sum(1)


def _row_shape(domain: Domain, like: Tensor) -> torch.Size:
    return domain.analyse(like[:1]).shape[1:]


def grad_cam(network: nn.Module, layer: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017) of a convolution's output, (images, pixels).

    ReLU(Σ_c mean(∂f/∂A_c) A_c), brought to the image's size.

    Parameters
    ----------
    network : torch.nn.Module
        (batch, channels, height, width) to (batch, outputs).
    layer : torch.nn.Module
        Of the network, the last one with places.
    """
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        with torch.enable_grad():
            out = network(x.detach().requires_grad_())
            chosen = out.gather(1, target[:, None]).sum()
            (slope,) = torch.autograd.grad(chosen, seen[0])
    finally:
        hook.remove()
    map_ = (slope.mean((2, 3), keepdim=True) * seen[0].detach()).sum(1, keepdim=True).relu()
    wide = nn.functional.interpolate(map_, x.shape[2:], mode="bilinear", align_corners=False)
    # Pixels beyond the outer places are equal but for rounding, which differs between processors
    # and would decide their order.
    step = 256 * torch.finfo(wide.dtype).eps * wide.amax((1, 2, 3), keepdim=True)
    return torch.where(step > 0, (wide / step).round() * step, 0).flatten(1)


def rivals(
    network: nn.Module,
    layer: nn.Module,
    x: Tensor,
    target: Tensor,
    pixels: Domain,
    wavelets: Domain,
    *,
    samples: int = 32,
    seed: int = 0,
) -> dict[str, tuple[Domain, Tensor]]:
    """All scores, by name: the domain that each is about, and (images, entries)."""
    plain = gradients(network, x, target)
    integrated = gradients(network, x, target, method="integrated_gradients", steps=samples)
    smooth = smooth_gradients(network, x, target, samples=samples)
    rng = np.random.default_rng(seed)
    rows = wavelets.analyse(x)

    def random(domain: Domain) -> Tensor:
        return torch.from_numpy(rng.random((len(x), len(domain.scales)), dtype=np.float32))

    return {
        "saliency": (pixels, of_pixels(plain)),
        "integrated_gradients": (pixels, of_pixels(x * integrated)),
        "smoothgrad": (pixels, of_pixels(smooth)),
        "grad_cam": (pixels, grad_cam(network, layer, x, target)),
        "random_pixel": (pixels, random(pixels)),
        "wam_ig": (wavelets, of_coefficients(integrated, wavelets, rows)),
        "wam_sg": (wavelets, of_coefficients(smooth, wavelets)),
        "largest": (wavelets, rows.abs().sum(1)),
        "random_wavelet": (wavelets, random(wavelets)),
    }
