"""A wavelet transform as a torch module: it holds the filter, the level and the mode."""

import numpy as np
import torch

from awdlib import dwt, filters
from awdlib.conventions import (
    MODES,
    Coeffs1d,
    Coeffs2d,
    Details2d,
    Mode,
    check_choice,
    check_filter,
)


class AdaptiveWavelet(torch.nn.Module):
    """Analysis and synthesis with one learnable lowpass filter.

    Parameters
    ----------
    h : str or torch.Tensor, shape (taps,)
        A PyWavelets name, or taps (of `awdlib.distill.Distilled`, say).
    level : int
    mode : str

    Attributes
    ----------
    h : torch.nn.Parameter
        The only parameter: g is derived from it.
    """

    def __init__(self, h: str | torch.Tensor = "db5", *, level: int = 4, mode: Mode = "zero"):
        super().__init__()
        taps = filters.lowpass(h) if isinstance(h, str) else h.detach().clone()
        check_filter(taps)
        check_choice("mode", mode, MODES)
        if taps.ndim != 1:
            raise ValueError(f"h must be one filter of shape (taps,), not {tuple(taps.shape)}")
        self.h = torch.nn.Parameter(taps)
        self.level = level
        self.mode: Mode = mode

    def forward(self, x: torch.Tensor) -> Coeffs1d | Coeffs2d:
        """Coefficients of (batch, channel, time) or (batch, channel, height, width)."""
        analyse = dwt.wavedec2 if x.ndim == 4 else dwt.wavedec
        return analyse(x, self.h, level=self.level, mode=self.mode)

    def inverse(self, coeffs: list) -> torch.Tensor:
        """Signals or images of coefficients; an odd size comes back one larger."""
        two = isinstance(coeffs[-1], Details2d)
        return (dwt.waverec2 if two else dwt.waverec)(coeffs, self.h, mode=self.mode)

    def functions(self, *, level: int = 5) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
        """φ, ψ and their grid, see `awdlib.filters.cascade`."""
        return filters.cascade(self.h.detach(), level=level)

    def extra_repr(self) -> str:
        """What ``print`` shows."""
        return f"taps={len(self.h)}, level={self.level}, mode={self.mode!r}"
