"""The clathrin experiment step by step, as the chapter runs it: from tracks to stored results."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters, metrics, selection
from awdlib.clathrin import claims, reading, sensitivity, sweeps, table
from awdlib.clathrin.setup import Size
from awdlib.clathrin.sweeps import Swept
from awdlib.clathrin.teachers import Teacher, authors_network, teacher_of, train_teacher
from awdlib.controls import FeatureModel
from awdlib.datasets import cme
from awdlib.datasets.tracks import Tracks, auxilin_seen
from awdlib.progress import progress
from awdlib.selection import Judged, Signals

SINGLE = 1000  # random wavelets that are looked at one by one, chosen by nothing


@dataclass(frozen=True)
class Study:
    """What every step needs: the tracks, how much to compute, where pieces are kept, who helps."""

    tracks: Tracks
    signals: Signals
    size: Size
    ledger: Path | None = None
    executor: Executor | None = None
    drop_hotspots: bool = False

    @property
    def seen_test(self) -> np.ndarray:
        """Whether auxilin is seen, of every test track."""
        return auxilin_seen(self.tracks.test.significant)

    @property
    def whole_test(self) -> np.ndarray:
        """Whether a test track has no padding: at least as many frames as samples."""
        frames = np.isfinite(self.tracks.test.clathrin_frames).sum(1)
        return frames >= self.signals.x_test.shape[-1]


def teach(study: Study) -> dict[str, Teacher]:
    """The teachers by name; the authors' network only for real tracks, which it was made for."""
    train = partial(
        train_teacher, study.signals, study.size.seeds,
        epochs=study.size.lstm_epochs, executor=study.executor,
    )  # fmt: skip
    found = {"lstm_ours": train(), "lstm_40": train(hidden=40, inputs=40)}
    if theirs := authors_network(study.tracks, study.signals):
        found = {"lstm_authors": teacher_of([theirs], study.signals), **found}
    return found


@dataclass(frozen=True)
class Distillations:
    """All that is distilled.

    Attributes
    ----------
    main : str
        The teacher that the text speaks of: the authors' network where it is there.
    swept : dict of teacher to Swept
        From DB5, as published.
    sym5 : Swept
        The main teacher from Sym5.
    of_40 : torch.Tensor, shape (seeds, taps)
        Of the LSTM of input 40, at the published (λ, γ) (`sweeps.published_chain`).
    trajectory : torch.Tensor, shape (fits + 1, taps)
        h from DB5 over the warm starts, along λ at γ = 0 and then along γ, to the published
        (λ, γ); of the main teacher and the first seed.
    """

    main: str
    swept: dict[str, Swept]
    sym5: Swept
    of_40: torch.Tensor
    trajectory: torch.Tensor

    @property
    def awd(self) -> Swept:
        """The sweep of the main teacher."""
        return self.swept[self.main]


def distil(study: Study, teachers: Mapping[str, Teacher]) -> Distillations:
    """Sweeps from every teacher, and the single fits."""
    sweep_of = partial(
        sweeps.distil, study.signals, size=study.size, ledger=study.ledger,
        executor=study.executor,
    )  # fmt: skip
    names = [n for n in ("authors", "ours") if f"lstm_{n}" in teachers]
    main, gradients = names[0], {n: teachers[f"lstm_{n}"].gradients for n in names}
    jobs = [(n, "db5") for n in names] + [(main, "sym5")]

    def run(job: tuple[str, str]) -> Swept:
        teacher, start = job
        return sweep_of(
            gradients[teacher], teacher=teacher, start=start,
            progress=progress(f"sweep, teacher {teacher}, from {start}"),
        )  # fmt: skip

    # Threads only hand pieces to the processes: one sweep's batches cannot keep all of them busy.
    with ThreadPoolExecutor(len(jobs) + 1 if study.executor else 1) as waiting:
        chain = waiting.submit(
            sweeps.published_chain, study.signals.x, teachers["lstm_40"].gradients,
            seeds=study.size.seeds, epochs=study.size.epochs, ledger=study.ledger,
            executor=study.executor,
        )  # fmt: skip
        *done, sym5 = waiting.map(run, jobs)
        of_40 = chain.result()[0]
    swept = dict(zip(names, done, strict=True))
    awd = swept[main]
    lam, gamma = awd.published
    start = filters.lowpass("db5")[None].to(awd.grid.h)
    path = [start, awd.grid.h[: lam + 1, 0, 0], awd.grid.h[lam, 1 : gamma + 1, 0]]
    return Distillations(main, swept, sym5, of_40, torch.cat(path))


