"""Execute a chapter: check its parameters, run it with papermill, keep a clean page of it.

The page appears whole or not at all. Nothing in it depends on the machine or the hour, so that
two runs of the same code give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from awdlib import results
from awdlib.chapters import CHOICES, RunError, check_parameters, read_parameters, source_of
from awdlib.progress import heard
from awdlib.store import write

# Far above what a profile should take: these stop a run that hangs, nothing else.
LIMIT_SECONDS = {"smoke": 15 * 60, "laptop": 2 * 3600, "paper": 7 * 24 * 3600}


def say_now(line: str) -> None:
    """Print a line of progress at once, also into a log file."""
    print(line, flush=True)


def run_chapter(
    chapter: str,
    parameters: Mapping[str, Any],
    out: Path,
    root: Path | None = None,
    say: Callable[[str], None] = say_now,
) -> float:
    """Execute a chapter into the notebook `out` and return the seconds that it took.

    A failing cell raises `RunError`, leaves `out` as it was, and keeps what was executed beside it
    as ``NAME.partial.ipynb``.
    """
    import jupytext
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    source = source_of(chapter, root)
    checked = check_parameters(chapter, parameters, root)
    profile = checked.get("profile", read_parameters(source).get("profile", ("smoke", ""))[0])
    notebook = jupytext.read(source)
    partial = out.with_name(f"{out.stem}.partial.ipynb")
    partial.parent.mkdir(parents=True, exist_ok=True)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells) + bool(checked)
    for name in ("papermill", "traitlets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # their errors come as exceptions
    try:
        heard_from = results.folder("", "run").resolve() / f"{chapter}.progress"
        with _environment(root), heard(heard_from, lambda line: say(f"{chapter}:   {line}")):
            os.environ["AWD_PROGRESS"] = str(heard_from)
            own = {k: v for k, v in checked.items() if k not in CHOICES}
            os.environ["AWD_CHANGED"] = json.dumps(own, sort_keys=True)  # for the provenance
            clock = _Clock(chapter, profile, cells, say)
            with clock.interruptible():
                papermill.execute_notebook(
                    notebook,
                    partial,
                    parameters=checked,
                    kernel_name="python3",
                    language="python",
                    progress_bar=False,
                    start_timeout=120,
                    cwd=root or results.root(),
                    extra_arguments=["--IPKernelApp.log_level=50"],
                    coalesce_streams=True,
                    timeout_func=lambda cell: max(1, clock.remaining()),
                    on_cell_executed=clock.tick,
                )
    except papermill.PapermillExecutionError as error:
        why = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
        where = f"code cell {error.exec_count}"
    except CellTimeoutError:
        where, why = clock.where(), f"stopped after {results.fmt(clock.limit, 'duration')}"
    except DeadKernelError:
        where, why = clock.where(), "its kernel died, most often for lack of memory"
    else:
        import nbformat

        done = clean(nbformat.read(partial, as_version=4))
        write(out, nbformat.writes(done).encode() + b"\n")
        partial.unlink()
        clock.keep()
        return clock.seconds()
    short = re.sub(r"\s+", " ", why)[:400]
    raise RunError(f"{chapter} failed in {where}: {short} (executed so far: {_near(partial)})")


def clean(notebook: Any) -> Any:
    """Drop what depends on the machine or the hour, and put alt texts where the book looks."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for i, cell in enumerate(notebook.cells):
        cell.id = f"{hashlib.sha1(cell.source.encode()).hexdigest()[:8]}-{i}"
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        tags = cell.metadata.pop("tags", [])
        if "injected-parameters" in tags:
            tags.append("remove-cell")
        if tags:
            cell.metadata["tags"] = tags
        if alt := "; ".join(alt_texts(cell)):
            cell.metadata.setdefault("mystnb", {}).setdefault("image", {})["alt"] = alt
    return notebook


def alt_texts(cell: Any) -> list[str]:
    """Return the alt texts that the plot functions left in the outputs of a cell."""
    outputs = [output.get("metadata", {}) for output in cell.get("outputs", [])]
    return [kind["alt"] for data in outputs for kind in data.values() if "alt" in kind]


class _Clock:
    """Says how far a chapter is, and from the last run how long it will still take."""

    def __init__(self, chapter: str, profile: str, cells: int, say: Callable[[str], None]) -> None:
        self.chapter, self.key, self.say = chapter, f"{chapter}/{profile}", say
        self.cells, self.limit = cells, LIMIT_SECONDS[profile]
        self.began, self.done = time.monotonic(), []  # type: float, list[float]
        self.file = results.folder("", "run") / "durations.json"
        self.interrupted = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Note an interrupt beside raising it: a callback may swallow the exception.

        Then the end or the begin of the next cell raises it again.
        """

        def note(number: int, frame: object) -> None:
            self.interrupted = True
            raise KeyboardInterrupt

        apart = threading.current_thread() is not threading.main_thread()
        if apart or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield  # somebody else's business: ignored in the background, another thread, a test
            return
        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def remaining(self) -> int:
        if self.interrupted:
            raise KeyboardInterrupt
        return int(self.limit - self.seconds())

    def where(self) -> str:
        return f"code cell {len(self.done) + 1}"

    def tick(self, **_: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.done.append(self.seconds())
        last = self.last_runs().get(self.key, [])
        left = ""
        if len(self.done) < len(last):
            left = f", about {results.fmt(last[-1] - last[len(self.done) - 1], 'duration')} left"
        took = results.fmt(self.done[-1], "duration")
        self.say(f"{self.chapter}: cell {len(self.done)}/{self.cells}, {took}{left}")

    def last_runs(self) -> dict[str, list[float]]:
        try:
            return json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}

    def keep(self) -> None:
        write(self.file, results.to_json(self.last_runs() | {self.key: self.done}))


@contextmanager
def _environment(root: Path | None) -> Iterator[None]:
    """Give the kernel absolute paths and a fixed hash seed; restore everything afterwards."""
    before = dict(os.environ)
    for name in ("AWD_DATA_DIR", "AWD_RUNS_DIR"):
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).expanduser().resolve())
    if root is not None:
        os.environ["AWD_ROOT"] = str(root.resolve())
    os.environ["PYTHONHASHSEED"] = "0"
    # Threads that spin while they wait make small steps many times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's share of the work is small fits
    os.environ.pop("MPLBACKEND", None)  # a kernel must draw into its notebook
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _near(path: Path) -> str:
    return os.path.relpath(path)
