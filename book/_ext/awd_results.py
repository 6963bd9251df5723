"""Bring results into pages: the role `val`, directives for provenance, verdicts and scorecard.

They read the results when the book is built, so that a page cannot disagree with its numbers; an
unknown key is an error, and fails the build. Which results belong to which page is noted by the
run in ``book/notebooks/shown.json``.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from awdlib import book, results


def shown_results(name: str) -> tuple[results.Results, dict[str, Any]]:
    """Return the results that a chapter's page shows (``chapter@stem``: those of a stem)."""
    chapter, _, stem = name.partition("@")
    entry = book.shown(results.root()).get(chapter, {"stem": "smoke", "origin": "accepted"})
    if stem:  # what was accepted: a run here may have had other parameters
        return results.load(chapter, stem, "accepted"), entry
    return results.load(chapter, entry["stem"], entry["origin"]), entry


class Value(SphinxRole):
    """``{val}`chapter:dotted.key:format` ``: one number out of the results."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            name, key, *spec = self.text.split(":", 2)
            stored, _ = shown_results(name)
            value = stored[key]
            if isinstance(value, dict):
                raise results.UnknownKey(f"'{key}' of {name} is a group of results, not one")
            text = results.fmt(value, *spec)
            # `awd-number` is the same role for the large numbers of the first page
            large = self.name == "awd-number"
            return [nodes.inline(text=text, classes=["awd-number"] if large else [])], []
        except (ValueError, KeyError, TypeError) as error:
            what = f"{{val}}`{self.text}`: {error}"
            message = self.inliner.reporter.error(what, line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]


class Provenance(SphinxDirective):
    """The banner of a chapter: what its numbers were computed from, and what they are worth."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        chapter = self.arguments[0]
        try:
            stored, entry = shown_results(chapter)
        except (ValueError, KeyError) as error:
            raise self.error(f"provenance of {chapter}: {error}") from error
        line = nodes.paragraph(classes=["awd-provenance"])
        for name, text in facts(stored).items():
            line += nodes.inline("", "", nodes.strong(text=name), nodes.Text(f" {text}"))
            line += nodes.Text(" ")
        return [line, *(warning(text) for text in cautions(chapter, stored, entry))]


class Verdicts(SphinxDirective):
    """The paper's claims about a chapter, judged by the rules committed before the run.

    ``chapter@stem`` judges the results of a stem instead of those that the page shows.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from awdlib import paper

        chapter = self.arguments[0]
        try:
            stored, _ = shown_results(chapter)
            profile, source = stored.provenance["profile"], stored.provenance["source"]
            judged = paper.judge(stored.numbers, stored.chapter, profile, source or "none")
        except (ValueError, KeyError) as error:
            raise self.error(f"verdicts of {chapter}: {error}") from error
        claims = judged[~judged["number"]] if len(judged) else judged
        return [table(CLAIM_HEADS, [verdict_cells(claim) for claim in claims.to_dict("records")])]


CLAIM_HEADS = ["claim", "paper", "here, with interval", "rule", "verdict", "note"]


class Scorecard(SphinxDirective):
    """Every claim and number of the paper beside the best results that there are.

    The argument says which part: ``counts``, the name of a chapter, or ``not-reproduced``.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from awdlib import paper, scorecard

        frame, part = scorecard.scorecard(), self.arguments[0]
        if part == "counts":
            counted = scorecard.counts(frame)
            rows = [[name, *map(str, counted.loc[name])] for name in counted.index]
            rows.append(["all", *map(str, counted.sum())])
            return [table(["chapter", *counted.columns], rows)]
        if part == "not-reproduced":
            some = frame[frame["verdict"].isin([paper.NOT_REPRODUCED, paper.DIRECTION_ONLY])]
        elif part in set(frame["chapter"]):
            some = frame[frame["chapter"] == part]
        else:
            raise self.error(f"scorecard of {part}: there is no such chapter")
        heads = ["verdict", "what the paper says", "paper", "here", "difference", "rule", "run"]
        found = table(heads, [])
        found["classes"] += ["awd-score"]
        body = next(iter(found.findall(nodes.tbody)))
        body += [score_row(one) for one in some.to_dict("records")]
        return [found]


MARKS = {
    "reproduced": ("✓", "good"), "direction only": ("~", "half"), "not reproduced": ("✗", "bad"),
    "not testable here": ("–", "none"),
}  # fmt: skip


