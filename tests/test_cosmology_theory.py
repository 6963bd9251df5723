"""Distances, growth and spectra against closed forms, frozen CAMB numbers and brute force."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate

from awdlib import paper
from awdlib.datasets.cosmology import background, matter
from awdlib.datasets.cosmology.background import COSMOLOGIES, Cosmology

FIDUCIAL = COSMOLOGIES[0]


def test_the_cosmologies_are_those_of_table_d1():
    table = paper.cosmologies()
    np.testing.assert_allclose(
        np.array([c.parameters for c in COSMOLOGIES]),
        table.sort_index()[["m_nu", "Omega_m", "A_s"]].to_numpy(),
        atol=6e-5,
    )


@pytest.mark.parametrize(
    ("omega_m", "z", "chi"), [(0.3, 0.1, 292.92), (0.3, 1.0, 2312.47), (0.38154, 1.0, 2210.25)]
)
def test_distances_are_cambs(omega_m, z, chi):
    # CAMB 2.0.5, in Mpc/h; it has radiation too, which is worth 1e-4 here
    assert background.distance(z, omega_m) == pytest.approx(chi, rel=2e-4)
    assert background.redshift(background.distance(z, omega_m), omega_m) == pytest.approx(z)


def test_growth_is_the_scale_factor_without_a_cosmological_constant():
    a = np.array([0.02, 0.1, 0.5, 0.9])
    np.testing.assert_allclose(background.growth(a, 1.0), a, rtol=1e-5)
    np.testing.assert_allclose(background.growth_momentum(a, 1.0), a**1.5, rtol=1e-5)


@pytest.mark.parametrize("omega_m", [0.2, 0.3, 0.42])
def test_growth_solves_its_equation(omega_m):
    # d(a^3 E D')/da = 3/2 Om D / (a^2 E)
    a, step = np.array([0.1, 0.3, 0.6, 0.95]), 1e-3
    left = np.diff(background.growth_momentum(np.stack([a - step, a + step]), omega_m), axis=0)
    right = 1.5 * omega_m * background.growth(a, omega_m) / background.expansion(a, omega_m) / a**2
    np.testing.assert_allclose(left[0] / 2 / step, right, rtol=1e-3)


@pytest.mark.parametrize("i", range(10))
def test_the_tables_have_the_published_fluctuations_and_growth(i):
    # sigma_8 by CAMB for the normal hierarchy of neutrinos
    known = [0.8498, 1.0111, 0.7536, 0.9155, 0.6202, 0.9298, 0.7808, 0.7979, 0.8353, 0.7259]
    spectrum = matter.Matter(COSMOLOGIES[i])
    k = np.geomspace(1e-4, 50, 4000)
    x = 8 * k
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    variance = np.trapezoid(spectrum.linear(k) * window**2 * k**3 / 2 / np.pi**2, np.log(k))
    assert np.sqrt(variance) == pytest.approx(known[i], rel=2e-3)
    ratio = np.sqrt(spectrum.linear(np.array([0.1]), 1.0) / spectrum.linear(np.array([0.1])))
    # massive neutrinos slow the growth by some tenths of a per cent
    assert ratio == pytest.approx(background.growth(0.5, COSMOLOGIES[i].omega_m), rel=4e-3)


def test_spectra_go_on_beyond_the_tables_and_meet_on_large_scales():
    spectrum = matter.Matter(FIDUCIAL)
    beyond = spectrum.nonlinear(np.array([60.0, 120.0, 240.0]), 0.5)
    assert (beyond > 0).all()
    np.testing.assert_allclose(beyond[1] / beyond[0], beyond[2] / beyond[1], rtol=1e-9)
    large = np.array([0.005, 0.02])
    np.testing.assert_allclose(spectrum.nonlinear(large), spectrum.linear(large), rtol=0.03)
    assert spectrum.nonlinear(np.array([2.0])) > 5 * spectrum.linear(np.array([2.0]))


def test_limbers_integral_is_that_of_quad():
    for ell in (150.0, 1000.0, 6000.0):
        behind = float(background.distance(1.0, FIDUCIAL.omega_m))

        def integrand(chi, ell=ell):
            k = np.array([(ell + 0.5) / chi])
            z = float(background.redshift(chi, FIDUCIAL.omega_m))
            power = matter.Matter(FIDUCIAL).nonlinear(k, z)[0] * np.exp(-((k[0] * 0.145) ** 2))
            return matter.lens_weight(chi, FIDUCIAL.omega_m) ** 2 / chi**2 * power

        expected = integrate.quad(integrand, 1, behind, limit=400, epsrel=1e-6)[0]
        assert matter.convergence_power(ell, FIDUCIAL) == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize(
    ("cosmology", "by_ccl"),
    [
        (0, (8.243116e-09, 1.737117e-09, 3.523191e-10, 3.970459e-11, 1.317797e-11)),
        (1, (1.497478e-08, 3.727207e-09, 8.052685e-10, 8.592288e-11, 2.825751e-11)),
    ],
)
def test_the_convergences_power_is_that_of_ccl(cosmology, by_ccl):
    """pyccl 3.3.6 with CAMB's linear power and HMcode-2020, neutrinos in normal hierarchy."""
    ell = np.array([100.0, 329.0, 1231.0, 5208.0, 9249.0])
    found = matter.convergence_power(ell, COSMOLOGIES[cosmology], smoothing=0)
    np.testing.assert_allclose(found, by_ccl, rtol=1e-3)


def test_parts_of_the_way_add_up():
    ell = np.geomspace(100, 1e4, 5)
    edges = np.linspace(0, 2400, 7)
    parts = [matter.convergence_power(ell, FIDUCIAL, low=a, high=b) for a, b in pairwise(edges)]
    np.testing.assert_allclose(sum(parts), matter.convergence_power(ell, FIDUCIAL), rtol=2e-3)


def test_the_planes_smoothing_takes_the_power_that_real_maps_lack():
    # real maps over HMcode, with a pixel's window: .50 at l = 5200, .17 to .20 at 9200
    for ell, share, spread in ((5200.0, 0.50, 0.06), (9200.0, 0.18, 0.03)):
        window = np.sinc(ell / np.sqrt(2) * np.deg2rad(3.5) / 256 / 2 / np.pi) ** 4
        smooth = matter.convergence_power(ell, FIDUCIAL)
        sharp = matter.convergence_power(ell, FIDUCIAL, smoothing=0)
        assert window * smooth / sharp == pytest.approx(share, abs=spread)


def test_another_cosmology_is_refused():
    with pytest.raises(ValueError, match="no table of the power spectrum"):
        matter.Matter(Cosmology(0.1, 0.31, 2.0))


def test_the_tables_are_what_the_script_makes():
    pytest.importorskip("camb", reason="CAMB is only in the extra `theory`")
    from awdlib.datasets.cosmology import make_tables

    with np.load(matter.TABLES) as stored:
        linear, nonlinear = make_tables.spectra(COSMOLOGIES[4])
        np.testing.assert_allclose(stored["linear"][4], linear, atol=2e-3)
        np.testing.assert_allclose(stored["nonlinear"][4], nonlinear, atol=2e-3)
