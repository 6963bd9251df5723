"""Other people's transforms, as second oracles beside PyWavelets.

pytorch_wavelets 1.3.0 imports `pkg_resources`, which setuptools 82 no longer has and older ones
warn about: a stand-in takes its place while it is imported.
"""

import sys
from importlib import resources
from types import ModuleType


def pytorch_wavelets_lowlevel():
    """The functional calls of pytorch_wavelets, `pytorch_wavelets.dwt.lowlevel`."""
    stand_in = ModuleType("pkg_resources")
    stand_in.resource_stream = lambda package, name: (resources.files(package) / name).open("rb")
    had = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        from pytorch_wavelets.dwt import lowlevel
    finally:
        del sys.modules["pkg_resources"]
        if had is not None:
            sys.modules["pkg_resources"] = had
    return lowlevel
