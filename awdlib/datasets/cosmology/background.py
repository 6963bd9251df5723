"""The ten cosmologies of Table D1, and how a flat universe expands and structure in it grows.

Distances are comoving, in Mpc/h; a is the scale factor, 1 today. Matter (with neutrinos, which are
slow by then) and a cosmological constant are all there is at the redshifts of the lenses.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

SPEED_OF_LIGHT = 2997.92458  # over H0, in Mpc/h
HUBBLE = 0.7  # of MassiveNuS (Liu et al. 2018)
SOURCE_REDSHIFT = 1.0


@dataclass(frozen=True)
class Cosmology:
    """What varies between the simulations.

    Attributes
    ----------
    m_nu : float
        Sum of the neutrino masses, in eV.
    omega_m : float
        Matter, neutrinos included, as a share of the critical density.
    a_s : float
        10^9 times the primordial amplitude.
    """

    m_nu: float
    omega_m: float
    a_s: float

    @property
    def parameters(self) -> tuple[float, float, float]:
        """(m_nu, omega_m, a_s), the network's three targets in their order."""
        return self.m_nu, self.omega_m, self.a_s


# Table D1 in the five digits of the simulations' own list, which the table rounds to four.
COSMOLOGIES = tuple(
    Cosmology(*values)
    for values in (
        (0.0, 0.3, 2.1),
        (0.06271, 0.38154, 2.2004),
        (0.06522, 0.28205, 1.8826),
        (0.06773, 0.41591, 1.6231),
        (0.07024, 0.20235, 2.3075),
        (0.07275, 0.32826, 2.2883),
        (0.07526, 0.33551, 1.5659),
        (0.07778, 0.25966, 2.4333),
        (0.0803, 0.27832, 2.3824),
        (0.08282, 0.27575, 1.8292),
    )
)


def expansion(a: np.ndarray | float, omega_m: float) -> np.ndarray:
    """E(a) = H(a) / H0 of a flat universe of matter and a cosmological constant."""
    return np.sqrt(omega_m * np.asarray(a, float) ** -3 + 1 - omega_m)


@cache
def _distances(omega_m: float) -> tuple[np.ndarray, np.ndarray]:
    z = np.linspace(0, 1.2, 4801)
    inverse = SPEED_OF_LIGHT / expansion(1 / (1 + z), omega_m)
    steps = (inverse[1:] + inverse[:-1]) / 2 * np.diff(z)
    return z, np.append(0, np.cumsum(steps))


def distance(z: np.ndarray | float, omega_m: float) -> np.ndarray:
    """Comoving distance to redshift z (0 to 1.2), in Mpc/h."""
    grid, chi = _distances(omega_m)
    return np.interp(z, grid, chi)


def redshift(chi: np.ndarray | float, omega_m: float) -> np.ndarray:
    """The redshift at a comoving distance: `distance` turned round."""
    grid, distances = _distances(omega_m)
    return np.interp(chi, distances, grid)


@cache
def _growths(omega_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # D = (5/2) Om E int da / (aE)^3 (Heath 1977); in ln a, where the integrand is smooth
    ln_a = np.linspace(np.log(1e-4), np.log(1.0), 20001)
    a = np.exp(ln_a)
    rate = expansion(a, omega_m)
    integrand = a / (a * rate) ** 3
    start = 0.4 * a[0] ** 2.5 / omega_m**1.5  # matter alone before the first a
    integral = start + np.append(0, np.cumsum((integrand[1:] + integrand[:-1]) / 2 * np.diff(ln_a)))
    growth = rate * integral
    slope = -1.5 * omega_m * a**-4 / rate * integral + rate / (a * rate) ** 3
    return a, growth / growth[-1], slope / growth[-1]


def growth(a: np.ndarray | float, omega_m: float) -> np.ndarray:
    """The linear growth factor D(a), 1 today."""
    grid, factor, _ = _growths(omega_m)
    return np.interp(a, grid, factor)


def growth_momentum(a: np.ndarray | float, omega_m: float) -> np.ndarray:
    """a^3 E(a) dD/da: how the momentum a^2 dx/dt (H0 = 1) of linear motion grows."""
    grid, _, slope = _growths(omega_m)
    return np.interp(a, grid, grid**3 * expansion(grid, omega_m) * slope)
