"""The cosmology experiment's sizes, and which maps train, select and test."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib.datasets import registry
from awdlib.datasets.cosmology import mapset, real, simulated
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.datasets.cosmology.simulated import CHUNK, PLANE_BYTES, Block, Recipe
from awdlib.datasets.registry import DataError
from awdlib.experiments import GridProfile

LAMS = np.array([0.005, 0.01, 0.02])
GAMMAS = np.append(0, np.geomspace(0.001, 0.05, 10).round(5))
LEVEL = 4
TARGET = 1  # omega_m among the network's outputs
TRAINING_BOXES, SELECTION_BOX, TEST_BOX = (0, 1), 2, 3
PAPERS_WIDTH = 64
BELIEVABLE = 1000  # training maps a cosmology below which no claim about peak counts is judged


@dataclass(frozen=True)
class Size(GridProfile):
    """How much a profile computes.

    Attributes
    ----------
    recipe : Recipe
        How its maps are simulated.
    cosmologies : tuple of int
        Places in `COSMOLOGIES`.
    train, select, test : int
        Maps of each cosmology.
    seeds : tuple of int
        Of the distillation.
    awd_maps, awd_batch, awd_epochs : int
        Training maps of each cosmology that wavelets are distilled on, maps a step, and epochs.
    width, epochs : int
        Of the network.
    fidelity : mapping of kind to (cosmologies, maps of each)
        Simulated maps that are held against theory and real ones, 256 pixels wide.
    looked_at : int
        Test maps whose activation maps are measured.
    artefact : tuple of int
        Training maps of each cosmology with a planted artefact, and epochs of their network.
    draws : int
        Groups of random wavelets, each as many as the grid has fits.
    bootstrap : int
        Samples.
    """

    recipe: Recipe
    cosmologies: tuple[int, ...]
    train: int
    select: int
    test: int
    seeds: tuple[int, ...]
    awd_maps: int
    awd_batch: int
    awd_epochs: int
    width: int
    epochs: int
    fidelity: dict[str, tuple[tuple[int, ...], int]]
    looked_at: int
    artefact: tuple[int, int]
    draws: int
    bootstrap: int


SIZES = {
    "smoke": Size(
        recipe=Recipe("shells", pixels=64), cosmologies=(1, 3, 4), train=120, select=16, test=16,
        lams=(0, 2), gammas=(0, 4), seeds=(1,), awd_maps=6, awd_batch=12, awd_epochs=2,
        width=4, epochs=3, fidelity={"shells": ((0,), 4)}, looked_at=8, artefact=(24, 6), draws=2,
        bootstrap=200, dtype=torch.float64,
    ),
    "laptop": Size(
        recipe=Recipe("shells", pixels=128), cosmologies=tuple(range(10)), train=400, select=60,
        test=60, lams=(0, 1, 2), gammas=tuple(range(0, 11, 2)), seeds=(1, 2), awd_maps=10,
        awd_batch=10, awd_epochs=20, width=16, epochs=8, bootstrap=10_000,
        fidelity={"mesh": ((0, 1), 40), "shells": ((0, 1), 40)}, looked_at=40, artefact=(60, 12),
        draws=3,
    ),
    "paper": Size(
        recipe=Recipe("mesh"), cosmologies=tuple(range(10)), train=2000, select=300, test=200,
        lams=(0, 1, 2), gammas=tuple(range(11)), seeds=(1, 2), awd_maps=20, awd_batch=4,
        awd_epochs=50, width=16, epochs=12, bootstrap=10_000,
        fidelity={"mesh": (tuple(range(10)), 200), "shells": (tuple(range(10)), 200)},
        looked_at=200, artefact=(100, 12), draws=3,
    ),
}  # fmt: skip


def size_for(profile: str, device: str = "cpu") -> Size:
    """A profile's size; on a GPU the paper profile's network is ResNet-18 as the paper has it."""
    size = SIZES[profile]
    return replace(size, width=PAPERS_WIDTH) if (profile, device) == ("paper", "cuda") else size


@dataclass(frozen=True)
class Split:
    """Maps that train, that select filters and bins, and that test; never the same map twice.

    Attributes
    ----------
    train, select, test : MapSet
    shared_box : bool
        Whether all three see the same boxes, as in the original simulations. Else selection and
        test have boxes of their own.
    """

    train: MapSet
    select: MapSet
    test: MapSet
    shared_box: bool


def blocks(size: Size, *, shared_box: bool) -> dict[str, list[Block]]:
    """Which maps of which boxes train, select and test.

    Training maps come from two boxes, half and half; the first maps of each. With `shared_box` the
    maps after them select and test; without, two further boxes do.
    """
    half = -(-size.train // 2)
    counts = {"select": size.select, "test": size.test}
    found: dict[str, list[Block]] = {"train": [], "select": [], "test": []}
    for c in size.cosmologies:
        first, second = TRAINING_BOXES
        found["train"] += [Block(c, first, 0, half), Block(c, second, 0, size.train - half)]
        if not shared_box:
            found["select"].append(Block(c, SELECTION_BOX, 0, size.select))
            found["test"].append(Block(c, TEST_BOX, 0, size.test))
            continue
        begin = -(-half // CHUNK) * CHUNK
        for name, count in counts.items():
            found[name] += [
                Block(c, box, begin, begin + part)
                for box, part in ((first, -(-count // 2)), (second, count // 2))
            ]
            begin += -(-count // CHUNK) * CHUNK
    return found


REAL = ("massivenus", "lensing")  # folders of the data folder: the original maps, and own ones


def real_split(size: Size, folder: Path, **options: Any) -> Split | None:
    """The real maps of MassiveNuS, if the data folder has them, split as the authors split them.

    Looked for in the data folder's ``massivenus``: the authors' ``cosmo_resize_256.npz``, else the
    FITS files as they are distributed; or, in its ``lensing``, the user's own maps. All maps of a
    cosmology come from one box, as far as anybody knows.

    Raises
    ------
    DataError
        If the maps are broken, or a cosmology has too few.
    """
    place, own_place = (registry.data_dir() / name for name in REAL)
    file = place / "cosmo_resize_256.npz"
    need = size.train + size.select + size.test
    if file.is_file():
        whole = real.authors_file(file, folder, **options)
    elif place.is_dir():
        whole = real.massivenus(place, folder, a_cosmology=need, **options)
    elif own_place.is_dir():
        whole = real.own(own_place, folder, **options)
    else:
        return None
    rows: dict[str, list[np.ndarray]] = {"train": [], "select": [], "test": []}
    for c in np.unique(whole.cosmology):
        mine = np.flatnonzero(whole.cosmology == c)
        if len(mine) < need:
            raise DataError(
                f"The real maps are {len(mine)} of the cosmology "
                f"{whole.parameters[mine[0]].tolist()}, but {need} are needed."
            )
        parts = np.split(mine[:need], [size.train, size.train + size.select])
        for name, part in zip(rows, parts, strict=True):
            rows[name].append(part)
    train, select, test = (whole.take(np.concatenate(parts)) for parts in rows.values())
    return Split(train, select, test, shared_box=True)


BYTES_A_MAP = 120_000  # of its histograms by all filters in the ledger


def need_space(size: Size, folder: Path) -> None:
    """Refuse an experiment whose maps, lens planes and pieces would not fit, before it begins.

    Raises
    ------
    DataError
        If what is not there yet needs more room than there is.
    """
    c = len(size.cosmologies)
    maps = c * (size.train + size.select + size.test)
    boxes = 0
    if size.recipe.kind == "mesh":
        maps += c * (size.select + size.test)  # those that share a box
        boxes = c * len({*TRAINING_BOXES, SELECTION_BOX, TEST_BOX})
    examined = sum(len(some) * count for some, count in size.fidelity.values())
    needed = (
        maps * (4 * size.recipe.pixels**2 + BYTES_A_MAP) + examined * 4 * 256**2
        + boxes * PLANE_BYTES * size.recipe.plane_pixels**2
    )  # fmt: skip
    there = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    mapset.need_space(folder, max(0, needed - there))


def split(
    size: Size,
    folder: Path,
    *,
    shared_box: bool = False,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """The maps of an experiment, found on disk or simulated now; see `simulated.make`."""
    parts = blocks(size, shared_box=shared_box)
    together = [block for name in parts for block in parts[name]]
    whole = simulated.make(
        folder, size.recipe, together, device=device, executor=executor, progress=progress
    )
    counts = [sum(b.last - b.first for b in parts[name]) for name in ("train", "select", "test")]
    train, select, test = np.split(np.arange(len(whole)), np.cumsum(counts)[:-1])
    return Split(whole.take(train), whole.take(select), whole.take(test), shared_box)
