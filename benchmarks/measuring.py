"""Interleaved timing, with progress and the time left."""

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Timing:
    """Seconds of each repeat of one thing."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle repeat."""
        return median(self.seconds)

    def scaled(self, factor: float) -> "Timing":
        """The same, per another unit of work."""
        return Timing(tuple(s * factor for s in self.seconds))

    def as_range(self) -> list[float]:
        """Fastest and slowest repeat."""
        return [min(self.seconds), max(self.seconds)]


class Stopwatch:
    """Times things in turns and says on stderr how far it is.

    Parameters
    ----------
    title : str
        Begins each line of progress.
    repeats : int
        Timed turns; one more, untimed, goes before them.
    clock : str
        ``"wall"``, or ``"cpu"`` (this process's time, for a busy machine and one thread).
    """

    def __init__(self, title: str, repeats: int, clock: str = "wall"):
        self.title, self.repeats, self.clock = title, repeats, CLOCKS[clock]

    def say(self, text: str) -> None:
        """Write one line of progress."""
        print(f"{self.title}: {text}", file=sys.stderr, flush=True)

    def once(self, task: Callable[[], object]) -> float:
        """Seconds that `task` takes, without garbage collection in between."""
        gc.collect()
        enabled = gc.isenabled()
        gc.disable()
        try:
            start = self.clock()
            task()
            return self.clock() - start
        finally:
            if enabled:
                gc.enable()

    def interleaved(
        self, tasks: dict[str, Callable[[], object]], *, then: float = 0.0
    ) -> dict[str, Timing]:
        """Time each task `repeats` times, in turns, so that a slow moment hits all of them.

        Parameters
        ----------
        tasks : dict
            Name and function.
        then : float
            How much longer the case goes on after this, in units of the last task's time.
        """
        seconds: dict[str, list[float]] = {name: [] for name in tasks}
        start = time.perf_counter()
        for turn in range(self.repeats + 1):
            for name, task in tasks.items():
                taken = self.once(task)
                if turn:
                    seconds[name].append(taken)
            spent = time.perf_counter() - start
            left = spent / (turn + 1) * (self.repeats - turn) + then * taken
            what = f"repeat {turn} of {self.repeats}" if turn else "warm-up"
            self.say(f"{what} done, {spent:.0f} s so far, about {left:.0f} s left")
        return {name: Timing(tuple(values)) for name, values in seconds.items()}
