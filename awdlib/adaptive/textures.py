"""Classify textures from few examples: fixed and learned scattering, AWD's wavelet, a network.

Every method sees the same labelled crops: n of each texture to learn from and about half as many to
stop by and to choose by, cut from other parts of the pictures; in the end a ridge head is fitted on
all of them. Test crops come from a third part. A texture has no upright: while anything learns its
crops are turned and mirrored at random, and heads see their turns too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import adam, dwt, filters, networks
from awdlib.adaptive.setup import METHODS, SCATTERING, Size, Study
from awdlib.datasets import images, textures
from awdlib.datasets.textures import TEXTURES
from awdlib.distill import distill
from awdlib.ledger import array_hash, joined, load_state, part, state_of
from awdlib.networks import SmallCNN
from awdlib.scattering import learn
from awdlib.scattering.banks import Bank
from awdlib.scattering.heads import RidgeHead
from awdlib.scattering.learn import ScatteringModel, jitter
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.orthogonal import LatticeTaps, Orthogonal2d
from awdlib.scattering.transform import Scattering2d
from awdlib.sweep import NUMERICS
from awdlib.threads import one_thread, reuse_memory

TEST_SEED = 0  # of the test crops, which are the same for all
HELD_MOST = 20  # crops of each texture to stop and choose by, at most
LAM, GAMMA = 0.005, 0.05  # of AWD: the middle and the end of the published grid for images
START = "db5"  # of AWD, and of what learns orthogonal filters
ALPHAS = (1000.0, 100.0, 10.0, 1.0, 0.1)  # of the ridge heads; of equals the largest
FOLDS = 4  # of the cross-validation that chooses α
LARGEST = 6  # coefficients of each band that AWD's own features are made of
LR = 3e-2  # of filters: their parameters are logarithms and angles
SPREAD = 0.05  # of starts after the first
CHECK, PATIENCE = 4, 3  # steps between looks at the held-out crops; looks without gain
COPIES = 8  # of a square, by turning and mirroring
ATTRIBUTED = ("distilled", "awd", "awd_bands")  # methods that learn from network's attributions
NETWORK = (adam, networks, images, textures, sys.modules[__name__])
CODE = (*NUMERICS, *SCATTERING, *NETWORK)
Features = Callable[[Tensor], Tensor]  # images (n, 1, height, width) to (n, features)


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

    Half as many are held out, which is few for small counts: they only say when to stop and which
    of a few tries to keep. What heads need is chosen by cross-validation on all labelled crops.
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
    number = torch.arange(len(x)) // len(TEXTURES)  # crops come one of each texture at a time
    fold = number % min(FOLDS, int(number.max()) + 1)
    return Known(found, y.repeat(copies), fold.repeat(copies))


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


def features_of(model: ScatteringModel, x: Tensor) -> Tensor:
    """What a head reads of crops by scattering, (crops, features)."""
    with torch.no_grad():
        return torch.cat([model.features(some) for some in x.split(128)]).double()


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


# --- the network ---------------------------------------------------------------------------------


class Turning(nn.Module):
    """A network of grey crops, each batch of which is turned at random while it is trained."""

    def __init__(self, network: SmallCNN, seed: int):
        super().__init__()
        self.network, self._turns = network, np.random.default_rng(seed)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, side, side) to logits (batch, classes)."""
        if self.training:
            x = turned(x, int(self._turns.integers(COPIES)))
        return self.network(coloured(x))


def network_for(crops: Crops, seed: int, size: Size) -> SmallCNN:
    """A convolutional network trained on the crops: of as many tries as filters get, the best.

    The number of steps is the same for all numbers of crops, up to one pass through them. The step
    length falls to zero, so all of them are made; the weights of the best pass are kept.
    """
    batch = 16
    epochs = -(-size.network_updates // -(-len(crops.x) // batch))
    best: tuple[float, SmallCNN] | None = None
    for start in starts(seed, size):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start)
            network = SmallCNN(len(TEXTURES)).to(size.dtype)
        curve = networks.train(
            Turning(network, start), crops.x, crops.y, crops.x_held, crops.y_held, seed=start,
            epochs=epochs, patience=epochs, batch_size=batch, lr=2e-3,
            loss=nn.functional.cross_entropy, anneal=True,
        )  # fmt: skip
        if best is None or min(curve) < best[0]:
            best = min(curve), network
    assert best is not None
    return best[1]


def starts(seed: int, size: Size) -> list[int]:
    """A seed for each try of what learns: as many for every method, of which held-out crops choose.

    Learning from attributions tries another γ with each.
    """
    return [seed + 1000 * k for k in range(len(size.gammas))]


def teach(count: int, seed: int, size: Size) -> dict[str, np.ndarray]:
    """Train the network on so many crops and test it.

    Returns
    -------
    dict of str to numpy.ndarray
        ``state/...``; ``correct`` (test crops,) by a ridge head on its features as all methods
        have one, and ``own`` by its own head.
    """
    reuse_memory()
    with one_thread():
        crops = draw(count, seed, size)
        network = network_for(crops, seed, size)
        right = tested(partial(network_features, network), crops, size)
        with torch.no_grad():
            own = network(coloured(crops.x_test)).argmax(1) == crops.y_test
    return joined({"state": state_of(network)}) | {"correct": right, "own": own.numpy()}