def score_row(claim: dict[str, Any]) -> nodes.row:
    """Return a row of the scorecard: the note stands small below the claim."""
    text, known, ours, rule, verdict, note = verdict_cells(claim)
    mark, kind = MARKS[verdict]
    said = nodes.paragraph("", "", nodes.inline(text=f"{mark} {verdict}"))
    said["classes"] += ["awd-verdict", f"awd-verdict-{kind}"]
    small = nodes.paragraph("", f"{claim['where']}{'; ' if note else ''}{note}")
    small["classes"] += ["awd-note"]
    difference = results.fmt(claim["difference"], "+.3g")
    ran = f"{claim['profile']}, {claim['data']}" if claim["profile"] else "none yet"
    cells = [known, ours, difference, rule, ran]
    return nodes.row(
        "", nodes.entry("", said), nodes.entry("", nodes.paragraph(text=text), small),
        *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells),
    )  # fmt: skip


class Costs(SphinxDirective):
    """What every accepted run cost, and where it ran."""

    def run(self) -> list[nodes.Node]:
        from awdlib import scorecard

        rows = list(scorecard.costs())
        heads = list(rows[0]) if rows else ["chapter"]
        return [table(heads, [list(row.values()) for row in rows])]


def verdict_cells(claim: dict[str, Any]) -> list[str]:
    """Return a judged claim as the cells of its row."""
    largest = max((abs(claim[key]) for key in ("paper", "ours") if claim[key] == claim[key]),
                  default=0.0)  # fmt: skip
    form = ".4f" if largest < 0.05 else ".0f" if largest >= 1000 else ".3f"
    known = {key: results.fmt(claim[key], form) for key in ("paper", "ours", "low", "high")}
    ours = known["ours"]
    if claim["low"] == claim["low"]:  # not NaN
        ours += f" [{known['low']}, {known['high']}]"
    if claim["kind"] and claim["ours"] == claim["ours"]:
        ours += f" ({claim['kind']}; n = {claim['n']})"
    return [
        claim["claim"], known["paper"], ours, claim["rule"], claim["verdict"], claim["note"],
    ]  # fmt: skip


def facts(stored: results.Results) -> dict[str, str]:
    """Return what the banner says, in its order."""
    from awdlib import scorecard

    provenance = stored.provenance
    seeds = provenance["seeds"]
    found = {
        "profile": provenance["profile"],
        "data": scorecard.data_of(stored),
        "device": f"{provenance['device']} ({provenance['device_name']})",
        "time": results.fmt(provenance["seconds"], "duration"),
        "seeds": ", ".join(map(str, seeds)) if len(seeds) < 6 else f"{len(seeds)} of them",
        "own parameters": ", ".join(f"{k} = {v}" for k, v in provenance.get("changed", {}).items()),
        "commit": (provenance["commit"] or "none")[:7] + " and changes" * provenance["dirty"],
    }
    return {name: text for name, text in found.items() if text}


def cautions(chapter: str, stored: results.Results, entry: dict[str, Any]) -> list[str]:
    """Return why the numbers of a page are to be taken with care."""
    found = []
    command = f"make book CHAPTERS={chapter}"
    if stored.provenance["profile"] == "smoke":
        found.append(
            "These are the numbers of the smoke profile: small, and made for tests. "
            f"They are no evidence for any claim. Computed properly by: {command}"
        )
    elif stored.provenance["source"] == "simulated":
        found.append(
            "No real data could be had: every number here comes from simulated data. "
            f"With the data in AWD_DATA_DIR: {command}"
        )
    if not entry.get("fresh") and stored.provenance["profile"] != "smoke":
        day = stored.provenance["utc"][:10]
        found.append(f"This page was not computed in this build, but on {day}. Again by: {command}")
    if entry.get("utc", stored.provenance["utc"]) != stored.provenance["utc"]:
        found.append(f"The numbers come from a later run than the figures. Again by: {command}")
    return found


def warning(text: str) -> nodes.Node:
    """Return a warning box; a command after the last colon is set as code."""
    sentence, _, command = text.rpartition(": ")
    paragraph = nodes.paragraph("", f"{sentence}: ")
    paragraph += nodes.literal(text=command)
    return nodes.warning("", paragraph, classes=["awd-caution"])


def table(heads: list[str], rows: list[list[str]]) -> nodes.table:
    """Return a table that scrolls inside its own box."""
    group = nodes.tgroup("", cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    head, body = nodes.thead(), nodes.tbody()
    head += row(heads)
    body += [row(cells) for cells in rows]
    group += [head, body]
    return nodes.table("", group, classes=["awd-table"])


def row(cells: list[str]) -> nodes.row:
    """Return a row of a table."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells))


def without_thebe(app: Sphinx, page: str, template: str, context: dict, doctree: Any) -> None:
    """Drop sphinx-thebe, which needs other machines, and whose script is declared twice."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in f"{file.filename} {file.attributes.get('body')}".lower()
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything with Sphinx."""
    app.add_role("val", Value())
    app.add_role("awd-number", Value())
    app.add_directive("provenance", Provenance)
    app.add_directive("verdicts", Verdicts)
    app.add_directive("scorecard", Scorecard)
    app.add_directive("costs", Costs)
    app.connect("html-page-context", without_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
