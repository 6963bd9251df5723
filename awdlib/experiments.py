"""What every experiment shares: the device, how much a profile computes, and where pieces are kept.

A step is given a `Study`: its sizes (a `Profile`), the ledger of finished pieces, and who helps.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from awdlib.ledger import Ledger, code_hash, gather
from awdlib.progress import progress


def pick_device(device: str, profile: str) -> str:
    """``"cuda"`` or ``"cpu"`` for auto, cpu or cuda; smoke's auto is the CPU, as its reference."""
    if device == "auto":
        return "cuda" if profile != "smoke" and torch.cuda.is_available() else "cpu"
    return device


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much a profile computes: what the experiments' sizes have in common.

    Attributes
    ----------
    dtype : torch.dtype
        Of networks and distillation; predictors are always judged in float64.
    """

    dtype: torch.dtype = torch.float32

    def as_dict(self) -> dict[str, Any]:
        """Its fields as results can keep them."""
        return _named(asdict(self))

    def some(self, *names: str) -> dict[str, Any]:
        """Those of its fields that a piece of work depends on."""
        return {name: getattr(self, name) for name in names}


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields with the names of types instead of types, those of profiles within too."""
    return {
        name: _named(value) if isinstance(value, dict)
        else str(value).removeprefix("torch.") if isinstance(value, torch.dtype)
        else value
        for name, value in fields.items()
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GridProfile(Profile):
    """A profile that sweeps a grid.

    Attributes
    ----------
    lams, gammas : tuple of int
        Places in the grids of λ and γ.
    """

    lams: tuple[int, ...]
    gammas: tuple[int, ...]

    @property
    def budget(self) -> int:
        """Fits of the grid of one seed: as many random wavelets make a group."""
        return len(self.lams) * len(self.gammas)


SizeT = TypeVar("SizeT", bound=Profile)


@dataclass(frozen=True)
class Study(Generic[SizeT]):
    """What every step needs: how much to compute, where pieces are kept, who helps.

    Attributes
    ----------
    size : Profile
        The experiment's own.
    ledger : pathlib.Path, optional
        Folder of finished pieces (`awdlib.ledger`); without one nothing is kept.
    executor : concurrent.futures.Executor, optional
        Computes pieces beside each other.
    """

    size: SizeT
    ledger: Path | None = None
    executor: Executor | None = None

    def gather(
        self,
        work: str,
        tasks: Sequence[tuple[Mapping[str, Any], tuple[Any, ...]]],
        compute: Callable[..., dict[str, np.ndarray]],
        *,
        code: Sequence[ModuleType],
        what: str | None = None,
        here: bool = False,
        **config: Any,
    ) -> list[dict[str, np.ndarray]]:
        """`awdlib.ledger.gather` with this study's ledger and executor.

        Parameters
        ----------
        work : str
            What kind of pieces these are: others with equal keys are not taken for them.
        tasks, compute
            As of `awdlib.ledger.gather`.
        code : sequence of module
            What computes them.
        what : str, optional
            What the progress calls them; `work` by default.
        here : bool
            Compute in this process: for pieces that themselves gather others, beside each other.
        **config
            What else all of them have in common and decides their numbers.
        """
        config |= {"work": work, "code": code_hash(*code), "dtype": str(self.size.dtype)}
        return gather(
            Ledger(self.ledger, config) if self.ledger else None, tasks, compute,
            executor=None if here else self.executor, progress=progress(what or work),
        )  # fmt: skip