def network_of(state: Mapping[str, np.ndarray], size: Size) -> SmallCNN:
    """The network whose ``state`` `teach` gave, in evaluation mode."""
    network = SmallCNN(len(TEXTURES)).to(size.dtype)
    load_state(network, state)
    return network.eval()


def coloured(x: Tensor) -> Tensor:
    """Grey images (n, 1, height, width) as the network takes them, with three equal channels."""
    return x.expand(-1, 3, -1, -1)


def attributions(network: SmallCNN, crops: Crops) -> Tensor:
    """Gradient of each training crop's own logit by the crop, of its shape.

    Of the network's mean over all turns of a crop: this mean does not change when the crop turns,
    so its gradients turn with the crop.
    """
    parts = []
    for some, y in zip(crops.x.split(128), crops.y.split(128), strict=True):
        x = some.clone().requires_grad_()
        logits = torch.stack([network(coloured(turned(x, k))) for k in range(COPIES)]).mean(0)
        own = logits.gather(1, y[:, None]).sum()  # no crop has a part in another's logit
        parts.append(torch.autograd.grad(own, x)[0])
    return torch.cat(parts)


# --- filters -------------------------------------------------------------------------------------


def model_of(bank: Bank, size: Size, order: int = 2) -> ScatteringModel:
    """A scattering transform by a bank, and a linear head for all textures."""
    scattering = Scattering2d((size.pixels, size.pixels), bank, order=order, rescale=True)
    return ScatteringModel(scattering, len(TEXTURES))


@dataclass(frozen=True)
class Fit:
    """Features, and how they came about.

    Attributes
    ----------
    features : callable
    state : dict of str to numpy.ndarray
        Parameters of the filters, or the taps of a wavelet.
    sums : list of float
        Largest Littlewood–Paley sum after each step of every try; empty where nothing learned.
    gamma : float
        That was chosen.
    """

    features: Features
    state: dict[str, np.ndarray]
    sums: list[float] = field(default_factory=list)
    gamma: float = 0.0


