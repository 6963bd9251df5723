"""What the wavelets look like, where the network's evidence lies, and a planted artefact."""

from dataclasses import dataclass

import numpy as np
import torch

from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.lensing import activations, artefact, teacher
from awdlib.lensing.comparing import Compared, chosen_filters
from awdlib.lensing.setup import TARGET, Split
from awdlib.lensing.study import Study
from awdlib.lensing.teacher import Trained
from awdlib.progress import progress


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
    every = maps.test.spread_out(study.size.looked_at)
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
        width=min(16, size.width), epochs=epochs, dtype=size.dtype, device=study.device,
        ledger=study.ledger, progress=progress("network with an artefact, epochs"),
    )  # fmt: skip
    some = test.spread_out(size.looked_at)
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
        "strength": artefact.STRENGTH,
        "rmse_with": teacher.rmse(deceived.model, test),
        "rmse_without": teacher.rmse(deceived.model, maps.test),
    }
    examples = {name: found["shown", name][:, 0].numpy() for name in ("deceived", "honest")}
    return Exposed(shown, examples, numbers)
