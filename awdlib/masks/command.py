"""Explain images of one's own by a network of one's own: what ``awd explain`` does."""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib.masks import optimise
from awdlib.masks.distortion import Network, ask, expected_distortion
from awdlib.masks.domains import Domain, Pixels, Wavelets
from awdlib.progress import progress
from awdlib.store import png, to_json, write

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

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
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"--model {factory}: {error}") from error
    except Exception as error:
        raise ValueError(
            f"--model {factory}: {module} cannot be imported: {_said(error)}"
        ) from error
    if not hasattr(found, name):
        raise ValueError(f"--model {factory}: {module} has no '{name}'")
    make: Callable[[], Any] = getattr(found, name)
    try:
        model = make()
    except Exception as error:
        raise ValueError(
            f"--model {factory}: calling {name}() without arguments fails: {_said(error)}"
        ) from error
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"--model {factory}: it makes a {type(model).__name__}, not a network (torch.nn.Module)"
        )
    if weights is not None:
        _fill(model, weights)
    scale = NORMALISATIONS[normalise]
    return (nn.Sequential(Normalise(*scale), model) if scale else model).eval()


def _said(error: Exception) -> str:
    """The kind of an error of others' code, and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return type(error).__name__ + (f": {lines[0][:200]}" if lines else "")


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

    The shorter side is brought to `size`, and the middle taken. What is transparent is shown on
    white; grey levels of 16 bits are rounded to 8.

    Raises
    ------
    ValueError
        If there is none, one cannot be read, or two have the same name without the suffix.
    """
    from PIL import ImageOps

    for name, file in _files(path).items():
        whole = _read(file)
        picture = ImageOps.fit(whole, (size, size))
        yield name, torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255.0


def _files(path: Path) -> dict[str, Path]:
    """Images by the names that their results get."""
    if path.is_file():
        return {path.stem: path}
    if not path.is_dir():
        raise ValueError(f"there is no {path}")
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"there are no images in {path} ({', '.join(SUFFIXES)})")
    seen: dict[str, Path] = {}
    for file in files:
        # Some file systems do not tell capitals from small letters.
        other = seen.setdefault(file.stem.casefold(), file)
        if other != file:
            raise ValueError(
                f"{other} and {file} would have results of the same name: rename one of them"
            )
    return {file.stem: file for file in files}


def _read(file: Path) -> Picture:
    """An image in colours of 8 bits, upright, on white."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            tiff = getattr(opened, "tag_v2", {})
            # 12 bits are kept in 16, and zero may be white: then black and white lie elsewhere.
            whole = tiff.get(258, (16,)) == (16,) and tiff.get(262) != 0
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith("I;16") and whole:
                picture = _of_8_bits(picture)
            if picture.mode[0] not in "IF":
                return _on_white(picture)
    except Exception as error:  # decoders of broken files raise whatever they like
        raise ValueError(f"{file} is no image that can be read: {_said(error)}") from error
    raise ValueError(
        f"{file}: which of its numbers are black and white is not known (mode {picture.mode}): "
        "save it with 8 bits a channel"
    )


def _on_white(picture: Picture) -> Picture:
    from PIL import Image

    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _of_8_bits(grey: Picture) -> Picture:
    """An image of 16 bits a pixel with 8; a grey level that stands for transparent stays so."""
    from PIL import Image

    values = np.asarray(grey).astype(np.float64)
    picture = Image.fromarray(np.round(values / 257).astype(np.uint8))
    if (clear := grey.info.get("transparency")) is not None:
        picture.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return picture


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
        ``distortion``, ``error``, ``lam``, ``picture``. The distortion is that for other draws than
        those the mask was fitted to.

    Raises
    ------
    ValueError
        If something is not as it should be, in one sentence.
    """
    if domain not in DOMAINS:
        raise ValueError(f"--domain takes {' or '.join(DOMAINS)}, not '{domain}'")
    lam = optimise.PUBLISHED_LAM[domain] if lam is None else lam
    _check(size=size, lam=lam, spatial=spatial, **settings)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out takes a folder, and {out} is a file")
    shape = (3, size, size)
    places: Domain = Pixels(shape)
    if domain == "wavelets":
        places = Wavelets(shape, wavelet, level=level)
    for _ in load_images(path, size):
        pass  # one that cannot be read is better known before others have been explained
    try:
        network, found = _guarded(model.to(device)), []
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {device} cannot hold the network: {_said(error)}") from error
    for name, x in load_images(path, size):
        question = ask(network, x[None].to(device), places, target=target, at_once=64)
        try:
            masks = optimise.explain(question, lam=lam, spatial=spatial, progress=progress(name),
                                     **settings)  # fmt: skip
        except RuntimeError as error:
            raise ValueError(f"{name}: fitting the mask fails: {_said(error)}") from error
        seed = settings.get("seed", 0) + 1
        distortion, spread = expected_distortion(question, masks.mask, seed=seed)
        k = int(question.target[0])
        record = {
            "image": name, "target": k, "probability": float(question.answer[0, k]),
            "kept": float((masks.mask > optimise.KEPT).double().mean()), "domain": domain,
            "lam": lam, "distortion": float(distortion), "error": float(spread),
            "picture": f"{name}_{domain}.png",
        }  # fmt: skip
        grey = optimise.shown(question, masks.mask)[0, 0].clamp(0, 1).cpu().numpy()
        numbers = to_json(record)
        write(out / str(record["picture"]), png(np.round(255 * grey).astype(np.uint8)))
        write(out / f"{name}_{domain}.json", numbers)
        found.append(record)
    return found


def _check(**values: float) -> None:
    for name in ("lam", "spatial"):
        if not (math.isfinite(values[name]) and values[name] >= 0):
            raise ValueError(f"--{name} must be finite and at least 0, not {values[name]}")
    lr = values.get("lr", 1.0)
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"--lr must be finite and positive, not {lr}")
    for name, least in (("size", 1), ("steps", 0), ("samples", 1)):
        if values.get(name, least) < least:
            raise ValueError(f"--{name} must be at least {least}, not {values[name]}")


def _guarded(model: nn.Module) -> Network:
    """The network; what it raises, or returns instead of numbers, becomes one sentence."""

    def network(x: Tensor) -> Tensor:
        try:
            out = model(x)
        except Exception as error:
            raise ValueError(
                f"the network fails on images of shape {tuple(x.shape)} (batch, colours, and "
                f"height and width from --size): {_said(error)}"
            ) from error
        if not isinstance(out, Tensor):
            raise ValueError(f"the network must return a tensor, not a {type(out).__name__}")
        if not out.is_floating_point():
            raise ValueError(f"the network must return a tensor of floats, not of {out.dtype}")
        return out

    return network