def update(
    model: ScatteringModel, crops: Crops, seed: int, updates: int, gamma: float = 0.0,
    gradients: Tensor | None = None,
) -> learn.History:  # fmt: skip
    """Learn filters below a linear head in so many steps, whatever the number of crops."""
    every = min(CHECK, updates)
    return learn.fit(
        model, crops.x, crops.y, crops.x_held, crops.y_held, seed=seed, batch_size=32,
        lr_filters=LR, every=every, epochs=-(-updates // every), patience=PATIENCE,
        augment=turned, gamma=gamma, gradients=gradients if gamma else None,
    )  # fmt: skip


def learned(
    crops: Crops, make: Callable[[], Bank], seed: int, size: Size, gradients: Tensor | None = None
) -> Fit:
    """Learn filters from each of `starts`; the one with the smallest held-out loss.

    With a teacher's gradients each start has another γ.
    """
    tries: list[tuple[float, Fit]] = []
    sums: list[float] = []
    for k, start in enumerate(starts(seed, size)):
        bank = make()
        if k:
            jitter(bank, SPREAD, start)
        gamma = 0.0 if gradients is None else size.gammas[k]
        model = model_of(bank, size)
        history = update(model, crops, start, size.updates, gamma, gradients)
        sums += history.littlewood_paley.tolist()
        one = Fit(partial(features_of, model), state_of(bank), sums, gamma)
        tries.append((float(history.held_loss.min()), one))
    return min(tries, key=lambda one: one[0])[1]


def bank_of(method: str, size: Size) -> Bank:
    """The wavelets that a method starts from."""
    if method == "orthogonal":
        return Orthogonal2d(size.scales, START)
    share = "each" if method == "each" else "rotated"
    return Morlet2d(size.scales, size.orientations, share=share)


def wavelets(
    method: str, crops: Crops, seed: int, size: Size, network: SmallCNN | None
) -> list[tuple[Tensor, float]]:
    """Lowpass filters (taps,) that a method of one wavelet may choose from, and the γ of each.

    AWD has as many as there are random ones: one for each γ of a grid.
    """
    start = filters.lowpass(START)
    if method.startswith("db5"):
        return [(start, 0.0)]
    if method == "random":
        draw = torch.Generator().manual_seed(seed)
        angles = filters.random_angles(size.wavelets, len(start), draw)
        return [(filters.taps_from_angles(one), 0.0) for one in angles]
    assert network is not None
    gradients = attributions(network, crops)
    copies, batch = copies_for(len(crops.x), size), 16
    x, slopes = (torch.cat([turned(a, k) for k in range(copies)]) for a in (crops.x, gradients))
    gammas = [GAMMA * (k + 1) / size.wavelets for k in range(size.wavelets)]
    h = distill(
        x, gradients=slopes, start=START, lam=LAM, gamma=gammas, seed=seed, batch_size=batch,
        epochs=-(-size.distil_updates // -(-len(x) // batch)), level=size.scales,
        parametrisation="lattice",
    ).h  # fmt: skip
    return [(one.double(), gamma) for one, gamma in zip(h, gammas, strict=True)]


def best_wavelet(
    method: str, candidates: Sequence[tuple[Tensor, float]], crops: Crops, size: Size
) -> Fit:
    """The wavelet on whose features heads do best by cross-validation on labelled crops."""
    tries = []
    for h, gamma in candidates:
        if method.endswith("_bands"):
            features: Features = partial(band_features, h, size.scales)
        else:
            model = model_of(Orthogonal2d(size.scales, LatticeTaps(h)), size)
            features = partial(features_of, model)
        one = Fit(features, {"taps": h.numpy()}, gamma=gamma)
        score = choose_alpha(known(features, crops, size))[1] if len(candidates) > 1 else 0.0
        tries.append((score, one))
    return max(tries, key=lambda one: one[0])[1]


def fit(method: str, crops: Crops, seed: int, size: Size, network: SmallCNN | None = None) -> Fit:
    """The features of a method of `METHODS`; those of `ATTRIBUTED` need a network."""
    if method == "fixed":
        bank = bank_of(method, size)
        return Fit(partial(features_of, model_of(bank, size)), state_of(bank))
    if method in ATTRIBUTED and network is None:
        raise ValueError(f"{method} learns from a network's attributions, and there is none")
    if method in ("rotated", "each", "orthogonal", "distilled"):
        gradients = attributions(network, crops) if network and method in ATTRIBUTED else None
        return learned(crops, partial(bank_of, method, size), seed, size, gradients)
    return best_wavelet(method, wavelets(method, crops, seed, size, network), crops, size)


def classify(
    method: str, count: int, seed: int, size: Size, state: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Teach one method and test it.

    Parameters
    ----------
    state : mapping, optional
        The network's, for methods of `ATTRIBUTED`.

    Returns
    -------
    dict of str to numpy.ndarray
        ``correct`` (test crops,), ``littlewood_paley`` (the largest sum after any step of any try;
        0 where no filter learned), ``gamma`` that was chosen, and the filters, ``bank/...``.
    """
    reuse_memory()
    with one_thread():
        crops = draw(count, seed, size)
        found = fit(method, crops, seed, size, network_of(state, size) if state else None)
        right = tested(found.features, crops, size)
    return joined({"bank": found.state}) | {
        "correct": right, "littlewood_paley": np.array(max(found.sums, default=0.0)),
        "gamma": np.array(found.gamma),
    }  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """Learning curves of every method.

    Attributes
    ----------
    correct : dict of method to numpy.ndarray of bool, shape (counts, seeds, test crops)
    own : numpy.ndarray of bool, shape (counts, seeds, test crops)
        By the network's own head.
    pieces : dict of (method, count, seed) to what `classify` gave
    networks : dict of (count, seed) to the network's state
    """

    correct: dict[str, np.ndarray]
    own: np.ndarray
    pieces: dict[tuple[str, int, int], dict[str, np.ndarray]]
    networks: dict[tuple[int, int], dict[str, np.ndarray]]


def learning_curves(study: Study) -> Curves:
    """Teach every method on every number of crops and for every seed; each network once."""
    size = study.size
    draws = [(n, s) for n in size.counts for s in size.seeds]
    taught = study.gather(
        "networks", [({"count": n, "seed": s}, (n, s, size)) for n, s in draws], teach,
        code=(*NETWORK, *SCATTERING),
        **size.some("pixels", "test", "network_updates", "examples", "gammas"),
    )  # fmt: skip
    states = {draw: part(piece, "state") for draw, piece in zip(draws, taught, strict=True)}
    keys = [(m, n, s) for m in METHODS if m != "cnn" for n, s in draws]
    tasks = []
    for m, n, s in keys:
        state = states[n, s] if m in ATTRIBUTED else {}
        key = {"method": m, "count": n, "seed": s, "network": array_hash(*state.values())}
        tasks.append((key, (m, n, s, size, state)))
    found = study.gather(
        "textures", tasks, classify, code=CODE, what="learning curves",
        **size.some("pixels", "test", "scales", "orientations", "updates", "distil_updates",
                    "examples", "wavelets", "gammas"),
    )  # fmt: skip
    pieces = dict(zip(keys, found, strict=True))
    right = {key: piece["correct"] for key, piece in pieces.items()}
    right |= {("cnn", *d): piece["correct"] for d, piece in zip(draws, taught, strict=True)}
    correct = {
        m: np.array([[right[m, n, s] for s in size.seeds] for n in size.counts]) for m in METHODS
    }
    shape = (len(size.counts), len(size.seeds), -1)
    own = np.array([piece["own"] for piece in taught]).reshape(shape)
    return Curves(correct, own, pieces, states)


def bank_with(state: Mapping[str, np.ndarray], method: str, size: Size) -> Bank:
    """The filters that a method has learned: ``bank`` of `classify`."""
    bank = bank_of(method, size)
    load_state(bank, state)
    return bank
