"""The book: roles and banners read results; the check of the built pages finds what is wrong."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from docutils import nodes

from awdlib import book, paper, results
from awdlib.chapters import RunError

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = "toy = { figures = 1, tables = 0 }\nother = { figures = 1, tables = 0 }\n"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ext = load(ROOT / "book" / "_ext" / "awd_results.py")
check = load(ROOT / "book" / "check.py")


def write_book(root, intro):
    shutil.copy(ROOT / "_config.yml", root)
    for name in ("_ext", "_static"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    (root / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: intro\n"
        "chapters: [{file: notebooks/00_toy}, {file: notebooks/01_other}]\n"
    )
    (root / "book" / "intro.md").write_text(intro)
    (root / "book" / "expected.toml").write_text(EXPECTED)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A book of the two toy chapters, built once: its folder, and the one without a good key."""
    root = tmp_path_factory.mktemp("book")
    (root / "notebooks").mkdir()
    toy = (ROOT / "tests" / "toy_chapter.txt").read_text()
    for name in ("00_toy", "01_other"):
        (root / "notebooks" / f"{name}.py").write_text(toy.replace("toy", name[3:]))
    patch = pytest.MonkeyPatch()
    patch.setenv("AWD_ROOT", str(root))
    patch.setenv("AWD_RUNS_DIR", str(root / "data" / "runs"))
    intro = "# Toys\n\nFirst {val}`toy:table1.awd.r2:.1f`, $x^2$ {cite:p}`ha2021adaptive`.\n"
    intro += "\n```{provenance} other\n```\n\n```{bibliography}\n```\n"
    write_book(root, intro)
    book.book("smoke", root=root)
    yield root
    patch.undo()


def test_numbers_reach_prose_captions_and_banners(built):
    front = check.parse(built / "_build" / "html" / "intro.html").get_text()
    assert "First 0.1" in front
    page = check.parse(built / "_build" / "html" / "notebooks" / "00_toy.html")
    assert "The number is 0.12, in Fig. 1" in page.get_text()
    assert "R² is 0.123." in page.select_one("figcaption").get_text()
    banner = page.select_one(".awd-provenance").get_text()
    assert "profile smoke" in banner
    assert "data simulated" in banner
    assert "seeds 0, 1" in banner
    assert "no evidence for any claim" in page.select_one(".awd-caution").get_text()
    assert page.select_one("article img")["alt"] == "One dot for toy"
    assert "profile = " not in page.select_one("article").get_text()  # the parameters are hidden


def test_the_built_book_has_no_fault_and_needs_no_other_machine(built):
    html = built / "_build" / "html"
    assert list(check.faults(html, built / "book" / "expected.toml", built)) == []
    assert (html / "mathjax" / "tex-svg.js").stat().st_size > 1e6
    page = (html / "intro.html").read_text()  # its formula needs MathJax
    assert "mathjax/tex-svg.js" in page
    assert "sphinx-thebe" not in page


def test_an_unknown_key_fails_the_build_and_keeps_the_last_book(built):
    intro = built / "book" / "intro.md"
    good = intro.read_text()
    before = (built / "_build" / "html" / "intro.html").read_bytes()
    intro.write_text(good.replace("awd.r2", "awd.r3"))
    try:
        with pytest.raises(RunError, match=r"toy \(smoke\) has no result 'table1.awd.r3'; near"):
            book.build(built)
    finally:
        intro.write_text(good)
    assert (built / "_build" / "html" / "intro.html").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('alt="One dot for toy"', 'alt=""', "no real alternative text"),
        ('alt="One dot for toy"', 'alt="_images/a.png"', "no real alternative text"),
        ('alt="One dot for toy"', 'alt="a figure.png"', "no real alternative text"),
        ('alt="One dot for toy"', 'alt="<Figure size 640x480"', "no real alternative text"),
        ('href="#fig-toy"', 'href="#fig-tony"', "broken anchor #fig-tony"),
        ('href="01_other.html"', 'href="02_none.html"', "broken link 02_none.html"),
        ("_static/awd.css", "_static/none.css", "broken link ../_static/none.css"),
        ("<article", '<img src="https://x.org/a"><article', "loads https://x.org/a from another"),
        ("<article", '<script src="//x.org/a.js"></script><article', "loads //x.org/a.js"),
        ("</article>", '<div class="output traceback">Boom</div></article>', "error: Boom"),
        ("</article>", '<span class="problematic">{val}</span></article>', "unresolved: {val}"),
        ("</article>", "<table></table></article>", "toy: 1 tables, expected 0"),
        ("<figure", "</article><figure", "toy: 0 figures, expected 1"),
    ],
)
def test_check_finds_what_is_wrong_in_a_page(built, tmp_path, old, new, fault):
    html = tmp_path / "html"
    shutil.copytree(built / "_build" / "html", html)
    page = html / "notebooks" / "00_toy.html"
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new))
    found = list(check.faults(html, built / "book" / "expected.toml", built))
    assert any(fault in line for line in found), found


