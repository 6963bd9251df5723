"""The ablations on clathrin tracks: variants of AWD that differ from it in one thing each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from awdlib import controls, dwt, experiments, filters, metrics
from awdlib.ablation import sources
from awdlib.ablation.setup import Size
from awdlib.ablation.sources import BROKEN, LEVEL, Source
from awdlib.clathrin.teachers import Teacher, teacher_of, train_teacher
from awdlib.distill import distill
from awdlib.experiments import Judged, Signals
from awdlib.networks import ClathrinLSTM
from awdlib.progress import progress
from awdlib.sweep import published_grids, sweep

FULL = "full"
GROUPS = {
    "loss": "terms of the loss", "route": "ways to fit", "teacher": "teachers",
    "attribution": "attributions", "scales": "numbers of scales", "taps": "filter lengths",
    "start": "starts",
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """AWD changed in one thing.

    Attributes
    ----------
    name, group, label : str
    source : str or None
        Who teaches; None: nobody, γ = 0.
    start : torch.Tensor or None, shape (taps,) or (seeds, taps)
        The second form gives every seed a start of its own; None is DB5.
    sparse : bool
        With the sparsity term; else λ = 0.
    fits : str
        ``"warm"``: each starts where the previous γ ended, as published. ``"cold"``: all start
        from `start`. ``"first"``: all start from where the same λ ends with γ = 0.
    settings : dict
        Of `awdlib.distill.distill`.
    """

    name: str
    group: str
    label: str
    source: str | None = "network"
    start: torch.Tensor | None = None
    sparse: bool = True
    fits: Literal["warm", "cold", "first"] = "warm"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """Number of scales."""
        return self.settings.get("level", LEVEL)


def variants(size: Size, known: Sequence[str]) -> list[Variant]:
    """AWD itself and all that is compared with it.

    Parameters
    ----------
    size : Size
    known : sequence of str
        Sources that there are.
    """
    db5 = filters.lowpass("db5")
    found = [
        Variant(FULL, "loss", "AWD, nothing changed"),
        Variant("silent", "loss", "without the interpretation loss, as many fits", "silent"),
        Variant("no_interpretation", "loss", "without it as published (γ = 0 alone)", None),
        Variant("no_sparsity", "loss", "without sparsity (λ = 0), as many fits", sparse=False),
        Variant("no_penalties", "loss", "without the validity penalties",
                settings={"penalties": False}),
        Variant("lattice", "route", "lattice angles: valid by construction",
                settings={"parametrisation": "lattice", "lr": 1e-2}),
        Variant("cold", "route", "every fit from DB5, no warm starts", fits="cold"),
    ]  # fmt: skip
    found += [
        Variant(f"teacher_{name}", "teacher", label, name)
        for name, label in sources.TEACHERS.items()
        if name in known and name not in ("network", "silent")
    ]
    found += [
        Variant(f"by_{name}", "attribution", label, name)
        for name, label in sources.ATTRIBUTIONS.items()
        if name in known and name != "saliency"
    ]
    found += [
        Variant(f"level_{j}", "scales", f"J = {j}", settings={"level": j})
        for j in size.levels
        if j != LEVEL
    ]
    found += [
        Variant(f"taps_{n}", "taps", f"{n} taps, from DB{n // 2}",
                start=filters.lowpass(f"db{n // 2}"))
        for n in size.taps
        if n != len(db5)
    ]  # fmt: skip
    stream, seeds = torch.Generator().manual_seed(1), len(size.seeds)
    found += [
        Variant(f"noise_{round(100 * sd)}", "start", f"from DB5 + {sd} × noise, drawn anew",
                start=db5 + sd * torch.randn(seeds, 10, generator=stream).double())
        for sd in size.noises
    ]  # fmt: skip
    wild = torch.randn(seeds, 10, generator=stream).double()
    wild /= wild.norm(dim=1, keepdim=True)
    found += [
        Variant("random_taps", "start", "from random taps", start=wild),
        Variant("random_taps_first", "start", "from random taps, first without γ", start=wild,
                fits="first"),
        Variant("random_taps_cold", "start", "from random taps, at once, as many steps", start=wild,
                fits="cold", settings={"epochs": 2 * size.epochs}),
        Variant("random_angles", "start", "from a random wavelet",
                start=controls.random_wavelets(seeds, 10, seed=77)),
        Variant("from_sym5", "start", "from Sym5", start=filters.lowpass("sym5")),
    ]  # fmt: skip
    return found


@dataclass(frozen=True)
class Study:
    """What every step needs: tracks, how much to compute, where pieces are kept, who helps."""

    signals: Signals
    size: Size
    ledger: Path | None = None
    executor: Executor | None = None
    timed: bool = False


def teach(study: Study, theirs: torch.nn.Module | None = None) -> dict[str, Source]:
    """Every source of gradients, scaled to the sizes of the network's.

    Parameters
    ----------
    theirs : torch.nn.Module, optional
        The authors' network, for real tracks.
    """
    size, signals = study.size, study.signals
    x, y, x_test = signals.x, signals.y, signals.x_test
    honest = _train(study, signals)
    networks = honest.networks
    fooled = _train(study, replace(signals, y=_shuffled(signals)))
    untrained = teacher_of([_untrained(seed, x) for seed in size.seeds], signals)
    found: dict[str, Source] = {}
    for kind in sources.ATTRIBUTIONS:
        began = time.perf_counter()
        slopes = sources.explained(networks, x, kind, samples=size.samples)
        spent = (time.perf_counter() - began) / len(networks)
        method: Any = kind if kind in ("input_x_gradient", "integrated_gradients") else "saliency"
        found[kind] = Source(slopes, method, honest.prediction, spent, networks)
    found["network"] = found["saliency"]
    found |= {"shuffled": _source(fooled), "untrained": _source(untrained)}
    if theirs is not None:
        found["authors"] = _source(teacher_of([theirs], signals))
    model, slopes = sources.linear(x, y, x)
    found["linear"] = Source(slopes[None], prediction=_asked(model, x_test))
    model, slopes = sources.trees(x, y, x, seed=size.seeds[0])
    found["tree"] = Source(slopes[None], prediction=_asked(model, x_test))
    given = found["network"].gradients
    for name, slopes in (
        ("swapped", sources.swapped(given, seed=1)),
        ("disordered", sources.disordered(given, seed=1)),
        ("noise", sources.noise(given, seed=1)),
        ("silent", torch.zeros_like(given)),
    ):
        found[name] = Source(slopes)
    size_of = float(np.mean(sources.sizes_of(given, x)))
    return {name: one.scaled_to(size_of, x) for name, one in found.items()}


@dataclass(frozen=True)
class Fitted:
    """What a variant came to.

    Attributes
    ----------
    variant : Variant
    h : torch.Tensor, shape (seeds, taps)
        Chosen by cross-validation on the training tracks, one a seed.
    lam, gamma : numpy.ndarray, shape (seeds,)
    judged : Judged
        Of the chosen filters.
    """

    variant: Variant
    h: torch.Tensor
    lam: np.ndarray
    gamma: np.ndarray
    judged: Judged


def fit(study: Study, variant: Variant, known: Mapping[str, Source]) -> Fitted:
    """Fit a variant over the grid with every seed, and choose by cross-validation."""
    size, signals = study.size, study.signals
    lams, gammas = published_grids()
    lams = lams[list(size.lams)]
    if not variant.sparse:  # as many fits and as much training as with it
        lams = np.arange(len(lams)) * 1e-12
    gammas = gammas[list(size.gammas)] if variant.source else np.zeros(1)
    source = known[variant.source] if variant.source else None
    start = variant.start if variant.start is not None else filters.lowpass("db5")
    options: dict[str, Any] = {"epochs": size.epochs, **variant.settings}
    if source is not None:
        options["method"] = source.method
    if variant.fits == "warm":
        h = _swept(study, source, start, lams, gammas, options)
    else:
        h = _alone(study, source, start, lams, gammas, options, first=variant.fits == "first")
    flat = h.flatten(0, 2)
    judged = experiments.judge_filters(flat, signals, level=variant.level)
    chosen = experiments.choose(judged.cv_r2.reshape(h.shape[:3]))
    lam, gamma, _ = (np.array(index) for index in zip(*chosen, strict=True))
    rows = np.ravel_multi_index(tuple(zip(*chosen, strict=True)), h.shape[:3])
    return Fitted(
        variant, flat[torch.from_numpy(rows)], lams[lam], gammas[gamma],
        Judged(judged.cv_r2[rows], judged.prediction[rows], judged.r2[rows]),
    )  # fmt: skip


def fit_all(study: Study, every: Sequence[Variant], known: Mapping[str, Source]) -> list[Fitted]:
    """`fit` of every variant; one that diverges is left out, and said."""
    report, found = progress("variants"), []
    for done, variant in enumerate(every):
        try:
            found.append(fit(study, variant, known))
        except ValueError as error:
            if variant.name == FULL:
                raise
            print(f"{variant.name} is left out: {error}")
        report(done + 1, len(every))
    return found


@dataclass(frozen=True)
class References:
    """What no teacher had a part in.

    Attributes
    ----------
    predictions : dict of name to numpy.ndarray, shape (members, tests)
    winners : torch.Tensor, shape (draws, taps)
        The best of as many random wavelets as the grid has fits, chosen as AWD's.
    """

    predictions: dict[str, np.ndarray]
    winners: torch.Tensor


REFERENCES = {
    "db5": "DB5, where AWD starts",
    "random_any": "a random wavelet",
    "random_best": "the best of as many random wavelets",
    "ridge": "ridge on the 40 values",
    "network": "the network itself",
}


def refer(study: Study, known: Mapping[str, Source]) -> References:
    """Predictions of `REFERENCES`."""
    size, signals = study.size, study.signals
    drawn = controls.random_wavelets(size.draws * size.budget, 10, seed=0)
    judged = experiments.judge_filters(drawn, signals, progress=progress("random wavelets"))
    winners = experiments.best_of_budget(judged.cv_r2, size.budget)
    network = known["network"].prediction
    assert network is not None
    return References({
        "db5": experiments.judge_filters(filters.lowpass("db5")[None], signals).prediction,
        "random_any": judged.prediction[:1000],
        "random_best": judged.prediction[winners],
        "ridge": controls.ridge(signals.x, signals.y).predict(signals.x_test)[None],
        "network": network,
    }, drawn[winners])  # fmt: skip


def compressions(
    filters_: torch.Tensor, network: Source, signals: Signals, level: int = LEVEL
) -> np.ndarray:
    """Compression factors of filters (members, taps) by the network's saliency, (members,).

    At the training tracks, of which there are more; the network is that of the same seed.
    """
    found = []
    for h, slope in zip(filters_.to(signals.x), network.of(len(filters_)), strict=True):
        w = dwt.wavedec(signals.x, h, level=level)
        scores = dwt.adjoint_synthesis(slope, h, level=level)
        found.append(metrics.compression_factors(w, scores).mean())
    return np.array(found)


def spread(h: torch.Tensor) -> np.ndarray:
    """Distances between the wavelets of any two seeds, as published but up to sign."""
    psi = filters.cascade(h.double())[1]
    pairs = torch.combinations(torch.arange(len(h)))
    if not len(pairs):
        return np.zeros(0)
    return np.concatenate([
        filters.distance(psi[a : a + 1], psi[b], up_to_sign=True) for a, b in pairs.tolist()
    ])  # fmt: skip


def permuted(signals: Signals, seed: int) -> Signals:
    """The same tracks with their samples in another order, the same for all (D-1)."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(signals.x.shape[-1]))
    return replace(signals, x=signals.x[..., order], x_test=signals.x_test[..., order])


