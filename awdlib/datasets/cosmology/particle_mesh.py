"""A particle-mesh simulation of the matter in a periodic box, in torch, on the CPU or a GPU.

Particles start on a grid, moved by second-order Lagrangian perturbation theory, and fall in the
gravity of their own density on a mesh. Steps are those of FastPM (Feng et al. 2016): drift and
kick are weighted so that linear growth is exact however long the step.

Lengths are in Mpc/h, momenta are a^2 dx/dt with H0 = 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from awdlib.datasets.cosmology.background import Cosmology, growth, growth_momentum
from awdlib.datasets.cosmology.matter import Matter

TOGETHER = 2**16  # particles at a time: what is worked out for them stays in the cache


@dataclass(frozen=True)
class Box:
    """How finely a box is simulated.

    Attributes
    ----------
    side : float
        In Mpc/h.
    particles, mesh : int
        Of one side; the mesh is finer than the particles' grid.
    start : float
        Scale factor at which the particles are set down.
    early : int
        Steps, even in a, before the first output.
    """

    side: float = 128.0
    particles: int = 128
    mesh: int = 256
    start: float = 0.1
    early: int = 12


def simulate(
    box: Box,
    cosmology: Cosmology,
    outputs: Sequence[float],
    *,
    seed: Sequence[int],
    device: str = "cpu",
) -> Iterator[tuple[float, Tensor]]:
    """Particles' positions at each of the scale factors asked for.

    Parameters
    ----------
    box : Box
    cosmology : Cosmology
    outputs : sequence of float
        Scale factors, rising; between two of them there is one step, so they should lie closer
        than 5 % apart.
    seed : sequence of int
        Of the initial phases. They are drawn on the CPU: a seed means the same box everywhere.
    device : str

    Yields
    ------
    (float, Tensor)
        Scale factor and positions, shape (particles^3, 3), within [0, side). They are changed in
        place by the next step.

    Raises
    ------
    ValueError
        If the outputs do not rise, or begin before the start.
    """
    if list(outputs) != sorted(set(outputs)) or outputs[0] <= box.start:
        raise ValueError(f"the outputs must rise from more than {box.start}, got {list(outputs)}")
    omega_m = cosmology.omega_m
    times = [*np.linspace(box.start, outputs[0], box.early + 1)[:-1], *outputs]
    position, momentum = start(box, cosmology, seed, device)
    force = acceleration(position, box)
    for now, then in pairwise(times):
        middle = (now * then) ** 0.5
        g, d = (
            {a: float(of(a, omega_m)) for a in (now, middle, then)}
            for of in (growth_momentum, growth)
        )
        # linear motion is x = D psi, p = g psi, force = D psi: exact for it, whatever the step
        momentum += force.mul_((g[middle] - g[now]) / d[now])
        position.add_(momentum, alpha=(d[then] - d[now]) / g[middle]).remainder_(box.side)
        force = acceleration(position, box)
        momentum.add_(force, alpha=(g[then] - g[middle]) / d[then])
        if then in outputs:
            yield then, position


def start(
    box: Box, cosmology: Cosmology, seed: Sequence[int], device: str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Positions and momenta of the particles at the start, each of shape (particles^3, 3).

    x = q + D psi1 - 3/7 D^2 Om(a)^(-1/143) psi2, where psi1 = grad del^-2 (-delta) and psi2 comes
    from the second derivatives of the same potential (Bouchet et al. 1995).
    """
    n, omega_m = box.particles, cosmology.omega_m
    k, squared = wavenumbers(n, box.side, device)
    delta = linear_density(box, cosmology, seed, device)
    potential = -delta / squared  # del^2 phi = delta
    second = torch.zeros(n, n, n, device=device)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        ii, jj, ij = (
            torch.fft.irfftn(-potential * k[a] * k[b], s=(n, n, n))
            for a, b in ((i, i), (j, j), (i, j))
        )
        second += ii * jj - ij**2
    potential2 = -torch.fft.rfftn(second) / squared
    first, later = (
        torch.stack([torch.fft.irfftn(1j * k[i] * p, s=(n, n, n)) for i in range(3)], -1).reshape(
            -1, 3
        )
        for p in (potential, potential2)
    )
    a = box.start
    d, g = float(growth(a, omega_m)), float(growth_momentum(a, omega_m))
    second_growth = -3 / 7 * d**2  # Om(a)^(-1/143) is 1 to 1e-4 at the start
    # in the middle of the mesh's cells: on its points the lattice would pull itself together
    lattice = torch.arange(n, device=device, dtype=torch.float32) * (box.side / n)
    lattice += box.side / box.mesh / 2
    grid = torch.stack(torch.meshgrid(lattice, lattice, lattice, indexing="ij"), -1).reshape(-1, 3)
    position = (grid - d * first + second_growth * later).remainder_(box.side)
    momentum = -g * first + 2 * second_growth * (g / d) * later
    return position, momentum


