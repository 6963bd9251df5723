"""Make sets of simulated maps on disk.

A map is decided by (root seed, cosmology, box, index) alone. The box's phases are the same in all
cosmologies, as in the original simulations; the view of it is each map's own.
"""

import hashlib
import sys
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from awdlib.datasets.cosmology import (
    background,
    born,
    lognormal,
    mapset,
    matter,
    particle_mesh,
    planes,
)
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.ledger import code_hash, gather
from awdlib.store import npz_bytes, write
from awdlib.threads import one_thread

CHUNK = 100  # maps a piece
PLANE_BYTES = 120  # 60 planes in half precision, for every pixel of one
SOURCES = {"shells": "simulated (lognormal shells)", "mesh": "simulated (particle mesh)"}
PHASES = 2**16  # marks a seed as that of a box's phases and not of a map's view


@dataclass(frozen=True)
class Recipe:
    """How maps are simulated.

    Attributes
    ----------
    kind : str
        ``"shells"`` or ``"mesh"``.
    seed : int
        The root seed.
    pixels : int
        Of a map's side. A pixel is as large as the real maps' (.82 arc minutes), whatever the size.
    box : particle_mesh.Box
        Of the particle mesh.
    plane_pixels : int
    """

    kind: str
    seed: int = 0
    pixels: int = 256
    box: particle_mesh.Box = field(default_factory=particle_mesh.Box)
    plane_pixels: int = 1024

    def __post_init__(self) -> None:
        if self.kind not in SOURCES:
            raise ValueError(f"maps are simulated by {' or '.join(SOURCES)}, not {self.kind!r}")

    def key(self, device: str = "cpu") -> dict[str, Any]:
        """All that decides a map but for its cosmology, box and index: settings, code, tables.

        The particle mesh gives other last bits on a GPU, so there the device belongs to it.
        """
        used: list[ModuleType] = [background, matter, born, sys.modules[__name__]]
        key: dict[str, Any] = {"kind": self.kind, "seed": self.seed, "pixels": self.pixels}
        if self.kind == "shells":
            used += [lognormal]
        else:
            used += [particle_mesh, planes]
            key |= {"box": asdict(self.box), "plane_pixels": self.plane_pixels}
            key |= {} if device == "cpu" else {"device": device}
        tables = hashlib.sha256(matter.TABLES.read_bytes()).hexdigest()
        return {**key, "code": code_hash(*used), "tables": tables}


@dataclass(frozen=True)
class Block:
    """Maps `first` to `last` (not included) of one cosmology and box: a piece of work."""

    cosmology: int
    box: int
    first: int
    last: int

    def chunks(self) -> list["Block"]:
        """Its pieces on disk, at fixed places whatever the block."""
        if self.first % CHUNK:
            raise ValueError(f"a block of maps begins at a multiple of {CHUNK}, not {self.first}")
        starts = range(self.first, self.last, CHUNK)
        return [Block(self.cosmology, self.box, a, min(a + CHUNK, self.last)) for a in starts]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"cosmology{self.cosmology}-box{self.box}-{self.first:05}-{self.last:05}"


def make(
    folder: Path,
    recipe: Recipe,
    blocks: Sequence[Block],
    *,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MapSet:
    """Maps of several blocks, found on disk or made now, in the order of the blocks.

    Parameters
    ----------
    folder : pathlib.Path
        Where sets of maps lie; this recipe gets a folder of its own in it.
    recipe : Recipe
    blocks : sequence of Block
    device : str
        Of the particle mesh.
    executor : concurrent.futures.Executor, optional
        Blocks are made beside each other in it; by default one after the other, here.
    progress : callable, optional
        Called with (blocks made, blocks that were not there).

    Raises
    ------
    DataError
        If the disk has too little room, before anything is made.
    ValueError
        If a block asks for a cosmology that there is not.
    """
    for block in blocks:
        if not 0 <= block.cosmology < len(COSMOLOGIES) or block.last <= block.first:
            raise ValueError(f"there is no such block of maps: {block}")
    key = recipe.key(device)
    place = folder / f"{recipe.kind}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}"
    chunks = [block.chunks() for block in blocks]
    left = {
        k: missing
        for k, parts in enumerate(chunks)
        if (missing := [c for c in parts if not mapset.piece_is_there(place, c.name, key)])
    }
    maps = sum(c.last - c.first for missing in left.values() for c in missing)
    boxes = {(b.cosmology, b.box) for k, b in enumerate(blocks) if k in left}
    new = [box for box in boxes if not _planes_file(place, *box).exists()]
    of_planes = PLANE_BYTES * recipe.plane_pixels**2 * len(new) if recipe.kind == "mesh" else 0
    mapset.need_space(place, int(maps * recipe.pixels**2 * 4 + of_planes))
    work = [(place, recipe, key, missing, device) for missing in left.values()]
    gather(
        None,
        [({}, arguments) for arguments in work],
        make_chunks,
        executor=executor,
        progress=progress,
    )
    return mapset.open_set(place, [c.name for parts in chunks for c in parts])


def make_chunks(
    place: Path, recipe: Recipe, key: dict[str, Any], chunks: Sequence[Block], device: str
) -> dict[str, np.ndarray]:
    """Make pieces of one cosmology and box, and keep each as soon as it is there."""
    first = chunks[0]
    with one_thread():
        if recipe.kind == "shells":
            shells = lognormal.prepare(COSMOLOGIES[first.cosmology], pixels=recipe.pixels)
        else:
            lenses = _planes(place, recipe, first, device)
            lenses = replace(lenses, contrast=lenses.contrast.float())  # once, not for every map
        for chunk in chunks:
            seeds = [
                (recipe.seed, first.cosmology, first.box, i) for i in range(chunk.first, chunk.last)
            ]
            if recipe.kind == "shells":
                maps = [lognormal.convergence(shells, seed=seed) for seed in seeds]
            else:
                field = born.FIELD * recipe.pixels / 256
                maps = [
                    born.convergence(lenses, seed=seed, pixels=recipe.pixels, field=field)
                    for seed in seeds
                ]
            mapset.write_piece(
                place,
                chunk.name,
                torch.cat(maps).numpy(),
                parameters=np.tile(COSMOLOGIES[first.cosmology].parameters, (len(maps), 1)),
                names=[
                    f"{chunk.cosmology}-{chunk.box}-{i}" for i in range(chunk.first, chunk.last)
                ],
                source=SOURCES[recipe.kind],
                key=key,
            )
    return {}


def _planes_file(place: Path, cosmology: int, box: int) -> Path:
    return place / f"cosmology{cosmology}-box{box}-planes.npz"


def _planes(place: Path, recipe: Recipe, block: Block, device: str) -> planes.Planes:
    """The lens planes of a box, found on disk or simulated now and kept for further maps."""
    path = _planes_file(place, block.cosmology, block.box)
    try:
        with np.load(path, allow_pickle=False) as stored:
            contrast = torch.from_numpy(stored["contrast"])
            return planes.Planes(
                contrast, float(stored["side"]), stored["distances"], stored["weights"]
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # not there yet, or broken: it is made again
    made = planes.make(
        recipe.box,
        COSMOLOGIES[block.cosmology],
        seed=(recipe.seed, PHASES, block.box),
        pixels=recipe.plane_pixels,
        device=device,
    )
    arrays = {
        "contrast": made.contrast.numpy(),
        "side": np.array(made.side),
        "distances": made.distances,
        "weights": made.weights,
    }
    write(path, npz_bytes(arrays))
    return made
