"""The particle mesh, lens planes, maps from them, and lognormal shells: against closed forms."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from awdlib.datasets.cosmology import background, born, lognormal, matter, particle_mesh, planes
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.particle_mesh import Box

FIDUCIAL = COSMOLOGIES[0]
SMALL = Box(side=128.0, particles=16, mesh=32, early=6)


def test_deposit_is_cloud_in_cell():
    side, n = 8.0, 4
    mesh = particle_mesh.deposit(torch.tensor([[1.0, 3.0], [7.5, 2.0]]), n, side)
    expected = np.zeros((n, n))
    expected[0, 1] += 0.25  # (1, 3) is at (.5, 1.5) in cells of 2
    expected[0, 2] += 0.25
    expected[1, 1] += 0.25
    expected[1, 2] += 0.25
    expected[3, 1] += 0.25  # (7.5, 2) is at (3.75, 1) and wraps round
    expected[0, 1] += 0.75
    np.testing.assert_allclose(mesh, expected * n**2 / 2, atol=1e-6)
    cloud = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) * side
    assert particle_mesh.deposit(cloud, n, side).mean() == pytest.approx(1)


def test_gathering_is_depositing_turned_round():
    generator = torch.Generator().manual_seed(2)
    position = torch.rand(40, 3, generator=generator, dtype=torch.float64) * 8
    field = torch.rand(4, 4, 4, 2, generator=generator, dtype=torch.float64)
    read = particle_mesh.gather(field, position, 8.0)
    for one, values in zip(position, read, strict=True):
        weights = particle_mesh.deposit(one[None], 4, 8.0) / 64
        torch.testing.assert_close((weights[..., None] * field).sum((0, 1, 2)), values)


def test_gravity_of_a_plane_wave_is_its_closed_form():
    # delta = A cos(kx): -grad del^-2 delta = -A / k sin(kx), weakened by the mesh's two windows
    box = Box(side=64.0, particles=32, mesh=32)
    k, amplitude = 2 * 2 * np.pi / box.side, 1e-3
    lattice = torch.arange(32, dtype=torch.float64) * 2 + 1
    grid = torch.stack(torch.meshgrid(lattice, lattice, lattice, indexing="ij"), -1).reshape(-1, 3)
    moved = grid.clone()
    moved[:, 0] -= amplitude / k * torch.sin(k * grid[:, 0])
    force = particle_mesh.acceleration(moved, box)
    window = np.sinc(k * 2 / 2 / np.pi) ** 4
    expected = -amplitude / k * torch.sin(k * grid[:, 0]) * window
    torch.testing.assert_close(force[:, 0], expected, rtol=0, atol=0.02 * amplitude / k)
    assert force[:, 1:].abs().max() < 1e-3 * amplitude / k


def test_two_particles_attract_each_other_equally():
    box = Box(side=32.0, particles=2, mesh=32)
    pair = torch.tensor([[10.2, 16.1, 16.3], [14.7, 16.0, 15.9]], dtype=torch.float64)
    force = particle_mesh.acceleration(pair, box)
    assert force[0, 0] > 0 > force[1, 0]
    torch.testing.assert_close(force.sum(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("cosmology", [COSMOLOGIES[0], COSMOLOGIES[3], COSMOLOGIES[4]])
def test_large_waves_grow_linearly(cosmology):
    box = Box(side=256.0, particles=32, mesh=64)
    linear = particle_mesh.linear_density(box, cosmology, (3,))
    k, squared = particle_mesh.wavenumbers(32, 256.0)
    large = squared.sqrt() < 0.055  # 28 waves of two or more a box
    middle = torch.exp(0.5j * sum(k) * 256.0 / 64)  # the lattice lies half a mesh cell off
    for a, position in particle_mesh.simulate(box, cosmology, [0.5, 0.7, 0.85, 1.0], seed=(3,)):
        found = torch.fft.rfftn(particle_mesh.deposit(position, 32, 256.0) - 1) * middle
        grown = (found * linear.conj())[large].sum() / linear[large].abs().square().sum()
        expected = float(background.growth(a, cosmology.omega_m))
        assert float(grown.real) == pytest.approx(expected, rel=0.02)


def test_the_box_has_the_power_of_its_cosmology():
    box = Box(side=256.0, particles=32, mesh=64, early=6)
    ((_, position),) = particle_mesh.simulate(box, FIDUCIAL, [0.5], seed=(5,))
    power = torch.fft.rfftn(particle_mesh.deposit(position, 64, 256.0) - 1).abs().square()
    power *= 256.0**3 / 64**6
    _, squared = particle_mesh.wavenumbers(64, 256.0)
    k = squared.sqrt()
    band = (k > 0.1) & (k < 0.2)  # some 1,000 waves
    expected = matter.Matter(FIDUCIAL).nonlinear(k[band].numpy(), 1.0)
    assert float(power[band].mean()) == pytest.approx(expected.mean(), rel=0.1)


def test_particles_keep_their_momentum_and_their_box():
    box = SMALL
    _, momentum = particle_mesh.start(box, FIDUCIAL, (1,))
    assert momentum.mean(0).abs().max() < 1e-4 * momentum.std()
    for _, position in particle_mesh.simulate(box, FIDUCIAL, [0.5, 0.8], seed=(1,)):
        assert ((position >= 0) & (position <= box.side)).all()
        assert torch.isfinite(position).all()


def test_outputs_must_rise():
    for outputs in ([0.5, 0.4], [0.5, 0.5], [0.01, 0.5]):
        with pytest.raises(ValueError, match="must rise"):
            next(particle_mesh.simulate(SMALL, FIDUCIAL, outputs, seed=(1,)))


def test_slabs_reach_the_sources_and_hold_all_of_the_lens_weight():
    middles, weights = planes.slabs(FIDUCIAL, 128.0)
    assert len(middles) == 19 - 1 + (background.distance(1.0, 0.3) > 18 * 128)
    chi = np.linspace(0, 2400, 20001)
    whole = np.trapezoid(matter.lens_weight(chi, 0.3), chi)
    assert weights.sum() == pytest.approx(whole, rel=1e-4)


def _noise(n, pixels, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, pixels, pixels))).float()


def test_planes_are_given_the_power_they_should_have():
    side, z = 128.0, 0.4
    spectrum = matter.Matter(FIDUCIAL)
    filtered = planes.to_power(_noise(3, 256), side, spectrum, z)
    k, power = planes.spectrum(filtered, side)
    should = spectrum.nonlinear(k, z) / side * np.exp(-((k * matter.PLANE_SMOOTHING) ** 2))
    band = (k > planes.FULLY_FILTERED * 1.1) & (k < 6)
    assert np.abs(power[band] / should[band] - 1).max() < 0.06
    # and the largest waves are as they were
    before = torch.fft.rfft2(_noise(3, 256))
    after = torch.fft.rfft2(filtered)
    torch.testing.assert_close(after[:, 0, 1:4], before[:, 0, 1:4], rtol=1e-4, atol=1e-2)


def test_a_planes_spectrum_is_that_of_its_waves():
    side, pixels = 64.0, 64
    x = torch.arange(pixels) * side / pixels
    wave = 0.3 * torch.cos(2 * np.pi / side * 8 * x)[None, :, None].expand(1, pixels, pixels)
    k, power = planes.spectrum(wave, side)
    at = np.abs(k - 8 * 2 * np.pi / side).argmin()
    assert power[at] == power.max()
    # variance = sum of P over waves / area: all of it from this ring
    white = _noise(40, 64, 3)
    _, flat = planes.spectrum(white, side)
    np.testing.assert_allclose(flat[12:], (side / pixels) ** 2, rtol=0.08)


def test_the_power_of_planes_goes_with_one_over_their_thickness():
    box = particle_mesh.Box(side=128.0, particles=64, mesh=64)
    side = box.side
    thick, thin = [], []
    for seed in range(6):
        waves = particle_mesh.linear_density(box, FIDUCIAL, (seed,))
        field = torch.fft.irfftn(waves, s=(64, 64, 64))
        thick += [field.mean(axis) for axis in range(3)]
        thin += [field.narrow(axis, 0, 16).mean(axis) for axis in range(3)]
    k, whole = planes.spectrum(torch.stack(thick), side)
    quarter = planes.spectrum(torch.stack(thin), side)[1]
    some = (k > 0.4) & (k < 1.2)  # many waves, shorter than any of the planes is thick
    expected = planes.Matter(FIDUCIAL).linear(k) / side
    np.testing.assert_allclose((whole / expected)[some], 1, atol=0.12)
    np.testing.assert_allclose((quarter / expected)[some].mean(), 4, rtol=0.1)


def _toy_planes(contrast=None):
    middles, weights = planes.slabs(FIDUCIAL, 128.0)
    if contrast is None:
        contrast = _noise(3 * len(middles), 64, 1).reshape(-1, 3, 64, 64).half()
    return planes.Planes(contrast, 128.0, middles, weights)


def test_a_map_is_decided_by_its_seed_alone():
    toy = _toy_planes()
    one = born.convergence(toy, seed=(0, 1, 2, 3), pixels=32)
    born.convergence(toy, seed=(0, 1, 2, 4), pixels=32)
    assert torch.equal(one, born.convergence(toy, seed=(0, 1, 2, 3), pixels=32))
    for other in ((1, 1, 2, 3), (0, 2, 2, 3), (0, 1, 3, 3), (0, 1, 2, 4)):
        assert not torch.equal(one, born.convergence(toy, seed=other, pixels=32))


def test_a_uniform_sheet_gives_the_lens_weight():
    toy = _toy_planes()
    flat = _toy_planes(torch.full_like(toy.contrast, 0.5))
    found = born.convergence(flat, seed=(1,), pixels=16)
    torch.testing.assert_close(found, torch.full((1, 16, 16), 0.5 * float(toy.weights.sum())))


@pytest.mark.parametrize("seed", range(6))
def test_rays_read_the_planes_as_scipy_does(seed):
    axes = _noise(3, 32, 2)
    pixels, side, chi, weight = 8, 128.0, 900.0, 0.3
    lenses = planes.Planes(axes[None], side, np.array([chi]), np.array([weight]))
    found = born.convergence(lenses, seed=(seed,), pixels=pixels)[0]
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed,))))
    axis, flips, turn = draw.integers(3), draw.integers(2, size=2), draw.integers(2)
    shift = draw.uniform(0, 32, size=2)
    rays = (np.arange(2 * pixels) + 0.5) / 2 * (chi * born.FIELD / pixels / side * 32)
    ways = [s + (rays[::-1] if flip else rays) for s, flip in zip(shift, flips, strict=True)]
    plane = axes[axis].T if turn else axes[axis]
    wrapped = [np.mod(a, 32) for a in np.meshgrid(*ways, indexing="ij")]
    fine = ndimage.map_coordinates(
        np.pad(plane.numpy(), (0, 1), "wrap"), wrapped, order=1, mode="nearest"
    )
    expected = weight * fine.reshape(pixels, 2, pixels, 2).mean((1, 3))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("i", [0, 1, 4])
def test_lognormal_maps_have_the_power_that_goes_in(i):
    pixels = 96
    shells = lognormal.prepare(COSMOLOGIES[i], pixels=pixels)
    wide = shells.amplitude.shape[1]
    # the whole periodic field: a map of it has no edge
    whole = lognormal.Shells(shells.amplitude, shells.shift, shells.variance, wide)
    maps = torch.cat([lognormal.convergence(whole, seed=(0, i, 0, n)) for n in range(60)])
    area = (wide * born.FIELD / 256) ** 2
    power = torch.fft.rfft2(maps).abs().square().mean(0).numpy() * area / wide**4
    expected = lognormal.pixel_power(COSMOLOGIES[i], wide, born.FIELD / 256)
    ell = (
        2
        * np.pi
        * 256
        / born.FIELD
        * np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide)[None])
    )
    for low, high in ((800, 2000), (2000, 4000), (4000, 8000), (8000, 13000)):
        ring = (ell > low) & (ell < high)
        assert power[ring].mean() == pytest.approx(expected[ring].mean(), rel=0.06)
    assert abs(float(maps.mean())) < 5e-4


def test_lognormal_maps_are_skewed_and_gaussian_ones_are_not():
    shells = lognormal.prepare(FIDUCIAL)
    maps = torch.cat([lognormal.convergence(shells, seed=(0, 0, 0, n)) for n in range(16)])
    assert maps.shape == (16, 256, 256)
    each = maps.flatten(1).numpy()
    # medians: the rarest peaks carry the moments of single maps
    assert 1.5 < np.median(stats.skew(each, axis=1)) < 2.8
    assert 5 < np.median(stats.kurtosis(each, axis=1)) < 25
    assert maps.min() > -0.045
    assert np.median(each.std(1)) == pytest.approx(0.0167, abs=0.001)
    power = torch.from_numpy(lognormal.pixel_power(FIDUCIAL, 256, born.FIELD / 256))
    white = torch.fft.rfft2(_noise(8, 256).double())
    gaussian = torch.fft.irfft2(white * power.sqrt(), s=(256, 256))
    assert abs(stats.skew(gaussian.flatten().numpy())) < 0.05


def test_a_lognormal_map_is_decided_by_its_seed_alone():
    shells = lognormal.prepare(COSMOLOGIES[2], pixels=32)
    one = lognormal.convergence(shells, seed=(0, 2, 0, 7))
    assert torch.equal(one, lognormal.convergence(shells, seed=(0, 2, 0, 7)))
    assert not torch.equal(one, lognormal.convergence(shells, seed=(0, 2, 0, 8)))