def linear_density(
    box: Box, cosmology: Cosmology, seed: Sequence[int], device: str = "cpu"
) -> Tensor:
    """Waves of the density contrast that linear growth would lead to today (real FFT of it)."""
    n = box.particles
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    noise = torch.from_numpy(draw.standard_normal((n, n, n), dtype=np.float32)).to(device)
    _, squared = wavenumbers(n, box.side, device)
    finite = squared.clamp(max=1e6).sqrt().cpu().numpy()  # its mean, at infinity, is taken out
    power = Matter(cosmology).linear(finite) * n**3 / box.side**3
    delta = torch.fft.rfftn(noise) * torch.from_numpy(np.sqrt(power)).to(device, torch.float32)
    delta[0, 0, 0] = 0
    return delta


def acceleration(position: Tensor, box: Box) -> Tensor:
    """-grad del^-2 delta at the particles, shape (particles, 3): gravity over 3/2 Om / a."""
    n = box.mesh
    delta = deposit(position, n, box.side)
    delta = delta.sub_(1)
    k, squared = wavenumbers(n, box.side, position.device)
    potential = torch.fft.rfftn(delta).div_(squared)  # minus the potential
    forces = position.new_empty(n, n, n, 3)
    for i in range(3):
        forces[..., i] = torch.fft.irfftn(1j * k[i] * potential, s=(n, n, n))
    return gather(forces, position, box.side)


def wavenumbers(
    n: int, side: float, device: str | torch.device = "cpu"
) -> tuple[list[Tensor], Tensor]:
    """(kx, ky, kz) that broadcast against a real FFT's output, and k^2, infinite at 0."""
    full = torch.fft.fftfreq(n, side / n / 2 / np.pi, device=device)
    half = torch.fft.rfftfreq(n, side / n / 2 / np.pi, device=device)
    k = [full[:, None, None], full[None, :, None], half[None, None, :]]
    squared = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    squared[0, 0, 0] = torch.inf
    return k, squared


def deposit(position: Tensor, n: int, side: float) -> Tensor:
    """Density by cloud in cell, its mean 1: positions (particles, d) to a mesh of d sides n."""
    dimensions = position.shape[1]
    mesh = position.new_zeros(n**dimensions)
    for part in position.split(TOGETHER):
        index, weight = _corners(part, n, side)
        mesh.index_add_(0, index.flatten(), weight.flatten())
    return mesh.mul_(n**dimensions / len(position)).reshape((n,) * dimensions)


def gather(mesh: Tensor, position: Tensor, side: float) -> Tensor:
    """Read a mesh (n, ..., n, values) at positions by cloud in cell; (particles, values)."""
    n, values = mesh.shape[0], mesh.shape[-1]
    rows = mesh.reshape(-1, values)
    found = position.new_empty(len(position), values)
    for part, read in zip(position.split(TOGETHER), found.split(TOGETHER), strict=True):
        index, weight = _corners(part, n, side)
        read.copy_(embedding_bag(index.T, rows, per_sample_weights=weight.T, mode="sum"))
    return found


def _corners(position: Tensor, n: int, side: float) -> tuple[Tensor, Tensor]:
    """Flat indices and weights of the mesh points around every particle, each (2^d, particles)."""
    scaled = (position * (n / side)).T
    cell = scaled.floor()
    upper = scaled - cell
    low = cell.int() % n
    index = low.new_zeros(1, len(position))
    weight = upper.new_ones(1, len(position))
    for axis in range(position.shape[1]):
        two = torch.stack([low[axis], (low[axis] + 1) % n])
        shares = torch.stack([1 - upper[axis], upper[axis]])
        index = (index[:, None] * n + two).flatten(0, 1)
        weight = (weight[:, None] * shares).flatten(0, 1)
    return index, weight
