"""What all methods share: the crops they see, turns of these, and the head that judges features.

Every method sees the same labelled crops: n of each texture to learn from and half as many (at most
`HELD_MOST`) to stop by and to choose by, cut from other parts of the pictures; in the end a ridge
head is fitted on all of them. Test crops come from a third part. A texture has no upright: while
anything learns its crops are turned and mirrored at random, and heads see their turns too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from awdlib import dwt
from awdlib.adaptive.setup import Size
from awdlib.datasets import textures
from awdlib.datasets.textures import TEXTURES
from awdlib.networks import SmallCNN
from awdlib.scattering.heads import RidgeHead
from awdlib.scattering.model import ScatteringModel

TEST_SEED = 0  # of the test crops, which are the same for all
HELD_MOST = 20  # crops of each texture to stop and choose by, at most
COPIES = 8  # of a square, by turning and mirroring
ALPHAS = (1000.0, 100.0, 10.0, 1.0, 0.1)  # of the ridge heads; of equals the largest
FOLDS = 4  # of the cross-validation that chooses α
LARGEST = 6  # coefficients of each band that AWD's own features are made of
Features = Callable[[Tensor], Tensor]  # images (n, 1, height, width) to (n, features)


# --- crops and tries -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Crops:
    """Labelled crops to learn from, to choose by, and to test on; x is (n, 1, height, width)."""

    x: Tensor
    y: Tensor
    x_held: Tensor
    y_held: Tensor
    x_test: Tensor
    y_test: Tensor


@lru_cache(maxsize=4)  # every method asks for the same ones, above all for the test crops
def cut(split: str, count: int, seed: int, size: Size) -> tuple[Tensor, Tensor]:
    """Crops of one split, where `count` of each texture are labelled to learn from.

    Half as many are held out, at most `HELD_MOST`, which is few for small counts: they only say
    when to stop and which of a few tries to keep. What heads need is chosen by cross-validation on
    all labelled crops.
    """
    held = min(max(1, count // 2), HELD_MOST)
    many = {"train": count, "held": held, "test": size.test}[split]
    own = TEST_SEED if split == "test" else seed
    x, y = textures.crops(many, seed=own, split=split, size=size.pixels)
    return x.to(size.dtype), y


def draw(count: int, seed: int, size: Size) -> Crops:
    """Crops for `count` labelled ones of each texture."""
    return Crops(*cut("train", count, seed, size), *cut("held", count, seed, size),
                 *cut("test", count, seed, size))  # fmt: skip


def starts(seed: int, size: Size) -> list[int]:
    """A seed for each try of what learns: as many for every method, of which held-out crops choose.

    Learning from attributions tries another γ with each.
    """
    return [seed + 1000 * k for k in range(len(size.gammas))]


# --- turns ---------------------------------------------------------------------------------------


def turned(x: Tensor, k: int) -> Tensor:
    """Square images (..., side, side) by one of `COPIES` turns; k = 0 leaves them as they are."""
    x = x.rot90(k % 4, (-2, -1))
    return x.flip(-1) if k // 4 % 2 else x


def copies_for(count: int, size: Size) -> int:
    """How many turns of each of so many crops heads see: all, or what memory and time allow."""
    return max(1, min(COPIES, size.examples // count))


# --- heads ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Features (examples, features) of all labelled crops and their turns, classes, and folds.

    Turns of one crop are in one fold.
    """

    features: Tensor
    y: Tensor
    fold: Tensor


def known(features: Features, crops: Crops, size: Size) -> Known:
    """What heads learn from: crops to learn from and crops held out, turned."""
    x, y = torch.cat([crops.x, crops.x_held]), torch.cat([crops.y, crops.y_held])
    copies = copies_for(len(x), size)
    found = torch.cat([features(turned(x, k)) for k in range(copies)])
    return Known(found, y.repeat(copies), folds(len(x)).repeat(copies))


def folds(count: int) -> Tensor:
    """The fold of each of so many crops, (count,), with as many of each texture in all."""
    number = torch.arange(count) // len(TEXTURES)  # crops come one of each texture at a time
    return number % min(FOLDS, int(number.max()) + 1)


def choose_alpha(some: Known) -> tuple[float, float]:
    """α of a ridge head with the best cross-validated accuracy, and that accuracy."""
    scores = []
    for alpha in ALPHAS:
        each = []
        for k in some.fold.unique():
            out = some.fold == k
            each.append(RidgeHead(some.features[~out], some.y[~out], some.features[out],
                                  some.y[out], alpha=alpha).score())  # fmt: skip
        scores.append(float(np.mean(each)))
    best = int(np.argmax(scores))
    return ALPHAS[best], scores[best]


def head_for(features: Features, crops: Crops, size: Size) -> RidgeHead:
    """A ridge regression on features of all labelled crops, its α by cross-validation on them.

    Every method gets such a head, the network too: what differs then are the features. Its held-out
    examples are the test crops; nothing but its outputs depends on them.
    """
    some = known(features, crops, size)
    alpha, _ = choose_alpha(some)
    return RidgeHead(some.features, some.y, features(crops.x_test), crops.y_test, alpha=alpha)


def tested(features: Features, crops: Crops, size: Size) -> np.ndarray:
    """Which test crops the head on such features has right, (test crops,)."""
    return (head_for(features, crops, size).predict().argmax(1) == crops.y_test).numpy()


# --- what heads read -----------------------------------------------------------------------------


def features_of(model: ScatteringModel, x: Tensor) -> Tensor:
    """What a head reads of crops by scattering, (crops, features)."""
    with torch.no_grad():
        return torch.cat([model.features(some) for some in x.split(128)]).double()


def coloured(x: Tensor) -> Tensor:
    """Grey images (n, 1, height, width) as the network takes them, with three equal channels."""
    return x.expand(-1, 3, -1, -1)


def network_features(network: SmallCNN, x: Tensor) -> Tensor:
    """What a network's own head reads of crops: means of its last channels, (crops, channels)."""
    with torch.no_grad():
        return torch.cat([network.body(coloured(some)).mean((2, 3)) for some in x.split(128)])


def band_features(h: Tensor, level: int, x: Tensor) -> Tensor:
    """AWD's own features: of each band of the wavelet transform, logarithms of what is large in it.

    The largest coefficients by size, as the paper's model of tracks takes them, and the mean size,
    (crops, bands · (`LARGEST` + 1)).
    """
    found = []
    for band in dwt.flatten_coeffs(dwt.wavedec2(x[:, 0].double(), h.double(), level=level)):
        size = band.abs().flatten(1)
        found += [size.topk(LARGEST, dim=1).values, size.mean(1, keepdim=True)]
    return (torch.cat(found, 1) + 1e-6).log()
