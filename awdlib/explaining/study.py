"""The experiment with mask explanations step by step, as its chapter runs it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets import images
from awdlib.datasets.images import Images
from awdlib.explaining.setup import SIDE, WAYS, Size, Study, Way, domain_of
from awdlib.explaining.teachers import JUDGED, TUNING, Teacher, network_of
from awdlib.ledger import array_hash, state_of
from awdlib.masks import distortion, domains, optimise, perturbations
from awdlib.masks.distortion import ask, expected_distortion
from awdlib.threads import one_thread, reuse_memory

CODE = (distortion, domains, optimise, perturbations)
TOGETHER = 5  # images of a piece
TOLERATED = 0.01  # expected squared change of the probability
FINAL_DRAWS = 4  # of the distortion that is told, for each that the optimiser has in a step


@dataclass(frozen=True)
class Masks:
    """Masks of some images by one way.

    Attributes
    ----------
    mask : torch.Tensor, shape (lams, images, entries)
    distortion : numpy.ndarray, shape (lams, images)
        Expected, by draws that the optimiser did not see.
    seconds : float
        Of one core that an image took, for all λ: no other work on the machine counts.
    """

    mask: Tensor
    distortion: np.ndarray
    seconds: float


def settings_of(size: Size) -> dict[str, Any]:
    """The fast setting of a profile."""
    return {"steps": size.steps, "samples": size.samples, "lr": size.lr}


def judged_images(size: Size) -> Images:
    """Images that are explained and judged; no network and no λ has seen them."""
    return images.shapes_on_textures(size.images, seed=JUDGED, size=SIDE)


def explain_piece(
    kind: str,
    state: Mapping[str, np.ndarray],
    x: np.ndarray,
    way: Way,
    lams: Sequence[float],
    settings: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """Masks of a few images: ``mask``, ``distortion``, ``seconds``."""
    reuse_memory()
    began = time.process_time()
    with one_thread():
        network = network_of(kind, dict(state)).folded()
        question = ask(network, torch.from_numpy(x), domain_of(way.domain))
        found = optimise.explain(question, lam=lams, spatial=way.spatial, **settings)
        draws = FINAL_DRAWS * settings["samples"]
        off, _ = expected_distortion(question, found.mask, samples=draws, seed=1)
    spent = (time.process_time() - began) / len(x)
    return {
        "mask": found.mask.numpy().astype(np.float32), "distortion": off.numpy(),
        "seconds": np.array(spent),
    }  # fmt: skip


def explain_all(
    study: Study,
    teachers: Mapping[str, Teacher],
    x: Tensor,
    wanted: Mapping[tuple[str, str], Sequence[float]],
    settings: Mapping[str, Any],
    what: str,
) -> dict[tuple[str, str], Masks]:
    """Masks of images x by several networks and ways, a few images a piece.

    Parameters
    ----------
    wanted : mapping of (kind of network, name of a way) to λ
    settings : mapping
        Of `awdlib.masks.optimise.explain`.
    what : str
        For the progress.
    """
    states = {kind: state_of(one.network) for kind, one in teachers.items()}
    given, tasks = x.to(study.size.dtype).numpy(), []
    for (kind, name), lams in wanted.items():
        weights = array_hash(*states[kind].values())
        for start in range(0, len(given), TOGETHER):
            some = given[start : start + TOGETHER]
            key = {
                "network": weights, "images": array_hash(some), "way": name, "lams": list(lams),
                "spatial": WAYS[name].spatial, **settings,
            }  # fmt: skip
            tasks.append((key, (kind, states[kind], some, WAYS[name], list(lams), settings)))
    pieces = iter(study.gather("masks", tasks, explain_piece, code=CODE, what=what))
    found = {}
    for pair in wanted:
        mine = [next(pieces) for _ in range(0, len(given), TOGETHER)]
        found[pair] = Masks(
            torch.from_numpy(np.concatenate([p["mask"] for p in mine], 1)),
            np.concatenate([p["distortion"] for p in mine], 1),
            float(np.mean([p["seconds"] for p in mine])),
        )
    return found


def photographs(size: Size) -> Tensor:
    """The first packaged photographs, (photographs, 3, 64, 64)."""
    names = images.PHOTOGRAPHS[: size.photographs]
    return torch.stack([images.photograph(name, size=SIDE) for name in names])


def over_lambda(study: Study, teachers: Mapping[str, Teacher]) -> dict[tuple[str, str], Masks]:
    """Masks of the photographs at every λ, by wavelets and by pixels."""
    wanted = {("photograph", name): WAYS[name].lams for name in ("wavelet", "pixel")}
    return explain_all(
        study, teachers, photographs(study.size), wanted, settings_of(study.size),
        "masks of photographs",
    )  # fmt: skip


def explain_judged(
    study: Study, teachers: Mapping[str, Teacher], x: Tensor, lams: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], Masks]:
    """Masks of the images that are judged, each network and way at its λ."""
    wanted = {pair: [lam] for pair, lam in lams.items()}
    return explain_all(study, teachers, x, wanted, settings_of(study.size), "masks, judged images")


def explain_slowly(
    study: Study, teachers: Mapping[str, Teacher], x: Tensor, lams: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], Masks]:
    """Masks of the first of these images with the published settings; none where none is asked.

    By wavelets and by pixels, for the network that reads shapes: a mask takes minutes.
    """
    count = study.size.published
    if not count:
        return {}
    wanted = {("shape", name): [lams["shape", name]] for name in ("wavelet", "pixel")}
    return explain_all(
        study, teachers, x[:count], wanted, optimise.PUBLISHED, "masks, published settings"
    )


def tune(study: Study, teachers: Mapping[str, Teacher]) -> dict[tuple[str, str], float]:
    """λ of each network and way: going up its grid, the last before the answer is lost.

    On images of their own, by the distortion averaged over them: at most `TOLERATED`. Where even
    the smallest λ has more, it is the smallest.
    """
    x = images.shapes_on_textures(study.size.tuning, seed=TUNING, size=SIDE).x
    wanted = {(k, name): way.lams for k in ("shape", "texture") for name, way in WAYS.items()}
    masks = explain_all(study, teachers, x, wanted, settings_of(study.size), "masks, choice of λ")
    found = {}
    for pair, one in masks.items():
        good = one.distortion.mean(1) <= TOLERATED
        found[pair] = wanted[pair][max(0, int(good.cumprod().sum()) - 1)]
    return found
