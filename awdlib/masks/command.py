"""Explain images of one's own by a network of one's own: what ``awd explain`` does."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib.masks import optimise
from awdlib.masks.distortion import ask, expected_distortion
from awdlib.masks.domains import Domain, Pixels, Wavelets
from awdlib.progress import progress
from awdlib.store import png, to_json, write

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
# Means and standard deviations of channels that pretrained networks expect.
NORMALISATIONS = {
    "none": None,
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
DOMAINS = ("wavelets", "pixels")


def load_model(factory: str, weights: Path | None = None, normalise: str = "none") -> nn.Module:
    """A network by the function that makes it, ``package.module:function``, ready to be asked.

    Parameters
    ----------
    factory : str
        The function is called without arguments; the current folder is searched too.
    weights : Path, optional
        A .safetensors file for its state.
    normalise : str
        Of `NORMALISATIONS`: what is done to images between 0 and 1 first.

    Raises
    ------
    ValueError
        If something is not as it should be, in one sentence.
    """
    module, _, name = factory.partition(":")
    if not (module and name):
        raise ValueError(f"--model takes package.module:function, not '{factory}'")
    if normalise not in NORMALISATIONS:
        raise ValueError(f"--normalise takes {' or '.join(NORMALISATIONS)}, not '{normalise}'")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        make: Callable[[], Any] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ValueError(f"--model {factory}: {error}") from error
    except AttributeError as error:
        raise ValueError(f"--model {factory}: {module} has no '{name}'") from error
    model = make()
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model {factory}: it makes a {type(model).__name__}, not a network")
    if weights is not None:
        _fill(model, weights)
    scale = NORMALISATIONS[normalise]
    return (nn.Sequential(Normalise(*scale), model) if scale else model).eval()


def _fill(model: nn.Module, weights: Path) -> None:
    if weights.suffix != ".safetensors":
        raise ValueError(
            f"{weights}: weights are read from .safetensors only, as other formats may run code; "
            "safetensors.torch.save_file(model.state_dict(), ...) writes one"
        )
    if not weights.is_file():
        raise ValueError(f"there are no weights {weights}")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        first = " ".join(str(error).split())[:200]
        raise ValueError(f"{weights} does not fit the network: {first}") from error


class Normalise(nn.Module):
    """Channels less their means, over their standard deviations."""

    mean: Tensor
    sd: Tensor

    def __init__(self, mean: tuple[float, ...], sd: tuple[float, ...]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("sd", torch.tensor(sd)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width), of the same shape."""
        return (x - self.mean) / self.sd


def load_images(path: Path, size: int) -> Iterator[tuple[str, Tensor]]:
    """Names and images (3, size, size) between 0 and 1, of a file or of all in a folder.

    The shorter side is brought to `size`, and the middle taken.

    Raises
    ------
    ValueError
        If there is none, or one cannot be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES)
        if not files:
            raise ValueError(f"there are no images in {path} ({', '.join(SUFFIXES)})")
    elif path.is_file():
        files = [path]
    else:
        raise ValueError(f"there is no {path}")
    for file in files:
        try:
            with Image.open(file) as opened:
                whole = ImageOps.exif_transpose(opened).convert("RGB")
                picture = ImageOps.fit(whole, (size, size))
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{file} is no image that can be read: {error}") from error
        yield file.stem, torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255.0


def explain(
    path: Path,
    out: Path,
    model: nn.Module,
    *,
    domain: str = "wavelets",
    wavelet: str = "db3",
    level: int = 5,
    lam: float | None = None,
    spatial: float = 0.0,
    size: int = 224,
    target: int | None = None,
    device: str = "cpu",
    **settings: Any,
) -> list[dict[str, Any]]:
    """Write the explanation of every image as a PNG and its numbers as JSON, into a folder.

    Parameters
    ----------
    path : Path
        An image, or a folder of images.
    out : Path
        Folder; files of the same names are written anew.
    model : torch.nn.Module
        From `load_model`.
    domain : str
        ``"wavelets"`` or ``"pixels"``.
    wavelet, level
        Of the first.
    lam : float, optional
        λ of `awdlib.masks.optimise.explain`; the published one of the domain by default.
    target : int, optional
        The class that is explained; the network's own answer by default.
    **settings
        Steps and so on, of `awdlib.masks.optimise.explain`.

    Returns
    -------
    list of dict
        ``image``, ``target``, ``probability``, ``kept`` (share of the mask's entries above .1),
        ``distortion``, ``error``, ``lam``, ``picture``.
    """
    if domain not in DOMAINS:
        raise ValueError(f"--domain takes {' or '.join(DOMAINS)}, not '{domain}'")
    shape = (3, size, size)
    places: Domain = Pixels(shape)
    if domain == "wavelets":
        places = Wavelets(shape, wavelet, level=level)
    lam = optimise.PUBLISHED_LAM[domain] if lam is None else lam
    model, found = model.to(device), []
    for name, x in load_images(path, size):
        question = ask(model, x[None].to(device), places, target=target, at_once=64)
        masks = optimise.explain(question, lam=lam, spatial=spatial, progress=progress(name),
                                 **settings)  # fmt: skip
        distortion, error = expected_distortion(question, masks.mask)
        k = int(question.target[0])
        record = {
            "image": name, "target": k, "probability": float(question.answer[0, k]),
            "kept": float((masks.mask > optimise.KEPT).double().mean()), "domain": domain,
            "lam": lam, "distortion": float(distortion), "error": float(error),
            "picture": f"{name}_{domain}.png",
        }  # fmt: skip
        grey = optimise.shown(question, masks.mask)[0, 0].clamp(0, 1).cpu().numpy()
        write(out / str(record["picture"]), png(np.round(255 * grey).astype(np.uint8)))
        write(out / f"{name}_{domain}.json", to_json(record))
        found.append(record)
    return found
