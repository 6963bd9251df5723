"""The cosmology experiment step by step, as its chapter runs it."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.lensing import counts, setup, summaries, table, teacher
from awdlib.lensing.counts import RANGES, Statistic
from awdlib.lensing.setup import GAMMAS, LAMS, TARGET, Size, Split
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
    """

    size: Size
    folder: Path
    executor: Executor | None = None
    device: str = "cpu"
    options: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        options = {"ledger": self.ledger, "executor": self.executor}
        object.__setattr__(self, "options", options)

    @property
    def ledger(self) -> Path:
        """Where finished pieces are kept."""
        return self.folder / "ledger"

    def maps(self, *, shared_box: bool = False) -> Split:
        """The maps that train, select and test."""
        return setup.split(
            self.size, self.folder / "maps", shared_box=shared_box, device=self.device,
            executor=self.executor, progress=progress("maps, blocks"),
        )  # fmt: skip


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


def predict(
    study: Study, maps: Split, statistics: Sequence[Statistic], of_train: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Omega_m of the test maps by each statistic."""
    of_test = counts.count(maps.test, statistics, **study.options)
    return [counts.predict(a, maps.train, b) for a, b in zip(of_train, of_test, strict=True)]


def compressions(
    study: Study, maps: Split, compared: Compared, trained: Trained | None
) -> dict[str, dict[str, float]]:
    """Compression factors of the test maps, by attributions of Omega_m and of the neutrinos."""
    if trained is None:
        return {}
    found: dict[str, dict[str, float]] = {}
    for output, target in (("omega_m", TARGET), ("m_nu", 0)):
        slopes = teacher.gradients(trained.model, maps.test, target=target, ledger=study.ledger)
        for name, one in compared.picked.items():
            if name in ("height", "laplace", "roberts", "random_any"):
                continue
            values = [
                table.compression(
                    torch.tensor(s.h, dtype=study.size.dtype), slopes, maps.test, level=LEVEL
                )
                for s in one.statistics
            ]
            found.setdefault(name, {})[output] = float(np.mean(values))
    return found


def chosen_filters(compared: Compared) -> dict[str, np.ndarray]:
    """The picked filters of every row that has one, (members, taps)."""
    return {
        name: np.array([s.h for s in one.statistics])
        for name, one in compared.picked.items()
        if one.statistics[0].kind == "wavelet"
    }


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
