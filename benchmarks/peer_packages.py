"""The packages that the library is timed against, and how they are called.

Nothing else of the project uses them. `awave` is the paper's own code; `pytorch_wavelets` a
differentiable wavelet transform.
"""

import importlib
import importlib.resources
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import metadata
from types import ModuleType
from typing import IO, Any

import torch
from torch import nn

# The authors' conjugate-mirror term turns the loss complex in today's torch, and backward fails.
OTHER_TERMS = {"lamlSum": 1.0, "lamhSum": 1.0, "lamL2norm": 1.0, "lamConv": 1.0, "lamCMF": 0.0}

PEERS = {"dwt2_forward_backward": "pytorch_wavelets", "scattering2d": "kymatio"}  # else awave


class MissingPeerError(RuntimeError):
    """A package to be timed against is not installed; the message says how to get it."""


def version(package: str) -> str:
    """Version of a peer.

    Raises
    ------
    MissingPeerError
        If it is not installed.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise MissingPeerError(
            f"{package} is not installed; `make bench` installs what the benchmarks need."
        ) from None


def load_awave() -> ModuleType:
    """Import awave, and undo what its import does to `sys.path`."""
    version("awave")
    path = list(sys.path)
    try:
        return importlib.import_module("awave")
    finally:
        sys.path[:] = path


def load_pytorch_wavelets() -> ModuleType:
    """Import pytorch_wavelets, which asks for a module that setuptools no longer has."""
    version("pytorch_wavelets")
    stand_in = ModuleType("pkg_resources")

    def resource_stream(package: str, name: str) -> IO[bytes]:
        return importlib.resources.files(package).joinpath(name).open("rb")

    stand_in.resource_stream = resource_stream  # type: ignore[attr-defined]
    before = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        return importlib.import_module("pytorch_wavelets")
    finally:
        if before is None:
            del sys.modules["pkg_resources"]
        else:
            sys.modules["pkg_resources"] = before


class WithOutputs(nn.Module):
    """A network of (batch,) seen as one of (batch, 1): awave indexes outputs."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, ...) to (batch, 1)."""
        return self.model(x)[:, None]


def awave_fit(
    x: torch.Tensor,
    model: nn.Module,
    *,
    epochs: int,
    lam: float,
    gamma: float,
    batch: int,
    seed: int,
    lr: float,
    level: int,
) -> torch.Tensor:
    """Distil by awave, as its authors call it, and return the lowpass filter.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    model : torch.nn.Module
        To (batch,); its weights must not ask for gradients, as the authors have it.

    Returns
    -------
    torch.Tensor, shape (taps,)
    """
    awave = load_awave()
    data = torch.utils.data.TensorDataset(x, torch.zeros(len(x)))
    order = torch.Generator().manual_seed(seed)
    loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, generator=order)
    wavelet = awave.DWT1d(wave="db5", mode="zero", J=level)
    with redirect_stdout(io.StringIO()):
        wavelet.fit(
            train_loader=loader,
            pretrained_model=WithOutputs(model),
            lr=lr,
            num_epochs=epochs,
            seed=seed,
            target=0,
            attr_methods="Saliency",
            lamL1wave=lam,
            lamL1attr=gamma,
            **OTHER_TERMS,
        )
    return wavelet.h0.detach().flatten()


def awave_step2d(
    model: nn.Module, *, lam: float, gamma: float, target: int, lr: float, level: int
) -> tuple[Callable[[torch.Tensor], float], Callable[[], torch.Tensor]]:
    """Return awave's optimisation step on a batch of maps, and a function that reads its filter."""
    awave = load_awave()
    wavelet: Any = awave.DWT2d(wave="db5", mode="zero", J=level)
    trainer = awave.Trainer(
        model=model,
        w_transform=wavelet,
        optimizer=torch.optim.Adam(wavelet.parameters(), lr=lr),
        loss_f=awave.get_loss_f(lamL1wave=lam, lamL1attr=gamma, **OTHER_TERMS),
        target=target,
        device=torch.device("cpu"),
        use_residuals=True,
        attr_methods="Saliency",
    )
    wavelet.train()
    return trainer._train_iteration, lambda: wavelet.h0.detach().flatten()
