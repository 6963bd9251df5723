"""Table 2's models: filters picked on the selection maps, and then tested once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from awdlib import controls, filters
from awdlib.datasets.cosmology import simulated
from awdlib.lensing import counts, summaries, table, teacher
from awdlib.lensing.counts import RANGES, Statistic
from awdlib.lensing.setup import LEVEL, TARGET, Split
from awdlib.lensing.study import Study, simulate
from awdlib.lensing.table import Judged
from awdlib.lensing.teacher import Trained
from awdlib.progress import progress
from awdlib.sweep import Sweep

STANDARD = ("db5", "sym5", "haar")
PLAIN = ("height", "laplace", "roberts")  # statistics without a wavelet


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
        other = simulate(study, shared_box=True)
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