def test_check_finds_what_is_missing(built, tmp_path, monkeypatch, capsys):
    html = tmp_path / "html"
    shutil.copytree(built / "_build" / "html", html)
    expected = tmp_path / "expected.toml"
    expected.write_text(EXPECTED.splitlines()[0])
    found = list(check.faults(html, expected, built))
    assert found == ["other: expected.toml does not say how many figures and tables it has"]
    (html / "_static" / "far.css").write_text("a { background: url('https://x.org/a.png') }")
    (html / "notebooks" / "00_toy.html").unlink()
    found = list(check.faults(html, built / "book" / "expected.toml", built))
    assert "toy: the chapter has no page in the book" in found
    assert "_static/far.css: loads something from another machine" in found

    monkeypatch.setattr("sys.argv", ["check.py", str(tmp_path / "nothing")])
    assert check.main() == 1
    assert "there is no book here" in capsys.readouterr().out


def store(toy_root, profile, source, fresh=True, **entry):
    stored = results.start("toy", profile, source).save({"x": 1})
    book.note(toy_root, "toy", stored, fresh)
    path = toy_root / "book" / "notebooks" / "shown.json"
    shown = json.loads(path.read_text())
    shown["toy"] |= entry
    path.write_text(json.dumps(shown))
    return ext.cautions("toy", *ext.shown_results("toy"))


@pytest.mark.parametrize(
    ("profile", "source", "entry", "cautions"),
    [
        ("laptop", "real", {}, []),
        ("laptop", None, {}, []),
        ("laptop", "simulated", {}, ["every number here comes from simulated data"]),
        ("smoke", "simulated", {"fresh": False}, ["smoke profile"]),
        ("laptop", "real", {"fresh": False}, ["was not computed in this build"]),
        ("laptop", "real", {"utc": "2001"}, ["come from a later run than the figures"]),
        (
            "paper",
            "simulated",
            {"fresh": False},
            ["every number here comes from simulated data", "was not computed in this build"],
        ),
    ],
)
def test_the_banner_warns_of_what_it_must(toy_root, profile, source, entry, cautions):
    found = store(toy_root, profile, source, **entry)
    assert len(found) == len(cautions)
    assert all(part in text for part, text in zip(cautions, found, strict=True))


@pytest.mark.parametrize(
    ("changed", "text"), [("{}", None), ('{"lam": 0.1, "what": "it"}', "lam = 0.1, what = it")]
)
def test_the_banner_names_own_parameters(toy_root, monkeypatch, changed, text):
    monkeypatch.setenv("AWD_CHANGED", changed)
    stored = results.start("toy", "laptop", "real").save({"x": 1})
    assert ext.facts(stored).get("own parameters") == text


@pytest.mark.parametrize(
    ("source", "numbers", "text"),
    [
        ("real", {"data": {"source": "another"}}, "real"),
        (None, {"data": {"source": "real textures, simulated neurons"}},
         "real textures, simulated neurons"),
        (None, {"x": 1}, "simulated by design"),
    ],
)  # fmt: skip
def test_the_banner_says_what_the_data_are(toy_root, source, numbers, text):
    stored = results.start("toy", "laptop", source).save(numbers)
    assert ext.facts(stored)["data"] == text


def accept(toy_root, chapter):
    """What lies among the runs of a chapter becomes accepted."""
    runs, accepted = (toy_root / "data" / kind / chapter for kind in ("runs", "results"))
    shutil.copytree(runs, accepted, dirs_exist_ok=True)


def test_a_stem_can_be_asked_for_and_is_an_accepted_one(toy_root):
    store(toy_root, "laptop", "real")
    results.start("toy", "paper", "real").save({"x": 2})
    assert ext.shown_results("toy")[0]["x"] == 1
    with pytest.raises(results.ResultsError, match="no results 'paper' of the chapter 'toy'"):
        ext.shown_results("toy@paper")
    accept(toy_root, "toy")
    results.start("toy", "paper", "real").save({"x": 3})  # a run since then
    results.start("toy", "laptop", "real").save({"x": 4})
    assert ext.shown_results("toy@paper")[0]["x"] == 2
    assert ext.shown_results("toy@laptop")[0]["x"] == 1
    assert ext.shown_results("toy")[0]["x"] == 4


