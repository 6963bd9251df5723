"""The clathrin experiment (paper, Sec. 4.2): its sizes, its teachers and what is distilled."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import attribution, experiments, networks
from awdlib.datasets.tracks import TEST_CELLS, Tracks, auxilin_seen
from awdlib.experiments import Judged, Signals
from awdlib.sweep import Sweep, published_grids, sweep
from awdlib.threads import one_thread

PUBLISHED = {"lam": 0.005, "gamma": 0.04281}  # of the grid; the paper prints 0.043
ALL_PAIRS = tuple((a, b) for a in range(1, 9) for b in range(a + 1, 9))


@dataclass(frozen=True)
class Size:
    """How much a profile computes.

    Attributes
    ----------
    tracks : int
        Simulated tracks; real ones are taken all.
    lams, gammas : tuple of int
        Places in the published grids of 5 and 21 values.
    sym5_gammas, sym5_seeds : tuple of int
        The same for the sweep from Sym5, and its seeds.
    seeds : tuple of int
        Of the distillation and of the LSTMs trained here (the paper's are the five of ``paper``).
    epochs, lstm_epochs : int
    draws : int
        Groups of random orthonormal wavelets, each as many as the grid has fits.
    supervised : tuple of int
        Starts and steps of a search by supervision alone.
    splits : tuple of pairs of int
        Test cells of the sensitivity to the split.
    lengths : tuple of int
        Track lengths of the sensitivity to the length.
    dtype : torch.dtype
        Of networks and distillation; predictors are always judged in float64.
    """

    tracks: int
    lams: tuple[int, ...]
    gammas: tuple[int, ...]
    sym5_gammas: tuple[int, ...]
    sym5_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    epochs: int
    lstm_epochs: int
    draws: int
    supervised: tuple[int, int]
    splits: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]
    dtype: torch.dtype = field(default=torch.float32)

    def as_dict(self) -> dict[str, Any]:
        """Its fields as results can keep them."""
        return {**asdict(self), "dtype": str(self.dtype).removeprefix("torch.")}


SIZES = {
    "smoke": Size(
        tracks=400, lams=(1, 4), gammas=(0, 7, 11, 15), sym5_gammas=(0, 11), sym5_seeds=(1,),
        seeds=(1, 10), epochs=6, lstm_epochs=12, draws=4, supervised=(8, 5), splits=((5, 6),),
        lengths=(30,), dtype=torch.float64,
    ),
    "laptop": Size(
        tracks=1618, lams=(0, 1, 2, 3, 4), gammas=tuple(range(21)),
        sym5_gammas=(0, 5, 9, 11, 12, 13, 14), sym5_seeds=(1,), seeds=(1, 10, 100), epochs=100,
        lstm_epochs=200, draws=10, supervised=(20, 60), splits=((1, 2), (3, 4), (5, 6), (7, 8)),
        lengths=(30, 60),
    ),
    "paper": Size(
        tracks=1618, lams=(0, 1, 2, 3, 4), gammas=tuple(range(21)), sym5_gammas=tuple(range(21)),
        sym5_seeds=(1, 10, 100, 1000, 10000), seeds=(1, 10, 100, 1000, 10000), epochs=100,
        lstm_epochs=200, draws=50, supervised=(100, 100), splits=ALL_PAIRS, lengths=(30, 60),
    ),
}  # fmt: skip


def signals_of(
    tracks: Tracks,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
    test_cells: Sequence[int] = TEST_CELLS,
) -> Signals:
    """Tracks as tensors, split by cell; the test cells are never among the training ones.

    Raises
    ------
    ValueError
        If no track is left to train on, or to test with.
    """
    testing = np.isin(tracks.cell, test_cells)
    if testing.all() or not testing.any():
        raise ValueError(f"test cells {tuple(test_cells)} leave no tracks to train on, or to test")
    train, test = tracks.select(~testing), tracks.select(testing)
    x, x_test = (torch.from_numpy(t.x)[:, None].to(device, dtype) for t in (train, test))
    return Signals(x=x, y=train.y, group=train.cell, x_test=x_test, y_test=test.y)


def train_lstm(
    signals: Signals,
    *,
    seed: int,
    hidden: int = 20,
    inputs: int = 1,
    epochs: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> networks.ClathrinLSTM:
    """An LSTM trained on all training cells but the last, which stops it early.

    With cells 7 and 8 to test: trained on 1 to 5, stopped on 6. It never sees test cells.

    Parameters
    ----------
    signals : Signals
    seed : int
        Of the weights' start and of the shuffling.
    hidden, inputs : int
        Of `awdlib.networks.ClathrinLSTM`.
    epochs : int
        At most.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = networks.ClathrinLSTM(hidden, inputs).to(signals.x)
    held = torch.from_numpy(signals.group == signals.group.max()).to(signals.x.device)
    y = torch.from_numpy(signals.y).to(signals.x)
    with one_thread():
        networks.train_regressor(
            model, signals.x[~held], y[~held], signals.x[held], y[held],
            seed=seed, epochs=epochs, progress=progress,
        )  # fmt: skip
    return model


@dataclass(frozen=True)
class Teacher:
    """Networks to distil, and their gradients: one network, or one for every seed.

    Attributes
    ----------
    networks : list of torch.nn.Module
    gradients, gradients_test : torch.Tensor, shape of the signals or (networks, *that)
        With respect to training and test tracks.
    prediction : numpy.ndarray, shape (networks, tests)
    """

    networks: list[torch.nn.Module]
    gradients: torch.Tensor
    gradients_test: torch.Tensor
    prediction: np.ndarray

    def of(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients at training and test tracks, of the network that the k-th seed distils.

        More members than networks are given the networks in turn.
        """
        if len(self.networks) == 1:
            return self.gradients, self.gradients_test
        return self.gradients[k % len(self.networks)], self.gradients_test[k % len(self.networks)]


def teacher_of(models: Sequence[torch.nn.Module], signals: Signals) -> Teacher:
    """The teacher that these networks make: asked once for everything that is needed of them."""
    with one_thread():
        train, test = (
            torch.stack([attribution.input_gradients(m, x) for m in models])
            for x in (signals.x, signals.x_test)
        )
        prediction = np.stack([experiments.predict(m, signals.x_test) for m in models])
    if len(models) == 1:
        train, test = train[0], test[0]
    return Teacher(list(models), train, test, prediction.astype(np.float64))


def train_teacher(
    signals: Signals,
    seeds: Sequence[int],
    *,
    epochs: int,
    hidden: int = 20,
    inputs: int = 1,
    executor: Executor | None = None,
) -> Teacher:
    """`train_lstm` with every seed, and the teacher that these networks make."""
    options: dict[str, Any] = {"epochs": epochs, "hidden": hidden, "inputs": inputs}
    if executor is None:
        models = [train_lstm(signals, seed=s, **options) for s in seeds]
    else:
        waiting = [executor.submit(train_lstm, signals, seed=s, **options) for s in seeds]
        models = [future.result() for future in waiting]
    return teacher_of(models, signals)


@dataclass(frozen=True)
class Swept:
    """A sweep of one teacher from one start, and how its filters predict.

    Attributes
    ----------
    teacher, start : str
    grid : awdlib.sweep.Sweep
    judged : awdlib.experiments.Judged
        Arrays (lams, gammas, seeds, ...).
    penalty, valid : numpy.ndarray, shape (lams, gammas, seeds)
    chosen, chosen_plain : list of (λ, γ, seed) indices
        By cross-validation, of every seed; and among the fits with γ = 0.
    """

    teacher: str
    start: str
    grid: Sweep
    judged: Judged
    penalty: np.ndarray
    valid: np.ndarray
    chosen: list[tuple[int, int, int]]
    chosen_plain: list[tuple[int, int, int]]

    @property
    def h(self) -> torch.Tensor:
        """The chosen filter of every seed, (seeds, taps)."""
        return experiments.pick(self.grid.h, self.chosen)

    @property
    def published(self) -> tuple[int, int]:
        """Place of the published (λ, γ) in the grid, or of the nearest."""
        return (
            experiments.nearest(self.grid.lams, PUBLISHED["lam"]),
            experiments.nearest(self.grid.gammas, PUBLISHED["gamma"]),
        )


def distil(
    signals: Signals,
    gradients: torch.Tensor,
    size: Size,
    *,
    teacher: str,
    start: str = "db5",
    ledger: Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Swept:
    """The published sweep, its filters judged and chosen by cross-validation.

    Parameters
    ----------
    signals : Signals
    gradients : torch.Tensor
        Of the teacher, at the training tracks: a network's, or a network's for every seed.
    size : Size
    teacher, start : str
        The teacher's name; a PyWavelets name.
    ledger, executor, progress
        As of `awdlib.sweep.sweep`.
    """
    again = start == "sym5"
    lams, gammas = published_grids()
    seeds = size.sym5_seeds if again else size.seeds
    if gradients.ndim > signals.x.ndim:
        gradients = gradients[: len(seeds)]
    grid = sweep(
        signals.x, gradients=gradients, start=start, lams=lams[list(size.lams)],
        gammas=gammas[list(size.sym5_gammas if again else size.gammas)],
        seeds=seeds, epochs=size.epochs,
        ledger=ledger, executor=executor, progress=progress,
    )  # fmt: skip
    judged = experiments.judge_grid(grid, signals)
    penalty, valid = experiments.validity_of_grid(grid.h)
    chosen, plain = (
        experiments.choose(judged.cv_r2),
        experiments.choose(judged.cv_r2, gammas=slice(1)),
    )
    return Swept(teacher, start, grid, judged, penalty, valid, chosen, plain)


def filters_kept(sweeps: Sequence[Swept]) -> dict[str, np.ndarray]:
    """Every filter of every sweep, in full precision, with all that says which it is.

    Returns
    -------
    dict
        ``h`` (n, taps), and of length n: ``lam``, ``gamma``, ``seed``, ``start``, ``teacher``,
        ``cv_r2``, ``r2`` (test), ``penalty``, ``valid``, ``chosen``.
    """
    parts: list[dict[str, Any]] = []
    for one in sweeps:
        shape = one.judged.cv_r2.shape
        lam, gamma, seed = np.meshgrid(
            one.grid.lams, one.grid.gammas, one.grid.seeds, indexing="ij"
        )
        chosen = np.zeros(shape, dtype=bool)
        chosen[tuple(zip(*one.chosen, strict=True))] = True
        parts.append({
            "h": one.grid.h.flatten(0, 2).cpu().numpy(),
            "lam": lam, "gamma": gamma, "seed": seed,
            "start": np.full(shape, one.start), "teacher": np.full(shape, one.teacher),
            "cv_r2": one.judged.cv_r2, "r2": one.judged.r2,
            "penalty": one.penalty, "valid": one.valid, "chosen": chosen,
        })  # fmt: skip
    return {
        name: np.concatenate(
            [p[name].reshape(-1, *p[name].shape[3:]) if name != "h" else p[name] for p in parts]
        )
        for name in parts[0]
    }


def grid_of(arrays: Mapping[str, np.ndarray], teacher: str, start: str) -> dict[str, np.ndarray]:
    """One sweep of `filters_kept`, its arrays back as (lams, gammas, seeds, ...).

    Returns
    -------
    dict
        ``h``, ``cv_r2``, ``r2``, ``penalty``, ``valid``, ``chosen``; and ``lams``, ``gammas``,
        ``seeds``.

    Raises
    ------
    KeyError
        If there is no such sweep.
    """
    rows = (arrays["teacher"] == teacher) & (arrays["start"] == start)
    if not rows.any():
        raise KeyError(f"no sweep of the teacher '{teacher}' from '{start}'")
    found: dict[str, np.ndarray] = {
        "lams": np.unique(arrays["lam"][rows]), "gammas": np.unique(arrays["gamma"][rows]),
        "seeds": np.unique(arrays["seed"][rows]),
    }  # fmt: skip
    shape = tuple(len(axis) for axis in found.values())
    for name in ("h", "cv_r2", "r2", "penalty", "valid", "chosen"):
        found[name] = arrays[name][rows].reshape(*shape, *arrays[name].shape[1:])
    return found


def describe(tracks: Tracks) -> dict[str, object]:
    """What the captions say of the data."""
    return {
        "source": tracks.source,
        "n": len(tracks),
        "n_train": len(tracks.train),
        "n_test": len(tracks.test),
        "share_significant": float(tracks.significant.any(1).mean()),
        "share_seen": float(auxilin_seen(tracks.significant).mean()),
        "lifetime_median": float(np.median(tracks.lifetime_s)),
    }
