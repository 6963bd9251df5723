"""How far long work is, said beside a notebook and never in it.

An executed notebook must not depend on the hour, so a kernel writes its progress to the file that
``AWD_PROGRESS`` names, and the runner, which set it, says it on the terminal.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_SECONDS = 5.0


def progress(what: str) -> Callable[[int, int], None]:
    """A callback (done, total) that says at most every few seconds how far `what` is.

    It writes to the file that ``AWD_PROGRESS`` names, else to a terminal if there is one.

    Parameters
    ----------
    what : str
        Such as ``"sweep"``.
    """
    began = last = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY_SECONDS or done >= total:
            return
        last = now
        left = (now - began) / done * (total - done) if done else float("nan")
        line = f"{what} {done}/{total}, {now - began:.0f} s, about {left:.0f} s left\n"
        if name := os.environ.get("AWD_PROGRESS"):
            with open(name, "a", encoding="utf-8") as file:
                file.write(line)
        elif sys.stderr.isatty():
            sys.stderr.write(line)

    return say


@contextmanager
def heard(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Say what is written to `path` while the block runs, line by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    stop = threading.Event()

    def listen() -> None:
        with path.open(encoding="utf-8") as file:
            while not stop.wait(0.5):
                for line in file:
                    say(line.rstrip("\n"))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        stop.set()
        listener.join()
        path.unlink(missing_ok=True)
