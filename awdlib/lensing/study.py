"""The cosmology experiment step by step, as its chapter runs it."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters
from awdlib.datasets import registry
from awdlib.datasets.cosmology import simulated
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.datasets.cosmology.simulated import Block
from awdlib.datasets.registry import DataError
from awdlib.lensing import (
    activations,
    artefact,
    counts,
    fidelity,
    setup,
    summaries,
    table,
    teacher,
)
from awdlib.lensing.counts import RANGES, Statistic
from awdlib.lensing.setup import GAMMAS, LAMS, TARGET, TRAINING_BOXES, Size, Split
from awdlib.lensing.table import Judged
from awdlib.lensing.teacher import Trained
from awdlib.progress import progress
from awdlib.sweep import Sweep, sweep

LEVEL = 4
SUMMARIES = {"power_spectrum": summaries.power_spectrum, "bispectrum": summaries.bispectrum}
STANDARD = ("db5", "sym5", "haar")


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


def get_maps(study: Study, data: str = "simulated", *, shared_box: bool = False) -> Split:
    """The maps that train, select and test.

    Parameters
    ----------
    data : str
        ``"real"`` for those of MassiveNuS, ``"auto"`` for them where the data folder has them,
        ``"simulated"``.
    shared_box : bool
        Of simulated maps, see `setup.blocks`.

    Raises
    ------
    DataError
        If real maps are asked for and not there, and as `setup.split` does.
    """
    folder = study.folder / "maps"
    if data != "simulated" and (found := setup.real_split(study.size, folder)):
        return found
    if data == "real":
        raise DataError(
            "There are no real maps: put MassiveNuS' folders of FITS files, or the authors' "
            f"cosmo_resize_256.npz, into {registry.data_dir() / 'massivenus'}."
        )
    return setup.split(
        study.size, folder, shared_box=shared_box, device=study.device,
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
        blocks = [Block(c, TRAINING_BOXES[0], 0, count) for c in cosmologies]
        whole = simulated.make(
            study.folder / "maps", recipe, blocks, device=study.device, executor=study.executor,
            progress=progress(f"maps to be examined ({kind}), blocks"),
        )  # fmt: skip
        for k, c in enumerate(cosmologies):
            maps = whole.read(np.arange(k * count, (k + 1) * count))
            found.setdefault(kind, {})[c] = Examined(
                fidelity.compare(maps, COSMOLOGIES[c], c + 1),
                fidelity.histograms(maps),
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


def distil(study: Study, maps: Split, trained: Trained | None) -> Sweep:
    """Sweep wavelets over the published grid from DB5; without a network only γ = 0."""
    size, some = study.size, awd_maps(study, maps)
    gammas = GAMMAS[list(size.gammas)] if trained else GAMMAS[:1]
    slopes = None
    if trained:
        slopes = teacher.gradients(
            trained.model, some, ledger=study.ledger, progress=progress("gradients, maps")
        ).to(size.dtype)
    return sweep(
        some.read(np.arange(len(some))).to(size.dtype), gradients=slopes, start="db5",
        lams=LAMS[list(size.lams)], gammas=gammas, seeds=size.seeds, seeds_per_batch=1,
        level=LEVEL, epochs=size.awd_epochs, batch_size=size.awd_batch, lr=1e-3,
        ledger=study.ledger, executor=study.executor, progress=progress("wavelets, fits"),
    )  # fmt: skip


@dataclass(frozen=True)
class Picked:
    """Wavelets and ranges that the selection maps picked.

    Attributes
    ----------
    statistics : list of Statistic
        One a member: a seed, or a random wavelet.
    train : list of numpy.ndarray
        Histograms of the training maps by each.
    scores : numpy.ndarray
        Selection RMSE of every filter and range, (filters, ranges).
    """

    statistics: list[Statistic]
    train: list[np.ndarray]
    scores: np.ndarray


def pick(study: Study, maps: Split, h: torch.Tensor, *, each: bool = False) -> Picked:
    """Count by filters (filters, taps) with every range; the selection maps pick one.

    Parameters
    ----------
    each : bool
        Pick a range for each filter instead of one filter and range for all.
    """
    statistics = counts.of_wavelets(h)
    of_train, of_select = (
        counts.count(part, statistics, **study.options, progress=progress(f"counting, {name}"))
        for part, name in ((maps.train, "training maps"), (maps.select, "selection maps"))
    )
    scores = np.array([
        counts.rmse(counts.predict(a, maps.train, b), maps.select)
        for a, b in zip(of_train, of_select, strict=True)
    ]).reshape(len(h), len(RANGES))  # fmt: skip
    chosen = scores.argmin(1) + len(RANGES) * np.arange(len(h)) if each else [scores.argmin()]
    return Picked([statistics[k] for k in chosen], [of_train[k] for k in chosen], scores)


def candidates(study: Study, swept: Sweep) -> dict[str, list[torch.Tensor]]:
    """Filters to pick from, by row of Table 2: a list of members, each (filters, taps)."""
    found = {name: [filters.lowpass(name)[None]] for name in STANDARD}
    h = swept.h.double()
    found["awd_without_interpretation"] = [h[:, 0, s] for s in range(h.shape[2])]
    if len(swept.gammas) > 1:
        found["awd"] = [h[:, :, s].flatten(0, 1) for s in range(h.shape[2])]
    return found


def random_wavelets(study: Study) -> torch.Tensor:
    """As many random orthonormal wavelets as the grid has fits, (filters, 10)."""
    budget = len(study.size.lams) * len(study.size.gammas)
    return controls.random_wavelets(budget, 10, seed=0).double()


@dataclass(frozen=True)
class Compared:
    """Everything that Table 2 is made of, for one split.

    Attributes
    ----------
    judged : Judged
    predictions : dict of name to numpy.ndarray, shape (members, test maps)
    picked : dict of name to Picked
    """

    judged: Judged
    predictions: dict[str, np.ndarray]
    picked: dict[str, Picked]


def compare(study: Study, maps: Split, swept: Sweep, trained: Trained | None) -> Compared:
    """Pick every row's filter on the selection maps; then, once, predict the test maps."""
    picked = {
        name: _merged([pick(study, maps, h) for h in members])
        for name, members in candidates(study, swept).items()
    }
    h = random_wavelets(study)
    picked["random_any"] = pick(study, maps, h, each=True)
    best = int(picked["random_any"].scores.min(1).argmin())
    picked["random_best"] = _only(picked["random_any"], best)
    for kind in ("height", "laplace", "roberts"):
        statistic = Statistic(kind)
        (of_train,) = counts.count(maps.train, [statistic], **study.options)
        picked[kind] = Picked([statistic], [of_train], np.empty((0, 0)))
    predictions = {
        name: np.stack(predict(study, maps, one.statistics, one.train))
        for name, one in picked.items()
    }
    for name, summary in SUMMARIES.items():
        predictions[name] = counts.predict(summary(maps.train), maps.train, summary(maps.test))[
            None
        ]
    if trained:
        predictions["resnet"] = teacher.predict(trained.model, maps.test)[None, :, TARGET]
    truth = maps.test.parameters[:, TARGET]
    judged = table.judge(predictions, truth, count=study.size.bootstrap)
    return Compared(judged, predictions, picked)


