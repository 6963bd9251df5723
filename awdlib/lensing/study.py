"""The cosmology experiment step by step, as its chapter runs it."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters, results
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
STANDARD = ("db5", "sym5", "haar")
PLAIN = ("height", "laplace", "roberts")  # statistics without a wavelet


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


def begin(study: Study, profile: str, data: str) -> results.Run:
    """Start the run's clock and note what it is made of, before anything is computed."""
    real = data != "simulated" and profile != "smoke" and setup.has_real()
    return results.start(
        "cosmology", profile, source="real" if real else None, device=study.device,
        seeds=study.size.seeds,
        parameters={
            "profile": profile, "data": data, "device": study.device, **study.size.as_dict()
        },
    )  # fmt: skip


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
    if data != "simulated":
        try:
            found = setup.real_split(study.size, folder, progress=progress("real maps, pieces"))
        except DataError as error:
            if data == "real":
                raise
            print(f"The real maps are not used: {error}")
            found = None
        if found:
            return found
    if data == "real":
        raise DataError(
            "There are no real maps: put MassiveNuS' folders of FITS files, or the authors' "
            f"cosmo_resize_256.npz, into {registry.data_dir() / 'massivenus'}."
        )
    setup.need_space(study.size, study.folder)
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


@dataclass(frozen=True)
class Picked:
    """Wavelets and ranges that the selection maps picked.

    Attributes
    ----------
    statistics : list of Statistic
        One a member: a seed, or a group of random wavelets.
    train : list of numpy.ndarray
        Histograms of the training maps by each.
    scores : numpy.ndarray
        Selection RMSE of every filter and range, (filters, ranges).
    """

    statistics: list[Statistic]
    train: list[np.ndarray]
    scores: np.ndarray


def score(study: Study, maps: Split, h: torch.Tensor, what: str) -> Picked:
    """Count by filters (filters, taps) with every range, and score each on the selection maps.

    No test map is read. `what` is said with the progress.
    """
    statistics = counts.of_wavelets(h)
    of_train, of_select = (
        counts.count(part, statistics, **study.options, progress=progress(f"{what}, {name}"))
        for part, name in ((maps.train, "training maps"), (maps.select, "selection maps"))
    )
    scores = np.array([
        counts.rmse(counts.predict(a, maps.train, b), maps.select)
        for a, b in zip(of_train, of_select, strict=True)
    ]).reshape(len(h), len(RANGES))  # fmt: skip
    return Picked(statistics, of_train, scores)


def pick(scored: Picked, groups: Sequence[slice]) -> Picked:
    """The filter and range with the smallest selection error in each group of filters."""
    places = [group.start * len(RANGES) + int(scored.scores[group].argmin()) for group in groups]
    return Picked(
        [scored.statistics[k] for k in places], [scored.train[k] for k in places], scored.scores
    )


def random_wavelets(study: Study) -> torch.Tensor:
    """Random orthonormal wavelets: as many as the grid has fits, `draws` times, (filters, 10)."""
    count = study.size.budget * study.size.draws
    return controls.random_wavelets(count, 10, seed=0).double()


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


def compare(study: Study, maps: Split, swept: Sweep, trained: Trained) -> Compared:
    """Pick every row's filter on the selection maps; then, once, predict the test maps."""
    lams, gammas = swept.h.shape[:2]
    fits = lams * gammas
    h = swept.h.double().permute(2, 1, 0, 3).flatten(0, 2)  # seed by seed, γ = 0 first
    drawn, budget = random_wavelets(study), study.size.budget
    of_awd = score(study, maps, h, "AWD")
    of_random = score(study, maps, drawn, "random wavelets")
    picked = {
        "awd": pick(of_awd, [slice(k, k + fits) for k in range(0, len(h), fits)]),
        "awd_without_interpretation": pick(
            of_awd, [slice(k, k + lams) for k in range(0, len(h), fits)]
        ),
        "random_any": pick(of_random, [slice(k, k + 1) for k in range(len(drawn))]),
        "random_best": pick(
            of_random, [slice(k, k + budget) for k in range(0, len(drawn), budget)]
        ),
    }
    for name in STANDARD:
        picked[name] = pick(score(study, maps, filters.lowpass(name)[None], name), [slice(0, 1)])
    for kind in PLAIN:
        statistic = Statistic(kind)
        (of_train,) = counts.count(maps.train, [statistic], **study.options)
        picked[kind] = Picked([statistic], [of_train], np.empty((0, 0)))
    predictions = {
        name: np.stack(predict(study, maps, one.statistics, one.train))
        for name, one in picked.items()
    }
    before, after = (summaries.summarise(part, **study.options) for part in (maps.train, maps.test))
    for name in summaries.SUMMARIES:
        predictions[name] = counts.predict(before[name], maps.train, after[name])[None]
    predictions["resnet"] = teacher.predict(trained.model, maps.test)[None, :, TARGET]
    truth = maps.test.parameters[:, TARGET]
    judged = table.judge(predictions, truth, count=study.size.bootstrap)
    return Compared(judged, predictions, picked)


