"""The directive `widget`: an interactive figure, its data in the page beside it.

Its argument says which, ``:replaces:`` the name of the still figure that it takes the place of on
a screen. On paper, and without JavaScript, that figure stays. ``:results:`` names other results
than those of the page, for instance ``masks@paper``.
"""

from __future__ import annotations

import json
from typing import Any

from awd_results import shown_results
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from awdlib import widgets


def data_of(name: str, of: str = "") -> dict[str, Any]:
    """Return what a widget is given, from the results `of`, by default those that its page shows.

    Raises
    ------
    ValueError
        If there is no such widget.
    """
    if name == "haar":
        return {}
    if name == "transforms":
        return widgets.transforms()
    if name == "sweep":
        stored, _ = shown_results(of or "cme")
        return widgets.sweep(stored.arrays, stored["main.teacher"], stored["table1.db5.r2"])
    if name in ("mask", "lambda"):
        stored, _ = shown_results(of or "masks")
        return (widgets.drawing if name == "mask" else widgets.over_lambda)(stored.arrays)
    raise ValueError(f"there is no widget '{name}'")


def html(name: str, data: dict[str, Any], replaces: str = "") -> str:
    """Return a widget as HTML; nothing in its data can end the script element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    return (
        f'<div class="awd-widget" data-awd-widget="{name}" data-awd-replaces="{replaces}">'
        f'<script type="application/json">{text}</script></div>'
    )


class Widget(SphinxDirective):
    """``{widget} name``: an interactive figure."""

    required_arguments = 1
    option_spec = {  # noqa: RUF012
        "replaces": directives.unchanged_required, "results": directives.unchanged_required,
    }  # fmt: skip

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        try:
            data = data_of(name, self.options.get("results", ""))
        except (ValueError, KeyError) as error:
            raise self.error(f"widget {name}: {error}") from error
        return [nodes.raw("", html(name, data, self.options.get("replaces", "")), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything with Sphinx."""
    app.add_directive("widget", Widget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
