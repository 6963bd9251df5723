"""How much each profile of the synthetic chapter computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from awdlib.recovery.lattice import LENGTHS, Effort
from awdlib.recovery.problem import Setting
from awdlib.search import Stage

NAMED = (
    *[f"db{k}" for k in range(2, 9) if k != 5],
    *[f"sym{k}" for k in range(4, 9)],
    "coif1",
    "coif2",
)
RANDOM = tuple(f"random{k}" for k in range(20))
ALL = tuple(range(5)), tuple(range(21))  # places in the published grids of λ and γ


@dataclass(frozen=True)
class Size:
    """How much a profile computes.

    Attributes
    ----------
    main : Setting
        DB5, the paper's problem.
    seeds : tuple of int
        Each draws its own data and trains its own network.
    grids : mapping of start to (places in its λ grid, places in its γ grid, seeds)
        Of the published route; the first so many seeds.
    epochs : int
        Of each of its fits.
    lengths : tuple of int
        Filter lengths that the search chooses from.
    effort, other_effort : Effort
        Of searches for the main problem, and for the others.
    controls : int
        Random wavelets, of which the best is the control.
    truths : tuple of str
        Other truths, by the search.
    conditions : mapping of name to tuple of Setting
        DB5 again under other noise, fewer examples, and in other bands and places.
    other_seeds : tuple of int
        Of the other truths and conditions.
    reference : (int, int)
        Examples and epochs of the comparison with the reference way.
    dtype : torch.dtype
        Of data, networks and the published route.
    """

    main: Setting
    seeds: tuple[int, ...]
    grids: Mapping[str, tuple[tuple[int, ...], tuple[int, ...], int]]
    epochs: int
    lengths: tuple[int, ...]
    effort: Effort
    other_effort: Effort
    controls: int
    truths: tuple[str, ...]
    conditions: Mapping[str, tuple[Setting, ...]]
    other_seeds: tuple[int, ...]
    reference: tuple[int, int]
    dtype: torch.dtype = field(default=torch.float32)

    @property
    def other(self) -> Setting:
        """What the other truths are planted into."""
        return self.conditions["noise"][0]

    def as_dict(self) -> dict[str, Any]:
        """What results keep of it."""
        return {
            "n": self.main.n, "held": self.main.held, "network_epochs": self.main.epochs,
            "epochs": self.epochs, "lengths": self.lengths, "truths": self.truths,
            "other_n": self.other.n, "other_seeds": self.other_seeds,
            "ratios": self.effort.ratios, "controls": self.controls,
            "dtype": str(self.dtype).removeprefix("torch."),
        }  # fmt: skip


def conditions(
    base: Setting,
    *,
    noise: tuple[float, ...],
    n: tuple[int, ...],
    bands: tuple[int, ...],
    shifts: tuple[int, ...],
) -> dict[str, tuple[Setting, ...]]:
    """Settings that differ from `base` in one thing; the first of ``"noise"`` is `base` itself.

    A network with fewer examples takes more epochs, for as many steps.
    """

    def fewer(m: int) -> Setting:
        return replace(base, n=m, epochs=max(base.epochs, min(400, base.epochs * base.n // m)))

    return {
        "noise": (base, *(replace(base, noise=value) for value in noise)),
        "n": tuple(fewer(m) for m in n),
        "band": tuple(replace(base, band=value) for value in bands),
        "shift": tuple(replace(base, shift=value) for value in shifts),
    }


QUICK = Effort(stages=(Stage(24, 1, 15, 0.15), Stage(4, 4, 20, 0.05)), most=600)
SIZES = {
    "smoke": Size(
        main=Setting(n=1000, held=200, epochs=30), seeds=(1, 2),
        grids={
            "db5+noise": ((0, 3), (0, 13), 2), "sym5": ((4,), (0, 13), 1),
            "coif2": ((0,), (0, 13), 1),
        },
        epochs=4, lengths=(4, 6), effort=replace(QUICK, ratios=(0.0, 0.1)),
        other_effort=QUICK, controls=24, truths=("db2", "db3"),
        conditions=conditions(
            Setting(n=600, held=200, epochs=30), noise=(1.0,), n=(200,), bands=(0,), shifts=()
        ),
        other_seeds=(1,), reference=(200, 2), dtype=torch.float64,
    ),
    "laptop": Size(
        main=Setting(n=5000, held=1000, epochs=40), seeds=(1, 2),
        grids={
            "db5+noise": ((0, 2, 4), (0, 1, 10, 12, 14, 17, 20), 2),
            "sym5": ((0, 4), (0, 1, 9, 13, 17, 20), 1),
            "coif2": ((0, 4), (0, 1, 10, 12, 14, 17, 20), 2),
        },
        epochs=30, lengths=(6, 8, 10, 12), effort=Effort(1024, ratios=(0.0, 0.1)),
        other_effort=Effort(1024), controls=2048, truths=("db3", "db4", "sym4", "random0"),
        conditions=conditions(
            Setting(n=3000, held=1000, epochs=40), noise=(1.0, 3.0), n=(500,), bands=(0, 1),
            shifts=(),
        ),
        other_seeds=(1,), reference=(2000, 5),
    ),
    "paper": Size(
        main=Setting(), seeds=(1, 2, 3, 4, 5),
        grids={"db5+noise": (*ALL, 5), "sym5": (*ALL, 5), "coif2": (*ALL, 5)},
        epochs=50, lengths=LENGTHS, effort=Effort(ratios=(0.0, 0.01, 0.1, 1.0)),
        other_effort=Effort(), controls=2048, truths=NAMED + RANDOM,
        conditions=conditions(
            Setting(n=10_000, held=2_000), noise=(0.3, 1.0, 3.0), n=(300, 1000, 3000),
            bands=(0, 1, 3, 4), shifts=(-4, 4),
        ),
        other_seeds=(1, 2, 3), reference=(5000, 10),
    ),
}  # fmt: skip