def compare_all(study: Study, maps: Split, swept: Sweep, trained: Trained) -> dict[bool, Compared]:
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
    study: Study, maps: Split, compared: Compared, trained: Trained
) -> dict[str, dict[str, np.ndarray]]:
    """Compression factors of the test maps, by attributions of Omega_m and of the neutrinos.

    Returns
    -------
    dict
        By row and output: a share for each map, the mean over the row's members.
    """
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


def by_omega(maps: MapSet, count: int = 3) -> np.ndarray:
    """Places of maps from the smallest to the largest Omega_m."""
    order = np.argsort(maps.parameters[:, TARGET], kind="stable")
    return order[np.linspace(0, len(maps) - 1, count).astype(int)]


def look(study: Study, maps: Split, compared: Compared, trained: Trained) -> Looked:
    """Matched filter, and activation maps of test maps by AWD's wavelet and by DB5's."""
    rows = by_omega(maps.test)
    every = maps.test.take(_spread_out(len(maps.test), study.size.looked_at))
    shown = maps.test.take(rows)
    chosen = chosen_filters(compared)
    examples, ratios = {}, {}
    for method in METHODS:
        for some in (every, shown):
            slopes = teacher.gradients(trained.model, some, method=method, ledger=study.ledger)
            x = some.read(np.arange(len(some))).to(study.size.dtype)
            for name in ("awd", "db5") if some is every else ("awd",):
                h = torch.from_numpy(chosen[name][0]).to(study.size.dtype)
                found = activations.activation_maps(slopes, x, h, method=method)
                if some is every:
                    ratios[name, method] = activations.overlap(found, x)
                else:
                    examples[method] = found[:, 0].numpy()
    return Looked(activations.matched_filter(maps.train), rows, examples, ratios)


def _spread_out(count: int, some: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(some, count)).astype(int)


@dataclass(frozen=True)
class Exposed:
    """A planted artefact, and whether activation maps show it.

    Attributes
    ----------
    maps : MapSet
        Test maps with the artefact whose activation maps are kept, of small to large Omega_m.
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
    some = test.take(_spread_out(len(test), size.looked_at))
    shown = test.take(by_omega(maps.test))
    found = {}
    for part, kind in ((some, "measured"), (shown, "shown")):
        x = part.read(np.arange(len(part))).to(size.dtype)
        for name, model in (("deceived", deceived.model), ("honest", trained.model)):
            slopes = teacher.gradients(model, part, method=METHODS[0])
            found[kind, name] = activations.activation_maps(
                slopes, x, h.to(size.dtype), method=METHODS[0]
            )
    numbers = {
        f"share_{name}": float(artefact.share_inside(found["measured", name]).mean())
        for name in ("deceived", "honest")
    }
    numbers |= {
        "area": artefact.share_of_area(maps.test.size[0]),
        "rmse_with": teacher.rmse(deceived.model, test),
        "rmse_without": teacher.rmse(deceived.model, maps.test),
    }
    examples = {name: found["shown", name][:, 0].numpy() for name in ("deceived", "honest")}
    return Exposed(shown, examples, numbers)


def places(swept: Sweep, picked: Picked) -> list[dict[str, float]]:
    """λ, γ and range of the filter that each seed picked."""
    lams, gammas, seeds = swept.h.shape[:3]
    scores = picked.scores.reshape(seeds, gammas, lams, len(RANGES))
    found = []
    for s in range(seeds):
        j, i, r = np.unravel_index(scores[s].argmin(), scores.shape[1:])
        found.append({
            "lam": float(swept.lams[i]), "gamma": float(swept.gammas[j]), "high": RANGES[r],
            "seed": swept.seeds[s], "select_rmse": float(scores[s].min()),
        })  # fmt: skip
    return found
