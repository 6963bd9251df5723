"""The project as a whole: its style, its pins, and what must be in no file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()


def tracked(*patterns):
    """Return the files that git knows or would add, this one excepted."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / line for line in listing.splitlines()]
    return [path for path in paths if path.is_file() and path != Path(__file__).resolve()]


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_style_and_types(command):
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def name_of(requirement):
    return re.split(r"[<>=~!\[; ]", requirement, maxsplit=1)[0].lower()


def test_environment_yml_pins_what_the_lock_pins():
    lock = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if found := re.match(r"([\w.-]+)==(\S+)(?: ; (.*?))? *\\?$", line):
            lock.setdefault(found[1].lower(), []).append((found[2], found[3] or ""))
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert "python=3.11" in environment
    listed = next(part["pip"] for part in environment if isinstance(part, dict))
    assert listed[-1] == "-e .[book,test]"
    pins = dict(pin.lower().split("==") for pin in listed[:-1])

    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    direct = {name_of(r) for r in project["dependencies"] + extras["book"] + extras["test"]}
    assert set(pins) == direct
    torch = re.search(r"TORCH\s*\?=\s*torch==(\S+)", (ROOT / "Makefile").read_text())
    assert pins.pop("torch") == torch[1]
    for name, version in pins.items():
        # where the lock pins several versions, that of Python 3.11 is the one without '>= 3.12'
        locked = [pin for pin, marker in lock[name] if ">= '3.12'" not in marker]
        assert [version] == locked, name


@pytest.mark.parametrize(
    "pattern",
    [
        r"pickle\.loads?\(|Unpickler\(\w+\)\.load",
        r"allow_pickle\s*=\s*True",
        r"weights_only\s*=\s*False",
        r"torch\.load\((?!.*weights_only=True)",
        r"read_pickle\(|joblib\.load\(",
    ],
)
def test_nothing_is_unpickled_freely(pattern):
    for path in tracked("*.py"):
        found = re.search(pattern, path.read_text())
        assert not found, f"{path.relative_to(ROOT)}: {found[0]}"


def test_no_file_names_a_folder_of_one_machine():
    folders = re.compile(r"(?<![\w.])/(home|Users|root|work|mnt|scratch)/\w|[A-Z]:\\\\?Users")
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = folders.search(text)
        assert not found, f"{path.relative_to(ROOT)}: {found[0]}"


def test_executed_pages_and_runs_are_not_committed():
    for path in ("book/notebooks/x.ipynb", "data/runs/x.json", "notebooks/x.partial.ipynb"):
        ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT)
        assert ignored.returncode == 0, path


def test_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PYPROJECT["project"]["version"]
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == [
        "Ha",
        "Singh",
        "Lanusse",
        "Upadhyayula",
        "Yu",
    ]
    bibliography = (ROOT / "book" / "references.bib").read_text().lower()
    assert paper["title"].lower() in bibliography


def test_every_image_of_the_readme_exists_and_is_described():
    images = re.findall(r"!\[(.*?)\]\((.*?)\)", README)
    images += [
        (re.search(r'alt="(.*?)"', tag)[1], re.search(r'src="(.*?)"', tag)[1])
        for tag in re.findall(r"<img[^>]*>", README)
    ]
    for alt, path in images:
        assert alt.strip(), path
        assert (ROOT / path).exists(), path


def test_the_readmes_first_snippet_runs_within_a_minute(tmp_path):
    snippet = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert snippet, "README.md has no ```python block"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet[1]],
        cwd=tmp_path, timeout=60, check=True, capture_output=True, text=True,
    )  # fmt: skip
    start, distilled = (float(line.split()[1]) for line in done.stdout.splitlines()[-2:])
    assert distilled < start / 10  # as README says


def test_every_package_is_installed():
    from setuptools import find_packages

    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    assert sorted(packages) == sorted(find_packages(str(ROOT), include=["awdlib*"]))
