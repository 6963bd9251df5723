"""awdlib: adaptive wavelet distillation, behind the book. Start with `awdlib.conventions`."""

from awdlib.attribution import input_gradients, trim
from awdlib.distill import Distilled, distill
from awdlib.dwt import wavedec, wavedec2, waverec, waverec2
from awdlib.filters import cascade, distance, highpass, lowpass, validity
from awdlib.wavelet import AdaptiveWavelet

__version__ = "0.1.0"

__all__ = [
    "AdaptiveWavelet",
    "Distilled",
    "cascade",
    "distance",
    "distill",
    "highpass",
    "input_gradients",
    "lowpass",
    "trim",
    "validity",
    "wavedec",
    "wavedec2",
    "waverec",
    "waverec2",
]
