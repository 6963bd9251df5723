"""Power spectra: of matter, from the shipped tables; of the convergence, by Limber's integral."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from awdlib.datasets.cosmology.background import (
    COSMOLOGIES,
    SOURCE_REDSHIFT,
    SPEED_OF_LIGHT,
    Cosmology,
    distance,
    redshift,
)

TABLES = Path(__file__).with_name("tables.npz")
# The simulations' lens planes are smooth below their cells: the real maps have half of HMcode's
# power at l = 5200 and a fifth at 9200, which is a Gaussian of this width (Mpc/h).
PLANE_SMOOTHING = 0.145


@cache
def _tables() -> dict[str, np.ndarray]:
    with np.load(TABLES, allow_pickle=False) as stored:
        return {name: stored[name].astype(float) for name in stored.files}


@dataclass(frozen=True)
class Matter:
    """The power spectrum of matter in one of the tabulated cosmologies.

    Raises
    ------
    ValueError
        If the cosmology is not one of `COSMOLOGIES`.
    """

    cosmology: Cosmology

    def __post_init__(self) -> None:
        if self.cosmology not in COSMOLOGIES:
            raise ValueError(
                f"there is no table of the power spectrum for {self.cosmology}: take one of "
                "COSMOLOGIES, or add it there and run make_tables"
            )

    def linear(self, k: np.ndarray, z: float = 0.0) -> np.ndarray:
        """Linear P(k, z) in (Mpc/h)^3, k in h/Mpc of any shape; a power law beyond the table."""
        return self._look_up("linear", k, np.asarray(z, float))

    def nonlinear(self, k: np.ndarray, z: np.ndarray | float = 0.0) -> np.ndarray:
        """HMcode-2020 P(k, z) in (Mpc/h)^3; `z` is one redshift, or one for each k."""
        return self._look_up("nonlinear", k, np.asarray(z, float))

    def _look_up(self, kind: str, k: np.ndarray, z: np.ndarray) -> np.ndarray:
        tables = _tables()
        values = tables[kind][COSMOLOGIES.index(self.cosmology)]
        ln_k = np.log(tables["k"])
        x = np.log(np.maximum(np.asarray(k, float), 1e-12))
        place = np.clip((x - ln_k[0]) / (ln_k[1] - ln_k[0]), None, len(ln_k) - 1.0)
        low = np.clip(place.astype(int), 0, len(ln_k) - 2)
        over = (x - ln_k[low]) / (ln_k[1] - ln_k[0])  # beyond 1 or below 0: the last slope goes on
        at = np.clip(z / (tables["z"][1] - tables["z"][0]), 0, len(tables["z"]) - 1.0)
        early = np.minimum(at.astype(int), len(tables["z"]) - 2)
        share = at - early
        low, early, share = np.broadcast_arrays(low, early, share)
        first, second = (
            values[low, early + step] * (1 - over) + values[low + 1, early + step] * over
            for step in (0, 1)
        )
        return np.exp(first * (1 - share) + second * share)


def lens_weight(chi: np.ndarray, omega_m: float) -> np.ndarray:
    """What a density contrast at distance `chi` adds to the convergence, per Mpc/h.

    W = 3/2 Om (H0/c)^2 chi (1 - chi / chi_s) (1 + z) for sources at z = 1, 0 behind them.
    """
    behind = distance(SOURCE_REDSHIFT, omega_m)
    geometry = chi * np.maximum(1 - chi / behind, 0) * (1 + redshift(chi, omega_m))
    return 1.5 * omega_m / SPEED_OF_LIGHT**2 * geometry


def convergence_power(
    ell: np.ndarray,
    cosmology: Cosmology,
    *,
    low: float = 0.0,
    high: float | None = None,
    smoothing: float = PLANE_SMOOTHING,
) -> np.ndarray:
    """C_l of the convergence from matter between two distances, by Limber's approximation.

    C_l = int dchi W(chi)^2 / chi^2 P(k = (l + 1/2) / chi, z) exp(-(k smoothing)^2)

    Parameters
    ----------
    ell : array, of any shape
    cosmology : Cosmology
    low, high : float
        Distances in Mpc/h; by default from here to the sources at z = 1.
    smoothing : float
        Width of the Gaussian that the lens planes are smoothed with, in Mpc/h; 0 is theory.
    """
    omega_m = cosmology.omega_m
    behind = float(distance(SOURCE_REDSHIFT, omega_m))
    high = behind if high is None else min(high, behind)
    nodes, weights = np.polynomial.legendre.leggauss(96 if low == 0 else 24)
    chi = (high - low) / 2 * nodes + (high + low) / 2
    weights = weights * (high - low) / 2 * lens_weight(chi, omega_m) ** 2 / chi**2
    ell = np.asarray(ell, float)
    k = (ell[..., None] + 0.5) / chi
    power = Matter(cosmology).nonlinear(k, redshift(chi, omega_m))
    return (weights * power * np.exp(-((k * smoothing) ** 2))).sum(-1)
