"""The cosmology experiment (Sec. 4.3, Table 2): parameters of the universe from lensing maps."""

from awdlib.lensing.setup import SIZES, Size, size_for

__all__ = ["SIZES", "Size", "size_for"]
