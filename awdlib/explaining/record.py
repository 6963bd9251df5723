"""What a run of the mask explanations stores: the tables, numbers and arrays of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from awdlib import metrics
from awdlib.datasets import images as packaged
from awdlib.datasets.images import Images
from awdlib.explaining.judging import (
    AREAS,
    LABELS,
    NETWORKS,
    OVER,
    PICTURES,
    RATE,
    Judged,
    difference,
)
from awdlib.explaining.own import LABELS as OWN
from awdlib.explaining.own import LAM, Own
from awdlib.explaining.setup import LEVEL, SIDE, WAVELET, WAYS, Size, domain_of
from awdlib.explaining.study import TOLERATED, Masks
from awdlib.explaining.teachers import Teacher
from awdlib.masks import evaluate, optimise
from awdlib.masks.optimise import grey
from awdlib.networks import count_parameters

Pair = tuple[str, str]
PUBLISHED_RIVALS = ("pixel", "integrated_gradients", "smoothgrad", "saliency", "random_wavelet",
                    "random_pixel")  # fmt: skip
SHOWN = 5  # images of the first figure
DRAWN_ON = 6  # images of the widget
COMPACTED = 0.05  # of the entries whose energy is told
OVER_PHOTOGRAPHS = "95 %, photographs"


def table_of_methods(judged: Mapping[str, Mapping[str, Judged]]) -> pd.DataFrame:
    """A row a network and method: every score with its 95 % interval over images."""
    rows = []
    for kind, methods in judged.items():
        for name, one in methods.items():
            row: dict[str, Any] = {
                "network": kind, "name": name, "label": LABELS[name], "domain": one.domain,
                "n": len(one.picture),
            }  # fmt: skip
            for score in (*AREAS, *PICTURES):
                found = metrics.over_examples(one.scores[score], OVER)
                row |= {
                    score: found["estimate"], f"{score}_low": found["low"],
                    f"{score}_high": found["high"],
                }  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows)


def table_of_lambda(masks: Mapping[Pair, Masks]) -> pd.DataFrame:
    """A row a way and λ: mean mask and distortion of the photographs."""
    rows = []
    for (_, name), one in masks.items():
        size = one.mask.double().mean(2).numpy()
        for k, lam in enumerate(WAYS[name].lams):
            rows.append({
                "name": name, "label": WAYS[name].label, "lam": lam, "mask": float(size[k].mean()),
                "distortion": float(one.distortion[k].mean()), "n": size.shape[1],
            })  # fmt: skip
    return pd.DataFrame(rows)


def table_of_masks(masks: Mapping[Pair, Masks], lams: Mapping[Pair, float]) -> pd.DataFrame:
    """What the judged masks keep: a row a network and way, means over images.

    ``answer``: share of the images with a distortion of at most `TOLERATED`; ``empty``: share whose
    mask keeps no entry, since noise alone has the network's answer (or the answer was given up).
    """
    rows = []
    for (network, name), one in masks.items():
        kept = (one.mask[0] > optimise.KEPT).double().mean(1)
        rows.append({
            "network": network, "name": name, "label": WAYS[name].label,
            "lam": lams[network, name], "n": len(kept), "kept": float(kept.mean()),
            "empty": float((kept == 0).double().mean()),
            "distortion": float(one.distortion[0].mean()),
            "answer": float((one.distortion[0] <= TOLERATED).mean()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def table_of_settings(
    fast: Mapping[Pair, Masks], slow: Mapping[Pair, Masks], chosen: Mapping[Pair, float]
) -> pd.DataFrame:
    """Published against fast settings on the same images: a row a network and way."""
    rows = []
    for pair, one in slow.items():
        mine = fast[pair].mask[0, : one.mask.shape[1]]
        theirs = one.mask[0]
        both = [_likeness(a, b) for a, b in zip(mine.numpy(), theirs.numpy(), strict=True)]
        count = one.mask.shape[1]
        rows.append({
            "network": pair[0], "name": pair[1], "label": WAYS[pair[1]].label, "lam": chosen[pair],
            "n": count, "correlation": float(np.mean(both)),
            "mask_fast": float(mine.mean()), "mask_published": float(theirs.mean()),
            "distortion_fast": float(fast[pair].distortion[0, :count].mean()),
            "distortion_published": float(one.distortion[0].mean()),
            "time_ratio": one.seconds / fast[pair].seconds,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two masks; 0 where one is the same everywhere."""
    a, b = a.astype(float), b.astype(float)
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def averaged(
    judged: Mapping[str, Mapping[str, Judged]], name: str, other: str, score: str
) -> dict[str, Any]:
    """`judging.difference` of each image's mean over both networks, which see the same images."""
    values = [m[name].scores[score] - m[other].scores[score] for m in judged.values()]
    return metrics.over_examples(np.mean(values, 0), OVER)


