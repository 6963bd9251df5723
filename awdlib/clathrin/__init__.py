"""The clathrin experiment (paper, Sec. 4.2 and App. C), as its chapter runs it.

`study` has the steps in their order, `record` what is stored of them. What they are made of:
`setup` (sizes, tracks split by cell), `teachers`, `sweeps`, `table` (Table 1), `claims`, `reading`
(what the wavelet responds to), `sensitivity` (other splits), `simulated` (a small experiment on
real and on simulated tracks).
"""

from awdlib.clathrin import claims, reading, record, sensitivity, simulated, study, table
from awdlib.clathrin.setup import PUBLISHED, SIZES, Size, describe, signals_of
from awdlib.clathrin.sweeps import Swept, distil, filters_kept, grid_of
from awdlib.clathrin.teachers import (
    Teacher,
    authors_network,
    teacher_of,
    train_lstm,
    train_teacher,
)

__all__ = [
    "PUBLISHED", "SIZES", "Size", "Swept", "Teacher", "authors_network", "claims", "describe",
    "distil", "filters_kept", "grid_of", "reading", "record", "sensitivity", "signals_of",
    "simulated", "study", "table", "teacher_of", "train_lstm", "train_teacher",
]  # fmt: skip
