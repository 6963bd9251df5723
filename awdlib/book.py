"""Make the book: run the asked chapters, gather every chapter's page, build; accept results."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from awdlib import provenance, results, scorecard
from awdlib.chapters import RunError, chapters, check_parameters, read_parameters, source_of
from awdlib.runner import run_chapter
from awdlib.store import read_record, to_json, write, write_set


def select(names: str | list[str], root: Path | None = None) -> list[str]:
    """Return chapters from ``all`` or from names with commas between them."""
    if isinstance(names, str):
        names = [name for name in names.replace(",", " ").split() if name]
    if names == ["all"]:
        return list(chapters(root))
    for name in names:
        source_of(name, root)
    return names


def settings(profile: str, data: str, device: str) -> dict[str, Any]:
    """Return the parameters that every chapter is run with."""
    if (profile, data, device) == ("smoke", "auto", "auto"):
        return {"profile": profile}  # the defaults, so that the pages equal the committed pairs
    return {"profile": profile, "data": data, "device": device}


def run(asked: list[str], parameters: Mapping[str, Any], root: Path | None = None) -> list[str]:
    """Run chapters for the book, every one even if another fails, and return those that failed.

    The parameters of all are checked first; a chapter without `data` or `device` does not get it.
    """
    top = root or results.root()
    given = {}
    for chapter in asked:
        has = read_parameters(source_of(chapter, top))
        common = {name for name in ("data", "device") if name not in has}
        given[chapter] = {k: v for k, v in parameters.items() if k not in common}
        check_parameters(chapter, given[chapter], root)
    failed = []
    for chapter in asked:
        began = provenance.now()
        page = top / "book" / "notebooks" / f"{source_of(chapter, top).stem}.ipynb"
        try:
            seconds = run_chapter(chapter, given[chapter], page, root)
            stored = results.latest(chapter, since=began)
            if stored is None:
                raise RunError(f"{chapter} ended without saving results (results.start, run.save).")
        except RunError as error:
            print(f"FAILED {error}", file=sys.stderr)
            failed.append(chapter)
        else:
            note(top, chapter, stored, fresh=True)
            print(f"{chapter}: {stored.stem} in {results.fmt(seconds, 'duration')}", flush=True)
    return failed


def shown(top: Path) -> dict[str, dict[str, Any]]:
    """Return which results each page of the book shows."""
    path = top / "book" / "notebooks" / "shown.json"
    return json.loads(path.read_text()) if path.exists() else {}


def note(top: Path, chapter: str, stored: results.Results, fresh: bool) -> None:
    """Note which results the page of a chapter shows, and whether this build has run them."""
    entry = {
        "stem": stored.stem,
        "origin": stored.origin,
        "utc": stored.provenance["utc"],
        "fresh": fresh,
    }
    write(top / "book" / "notebooks" / "shown.json", to_json(shown(top) | {chapter: entry}))


def gather(asked: list[str], root: Path | None = None) -> None:
    """Give every chapter that was not asked for its last run, else its committed smoke pair."""
    top = root or results.root()
    for chapter, source in chapters(top).items():
        if chapter in asked:
            continue
        page = top / "book" / "notebooks" / f"{source.stem}.ipynb"
        pair = source.with_suffix(".ipynb")
        last = shown(top).get(chapter, {})
        try:
            if not page.exists() or last.get("origin") != "run":
                raise results.ResultsError("not run here yet")
            note(top, chapter, results.load(chapter, last["stem"], origin="run"), fresh=False)
        except results.ResultsError:
            if not pair.exists():
                raise RunError(f"{chapter} has no page yet: make book CHAPTERS={chapter}") from None
            stored = results.load(chapter, "smoke", origin="accepted")
            write(page, pair.read_bytes())
            note(top, chapter, stored, fresh=False)


def build(root: Path | None = None) -> Path:
    """Build the pages into ``_build/html``; the last good book stays until the new one is whole."""
    top = root or results.root()
    vendor = top / "book" / "_vendor" / "mathjax"
    write(vendor / "tex-svg.js", _mathjax().read_bytes())
    new = top / "_build" / "new"
    shutil.rmtree(new, ignore_errors=True)
    builder = "from jupyter_book.cli.main import main; main()"  # not its script: that may be moved
    command = [sys.executable, "-c", builder, "build", "book", "--config", "_config.yml"]
    command += ["--path-output", str(new), "-q", "-W", "--keep-going", "-n"]
    environment = {**os.environ, "AWD_ROOT": str(top)}
    done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True)
    html = new / "_build" / "html"
    if done.returncode or not (html / "index.html").exists():
        said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr).strip()
        faults = [line for line in said.splitlines() if re.search("WARNING|ERROR", line)]
        raise RunError("The book could not be built:\n" + ("\n".join(faults) or said))
    shutil.rmtree(top / "_build" / "html", ignore_errors=True)
    os.replace(html, top / "_build" / "html")
    shutil.rmtree(new, ignore_errors=True)
    return top / "_build" / "html" / "index.html"


def book(
    profile: str = "laptop",
    data: str = "auto",
    device: str = "auto",
    chapters: str = "all",
    root: Path | None = None,
) -> Path:
    """Run the asked chapters and build the book; a failing chapter means no new book."""
    began = time.monotonic()
    asked = select(chapters, root)
    if failed := run(asked, settings(profile, data, device), root):
        raise RunError(f"The book was not built, as these chapters failed: {', '.join(failed)}.")
    gather(asked, root)
    page = build(root)
    print(f"{page} ({results.fmt(time.monotonic() - began, 'duration')} in all)")
    return page


def refs(names: str = "all", root: Path | None = None) -> None:
    """Execute chapters with their defaults into the committed pairs, and accept their results."""
    for chapter in select(names, root):
        pair = source_of(chapter, root).with_suffix(".ipynb")
        run_chapter(chapter, {}, pair, root)
        accept(chapter, "smoke")
        if chapter == "background":
            picture(pair, (root or results.root()) / "book" / "_static" / "overview.png")


def picture(pair: Path, out: Path) -> None:
    """Write the first figure of an executed notebook to a file: README's picture."""
    cells = json.loads(pair.read_text())["cells"]
    images = [o["data"] for cell in cells for o in cell.get("outputs", []) if "data" in o]
    write(out, base64.b64decode(next(i["image/png"] for i in images if "image/png" in i)))


