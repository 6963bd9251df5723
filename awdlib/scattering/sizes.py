"""How many layers, scales and orientations to begin with: the search over sizes of a transform.

The outer problem of the proposal's Sec. I(2); the inner one, which filters of one size a task
needs, is `awdlib.scattering.pruning`'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Attempt:
    """One size of `search`: what was tried, its held-out score, and the filters it needed."""

    size: dict[str, int]
    score: float
    kept: int


def search(
    sizes: Iterable[dict[str, int]],
    attempt: Callable[[dict[str, int]], tuple[float, int]],
    *,
    gain: float = 0.0,
    patience: int = 2,
    history: Path | None = None,
    data: str = "",
) -> tuple[Attempt, list[Attempt]]:
    """The outer problem, max over L, O₁, …, Oₙ: try sizes in turn until they stop helping.

    Parameters
    ----------
    sizes : iterable of dict
        For instance ``{"J": 3, "L": 8}``, from small to large.
    attempt : callable
        Learns and prunes one size; gives its held-out score and the number of filters left.
    gain : float
        By how much a size must beat the best so far to count as better.
    patience : int
        Sizes in a row that are not better, after which to stop.
    history : pathlib.Path, optional
        JSON, written after every size; sizes that it holds already are not tried again.
    data : str
        What the attempts are made on and how, for instance `awdlib.ledger.array_hash` of the
        examples: attempts on other data may be in one history, and are not taken for these.
        Needed with `history`.

    Returns
    -------
    best : Attempt
    tried : list of Attempt
        In order.

    Raises
    ------
    ValueError
        If there is no size to try, or a history without a word on the data.
    """
    if history is not None and not data:
        raise ValueError("a history needs data, a text that tells one data set from another")
    known: list[tuple[str, Attempt]] = []
    if history is not None and history.exists():
        stored = json.loads(history.read_text(encoding="utf-8"))
        known = [(a.pop("data", ""), Attempt(**a)) for a in stored]
    tried: list[Attempt] = []
    best, worse = None, 0
    for size in sizes:
        found = next((a for of, a in known if a.size == size and of == data), None)
        if found is None:
            value, kept = attempt(size)
            found = Attempt(dict(size), float(value), int(kept))
            known.append((data, found))
            if history is not None:
                part = history.with_name(history.name + ".part")
                listed = [{"data": of, **asdict(a)} for of, a in known]
                part.write_text(json.dumps(listed, indent=1), encoding="utf-8")
                part.replace(history)
        tried.append(found)
        if best is None or found.score > best.score + gain:
            best, worse = found, 0
        else:
            worse += 1
        if worse >= patience:
            break
    if best is None:
        raise ValueError("search needs at least one size")
    return best, tried
