"""AWD, and what it becomes when one thing of it is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from awdlib import controls, filters
from awdlib.ablation import sources
from awdlib.ablation.setup import Size
from awdlib.ablation.sources import BROKEN, LEVEL
from awdlib.sweep import published_grids

FULL = "full"
LATTICE_LR = 1e-2  # angles take longer steps than taps
GROUPS = ("loss", "route", "teacher", "attribution", "scales", "taps", "start")


@dataclass(frozen=True)
class Variant:
    """AWD changed in one thing.

    Attributes
    ----------
    name, group, label : str
    source : str or None
        Who teaches; None: nobody, γ = 0.
    start : torch.Tensor or None, shape (taps,) or (seeds, taps)
        The second form gives every seed a start of its own; None is DB5.
    sparse : bool
        With the sparsity term; else λ = 0.
    fits : str
        ``"warm"``: each starts where the previous γ ended, as published. ``"cold"``: all start
        from `start`. ``"first"``: all start from where the same λ ends with γ = 0.
    settings : dict
        Of `awdlib.distill.distill`.
    """

    name: str
    group: str
    label: str
    source: str | None = "network"
    start: torch.Tensor | None = None
    sparse: bool = True
    fits: Literal["warm", "cold", "first"] = "warm"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """Number of scales."""
        return self.settings.get("level", LEVEL)


def variants(size: Size, known: Sequence[str]) -> list[Variant]:
    """AWD itself and all that is compared with it.

    Parameters
    ----------
    size : Size
    known : sequence of str
        Sources that there are.
    """
    db5 = filters.lowpass("db5")
    found = [
        Variant(FULL, "loss", "AWD, nothing changed"),
        Variant("silent", "loss", "without interpretation loss, as many fits", "silent"),
        Variant("no_interpretation", "loss", "without it as published (γ = 0 alone)", None),
        Variant("no_sparsity", "loss", "without sparsity (λ = 0), as many fits", sparse=False),
        Variant("no_penalties", "loss", "without the validity penalties",
                settings={"penalties": False}),
        Variant("lattice", "route", "lattice angles: valid by construction",
                settings={"parametrisation": "lattice", "lr": LATTICE_LR}),
        Variant("cold", "route", "every fit from DB5, no warm starts", fits="cold"),
    ]  # fmt: skip
    found += [
        Variant(f"teacher_{name}", "teacher", label, name)
        for name, label in sources.TEACHERS.items()
        if name in known and name not in ("network", "silent")
    ]
    found += [
        Variant(f"by_{name}", "attribution", label, name)
        for name, label in sources.ATTRIBUTIONS.items()
        if name in known and name != "saliency"
    ]
    found += [
        Variant(f"level_{j}", "scales", f"J = {j}", settings={"level": j})
        for j in size.levels
        if j != LEVEL
    ]
    found += [
        Variant(f"taps_{n}", "taps", f"{n} taps, from DB{n // 2}",
                start=filters.lowpass(f"db{n // 2}"))
        for n in size.taps
        if n != len(db5)
    ]  # fmt: skip
    stream, seeds = torch.Generator().manual_seed(1), len(size.seeds)
    found += [
        Variant(f"noise_{round(100 * sd)}", "start", f"from DB5 + {sd} × noise, drawn anew",
                start=db5 + sd * torch.randn(seeds, 10, generator=stream).double())
        for sd in size.noises
    ]  # fmt: skip
    wild = torch.randn(seeds, 10, generator=stream).double()
    wild /= wild.norm(dim=1, keepdim=True)
    found += [
        Variant("random_taps", "start", "from random taps", start=wild),
        Variant("random_taps_first", "start", "from random taps, first without γ", start=wild,
                fits="first"),
        Variant("random_taps_cold", "start", "from random taps, at once, as many steps", start=wild,
                fits="cold", settings={"epochs": 2 * size.epochs}),
        Variant("random_angles", "start", "from a random wavelet",
                start=controls.random_wavelets(seeds, 10, seed=77)),
        Variant("from_sym5", "start", "from Sym5", start=filters.lowpass("sym5")),
    ]  # fmt: skip
    return found


def grid_of(
    variant: Variant, lams: Sequence[int], gammas: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """λ and γ of a variant's fits, given places in the published grids."""
    of_lam, of_gamma = published_grids()
    # Without sparsity there are as many fits, and as much training, as with it.
    lam = of_lam[list(lams)] if variant.sparse else np.arange(len(lams)) * 1e-12
    return lam, of_gamma[list(gammas)] if variant.source else np.zeros(1)


def is_broken(name: str) -> bool:
    """Whether a variant's teacher cannot know the task."""
    return name.removeprefix("teacher_") in BROKEN
