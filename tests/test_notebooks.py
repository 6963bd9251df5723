"""The notebooks stay thin, and each committed pair is the executed face of its source."""

import ast
import copy
import re

import jupytext
import nbformat
import pytest

from awdlib.chapters import CHOICES, chapters, read_parameters
from awdlib.runner import alt_texts, clean

CHAPTERS = chapters()
MOST_LINES = 15  # of a code cell
MOST_DEF_LINES = 6
FORBIDDEN = {
    r"\bpip3? install\b|%pip|%conda|!\s*\w": "installs or runs something outside",
    r"filterwarnings|simplefilter|catch_warnings": "hides warnings",
    r"""["'](/\w+[/"']|~/|[A-Za-z]:[\\/])""": "names an absolute path",
    r"%matplotlib|%load_ext|%autoreload": "needs a magic command",
    r"np\.load\(|torch\.load\(|read_pickle": "reads files past awdlib",
}


@pytest.fixture(params=CHAPTERS.values(), ids=CHAPTERS.keys())
def source(request):
    return request.param


@pytest.fixture
def notebook(source):
    return jupytext.read(source)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def style_faults(notebook):
    """Return what makes a notebook more than a thin reader of the library."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "it does not begin with a title"
    checked = [c for c in code(notebook) if "nbval-check-output" in c.metadata.get("tags", [])]
    if len(checked) < 2:
        yield f"{len(checked)} cells are tagged nbval-check-output, and two are needed"
    for cell in code(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > MOST_LINES and "parameters" not in cell.metadata.get("tags", []):
            yield f"a cell of {len(lines)} lines: {lines[0]}"
        for pattern, why in FORBIDDEN.items():
            if re.search(pattern, cell.source):
                yield f"{why}: {re.search(pattern, cell.source).group()}"
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            yield f"not plain Python: {lines[0]}"
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield f"defines the class {node.name}"
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > MOST_DEF_LINES:
                    yield f"the function {node.name} has {length} lines"


def pair_faults(notebook, pair):
    """Return how the executed notebook differs from the source, alternative texts apart."""
    cells = copy.deepcopy(pair.cells)
    for cell in cells:
        figure = cell.metadata.get("mystnb", {})
        figure.pop("image", None)
        if not figure:
            cell.metadata.pop("mystnb", None)
    if len(cells) != len(notebook.cells):
        yield f"{len(cells)} cells, the source has {len(notebook.cells)}"
    for i, (old, new) in enumerate(zip(cells, notebook.cells, strict=False)):
        for part in ("cell_type", "source", "metadata"):
            if old[part] != new[part]:
                yield f"cell {i}: its {part} is not the source's"


def output_faults(pair):
    """Return what a reader of the executed notebook should not meet."""
    executed = [cell for cell in code(pair) if cell.source.strip()]
    counts = [cell.execution_count for cell in executed]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not executed once from top to bottom: {counts}"
    if not any(cell.outputs for cell in executed):
        yield "no cell has an output"
    for cell, count in zip(executed, counts, strict=True):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"cell {count} wrote an error or a warning"
        drawn = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        alts = alt_texts(cell)
        if len(drawn) > 1:
            yield f"cell {count} shows {len(drawn)} figures: one alternative text cannot fit both"
        if len(alts) != len(drawn) or not all(alt.strip() for alt in alts):
            yield f"cell {count} shows a figure without alternative text"
        elif drawn and cell.metadata["mystnb"]["image"]["alt"] != alts[0]:
            yield f"cell {count}: the page has another alternative text than the figure"


def test_there_are_chapters():
    assert CHAPTERS


def test_a_notebook_is_thin(notebook):
    assert list(style_faults(notebook)) == []


def test_parameters_are_those_of_every_chapter(source):
    parameters = read_parameters(source)
    assert parameters["profile"][0] == "smoke"
    for name in ("data", "device"):
        assert name not in parameters or parameters[name][0] in CHOICES[name]


def test_the_pair_is_executed_and_in_step(source, notebook):
    pair = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(pair)
    assert list(pair_faults(notebook, pair)) == []
    assert list(output_faults(pair)) == []
    cleaned = clean(copy.deepcopy(pair))
    assert cleaned == pair, "not written by `awd refs`"


def make(*cells):
    cells = [nbformat.v4.new_code_cell(source) for source in cells]
    for cell in cells:
        cell.metadata["tags"] = ["nbval-check-output"]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Learn"), *cells])


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("x = 1\n" * 16, "a cell of 16 lines"),
        ("def f():\n" + "    x = 1\n" * 6, "the function f has 7 lines"),
        ("class A:\n    pass", "defines the class A"),
        ("!ls", "outside"),
        ("%pip install torch", "outside"),
        ("import warnings\nwarnings.filterwarnings('ignore')", "hides warnings"),
        ("open('/tmp/x')", "absolute path"),
        ("np.load('x.npy')", "past awdlib"),
        ("x = = 1", "not plain Python"),
    ],
)
def test_the_style_check_bites(cell, fault):
    assert list(style_faults(make("x = 1", "y = 1"))) == []
    assert any(fault in found for found in style_faults(make("x = 1", cell)))


def test_the_checks_of_a_page_bite():
    source = make("x = 1", "y = 1")
    page = copy.deepcopy(source)
    for count, cell in enumerate(code(page), start=1):
        cell.execution_count = count
        png = nbformat.v4.new_output(
            "display_data",
            {"image/png": "AA=="},
            metadata={"image/png": {"alt": f"Figure {count}"}},
        )
        cell.outputs = [png]
    page = clean(page)
    assert list(pair_faults(source, page)) == []
    assert list(output_faults(page)) == []

    changed = copy.deepcopy(page)
    changed.cells[1].source = "x = 2"
    assert list(pair_faults(source, changed)) == ["cell 1: its source is not the source's"]
    changed = copy.deepcopy(page)
    changed.cells[2].metadata["tags"] = []
    assert list(pair_faults(source, changed)) == ["cell 2: its metadata is not the source's"]
    changed = copy.deepcopy(page)
    changed.cells[1].outputs[0].metadata = {}
    assert list(output_faults(changed)) == ["cell 1 shows a figure without alternative text"]
    changed = copy.deepcopy(page)
    changed.cells[1].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="Warning"))
    assert list(output_faults(changed)) == ["cell 1 wrote an error or a warning"]
    changed = copy.deepcopy(page)
    changed.cells[2].execution_count = 7
    assert list(output_faults(changed)) == ["not executed once from top to bottom: [1, 7]"]
