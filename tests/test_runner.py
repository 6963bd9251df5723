"""The runner: parameters are checked first, a page is clean and whole or it is not there."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import jupytext
import nbformat
import pytest

from awdlib import book, results, runner
from awdlib.chapters import RunError, chapters, check_parameters, read_parameters


def quiet(line):
    """Take the progress lines and say nothing."""


def run_toy(root, **parameters):
    out = root / "book" / "notebooks" / "00_toy.ipynb"
    runner.run_chapter("toy", parameters, out, root, say=quiet)
    return out


def test_chapters_are_found_in_order(toy_root):
    assert list(chapters(toy_root)) == ["toy", "other"]
    with pytest.raises(RunError, match="no chapter 'tony'; there are: toy, other"):
        book.select("toy,tony", toy_root)
    assert book.select("all", toy_root) == ["toy", "other"]


@pytest.mark.parametrize(
    ("given", "checked"),
    [
        ({}, {}),
        ({"profile": "smoke", "lam": "0.005", "levels": "[1, 2]"}, {}),
        ({"lam": "1"}, {"lam": 1.0}),
        ({"lam": 2}, {"lam": 2.0}),
        ({"epochs": "3"}, {"epochs": 3}),
        ({"epochs": None}, {}),
        ({"levels": (3,)}, {"levels": [3]}),
        ({"what": "3"}, {"what": "3"}),
        ({"profile": "paper", "data": "real"}, {"profile": "paper", "data": "real"}),
    ],
)
def test_parameters_get_the_type_of_their_default(toy_root, given, checked):
    found = check_parameters("toy", given, toy_root)
    assert found == checked
    assert [type(value) for value in found.values()] == [type(v) for v in checked.values()]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lamb": 1}, "no parameter 'lamb'; it has: .*lam"),
        ({"lam": "x"}, "'lam' is 'x', and must be of the type float"),
        ({"lam": True}, "must be of the type float"),
        ({"lam": None}, "must be of the type float"),
        ({"levels": "1"}, "must be of the type list"),
        ({"levels": "[1.5]"}, "must be of the type int"),
        ({"epochs": "2.5"}, "must be of the type None or int"),
        ({"what": 3}, "must be of the type str"),
        ({"profile": "big"}, "profile is 'big', and must be one of smoke, laptop, paper"),
        ({"data": "fake"}, "data is 'fake', and must be one of"),
        ({"device": "tpu"}, "device is 'tpu', and must be one of"),
        ({"data": "real"}, "smoke profile always computes on simulated data"),
    ],
)
def test_a_wrong_parameter_is_refused_before_a_kernel_starts(toy_root, monkeypatch, given, message):
    monkeypatch.setattr("papermill.execute_notebook", lambda *_, **__: pytest.fail("a kernel"))
    with pytest.raises(RunError, match=message) as caught:
        run_toy(toy_root, **given)
    assert "\n" not in str(caught.value)
    assert not (toy_root / "book").exists()


def test_a_device_that_is_not_there_is_refused(toy_root, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(RunError, match="no CUDA device"):
        check_parameters("toy", {"device": "cuda"}, toy_root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tags=["parameters", "remove-cell"]', 'tags=["remove-cell"]', "has 0 cells tagged"),
        ('tags=["nbval-check-output"]', 'tags=["parameters"]', "has 2 cells tagged"),
        ("lam = 0.005", "lam = 1 / 200", "'lam = 1 / 200' .* is not name = value"),
        ("lam = 0.005", "print()", "is not name = value"),
    ],
)
def test_the_parameters_cell_holds_values_only(toy_root, old, new, message):
    path = toy_root / "notebooks" / "00_toy.py"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RunError, match=message):
        read_parameters(path)


def test_a_page_is_the_pair_of_its_source_and_the_same_each_time(toy_root, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("AWD_DATA_DIR", "relative")
    environment = dict(os.environ)
    lines = []
    out = toy_root / "00_toy.ipynb"
    runner.run_chapter("toy", {}, out, toy_root, say=lines.append)
    first = out.read_bytes()
    assert dict(os.environ) == environment
    assert len(lines) == 5
    assert lines[-1].startswith("toy: cell 5/5, ")

    lines.clear()
    runner.run_chapter("toy", {"lam": "0.005"}, out, toy_root, say=lines.append)
    assert out.read_bytes() == first
    assert "left" in lines[0]  # known from the first run

    page = nbformat.reads(first.decode(), as_version=4)
    nbformat.validate(page)
    source = jupytext.read(toy_root / "notebooks" / "00_toy.py")
    assert [cell.source for cell in page.cells] == [cell.source for cell in source.cells]
    assert set(page.metadata) == {"kernelspec", "language_info"}
    assert b"papermill" not in first
    assert str(toy_root).encode() not in first
    # the hash seed is fixed, the data folder absolute, figures go into the page
    assert page.cells[2].outputs[0].text == "0 True False\n"
    figure = page.cells[-1].metadata.mystnb
    assert figure.image.alt == "One dot for toy"
    assert figure.figure.name == "fig:toy"
    assert not list(toy_root.glob("*.partial.ipynb"))


def test_injected_parameters_are_taken_and_not_shown(toy_root):
    page = nbformat.read(run_toy(toy_root, lam="0.5", profile="laptop"), as_version=4)
    tags = [cell.metadata.get("tags", []) for cell in page.cells]
    assert ["injected-parameters", "remove-cell"] in tags
    stored = results.load("toy", "laptop-simulated")
    assert stored["lam"] == 0.5
    assert stored.origin == "run"
    # a profile is a choice, another lam a result of one's own, which is never accepted
    assert stored.provenance["changed"] == {"lam": 0.5}
    assert "AWD_CHANGED" not in os.environ
    with pytest.raises(RunError, match=r"had own parameters: {'lam': 0.5}"):
        book.accept("toy", "laptop-simulated")
    assert not results.folder("toy", "accepted").exists()


def test_a_run_with_its_defaults_can_be_accepted(toy_root, monkeypatch):
    monkeypatch.setenv("AWD_CHANGED", "{}")
    results.start("toy", "laptop", "real").save({"x": 1})
    book.accept("toy", "laptop")
    assert results.load("toy", "laptop", origin="accepted")["x"] == 1


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("fail", r"toy failed in code cell 4: ValueError: failed on purpose \(executed so far"),
        ("die", "toy failed in code cell 4: its kernel died"),
        ("wait", r"toy failed in code cell \d: stopped after 4.0 s"),  # 2 where imports are slow
    ],
)
def test_a_run_that_fails_leaves_the_page_as_it_was(toy_root, monkeypatch, what, message):
    if what == "wait":
        monkeypatch.setitem(runner.LIMIT_SECONDS, "smoke", 4)
    page = toy_root / "book" / "notebooks" / "00_toy.ipynb"
    page.parent.mkdir(parents=True)
    page.write_text("the last good page")
    with pytest.raises(RunError, match=message) as caught:
        run_toy(toy_root, what=what)
    assert "\n" not in str(caught.value)
    assert page.read_text() == "the last good page"
    assert page.with_name("00_toy.partial.ipynb").exists()


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: jobs that a script starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_the_kernel_and_leaves_the_page(toy_root):
    page = toy_root / "book" / "notebooks" / "00_toy.ipynb"
    page.parent.mkdir(parents=True)
    page.write_text("the last good page")
    awd = [sys.executable, "-c", "from awdlib.cli import main; main()", "run", "toy"]
    process = subprocess.Popen(
        [*awd, "-p", "what=wait"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in process.stdout:
        if "cell 2/" in line:
            break
    children = _children(process.pid)
    assert children
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert page.read_text() == "the last good page"
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{child}") for child in children):
        assert time.monotonic() < deadline, "the kernel is still there"
        time.sleep(0.1)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_a_callback_swallowed_is_raised_by_the_next_cell():
    clock = runner._Clock("toy", "smoke", 3, lambda line: None)
    before = signal.getsignal(signal.SIGINT)
    with clock.interruptible():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            clock.tick()
        with pytest.raises(KeyboardInterrupt):
            clock.remaining()
    assert signal.getsignal(signal.SIGINT) is before


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listing:
        return [int(child) for child in listing.read().split()]
