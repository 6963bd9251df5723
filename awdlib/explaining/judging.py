"""Explanations judged: curves of every method, pictures at equal rate, and the known truth."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib import attribution, metrics, surrogates
from awdlib.datasets import images
from awdlib.datasets.images import Images
from awdlib.explaining.setup import WAYS, Size, Study, domain_of
from awdlib.explaining.study import Masks, judged_images
from awdlib.explaining.teachers import Teacher, network_of
from awdlib.ledger import array_hash, joined, part, state_of
from awdlib.masks import distortion, domains, evaluate, perturbations, relevance
from awdlib.masks.distortion import Question, ask
from awdlib.masks.evaluate import Curves
from awdlib.masks.optimise import shown
from awdlib.networks import SmallCNN
from awdlib.threads import one_thread, reuse_memory

LABELS = {
    **{name: way.label for name, way in WAYS.items()},
    "wam_ig": "WAM-IG", "wam_sg": "WAM-SG", "largest": "largest coefficients",
    "random_wavelet": "random coefficients", "integrated_gradients": "integrated gradients",
    "smoothgrad": "SmoothGrad", "saliency": "saliency", "grad_cam": "Grad-CAM",
    "random_pixel": "random pixels",
}  # fmt: skip
NETWORKS = ("shape", "texture")
RATE = 0.05  # of the entries, kept in the pictures that are compared
AREAS = ("restored", "randomised", "inserted", "deleted", "faithfulness")
PICTURES = ("at_rate", "inside", "roughness", "hallucination", "conciseness")
OVER = "95 %, images"


@dataclass(frozen=True)
class Judged:
    """A method on one network.

    Attributes
    ----------
    domain : str
    curves : Curves
    scores : dict of name to numpy.ndarray, shape (images,)
        `AREAS` and `PICTURES`.
    picture : torch.Tensor, shape (images, height, width)
        What the first `RATE` of the entries show.
    """

    domain: str
    curves: Curves
    scores: dict[str, np.ndarray]
    picture: Tensor


def scores_of(
    size: Size, network: SmallCNN, x: Tensor, target: Tensor, masks: Mapping[str, Tensor]
) -> dict[str, tuple[str, Tensor]]:
    """Domain and scores (images, entries) of every method of `LABELS`.

    Parameters
    ----------
    masks : mapping of a way's name to (images, entries)
    """
    pixels, wavelets = domain_of("pixels"), domain_of("wavelets")
    others = relevance.rivals(
        network, network.body[-1], x, target, pixels, wavelets,
        samples=size.attribution_samples,
    )  # fmt: skip
    found = {name: (WAYS[name].domain, mask) for name, mask in masks.items()}
    found |= {
        name: ("pixels" if domain is pixels else "wavelets", score)
        for name, (domain, score) in others.items()
    }
    return {name: found[name] for name in LABELS}


def judge(
    size: Size, network: SmallCNN, images: Images, masks: Mapping[str, Tensor]
) -> dict[str, Judged]:
    """Every method of `LABELS` on one network and the images whose truth is known."""
    x = images.x.to(size.dtype)
    with one_thread():
        questions = {
            kind: (
                ask(network, x, domain_of(kind), measure="l2"),
                ask(network, x, domain_of(kind), perturbation_kind="constant"),
            )
            for kind in ("pixels", "wavelets")
        }
        target = questions["pixels"][0].target
        found = {}
        for name, (kind, score) in scores_of(size, network, x, target, masks).items():
            noisy, averaged = questions[kind]
            curves = evaluate.curves(noisy, averaged, score, samples=size.draws)
            kept = evaluate.masks_of(score, [RATE])[0].to(x)
            picture = shown(noisy, kept[None])[0]
            scores = curves.areas() | pictured(noisy, kept, picture, images, curves)
            found[name] = Judged(kind, curves, scores, picture)
    return found


def pictured(
    question: Question, kept: Tensor, picture: Tensor, images: Images, curves: Curves
) -> dict[str, np.ndarray]:
    """Scores of what `kept` (images, entries) leaves, (images,) each; `picture` is it in grey."""
    seen = question.domain.synthesise(kept[:, None] * question.rows).clamp(0, 1)
    with torch.no_grad():
        again = question.network(seen)
    rows = torch.arange(len(picture))
    left = again.softmax(1)[rows, question.target].double().numpy()
    whole = question.answer[rows, question.target].double().numpy()
    return {
        "at_rate": curves.restored[evaluate.place_of(RATE)],
        "inside": evaluate.inside(picture, images.mask),
        "roughness": evaluate.roughness(picture),
        "hallucination": evaluate.hallucination(picture, images.x.mean(1)),
        "conciseness": evaluate.conciseness(left, whole, seen, images.x),
    }


def difference(judged: Mapping[str, Judged], name: str, other: str, score: str) -> dict[str, Any]:
    """A score of one method less another's, image by image."""
    less = judged[name].scores[score] - judged[other].scores[score]
    return metrics.over_examples(less, OVER)


def chosen(masks: Mapping[tuple[str, str], Masks], kind: str) -> dict[str, Tensor]:
    """Masks (images, entries) of one network, by way, of its only λ."""
    return {name: one.mask[0] for (k, name), one in masks.items() if k == kind}


def judge_piece(
    kind: str, state: Mapping[str, np.ndarray], size: Size, masks: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """`judge` for one network, as arrays: ``method/what`` of each method."""
    reuse_memory()
    network = network_of(kind, state).folded()
    given = {name: torch.from_numpy(mask) for name, mask in masks.items()}
    return joined({
        name: joined({"curve": vars(one.curves), "score": one.scores})
        | {"domain": np.array(one.domain), "picture": one.picture.numpy()}
        for name, one in judge(size, network, judged_images(size), given).items()
    })  # fmt: skip


def judge_all(
    study: Study, teachers: Mapping[str, Teacher], masks: Mapping[tuple[str, str], Masks]
) -> dict[str, dict[str, Judged]]:
    """`judge` for the shape and the texture network, each a piece of work."""
    size, tasks = study.size, []
    for kind in NETWORKS:
        state = state_of(teachers[kind].network)
        given = {name: mask.numpy() for name, mask in chosen(masks, kind).items()}
        key = {
            "network": array_hash(*state.values()), "masks": array_hash(*given.values()),
            "images": size.images, "draws": size.draws, "samples": size.attribution_samples,
        }  # fmt: skip
        tasks.append((key, (kind, state, size, given)))
    code = (attribution, distortion, domains, evaluate, images, perturbations, relevance,
            surrogates, sys.modules[__name__])  # fmt: skip
    found = study.gather("judging", tasks, judge_piece, code=code)
    return {kind: _judged(piece) for kind, piece in zip(NETWORKS, found, strict=True)}


def _judged(piece: Mapping[str, np.ndarray]) -> dict[str, Judged]:
    found = {}
    for name in LABELS:
        one = part(piece, name)
        found[name] = Judged(
            str(one["domain"]), Curves(**part(one, "curve")), part(one, "score"),
            torch.from_numpy(np.asarray(one["picture"])),
        )  # fmt: skip
    return found