@dataclass(frozen=True)
class Controls:
    """What AWD is held against.

    Attributes
    ----------
    budget : int
        Fits in a grid: so many random wavelets are chosen from.
    random_h : torch.Tensor, shape (controls, taps)
    drawn : Judged
        Of the random wavelets.
    winners : numpy.ndarray of int, shape (draws,)
    supervised : torch.Tensor, shape (seeds, taps)
    models : dict of name to list of FeatureModel
        Without wavelets.
    """

    budget: int
    random_h: torch.Tensor
    drawn: Judged
    winners: np.ndarray
    supervised: torch.Tensor
    models: dict[str, list[FeatureModel]]


def control(study: Study) -> Controls:
    """Random wavelets with the grid's budget, wavelets by supervision alone, and no wavelet."""
    size, signals = study.size, study.signals
    budget = size.budget
    random_h = controls.random_wavelets(size.draws * budget, 10, seed=0)
    drawn = selection.judge_filters(random_h, signals, progress=progress("random wavelets"))
    starts, steps = size.supervised
    searched = [
        controls.supervised(
            signals, starts=starts, steps=steps, seed=s, progress=progress("supervised search")
        ).h
        for s in size.seeds
    ]
    models = table.baselines(signals, study.tracks.train, seeds=size.seeds)
    winners = selection.best_of_budget(drawn.cv_r2, budget)
    return Controls(budget, random_h, drawn, winners, torch.stack(searched), models)


@dataclass(frozen=True)
class Comparison:
    """Every model on the same test tracks.

    Attributes
    ----------
    wavelets : dict of row to filters, (members, taps)
    rows : dict of row to numbers
    samples : dict of row to bootstrap R²
    compression : dict of row to (members, tests)
    times : dict of row to seconds; empty where nothing was timed
    """

    wavelets: dict[str, torch.Tensor]
    rows: dict[str, dict[str, Any]]
    samples: dict[str, np.ndarray]
    compression: dict[str, np.ndarray]
    times: dict[str, dict[str, list[float]]]


def compare(
    study: Study,
    teachers: Mapping[str, Teacher],
    found: Distillations,
    against: Controls,
    *,
    timed: bool,
) -> Comparison:
    """R² with intervals, compression, parameters and, if `timed`, seconds of every row."""
    signals, awd = study.signals, found.awd
    wavelets = {
        **{f"awd_{n}": one.h for n, one in found.swept.items()},
        "awd_without_interpretation": selection.pick(awd.grid.h, awd.chosen_plain),
        "awd_40": found.of_40,
        **{name: filters.lowpass(name)[None] for name in table.STANDARD},
        "random_best": against.random_h[against.winners], "supervised": against.supervised,
    }  # fmt: skip
    predictions = {n: selection.judge_filters(h, signals).prediction for n, h in wavelets.items()}
    for name, group in against.models.items():
        given = table.inputs_of(name, signals, study.tracks.test)
        predictions[name] = np.stack([model.predict(given) for model in group])
    predictions |= {name: teacher.prediction for name, teacher in teachers.items()}
    predictions["random_any"] = against.drawn.prediction[:SINGLE]
    rows: dict[str, dict[str, Any]]
    rows, samples = selection.compare_r2(signals.y_test, predictions, count=2000, seed=0)
    own = {"awd_ours": "lstm_ours", "awd_40": "lstm_40"}
    by = {name: teachers[own.get(name, f"lstm_{found.main}")] for name in wavelets}
    compression = table.compressions(wavelets, by, signals)
    for name, factors in compression.items():
        rows[name] |= {"compression": factors.mean(), "compression_sd": metrics.sd(factors.mean(1))}
    counts = table.parameters_of(wavelets, against.models, teachers, signals)
    for name, count in counts.items():
        rows[name]["parameters"] = count
    times = {}
    if timed:
        tasks = table.prediction_tasks(
            wavelets, against.models, teachers, signals, study.tracks.test
        )
        times = table.seconds(tasks)
    return Comparison(wavelets, rows, samples, compression, times)


