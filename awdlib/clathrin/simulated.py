"""The same small experiment on real and on simulated tracks: do they order its models alike?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

from awdlib import attribution, filters, metrics, selection
from awdlib.clathrin.setup import signals_of
from awdlib.clathrin.sweeps import published_chain
from awdlib.clathrin.teachers import train_lstm
from awdlib.datasets.tracks import Tracks

MODELS = {
    "awd": "AWD, published λ and γ",
    "db5": "DB5",
    "lstm": "LSTM, trained here",
    "random": "Random wavelets, any one",
}


@dataclass(frozen=True)
class Size:
    """How much a profile computes: see `SIZES`.

    Attributes
    ----------
    tracks : int
        Simulated tracks a set; real ones are taken all.
    sets, runs : int
        Seeds of the simulator: of the comparison, and (the first so many) of the experiment.
    epochs, lstm_epochs, random : int
        Of the distillation and of the LSTM; number of random wavelets.
    """

    tracks: int
    sets: int
    runs: int
    epochs: int
    lstm_epochs: int
    random: int


SIZES = {
    "smoke": Size(400, 2, 2, 4, 8, 20),
    "laptop": Size(1618, 6, 3, 100, 200, 100),
    "paper": Size(1618, 20, 20, 100, 200, 400),
}


@dataclass(frozen=True)
class Outcome:
    """What `experiment` finds: R² on the test tracks.

    Attributes
    ----------
    rows : dict of model to {r2, r2_low, r2_high, r2_sd, members}
        With 95 % bootstrap intervals over test tracks (and over wavelets, for the random ones).
    samples : dict of model to numpy.ndarray, shape (count,)
    random_r2 : numpy.ndarray, shape (wavelets,)
    """

    rows: Mapping[str, Mapping[str, Any]]
    samples: dict[str, np.ndarray]
    random_r2: np.ndarray


def experiment(tracks: Tracks, size: Size, *, seed: int = 0, device: str = "cpu") -> Outcome:
    """A small clathrin experiment: AWD, DB5, an LSTM and random wavelets on the same tracks.

    One LSTM is trained on cells 1 to 5 (stopped on cell 6) and distilled once, warm-started
    from DB5 to the published λ = .005 and γ = .04281; nothing is selected. Scores are of
    cells 7 and 8.

    Parameters
    ----------
    tracks : Tracks
    size : Size
    seed : int
        Of the LSTM, the distillation and the bootstrap. The random wavelets are the same for all.
    device : str
    """
    signals = signals_of(tracks, device=device)
    network = train_lstm(signals, seed=seed, epochs=size.lstm_epochs)
    slopes = attribution.input_gradients(network, signals.x)
    h = published_chain(signals.x, slopes, seeds=[seed + 1], epochs=size.epochs)[0, 0]
    angles = filters.random_angles(size.random, 10, torch.Generator().manual_seed(0))
    control = selection.judge_filters(filters.taps_from_angles(angles), signals)
    both = torch.stack([h.cpu().double(), filters.lowpass("db5").double()])
    judged = selection.judge_filters(both, signals)
    predictions = {
        "awd": judged.prediction[0],
        "db5": judged.prediction[1],
        "lstm": selection.predict(network, signals.x_test),
        "random": control.prediction,
    }
    rows, samples = selection.compare_r2(signals.y_test, predictions, count=1000, seed=seed)
    return Outcome(rows, samples, control.r2)


def agreement(real: Outcome | None, simulated: Sequence[Outcome]) -> tuple[Any, dict[str, Any]]:
    """Whether simulated tracks order the models as real ones do, pair by pair.

    Returns
    -------
    table : pandas.DataFrame
        A row a pair of `MODELS`, the better one (on simulated tracks) first: ``better``,
        ``worse``; ``real``, ``real_low``, ``real_high`` (difference of R², 95 % bootstrap interval
        over test tracks; empty without real tracks); ``simulated`` (mean over sets),
        ``simulated_low``, ``simulated_high`` (smallest and largest over sets); ``same``, the share
        of sets whose difference has the sign of the real one.
    found : dict
        ``pairs``, ``agree`` (pairs whose simulated mean has the real sign), ``decided`` (pairs
        whose real interval excludes 0), ``decided_agree``, ``order_simulated``, ``order_real`` and
        ``words``: in sentences. None without real tracks.
    """
    import pandas as pd

    score = {m: float(np.mean([float(o.rows[m]["r2"] or 0) for o in simulated])) for m in MODELS}
    order = sorted(MODELS, key=lambda model: -score[model])
    records = []
    for a, b in combinations(order, 2):
        gaps = np.array([o.rows[a]["r2"] - o.rows[b]["r2"] for o in simulated])
        record = {
            "pair": f"{a}-{b}", "better": MODELS[a], "worse": MODELS[b],
            "real": np.nan, "real_low": np.nan, "real_high": np.nan, "simulated": gaps.mean(),
            "simulated_low": gaps.min(), "simulated_high": gaps.max(), "same": np.nan,
        }  # fmt: skip
        if real is not None:
            own = real.rows[a]["r2"] - real.rows[b]["r2"]
            low, high = metrics.interval(real.samples[a] - real.samples[b])
            same = float((np.sign(gaps) == np.sign(own)).mean())
            record |= {"real": own, "real_low": low, "real_high": high, "same": same}
        records.append(record)
    frame = pd.DataFrame(records)
    numbers = frame.columns[3:]
    table = frame.astype(dict.fromkeys(numbers, "Float64"))
    found: dict[str, Any] = {"pairs": len(frame), "order_simulated": _ordered(score)}
    if real is None:
        words = "No real tracks were at hand, so the two orders could not be compared."
        rest = dict.fromkeys(["agree", "decided", "decided_agree", "order_real"])
        return table, found | rest | {"words": words}
    agree = frame["real"] > 0  # on simulated tracks the first of a pair is better
    decided = (frame["real_low"] > 0) | (frame["real_high"] < 0)
    found |= {
        "agree": int(agree.sum()), "decided": int(decided.sum()),
        "decided_agree": int((agree & decided).sum()),
        "order_real": _ordered({m: float(real.rows[m]["r2"] or 0) for m in MODELS}),
    }  # fmt: skip
    found["words"] = (
        f"Simulated and real tracks put {found['agree']} of {len(frame)} pairs of models in the "
        f"same order. The real tracks decide {found['decided']} pairs (interval without 0); "
        f"of these the simulated ones order {found['decided_agree']} alike."
    )
    return table, found


def _ordered(score: Mapping[str, float]) -> str:
    """Models from best to worst, in words."""
    return " > ".join(MODELS[m].split(",")[0] for m in sorted(score, key=lambda m: -score[m]))


def scores(real: Outcome | None, simulated: Sequence[Outcome]) -> Any:
    """R² of the models on both kinds of tracks, a pandas.DataFrame.

    Returns
    -------
    pandas.DataFrame
        A row a model of `MODELS`: ``name``, ``model``; ``real``, ``real_low``, ``real_high`` (95 %
        bootstrap interval over test tracks; empty without real tracks); ``simulated`` (mean over
        sets), ``simulated_low``, ``simulated_high`` (means over sets of the ends of the same
        interval), ``simulated_least``, ``simulated_most`` (R² of single sets).
    """
    import pandas as pd

    records = []
    for name, label in MODELS.items():
        keys = ("r2", "r2_low", "r2_high")
        own = [np.nan] * 3 if real is None else [real.rows[name][key] for key in keys]
        each = np.array([[o.rows[name][key] for key in keys] for o in simulated], float)
        mean = each.mean(axis=0)
        records.append([name, label, *own, *mean, each[:, 0].min(), each[:, 0].max()])
    columns = ["real", "real_low", "real_high", "simulated", "simulated_low", "simulated_high"]
    columns += ["simulated_least", "simulated_most"]
    frame = pd.DataFrame(records, columns=["name", "model", *columns])
    return frame.astype(dict.fromkeys(columns, "Float64"))