def verdicts(name):
    """The rows that ``{verdicts} name`` makes, a dict of claim to cells."""

    class Asked:
        arguments = (name,)

        def error(self, text):
            return RuntimeError(text)

    (found,) = ext.Verdicts.run(Asked())
    rows = [
        [e.astext() for e in row.findall(nodes.entry)] for row in found.findall(nodes.row)
    ]  # fmt: skip
    assert rows[0] == ["claim", "paper", "here, with interval", "rule", "verdict", "note"]
    return {cells[0]: cells for cells in rows[1:]}


def scorecard(part):
    """The rows that ``{scorecard} part`` makes, as lists of texts."""

    class Asked:
        arguments = (part,)

        def error(self, text):
            return RuntimeError(text)

    (found,) = ext.Scorecard.run(Asked())
    return [[e.astext() for e in row.findall(nodes.entry)] for row in found.findall(nodes.row)]


def test_the_scorecards_page_follows_the_stored_results(toy_root):
    def store(low, high):
        claim = {"estimate": (low + high) / 2, "low": low, "high": high, "n": 9, "kind": "k"}
        results.start("cme", "paper", "real").save({"claims": {"awd_authors_minus_db5": claim}})
        accept(toy_root, "cme")
        return next(cells for cells in scorecard("cme") if "started from (DB5)" in cells[1])

    verdict, said, published, here, difference, rule, ran = store(0.01, 0.09)
    assert (verdict, rule, ran) == ("✓ reproduced", "> 0", "paper, real")
    assert (published, here) == ("0.065", "0.050 [0.010, 0.090] (k; n = 9)")
    assert difference == "−0.015"
    assert "Sec. 4.2" in said
    assert store(-0.05, 0.09)[0] == "~ direction only"
    assert store(-0.09, -0.01)[0] == "✗ not reproduced"
    counted = scorecard("counts")
    assert counted[0][1:] == list(paper.VERDICTS)
    assert sum(map(int, counted[-1][1:])) == len(paper.claims())
    assert any("started from (DB5)" in cells[1] for cells in scorecard("not-reproduced"))
    with pytest.raises(RuntimeError, match="there is no such chapter"):
        scorecard("none")


def test_verdicts_are_of_the_stem_that_is_asked_for(toy_root):
    """Claims of the clathrin chapter: every row has its rule, and its results' verdict."""

    def run(stem, low, high):
        claim = {"estimate": (low + high) / 2, "low": low, "high": high, "n": 9, "kind": "k"}
        results.start("cme", stem, "real").save({"claims": {"awd_authors_minus_db5": claim}})

    run("paper", -0.3, -0.2)
    accept(toy_root, "cme")
    run("paper", 0.05, 0.09)  # not accepted
    asked = paper.claims("cme").set_index("quantity").loc["claims.awd_authors_minus_db5"]
    found = verdicts("cme@paper")
    assert len(found) == len(paper.quantities("cme"))
    assert found[asked["claim"]][2] == "−0.250 [−0.300, −0.200] (k; n = 9)"
    assert found[asked["claim"]][4] == "not reproduced"
    rules = paper.judge({}, "cme", "laptop", "real").set_index("claim")["rule"]
    for claim, cells in found.items():
        assert cells[3] == rules[claim] != ""
    with pytest.raises(RuntimeError, match="verdicts of cme@laptop: There are no results 'laptop'"):
        verdicts("cme@laptop")


def test_a_judged_claim_becomes_a_row():
    claim = {"claim": "A", "paper": 0.065, "ours": 0.08, "low": -0.01, "high": 0.1}
    claim |= {"verdict": "direction only", "note": "n", "n": 374, "kind": ""}
    claim["rule"] = "above 0, to 0.07"
    cells = ext.verdict_cells(claim)
    assert cells == [
        "A",
        "0.065",
        "0.080 [−0.010, 0.100]",
        "above 0, to 0.07",
        "direction only",
        "n",
    ]
    told = ext.verdict_cells(claim | {"kind": "95 %, tracks"})[2]
    assert told == "0.080 [−0.010, 0.100] (95 %, tracks; n = 374)"
    nan = float("nan")
    claim["kind"] = "95 %, tracks"
    assert ext.verdict_cells(claim | {"ours": nan, "low": nan, "high": nan})[2] == "–"
    table = ext.table(["claim"], [["A"], ["B"]])
    assert [entry.astext() for entry in table.findall(nodes.entry)] == ["claim", "A", "B"]
