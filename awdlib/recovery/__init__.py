"""The synthetic experiment (paper, Sec. 4.1 and App. B), as its chapter runs it.

`study` has the steps in their order. What they are made of: `setup` (sizes), `problem` (data with
a planted wavelet, and the network that learned them), `published` (free taps, as the paper),
`lattice` (the search without a start), `table` (distances, and both rules of choice), `identify`
(what the data can tell), `claims`, `printed`.
"""

from awdlib.recovery import claims, identify, lattice, published, study, table
from awdlib.recovery.problem import Problem, Setting, problems
from awdlib.recovery.setup import SIZES, Size

__all__ = [
    "SIZES", "Problem", "Setting", "Size", "claims", "identify", "lattice", "problems",
    "published", "study", "table",
]  # fmt: skip