def without_order(study: Study) -> dict[str, np.ndarray]:
    """Predictions where the order of samples means nothing, a member for every order and seed.

    Returns
    -------
    dict
        By `REFERENCES`, and ``awd``; (orders × members, tests).
    """
    found: dict[str, list[np.ndarray]] = {}
    for order in range(study.size.orders):
        own = replace(study, signals=permuted(study.signals, order))
        source = _source(_train(own, own.signals))
        fitted = fit(own, Variant(FULL, "loss", ""), {"network": source})
        predictions = refer(own, {"network": source}).predictions
        for name, one in {"awd": fitted.judged.prediction, **predictions}.items():
            found.setdefault(name, []).append(one)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def is_broken(name: str) -> bool:
    """Whether a variant's teacher cannot know the task."""
    return name.removeprefix("teacher_") in BROKEN


def _swept(
    study: Study,
    source: Source | None,
    start: torch.Tensor,
    lams: np.ndarray,
    gammas: np.ndarray,
    options: dict[str, Any],
) -> torch.Tensor:
    """The published way, warm-started; (lams, gammas, seeds, taps)."""
    seeds = study.size.seeds
    slopes = None if source is None else source.of(len(seeds))
    # a batch for every helper
    together = -(-len(seeds) // 2) if study.executor else len(seeds)

    def run(begin: torch.Tensor, some: slice) -> torch.Tensor:
        return sweep(
            study.signals.x, gradients=None if slopes is None else slopes[some].contiguous(),
            start=begin, lams=lams, gammas=gammas, seeds=seeds[some], seeds_per_batch=together,
            ledger=study.ledger, executor=study.executor, **options,
        ).h  # fmt: skip

    if start.ndim == 1:
        return run(start, slice(None))
    # Threads only hand pieces to the processes.
    with ThreadPoolExecutor(len(seeds) if study.executor else 1) as waiting:
        each = waiting.map(lambda k: run(start[k], slice(k, k + 1)), range(len(seeds)))
        return torch.cat(list(each), 2)


def _alone(
    study: Study,
    source: Source | None,
    start: torch.Tensor,
    lams: np.ndarray,
    gammas: np.ndarray,
    options: dict[str, Any],
    *,
    first: bool,
) -> torch.Tensor:
    """Every (λ, γ) by itself, from the start or (`first`) from its λ's γ = 0, as `_swept`."""
    seeds = study.size.seeds
    begins = start.expand(len(seeds), -1)
    slopes = None if source is None else source.of(len(seeds))
    tasks = [
        (study.signals.x, None if slopes is None else slopes[k], begins[k], lams, gammas, seed,
         options, first)
        for k, seed in enumerate(seeds)
    ]  # fmt: skip
    if study.executor is None:
        return torch.stack([fit_alone(*task) for task in tasks], 2)
    waiting = [study.executor.submit(fit_alone, *task) for task in tasks]
    return torch.stack([future.result() for future in waiting], 2)


def fit_alone(
    x: torch.Tensor,
    gradients: torch.Tensor | None,
    start: torch.Tensor,
    lams: np.ndarray,
    gammas: np.ndarray,
    seed: int,
    options: dict[str, Any],
    first: bool,
) -> torch.Tensor:
    """`_alone` for one seed, (lams, gammas, taps)."""
    lam, gamma = (torch.from_numpy(v.flatten()) for v in np.meshgrid(lams, gammas, indexing="ij"))
    begin = start.expand(len(lam), -1)
    if first:
        plain = distill(x, start=start.expand(len(lams), -1), lam=torch.from_numpy(lams), gamma=0.0,
                        seed=seed, **options).h  # fmt: skip
        begin = plain.repeat_interleave(len(gammas), 0)
    h = distill(x, gradients=gradients, start=begin, lam=lam, gamma=gamma, seed=seed, **options).h
    return h.reshape(len(lams), len(gammas), -1)


def _train(study: Study, signals: Signals) -> Teacher:
    return train_teacher(
        signals, study.size.seeds, epochs=study.size.lstm_epochs, executor=study.executor
    )


def _source(teacher: Teacher) -> Source:
    slopes = teacher.gradients
    if len(teacher.networks) == 1:
        slopes = slopes[None]
    return Source(slopes, prediction=teacher.prediction, networks=teacher.networks)


def _untrained(seed: int, like: torch.Tensor) -> ClathrinLSTM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ClathrinLSTM().to(like).eval()


def _shuffled(signals: Signals) -> np.ndarray:
    """Targets of the training tracks in another order."""
    return np.random.default_rng(0).permutation(signals.y)


def _asked(model: Any, x: torch.Tensor) -> np.ndarray:
    return model.predict(x[:, 0].double().cpu().numpy())[None]
