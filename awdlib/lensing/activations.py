"""What a wavelet's filters look like, and where the network's evidence lies (Figs. 2C, D2)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import dwt, peaks
from awdlib.attribution import from_gradients
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.lensing.setup import LEVEL

KEPT = 600  # coefficients of an activation map; a map of 256 x 256 has 73,839
PEAK_SD, VOID_SD, NEAR = 3.0, -1.0, 2


def symmetry(h: Tensor) -> np.ndarray:
    """Cosine between the 3x3 approximation filter and itself turned by 180 degrees, (filters,)."""
    kernel = peaks.wavelet_kernels(h)[:, 0].flatten(1)
    return nn.functional.cosine_similarity(kernel, kernel.flip(1), dim=1).numpy()


def matched_filter(maps: MapSet, *, count: int = 200) -> Tensor:
    """The 3x3 matched filter of high peaks, which is their mean profile above the mean of a map.

    The best linear filter for a profile in noise of covariance C is C^-1 times the profile. The
    noise of a survey comes from the shapes of galaxies and is white, so C is a multiple of 1.

    Parameters
    ----------
    maps : MapSet
        Training maps, of which `count` are used.
    count : int
    """
    some = maps.spread_out(count)
    x = some.read(np.arange(len(some))).double()
    found = peaks.patches(x)
    high = found.patches[:, 4] > PEAK_SD * x.std()
    return (found.patches[high].mean(0) - x.mean()).reshape(3, 3)


def share_in_window(h: Tensor) -> np.ndarray:
    """Share of the squares of all ten taps of h that its window of three holds, (filters,)."""
    kernel = peaks.wavelet_kernels(h)[:, 0]
    total = (torch.atleast_2d(h) ** 2).sum(1)
    return (kernel.flatten(1).square().sum(1).sqrt() / total).numpy()


def likeness(h: Tensor, template: Tensor) -> np.ndarray:
    """Cosine between the 3x3 approximation filter and a template, (filters,)."""
    kernel = peaks.wavelet_kernels(h)[:, 0].flatten(1)
    return nn.functional.cosine_similarity(kernel, template.flatten()[None], dim=1).numpy()


def activation_maps(
    slopes: Tensor, x: Tensor, h: Tensor, *, method: Any, kept: int = KEPT
) -> Tensor:
    """Attributions in the wavelet domain, all but the largest set to zero, and transformed back.

    Parameters
    ----------
    slopes : Tensor
        The network's gradients at `x` by `method`, see `awdlib.attribution.input_gradients`.
    x : Tensor, shape (maps, 1, height, width)
    h : Tensor, shape (taps,)
    method : str
        ``"integrated_gradients"`` is what App. D.2 says; ``"input_x_gradient"`` is what the
        authors' code computes, as its path never leaves the map.
    kept : int
        Coefficients that stay, those with the largest size.

    Returns
    -------
    Tensor
        Shape of `x`.
    """
    scores = from_gradients(slopes, x, h, level=LEVEL, method=method)
    flat = dwt.flatten_coeffs(scores)
    together = torch.cat([s.flatten(1) for s in flat], 1)
    least = together.abs().topk(min(kept, together.shape[1]), dim=1).values[:, -1]
    sparse = [s * (s.abs() >= least.reshape(-1, 1, 1, 1)) for s in flat]
    return dwt.waverec2(dwt.unflatten_coeffs(sparse, scores), h)[..., : x.shape[2], : x.shape[3]]


def landmarks(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels near high peaks and near voids of maps, two masks of the maps' shape.

    A high peak is one above three standard deviations of its map, a void a minimum below minus
    one; near is within two pixels.
    """
    off = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True)
    high = peaks.find_peaks(x) & (off > PEAK_SD)
    low = peaks.find_peaks(-x) & (off < VOID_SD)
    wide = 2 * NEAR + 1
    return tuple(  # type: ignore[return-value]
        nn.functional.max_pool2d(mask.float(), wide, 1, NEAR) > 0 for mask in (high, low)
    )


def overlap(activation: Tensor, x: Tensor) -> dict[str, np.ndarray]:
    """How much larger activation maps are at peaks and voids than elsewhere, a number a map.

    Returns
    -------
    dict
        ``both``, ``peaks``, ``voids``: mean size there over the mean size where there is neither;
        ``share``: share of the pixels that lie at peaks or voids.
    """
    high, low = landmarks(x)
    size = activation.abs()
    elsewhere = _mean(size, ~(high | low))
    parts = {"both": high | low, "peaks": high, "voids": low}
    found = {name: (_mean(size, mask) / elsewhere).numpy() for name, mask in parts.items()}
    return found | {"share": (high | low).double().mean((1, 2, 3)).numpy()}


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)
