"""The cosmology teacher: trained on maps from disk, its gradients taken once."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import adam as adam_module
from awdlib import attribution, resnet
from awdlib.adam import Adam
from awdlib.attribution import input_gradients
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.ledger import Ledger, array_hash, code_hash
from awdlib.lensing.setup import TARGET
from awdlib.resnet import ResNet18
from awdlib.threads import reuse_memory

BATCH = 32
LR = 2e-3
SYMMETRIES = 8  # of a square: four turns, each turned over or not


def symmetry(x: Tensor, which: int) -> Tensor:
    """Maps (batch, 1, side, side) turned by `which` % 4 right angles, and turned over from 4 on."""
    turned = torch.rot90(x, which % 4, (2, 3))
    return turned.flip(3) if which >= 4 else turned


@dataclass(frozen=True)
class Trained:
    """A trained teacher.

    Attributes
    ----------
    model : ResNet18
        In evaluation mode, with the weights of its best epoch.
    curve : numpy.ndarray
        RMSE of Omega_m on the selection maps after each epoch.
    """

    model: ResNet18
    curve: np.ndarray


def train(
    maps: MapSet,
    held: MapSet,
    *,
    width: int = 64,
    epochs: int = 20,
    seed: int = 1,
    batch_size: int = BATCH,
    lr: float = LR,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    ledger: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train ResNet-18 to tell all three parameters, and keep the epoch that tells Omega_m best.

    Adam with a rate that rises for a tenth of the steps and falls to nothing by a cosine; each
    batch is turned and turned over at random. Each finished epoch is kept in the ledger, with the
    optimiser's state, so training that was stopped goes on.

    Parameters
    ----------
    maps : MapSet
        Training maps, read from disk batch by batch.
    held : MapSet
        Selection maps, for early stopping: never test ones.
    width : int
        64 is ResNet-18; 16 has a sixteenth of its parameters.
    epochs, seed, batch_size, lr, dtype, device
    ledger : pathlib.Path, optional
    progress : callable, optional
        Called with (epochs done, epochs).

    Raises
    ------
    ValueError
        If the loss stops being finite.
    """
    torch.backends.cudnn.allow_tf32 = False  # a GPU agrees with the CPU to 1e-3
    reuse_memory()
    model = ResNet18(outputs=maps.parameters.shape[1], width=width, seed=seed)
    model = model.to(device, dtype)
    centre, scale = (torch.from_numpy(v) for v in (maps.parameters.mean(0), _spread(maps)))
    some = maps.spread_out(20)
    model.set_units(centre, scale, float(some.read(np.arange(len(some))).std()))
    adams = [Adam(p, lr) for p in model.parameters()]
    config = {
        "width": width, "epochs": epochs, "seed": seed, "batch": batch_size, "lr": lr,
        "dtype": str(dtype), "device": device, "maps": maps.identity, "held": held.identity,
        "code": code_hash(resnet, adam_module, sys.modules[__name__]),
    }  # fmt: skip
    book = Ledger(ledger, config) if ledger else None
    curve: list[float] = []
    best = _state(model, adams)
    for epoch in range(epochs):
        key = {"epoch": epoch}
        found = book.find(key) if book else None
        if found is None:
            _epoch(model, adams, maps, epoch, epochs, seed, batch_size, lr)
            error = rmse(model, held)
            found = {**_state(model, adams), "rmse": np.array(error)}
            if book:
                book.keep(key, found)
        else:
            _restore(model, adams, found)
        curve.append(float(found["rmse"]))
        if curve[-1] == min(curve):
            best = found
        if progress:
            progress(epoch + 1, epochs)
    _restore(model, adams, best)
    return Trained(model.eval(), np.array(curve))


