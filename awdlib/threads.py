"""How many threads and processes a computation gets, and how it holds memory."""

import ctypes
import multiprocessing.process
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, and give torch its threads back afterwards.

    Steps on short signals are many and tiny: handing parts of them to other threads costs more than
    it saves (measured on two cores: 1.6 s a clathrin fit on one thread, 4.5 s on two).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def processes(count: int | None = None) -> Iterator[Executor | None]:
    """A pool of processes of one thread each, or None where there would be only one.

    Parameters
    ----------
    count : int, optional
        By default as many as this process may use cores, at most 4.
    """
    if count is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        count = min(4, cores or 1)
    if count < 2:
        yield None
        return
    # A forked child would inherit locks that torch's threads hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Make a worker compute on one thread, and end when the process that started it has ended.

    Workers wait for work on a pipe that each of them holds open too: where a run is killed they
    would go on with what they have, and then wait for ever.
    """
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


LARGE = 2**30  # bytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of the GNU C library's mallopt


def reuse_memory() -> bool:
    """Have this process keep the memory of large arrays for the next ones.

    The GNU C library hands it back to the system at once, which must clear every page before it
    lends it again: a fifth of the time of a training step on the CPU. Where there is another C
    library, nothing is done.

    Returns
    -------
    bool
        Whether it could be done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE) and mallopt(M_TRIM_THRESHOLD, LARGE))
