"""Sentences of the page on adaptive scattering whose words depend on the results."""

from __future__ import annotations

import numpy as np

from awdlib import metrics
from awdlib.adaptive.claims import difference
from awdlib.adaptive.setup import Size
from awdlib.adaptive.textures import Curves
from awdlib.scattering.pruning import Pruning, Relearned


def said_of_learning(size: Size, curves: Curves) -> str:
    """For which numbers of crops learned wavelets, shared by rotation, differ from fixed ones."""
    said: dict[str, list[str]] = {}
    for k, count in enumerate(size.counts):
        word = metrics.in_words(difference(curves, "rotated", "fixed", k))
        said.setdefault(f"{word}".removesuffix(" than"), []).append(str(count))
    order = ("better", "worse", "not clearly different from")
    names = {"better": "better", "worse": "worse", order[2]: "not clearly different"}
    return "; ".join(f"{names[w]} with {listed(said[w])}" for w in order if w in said)


def said_of_relearning(again: Relearned) -> str:
    """What is left where filters learn again after each block, and whether restarts agreed."""
    blocks = again.prunings
    alike = [removal.agreement for path in blocks for removal in path.removals]
    if not alike:
        return f"no filter goes: each is missed by one of {len(again.models)} restarts or more"
    chance = np.mean([one for path in blocks for one in chances(path)])
    times = f"{len(blocks)} block" + "s" * (len(blocks) > 1)
    return (
        f"{len(blocks[-1].kept)} are left after {times}; of the pairs of restarts with other "
        f"starts {np.mean(alike):.0%} would remove the same filter, by chance {chance:.0%}"
    )


def chances(path: Pruning) -> list[float]:
    """How often pairs of restarts would agree by chance before each removal."""
    start = len(path.kept) + len(path.removals)
    return [1 / (start - k) for k in range(len(path.removals))]


def listed(words: list[str]) -> str:
    """``5``, ``5 and 10``, ``5, 10 and 20``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
