"""Check a built book, and print one line a fault: ``python book/check.py _build/html``.

A green build says little: a chapter may be missing, a figure may have no alternative text, a link
may lead nowhere. Exit status 1 if anything is wrong.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from awdlib.chapters import chapters

# what a browser loads by itself; a plain link to another site is not loaded
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
# <link> elements of these kinds name a page and load nothing
NAMES_ONLY = {"canonical", "prev", "next", "search", "index", "author", "license"}


def faults(html: Path, expected: Path, root: Path | None = None) -> Iterator[str]:
    """Yield one line for each fault of the book in the folder `html`."""
    html = html.resolve()
    pages = {
        path: parse(path) for path in sorted(html.rglob("*.html")) if "_static" not in path.parts
    }
    if html / "index.html" not in pages:
        yield f"{html}: there is no book here (no index.html)"
        return
    yield from counts(html, pages, tomllib.loads(expected.read_text()), root)
    anchors = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    for path, page in pages.items():
        name = path.relative_to(html)
        for fault in [*figures(page), *errors(page), *requests(page)]:
            yield f"{name}: {fault}"
        for fault in links(path, page, anchors):
            yield f"{name}: {fault}"
    for style in html.rglob("*.css"):
        text = style.read_text(errors="replace")
        if re.search(r"(url\(\s*['\"]?|@import\s+['\"])(https?:)?//", text):
            yield f"{style.relative_to(html)}: loads something from another machine"


def parse(path: Path) -> BeautifulSoup:
    """Read a page."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def counts(
    html: Path, pages: dict[Path, BeautifulSoup], expected: dict, root: Path | None
) -> Iterator[str]:
    """Every chapter is there, with as many figures and tables as it should have."""
    for chapter, source in chapters(root).items():
        path = html / "notebooks" / f"{source.stem}.html"
        if path not in pages:
            yield f"{chapter}: the chapter has no page in the book"
        elif chapter not in expected:
            yield f"{chapter}: expected.toml does not say how many figures and tables it has"
        else:
            found = {"figures": len(images(pages[path])), "tables": len(tables(pages[path]))}
            for kind, number in found.items():
                if number != expected[chapter][kind]:
                    yield f"{chapter}: {number} {kind}, expected {expected[chapter][kind]}"


def images(page: BeautifulSoup) -> list:
    """Return the figures of a page, not the pictures of the theme around it."""
    return page.select("article img")


def tables(page: BeautifulSoup) -> list:
    """Return the tables of a page; the lines of highlighted code are none."""
    return page.select("article table:not(.highlighttable)")


def figures(page: BeautifulSoup) -> Iterator[str]:
    """Each figure has an alternative text that a person wrote."""
    for image in images(page):
        alt = image.get("alt", "").strip()
        if not alt or "_images/" in alt or alt.endswith((".png", ".svg")) or "<Figure" in alt:
            yield f"the figure {image.get('src')} has no real alternative text (alt={alt!r})"


def errors(page: BeautifulSoup) -> Iterator[str]:
    """No cell ended with an error, and nothing in the text was left unresolved."""
    for output in page.select(".traceback, .output.error"):
        yield f"a cell with an error: {output.get_text(' ', strip=True)[-120:]}"
    for text in page.select(".problematic, .system-message"):
        yield f"unresolved: {text.get_text(' ', strip=True)[:120]}"


def requests(page: BeautifulSoup) -> Iterator[str]:
    """A page loads nothing from another machine."""
    for name, attribute in LOADED.items():
        for tag in page.select(f"{name}[{attribute}]"):
            if name == "link" and NAMES_ONLY & set(tag.get("rel", [])):
                continue
            if urlsplit(tag[attribute]).netloc:
                yield f"loads {tag[attribute]} from another machine"


def links(path: Path, page: BeautifulSoup, anchors: dict[Path, set[str]]) -> Iterator[str]:
    """Each link inside the book leads to a file, and to an anchor that is there."""
    found = {tag["href"] for tag in page.select("a[href], link[href]")}
    found |= {tag["src"] for tag in page.select("[src]")}
    for link in sorted(found):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link in ("", "#"):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            yield f"broken link {link}"
        elif parts.fragment and target.suffix == ".html":
            if unquote(parts.fragment) not in anchors.get(target, set()):
                yield f"broken anchor {link}"


def main() -> int:
    """Check the folder named on the command line."""
    html = Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html")
    found = list(faults(html, Path(__file__).with_name("expected.toml")))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{html}: {len(found) or 'no'} faults")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