def claim(study: Study, found: Distillations, compared: Comparison) -> dict[str, Any]:
    """The quantities of all claims and of the text's differences."""
    name, n = f"awd_{found.main}", len(study.signals.y_test)
    made: dict[str, Any] = claims.differences(compared.rows, compared.samples, n)
    made |= claims.shape_claims(found.awd.h)
    made |= claims.sweep_claims(found.awd, found.sym5)
    made["abortive_ratio"] = claims.abortive_ratio(found.awd.h[0], study.signals)
    made["compression_reduction"] = claims.compression_reduction(
        compared.compression[name], compared.compression["db5"]
    )
    for kind in ("predict", "end_to_end"):
        key = "time_ratio" if kind == "predict" else f"time_ratio_{kind}"
        made[key] = (
            table.time_ratio(compared.times, f"lstm_{found.main}", name, kind)
            if compared.times
            else claims.ABSENT
        )
    made |= {
        f"main_minus_{other}": made[f"{name}_minus_{other}"]
        for other in ("db5", "no_interpretation", "random_any", "random_best")
    }
    return {key: claims.ABSENT for key in claims.expected()} | made


def read(study: Study, found: Distillations, against: Controls, teachers: Mapping[str, Teacher]):
    """What the wavelets respond to: aligned tracks, made-up pulses, one prediction taken apart.

    Returns
    -------
    arrays : dict of numpy.ndarray
    numbers : dict
        What the text says of them.
    example : awdlib.clathrin.reading.Example
    """
    h, db5 = found.awd.h[0], filters.lowpass("db5")
    arrays: dict[str, np.ndarray] = {}
    for name, one in (("awd", h), ("db5", db5)):
        mean = reading.aligned(one, study.signals, study.seen_test, study.whole_test)
        arrays |= {f"aligned_{name}_{key}": value for key, value in mean.items()}
    wavelets = {f"awd_{n}": one.h for n, one in found.swept.items()}
    wavelets |= {name: filters.lowpass(name)[None] for name in ("db5", "sym5")}
    asked = {name: teachers[name] for name in teachers if name != "lstm_40"}
    some = against.random_h[:SINGLE]
    pulses = reading.asymmetries(wavelets, asked, some, study.signals)
    arrays |= {f"pulse_{key}": value for key, value in pulses.items()}
    arrays |= reading.mean_coefficients(h, study.signals)
    numbers = reading.summary(arrays, found.awd.h, some)
    numbers["whole_share"] = study.whole_test.mean()
    numbers["abortive_ratio_db5"] = claims.abortive_ratio(db5, study.signals)["estimate"]
    return arrays, numbers, reading.take_apart(h, study.signals)


def vary(study: Study) -> Any:
    """`awdlib.clathrin.sensitivity.study` at the size of the profile, a table."""
    size = study.size
    real = study.tracks.source == "real"
    make: Callable[..., Tracks] = (
        cme.load_tracks if real else partial(cme.simulate_tracks, 0, size.tracks)
    )
    if study.drop_hotspots:
        make = partial(make, drop_hotspots=True)
    found = sensitivity.cases(make, splits=size.splits, lengths=size.lengths, dtype=size.dtype)
    return sensitivity.study(
        found, seed=size.seeds[0], epochs=size.epochs, lstm_epochs=size.lstm_epochs,
        ledger=study.ledger, executor=study.executor, progress=progress("other splits"),
    )  # fmt: skip
