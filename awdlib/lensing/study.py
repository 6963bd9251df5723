"""The cosmology experiment step by step, as its chapter runs it."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from awdlib import results
from awdlib.datasets import registry
from awdlib.datasets.cosmology import simulated
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.datasets.cosmology.simulated import Block
from awdlib.datasets.registry import DataError
from awdlib.lensing import fidelity, setup, teacher
from awdlib.lensing.setup import GAMMAS, LAMS, LEVEL, TRAINING_BOXES, Size, Split
from awdlib.lensing.teacher import Trained
from awdlib.progress import progress
from awdlib.sweep import Sweep, sweep


@dataclass(frozen=True)
class Study:
    """What every step needs: how much to compute, where maps and pieces are kept, who helps.

    Attributes
    ----------
    size : Size
    folder : pathlib.Path
        Holds ``maps`` and ``ledger``.
    executor : concurrent.futures.Executor, optional
    device : str
    keep : bool
        Keep finished pieces in the ledger; maps always are.
    """

    size: Size
    folder: Path
    executor: Executor | None = None
    device: str = "cpu"
    keep: bool = True

    @property
    def ledger(self) -> Path | None:
        """Where finished pieces are kept."""
        return self.folder / "ledger" if self.keep else None

    @property
    def options(self) -> dict[str, Any]:
        """Of `counts.count`."""
        return {"ledger": self.ledger, "executor": self.executor}


def real_maps(study: Study, data: str) -> Split | None:
    """The real maps where they are wanted and there, see `setup.real_split`.

    Parameters
    ----------
    data : str
        ``"real"``, ``"simulated"``, or ``"auto"``: the real ones if the data folder has them.

    Raises
    ------
    DataError
        If ``"real"`` is asked for, and they are missing, broken or too few.
    """
    if data == "simulated":
        return None
    folder, found = study.folder / "maps", None
    try:
        found = setup.real_split(study.size, folder, progress=progress("real maps, pieces"))
    except DataError as error:
        if data == "real":
            raise
        print(f"The real maps are not used: {error}")
    if found is None and data == "real":
        raise DataError(
            "There are no real maps: put MassiveNuS' folders of FITS files, or the authors' "
            f"cosmo_resize_256.npz, into {registry.data_dir() / 'massivenus'}."
        )
    return found


def begin(study: Study, profile: str, data: str, *, real: bool) -> results.Run:
    """Start the run's clock and note what it is made of, before anything is simulated."""
    return results.start(
        "cosmology", profile, source="real" if real else None, device=study.device,
        seeds=study.size.seeds,
        parameters={
            "profile": profile, "data": data, "device": study.device, **study.size.as_dict()
        },
    )  # fmt: skip


def simulate(study: Study, *, shared_box: bool = False) -> Split:
    """Simulated maps that train, select and test; see `setup.split`, whose errors it raises."""
    setup.need_space(study.size, study.folder)
    return setup.split(
        study.size, study.folder / "maps", shared_box=shared_box, device=study.device,
        executor=study.executor, progress=progress("maps, blocks"),
    )  # fmt: skip


@dataclass(frozen=True)
class Examined:
    """Simulated maps of one kind and cosmology, held against theory and real ones.

    Attributes
    ----------
    numbers : dict
        See `awdlib.lensing.fidelity.compare`.
    histograms : dict of statistic to numpy.ndarray
    density : numpy.ndarray
    """

    numbers: dict[str, Any]
    histograms: dict[str, np.ndarray]
    density: np.ndarray


def examine(study: Study) -> dict[str, dict[int, Examined]]:
    """Simulated maps beside theory and the real maps' histograms: by kind and cosmology."""
    found: dict[str, dict[int, Examined]] = {}
    for kind, (cosmologies, count) in study.size.fidelity.items():
        recipe = replace(study.size.recipe, kind=kind, pixels=256)
        # more boxes than one only where they are simulated anyway
        boxes = TRAINING_BOXES if kind == study.size.recipe.kind else TRAINING_BOXES[:1]
        blocks = [Block(c, box, 0, count // len(boxes)) for c in cosmologies for box in boxes]
        whole = simulated.make(
            study.folder / "maps", recipe, blocks, device=study.device, executor=study.executor,
            progress=progress(f"maps to be examined ({kind}), blocks"),
        )  # fmt: skip
        for k, c in enumerate(cosmologies):
            maps = whole.read(np.arange(k * count, (k + 1) * count))
            counted = fidelity.histograms(maps)
            found.setdefault(kind, {})[c] = Examined(
                fidelity.compare(maps, counted, COSMOLOGIES[c], c + 1),
                counted,
                fidelity.density(maps),
            )
    return found


def teach(study: Study, maps: Split) -> Trained:
    """Train the network; its early stopping sees the selection maps, never the test maps."""
    size = study.size
    return teacher.train(
        maps.train, maps.select, width=size.width, epochs=size.epochs, dtype=size.dtype,
        device=study.device, ledger=study.ledger, progress=progress("network, epochs"),
    )  # fmt: skip


def awd_maps(study: Study, maps: Split) -> MapSet:
    """The training maps that wavelets are distilled on: equally many of every cosmology and box."""
    train, rows = maps.train, []
    for c in np.unique(train.cosmology):
        mine = np.flatnonzero(train.cosmology == c)
        rows.append(mine[np.linspace(0, len(mine) - 1, study.size.awd_maps).astype(int)])
    return train.take(np.sort(np.concatenate(rows)))


def distil(study: Study, maps: Split, trained: Trained) -> Sweep:
    """Sweep wavelets over the published grid from DB5, by gradients that are taken once."""
    size, some = study.size, awd_maps(study, maps)
    slopes = teacher.gradients(
        trained.model, some, ledger=study.ledger, progress=progress("gradients, maps")
    )
    x = some.read(np.arange(len(some)))
    found = sweep(
        x.to(study.device, size.dtype), gradients=slopes.to(study.device, size.dtype), start="db5",
        lams=LAMS[list(size.lams)], gammas=GAMMAS[list(size.gammas)], seeds=size.seeds,
        seeds_per_batch=1, level=LEVEL, epochs=size.awd_epochs, batch_size=size.awd_batch, lr=1e-3,
        ledger=study.ledger, executor=study.executor if study.device == "cpu" else None,
        progress=progress("wavelets, fits"),
    )  # fmt: skip
    return replace(found, h=found.h.cpu(), loss=found.loss.cpu())