def _epoch(
    model: ResNet18,
    adams: list[Adam],
    maps: MapSet,
    epoch: int,
    epochs: int,
    seed: int,
    batch_size: int,
    lr: float,
) -> None:
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(maps))
    steps = -(-len(maps) // batch_size)
    scale = model.scale
    parameters = list(model.parameters())
    model.train()
    for step in range(steps):
        rows = order[step * batch_size : (step + 1) * batch_size]
        x = symmetry(maps.read(rows).to(scale), int(rng.integers(SYMMETRIES)))
        y = torch.from_numpy(maps.parameters[rows]).to(scale)
        loss = nn.functional.mse_loss(model(x) / scale, y / scale)
        if not torch.isfinite(loss):
            raise ValueError(f"training diverged in epoch {epoch + 1}: lower lr")
        gradients = torch.autograd.grad(loss, parameters)
        share = (epoch * steps + step + 1) / (epochs * steps)
        rate = lr * (share / 0.1 if share < 0.1 else (1 + cos(pi * (share - 0.1) / 0.9)) / 2)
        for adam, gradient in zip(adams, gradients, strict=True):
            adam.lr = rate
            adam.step(gradient)
    model.eval()


def predict(model: ResNet18, maps: MapSet, *, batch_size: int = 64) -> np.ndarray:
    """All parameters of every map, (maps, 3)."""
    with torch.no_grad():
        parts = [model(x.to(model.scale)).cpu() for x in maps.batches(batch_size)]
    return torch.cat(parts).double().numpy()


def rmse(model: ResNet18, maps: MapSet) -> float:
    """Root mean square error of Omega_m."""
    off = predict(model, maps)[:, TARGET] - maps.parameters[:, TARGET]
    return float(np.sqrt(np.mean(off**2)))


def gradients(
    model: ResNet18,
    maps: MapSet,
    *,
    target: int = TARGET,
    method: Any = "saliency",
    piece: int = 100,
    batch_size: int = 32,
    ledger: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """The network's gradient at every map, (maps, 1, height, width); kept piece by piece.

    Parameters
    ----------
    model : ResNet18
    maps : MapSet
    target : int
        Which output: 1 is Omega_m, 0 the mass of the neutrinos.
    method : str
        As of `awdlib.attribution.input_gradients`.
    piece : int
        Maps of one piece in the ledger.
    batch_size : int
    ledger : pathlib.Path, optional
    progress : callable, optional
        Called with (maps done, maps).
    """
    weights = array_hash(*(t.cpu().numpy() for t in model.state_dict().values()))
    config = {"network": weights, "target": target, "method": method}
    config["code"] = code_hash(resnet, attribution)
    book = Ledger(ledger, {"gradients": config}) if ledger else None
    found = []
    for begin in range(0, len(maps), piece):
        rows = np.arange(begin, min(begin + piece, len(maps)))
        x = maps.read(rows)

        def compute(x: Tensor = x) -> dict[str, np.ndarray]:
            slope = input_gradients(
                model, x.to(model.scale), target=target, method=method, batch_size=batch_size
            )
            return {"gradients": slope.cpu().numpy()}

        key = {"maps": maps.take(rows).identity}
        found.append((book.piece(key, compute) if book else compute())["gradients"])
        if progress:
            progress(int(rows[-1]) + 1, len(maps))
    return torch.from_numpy(np.concatenate(found))


def _spread(maps: MapSet) -> np.ndarray:
    spread = maps.parameters.std(0)
    return np.where(spread > 0, spread, 1.0)


def _state(model: ResNet18, adams: list[Adam]) -> dict[str, np.ndarray]:
    """Weights and the optimiser's moments as arrays."""
    state = {f"model.{k}": v.detach().cpu().numpy().copy() for k, v in model.state_dict().items()}
    for k, adam in enumerate(adams):
        state[f"mean.{k}"] = adam.mean.cpu().numpy().copy()
        state[f"square.{k}"] = adam.square.cpu().numpy().copy()
    return state | {"steps": np.array(adams[0].steps)}


def _restore(model: ResNet18, adams: list[Adam], state: dict[str, np.ndarray]) -> None:
    weights = {k[6:]: torch.from_numpy(v) for k, v in state.items() if k.startswith("model.")}
    model.load_state_dict(weights)
    for k, adam in enumerate(adams):
        adam.mean.copy_(torch.from_numpy(state[f"mean.{k}"]))
        adam.square.copy_(torch.from_numpy(state[f"square.{k}"]))
        adam.steps = int(state["steps"])