def against_the_best(judged: Mapping[str, Mapping[str, Judged]]) -> dict[str, Any]:
    """Area of wavelet masks less that of the best of `PUBLISHED_RIVALS`: the worse network's.

    Each network has a best rival of its own.
    """
    found = []
    for methods in judged.values():
        area = {name: methods[name].scores["restored"].mean() for name in PUBLISHED_RIVALS}
        best = min(area, key=lambda name: area[name])
        found.append(difference(methods, "wavelet", best, "restored"))
    return max(found, key=lambda one: one["estimate"])


def claims_of(
    judged: Mapping[str, Mapping[str, Judged]],
    on_photographs: Mapping[Pair, Masks],
    energy: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """The quantities of the claims; `energy` is that of `energies`."""
    return {
        "rate_distortion": against_the_best(judged),
        "roughness": averaged(judged, "wavelet", "pixel", "roughness"),
        "roughness_random": averaged(judged, "random_wavelet", "random_pixel", "roughness"),
        "hallucination": averaged(judged, "wavelet", "pixel", "hallucination"),
        "hallucination_random": averaged(judged, "random_wavelet", "random_pixel", "hallucination"),
        "sparser_with_lambda": sparser(on_photographs, "wavelet"),
        "pixels_with_lambda": sparser(on_photographs, "pixel"),
        "compaction": compacted(energy),
    }


def sparser(masks: Mapping[Pair, Masks], way: str) -> dict[str, Any]:
    """Change of the mean mask from one λ to the next, the largest of all steps.

    Each step's change is a mean over photographs; negative where masks always shrink.
    """
    one = next(one for (_, name), one in masks.items() if name == way)
    change = np.diff(one.mask.double().mean(2).numpy(), axis=0)  # (steps, photographs)
    worst = change[change.mean(1).argmax()]
    return metrics.over_examples(worst, OVER_PHOTOGRAPHS)


def compacted(energy: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Energy in the largest `COMPACTED` of the entries: wavelet coefficients less pixels."""
    place = evaluate.place_of(COMPACTED)
    less = energy["wavelets"][place] - energy["pixels"][place]
    return metrics.over_examples(less, OVER_PHOTOGRAPHS)


def energies() -> dict[str, np.ndarray]:
    """Energy curves (points, photographs) of all packaged photographs in grey, by domain.

    The mean is taken off first: otherwise it alone would be most of the energy of either.
    """
    grey = torch.stack([
        packaged.photograph(name, size=SIDE).mean(0, keepdim=True) for name in packaged.PHOTOGRAPHS
    ]).double()  # fmt: skip
    grey -= grey.mean((2, 3), keepdim=True)
    return {
        kind: evaluate.compaction(domain_of(kind, channels=1).analyse(grey), evaluate.SHARES)
        for kind in ("wavelets", "pixels")
    }


def numbers_of(
    size: Size,
    images: Images,
    teachers: Mapping[str, Teacher],
    chosen: Mapping[Pair, float],
    judged: Mapping[str, Mapping[str, Judged]],
    claims: Mapping[str, Any],
    settings: pd.DataFrame | None,
    own: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    words = {
        f"{kind}_{score}": metrics.in_words(
            difference(methods, "wavelet", "pixel", score), more="more than", less="less than"
        )
        for kind, methods in judged.items()
        for score in ("restored", "inside", "roughness")
    } | {
        f"{kind}_than_{other}": metrics.in_words(
            difference(methods, "wavelet", other, "restored"), more="more than", less="less than"
        )
        for kind, methods in judged.items()
        for other in ("wam_ig", "wam_sg")
    } | {
        f"{what}_with_lambda": "at every step" if claims[key]["estimate"] < 0
        else "not at every step"
        for what, key in (("wavelets", "sparser_with_lambda"), ("pixels", "pixels_with_lambda"))
    }  # fmt: skip
    return {
        "data": {"images": size.images, "photographs": size.photographs, "side": SIDE,
                 "packaged": len(packaged.PHOTOGRAPHS), "source": "simulated",
                 "entries": {k: len(domain_of(k).scales) for k in ("wavelets", "pixels")}},
        "size": {
            "wavelet": WAVELET, "level": LEVEL, "steps": size.steps, "samples": size.samples,
            "lr": size.lr, "tuning": size.tuning, "tolerated": TOLERATED, "rate": RATE,
            "published": size.published, "draws": size.draws, "kept": optimise.KEPT, "own_lam": LAM,
            "published_steps": optimise.PUBLISHED["steps"],
            "published_samples": optimise.PUBLISHED["samples"],
        },
        "networks": {
            kind: {"accuracy": one.accuracy, "parameters": count_parameters(one.network)}
            for kind, one in teachers.items()
        },
        "chosen": {f"{kind}_{name}": lam for (kind, name), lam in chosen.items()},
        "methods": {
            kind: {
                name: {score: float(one.scores[score].mean()) for score in (*AREAS, *PICTURES)}
                for name, one in methods.items()
            }
            for kind, methods in judged.items()
        },
        "area": float(images.mask.double().mean()),
        "claims": dict(claims),
        "words": words,
        "settings": _settings(settings),
        "own": {name: dict(one) for name, one in own.items()},
    }  # fmt: skip


def own_of(found: Own, source: str) -> dict[str, Any]:
    """Areas of curves with intervals, and in words AWD's against the others."""
    others = [name for name in OWN if name != "awd"]
    less = {name: found.difference("awd", name) for name in others}
    return {
        "source": source, "n": len(found.areas["awd"]), "entries": dict(found.entries),
        **{name: found.area(name) for name in OWN},
        **{f"awd_minus_{name}": one for name, one in less.items()},
        "words": {
            name: metrics.in_words(one, more="larger than", less="smaller than")
            for name, one in less.items()
        },
    }  # fmt: skip


def _settings(frame: pd.DataFrame | None) -> dict[str, Any]:
    """By way; empty where the published settings were not tried."""
    names = ("correlation", "time_ratio", "mask_fast", "mask_published", "distortion_fast",
             "distortion_published")  # fmt: skip
    rows = {} if frame is None else {row["name"]: row for row in frame.to_dict("records")}
    return {
        way: {name: float(rows[way][name]) if way in rows else None for name in names}
        for way in ("wavelet", "pixel")
    }


def arrays_of(
    judged: Mapping[str, Mapping[str, Judged]],
    pictures: Mapping[str, Tensor],
    own: Mapping[str, Own],
    energy: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Curves and pictures of the page."""
    arrays: dict[str, np.ndarray] = {"shares": evaluate.SHARES}
    arrays |= {f"energy_{kind}": curve for kind, curve in energy.items()}
    for kind, methods in judged.items():
        for name, one in methods.items():
            arrays[f"curve_{kind}_{name}"] = one.curves.restored.mean(1)
    for data, found in own.items():
        arrays |= {f"{data}_{name}": curve for name, curve in found.curves.items()}
    return arrays | {name: one.numpy().astype(np.float16) for name, one in pictures.items()}


def shown_labels() -> dict[str, str]:
    """Names of the arrays of `pictures_of`, and what the first figure calls them."""
    return {
        f"shown_{kind}_{name}": f"{kind} network,\n{WAYS[name].label}"
        for kind in NETWORKS
        for name in WAYS
    }


def titles_of(images: Images) -> list[str]:
    """Shape and texture of the first images, in words."""
    both = zip(images.shape[:SHOWN].tolist(), images.texture[:SHOWN].tolist(), strict=True)
    return [f"{packaged.SHAPES[s]}, {packaged.TEXTURES[t]}" for s, t in both]


def pictures_of(images: Images, masks: Mapping[Pair, Masks]) -> dict[str, Tensor]:
    """What the masks of the first images keep, in grey, (images, height, width) each."""
    found = {}
    for kind in NETWORKS:
        for name in WAYS:
            domain, mask = domain_of(WAYS[name].domain), masks[kind, name].mask[0, :SHOWN]
            rows = domain.analyse(images.x[:SHOWN].to(mask))
            found[f"shown_{kind}_{name}"] = grey(domain, mask[:, None] * rows)
    return found


def widget_arrays(
    teachers: Mapping[str, Teacher],
    images: Images,
    photographs: Tensor,
    masks: Mapping[Pair, Masks],
) -> dict[str, np.ndarray]:
    """What the interactive figures are made of: a network, images, pictures of every λ."""
    arrays = {
        f"network_{name}": value.contiguous().float().numpy()
        for name, value in teachers["shape"].network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    arrays["drawn_on"] = _bytes(images.x[:DRAWN_ON])
    arrays["lambda_image"] = _bytes(photographs)
    for (_, name), one in masks.items():
        domain = domain_of(WAYS[name].domain)
        rows = domain.analyse(photographs.to(one.mask))
        arrays[f"lambda_{name}"] = _bytes(grey(domain, one.mask[:, :, None] * rows))
        arrays[f"mask_{name}"] = one.mask.double().mean(2).numpy()
        arrays[f"distortion_{name}"] = one.distortion
        arrays[f"kept_{name}"] = (one.mask > optimise.KEPT).double().mean(2).numpy()
    with torch.no_grad():
        network = teachers["photograph"].network
        arrays["lambda_answer"] = network(photographs.to(network.head.weight)).softmax(1).numpy()
    return arrays


def _bytes(x: Tensor) -> np.ndarray:
    return (x.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
