"""How much simulated maps are like real ones: spectrum, one-point distribution, peak histograms."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib import paper, peaks
from awdlib.datasets import registry
from awdlib.datasets.cosmology import real
from awdlib.datasets.cosmology.background import Cosmology
from awdlib.datasets.cosmology.born import FIELD
from awdlib.datasets.cosmology.lognormal import pixel_power
from awdlib.datasets.cosmology.matter import PLANE_SMOOTHING, convergence_power

BANDS = np.array([300, 500, 800, 1200, 2000, 3000, 4500, 6000, 8000, 10_000, 12_500.0])
VALUES = np.linspace(-0.05, 0.2, 51)  # edges
FEWEST = 15  # peaks in a bin of the real histograms, below which it is not compared
STATISTICS = {
    "height": (peaks.heights, peaks.HEIGHTS),
    "laplace": (peaks.laplace, peaks.STEEPNESS),
    "roberts": (peaks.roberts, peaks.STEEPNESS),
}


def moments(maps: Tensor) -> dict[str, float]:
    """Standard deviation, skewness, excess kurtosis and the least value; means over maps.

    Parameters
    ----------
    maps : Tensor
        Shape (maps, 1, height, width).
    """
    x = maps.double().flatten(1)
    spread = x.std(1, correction=0)
    off = (x - x.mean(1, keepdim=True)) / spread[:, None]
    return {
        "sd": float(spread.mean()),
        "skewness": float((off**3).mean()),
        "kurtosis": float((off**4).mean() - 3),
        "least": float(x.amin(1).mean()),
        "sd_of_means": float(x.mean(1).std()) if len(x) > 1 else 0.0,
        "peaks": float(peaks.find_peaks(maps).sum() / len(maps)),
    }


def band_powers(maps: Tensor, bands: np.ndarray = BANDS) -> np.ndarray:
    """Power of every map in bands of l, (maps, bands); a pixel is .82 arc minutes wide."""
    height, width = maps.shape[2:]
    pixel = FIELD / 256
    power = torch.fft.rfft2(maps[:, 0].double()).abs().square() * pixel**2 / (height * width)
    ring, double = _rings(height, width, tuple(bands.tolist()))
    count = torch.bincount(ring, double, minlength=len(bands) + 1)[1:-1]
    total = torch.zeros(len(maps), len(bands) + 1, dtype=torch.float64)
    total.index_add_(1, ring, power.flatten(1) * double)
    return (total[:, 1:-1] / count).numpy()


@cache
def _rings(height: int, width: int, bands: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """The band of every wave of a real FFT, and how often the wave stands for two."""
    per_wave = 2 * np.pi * 256 / FIELD
    down = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    across = torch.fft.rfftfreq(width, dtype=torch.float64)[None]
    ell = per_wave * torch.hypot(down, across)
    double = torch.full_like(ell, 2.0)
    double[:, 0] = 1
    if width % 2 == 0:
        double[:, -1] = 1
    edges = torch.tensor(bands, dtype=torch.float64)
    return torch.bucketize(ell.flatten(), edges), double.flatten()


def theory(cosmology: Cosmology, bands: np.ndarray = BANDS, pixels: int = 256) -> np.ndarray:
    """What `band_powers` should be: Limber's C_l, smoothed as the planes and by the pixels."""
    power = torch.from_numpy(pixel_power(cosmology, pixels, FIELD / 256)).flatten()
    ring, double = _rings(pixels, pixels, tuple(bands.tolist()))
    sums = [
        torch.bincount(ring, weights, minlength=len(bands) + 1)[1:-1]
        for weights in (power * double, double)
    ]
    return (sums[0] / sums[1]).numpy()


def left_by_smoothing(ell: float, cosmology: Cosmology) -> float:
    """Share of theory's power at a multipole that the smoothing of the lens planes leaves."""
    theory, smooth = (
        convergence_power(np.array(ell), cosmology, smoothing=width)
        for width in (0.0, PLANE_SMOOTHING)
    )
    return float(smooth / theory)


def histograms(maps: Tensor) -> dict[str, np.ndarray]:
    """Mean histograms of the peaks by height, Laplace and Roberts cross, 22 bins each."""
    found = peaks.patches(maps.double())
    return {
        name: peaks.histogram(found, of(found), *limits).mean(0).numpy()
        for name, (of, limits) in STATISTICS.items()
    }


def misfits(found: Mapping[str, np.ndarray], cosmology: int) -> dict[str, dict[str, float]]:
    """How far mean histograms are from the real maps' of a cosmology.

    Parameters
    ----------
    found : mapping of statistic to numpy.ndarray
        From `histograms`.
    cosmology : int
        Its row in Table D1, from 1.

    Returns
    -------
    dict
        By statistic: ``misfit``, the rms of (found - real) / (real + 10) over bins of more than 15
        real peaks, and ``total``, the peaks in those bins over the real ones.
    """
    real = paper.peak_histograms()
    answer = {}
    for name, values in found.items():
        rows = real[(real.statistic == name) & (real.cosmology == cosmology)]
        rows = rows[rows.peaks > FEWEST]
        mine = values[rows.bin.to_numpy()]
        off = (mine - rows.peaks) / (rows.peaks + 10)
        answer[name] = {
            "misfit": float(np.sqrt((off**2).mean())),
            "total": float(mine.sum() / rows.peaks.sum()),
        }
    return answer


def compare(
    maps: Tensor, counted: Mapping[str, np.ndarray], cosmology: Cosmology, row: int
) -> dict[str, Any]:
    """Everything that the page says of the likeness of some maps of one cosmology.

    Parameters
    ----------
    maps : Tensor
        Shape (maps, 1, 256, 256).
    counted : mapping of statistic to numpy.ndarray
        Their `histograms`.
    cosmology : Cosmology
    row : int
        Of Table D1.
    """
    powers = band_powers(maps)
    expected = theory(cosmology, pixels=maps.shape[-1])
    known = (paper.peak_histograms().cosmology == row).any()
    return {
        "maps": len(maps),
        "moments": moments(maps),
        "power": (powers.mean(0) / expected).tolist(),
        "power_error": (_spread(powers) / np.sqrt(len(powers)) / expected).tolist(),
        "misfits": misfits(counted, row) if known else {},
    }


def density(maps: Tensor) -> np.ndarray:
    """Density of pixel values in `VALUES`, each map's mean taken off."""
    off = (maps - maps.mean((2, 3), keepdim=True)).flatten().numpy()
    return np.histogram(off, bins=VALUES, density=True)[0]


def _spread(powers: np.ndarray) -> np.ndarray:
    return powers.std(0, ddof=1) if len(powers) > 1 else np.zeros(powers.shape[1])


def real_maps() -> dict[str, Tensor]:
    """The two real maps, (1, 1, side, side) each, those of them that the data folder has.

    Raises
    ------
    DataError
        If one is there and is not what it should be.
    """
    found = {}
    missing = {entry.name for entry in registry.missing_files("cosmology")}
    for entry in registry.registry("cosmology"):
        if entry.name not in missing:
            wide = "320" in entry.name
            data = real.read_fits(entry.path, rebin=2 if wide else 1)
            label = "real, no. 1" if wide else "real, cosmology not stated"
            found[label] = torch.from_numpy(data)[None, None]
    return found