def compare_all(
    study: Study, maps: Split, swept: Sweep, trained: Trained | None
) -> dict[bool, Compared]:
    """`compare` on these maps and, where boxes can be told apart, on maps that share a box.

    Returns
    -------
    dict
        By `Split.shared_box`.
    """
    found = {maps.shared_box: compare(study, maps, swept, trained)}
    if maps.train.source == simulated.SOURCES["mesh"]:
        other = get_maps(study, shared_box=True)
        found[True] = compare(study, other, swept, trained)
    return found


def predict(
    study: Study, maps: Split, statistics: Sequence[Statistic], of_train: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Omega_m of the test maps by each statistic."""
    of_test = counts.count(maps.test, statistics, **study.options)
    return [counts.predict(a, maps.train, b) for a, b in zip(of_train, of_test, strict=True)]


def compressions(
    study: Study, maps: Split, compared: Compared, trained: Trained | None
) -> dict[str, dict[str, np.ndarray]]:
    """Compression factors of the test maps, by attributions of Omega_m and of the neutrinos.

    Returns
    -------
    dict
        By row and output: a share for each map, the mean over the row's members.
    """
    if trained is None:
        return {}
    found: dict[str, dict[str, np.ndarray]] = {}
    for output, target in (("omega_m", TARGET), ("m_nu", 0)):
        slopes = teacher.gradients(trained.model, maps.test, target=target, ledger=study.ledger)
        for name, h in chosen_filters(compared).items():
            members = torch.from_numpy(h).to(study.size.dtype)
            shares = [table.compression(one, slopes, maps.test, level=LEVEL) for one in members]
            found.setdefault(name, {})[output] = np.mean(shares, 0)
    return found


def chosen_filters(compared: Compared) -> dict[str, np.ndarray]:
    """The picked filters of every row but "any random one" that has some, (members, taps)."""
    return {
        name: np.array([s.h for s in one.statistics])
        for name, one in compared.picked.items()
        if one.statistics[0].kind == "wavelet" and name != "random_any"
    }


@dataclass(frozen=True)
class Looked:
    """What the wavelets look like, and where the network's evidence lies.

    Attributes
    ----------
    matched : Tensor
        The 3x3 matched filter of high peaks.
    rows : numpy.ndarray
        Test maps whose activation maps are kept: of small, middle and large Omega_m.
    examples : dict of method to numpy.ndarray, shape (maps, height, width)
    ratios : dict of (wavelet, method) to dict of numpy.ndarray
        See `activations.overlap`.
    """

    matched: torch.Tensor
    rows: np.ndarray
    examples: dict[str, np.ndarray]
    ratios: dict[tuple[str, str], dict[str, np.ndarray]]


METHODS = ("integrated_gradients", "input_x_gradient")  # App. D.2's words, and the authors' code


def look(study: Study, maps: Split, compared: Compared, trained: Trained | None) -> Looked:
    """Matched filter, and activation maps of test maps by AWD's wavelet and by DB5's."""
    matched = activations.matched_filter(maps.train)
    test = maps.test
    order = np.argsort(test.parameters[:, TARGET], kind="stable")
    rows = order[np.linspace(0, len(test) - 1, 3).astype(int)]
    examples, ratios = {}, {}
    if trained:
        every = np.linspace(0, len(test) - 1, min(study.size.looked_at, len(test))).astype(int)
        chosen = chosen_filters(compared)
        for name in ("awd", "db5"):
            h = torch.from_numpy(chosen[name][0]).to(study.size.dtype)
            for method in METHODS:
                some = test.read(every).to(study.size.dtype)
                found = activations.activation_maps(
                    trained.model, some, h, target=TARGET, method=method
                )
                ratios[name, method] = activations.overlap(found, some)
                if name == "awd":
                    some = test.read(rows).to(study.size.dtype)
                    shown = activations.activation_maps(
                        trained.model, some, h, target=TARGET, method=method
                    )
                    examples[method] = shown[:, 0].numpy()
    return Looked(matched, rows, examples, ratios)


@dataclass(frozen=True)
class Exposed:
    """A planted artefact, and whether activation maps show it.

    Attributes
    ----------
    maps : MapSet
        Test maps with the artefact whose activation maps are kept, the first three.
    examples : dict of name to numpy.ndarray, shape (maps, height, width)
        Of the network that was trained with the artefact, and of the one that was not.
    numbers : dict
    """

    maps: MapSet
    examples: dict[str, np.ndarray]
    numbers: dict[str, float]


def plant(study: Study, maps: Split, trained: Trained, h: torch.Tensor) -> Exposed:
    """Train a small network on maps with a planted artefact, and look at what it looks at.

    Parameters
    ----------
    trained : Trained
        The network that never saw the artefact.
    h : Tensor, shape (taps,)
        The wavelet of the activation maps.
    """
    size, (count, epochs) = study.size, study.size.artefact
    rows = np.concatenate([
        np.flatnonzero(maps.train.cosmology == c)[:count] for c in np.unique(maps.train.cosmology)
    ])  # fmt: skip
    test = artefact.planted(maps.test)
    deceived = teacher.train(
        artefact.planted(maps.train.take(rows)), artefact.planted(maps.select),
        width=min(8, size.width), epochs=epochs, dtype=size.dtype, device=study.device,
        ledger=study.ledger, progress=progress("network with an artefact, epochs"),
    )  # fmt: skip
    some = np.linspace(0, len(test) - 1, min(size.looked_at, len(test))).astype(int)
    x = test.read(some).to(size.dtype)
    found = {
        name: activations.activation_maps(model, x, h.to(size.dtype), target=TARGET)
        for name, model in (("deceived", deceived.model), ("honest", trained.model))
    }
    numbers = {
        f"share_{name}": float(artefact.share_inside(one).mean()) for name, one in found.items()
    }
    numbers |= {
        "area": artefact.share_of_area(maps.test.size[0]),
        "rmse_with": teacher.rmse(deceived.model, test),
        "rmse_without": teacher.rmse(deceived.model, maps.test),
    }
    examples = {name: one[:3, 0].numpy() for name, one in found.items()}
    return Exposed(test.take(some[:3]), examples, numbers)


def _merged(members: Sequence[Picked]) -> Picked:
    return Picked(
        [s for one in members for s in one.statistics],
        [t for one in members for t in one.train],
        np.stack([one.scores for one in members]),
    )


def _only(picked: Picked, k: int) -> Picked:
    return Picked([picked.statistics[k]], [picked.train[k]], picked.scores[k : k + 1])


def places(swept: Sweep, picked: Picked) -> list[dict[str, float]]:
    """λ, γ and range of the filter that each seed picked."""
    found = []
    for s, statistic in enumerate(picked.statistics):
        flat = picked.scores[s].min(1).argmin()
        i, j = np.unravel_index(flat, swept.h.shape[:2])
        found.append({
            "lam": float(swept.lams[i]), "gamma": float(swept.gammas[j]),
            "high": statistic.high, "seed": swept.seeds[s],
            "select_rmse": float(picked.scores[s].min()),
        })  # fmt: skip
    return found