def accept(chapter: str, stem: str) -> list[str]:
    """Copy the last run's files into ``data/results``; print and return what that changes."""
    place = results.folder(chapter, "run")
    source = place / f"{stem}.json"
    if not source.exists():
        if (place / f"{stem}-simulated.json").exists():
            raise RunError(
                f"The last {stem} run of {chapter} fell back to simulated data; if that is meant: "
                f"awd accept {chapter} {stem}-simulated"
            )
        raise RunError(f"There is no run '{stem}' of {chapter}: awd run {chapter} --profile {stem}")
    new = results.load(chapter, stem, origin="run")  # checks the hash of each file
    if changed_parameters := new.provenance.get("changed"):
        raise RunError(f"The last {stem} run of {chapter} had own parameters: {changed_parameters}")
    try:
        old = dict(results.flatten(results.load(chapter, stem, origin="accepted").numbers))
    except results.ResultsError:
        old = {}
    now = dict(results.flatten(new.numbers))
    changed = [f"- {key} is gone (was {old[key]})" for key in old if key not in now]
    changed += [f"+ {key} = {now[key]}" for key in now if key not in old]
    changed += [f"~ {k}: {old[k]} -> {now[k]}" for k in now if k in old and old[k] != now[k]]
    names = [*read_record(source)["files"], source.name]
    contents = {name: (place / name).read_bytes() for name in names}
    write_set(results.folder(chapter, "accepted"), stem, contents)
    scorecard.keep()
    print(f"Accepted {chapter} {stem}: {len(now)} numbers, {len(changed)} changed.")
    if old:  # of the first results, every number would be news
        print(*changed, sep="\n", end="\n" if changed else "")
    if new.provenance["dirty"]:
        print("Warning: the code was not committed when this ran.", file=sys.stderr)
    return changed


def _mathjax() -> Path:
    """Return MathJax as one file; its package is used for that file only."""
    for path in importlib.metadata.files("sphinx-mathjax-offline") or []:
        if path.name == "tex-svg.js":
            return Path(str(path.locate()))
    raise RunError("tex-svg.js is missing: install the package sphinx-mathjax-offline.")
