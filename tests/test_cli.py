"""The command `awd`: what it does to chapters and results, and how it says what is wrong."""

import importlib.metadata
import json

import pytest

from awdlib import book, cli, doctor, results
from awdlib.chapters import RunError


@pytest.fixture
def awd(toy_root, monkeypatch, capsys):
    """Call the command as a shell would; return exit status, output and error output."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["awd", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        status = left.value.code or 0
        if isinstance(status, str):  # sys.exit(text) prints the text and returns 1
            return 1, said.out, status
        return status, said.out, said.err

    return call


def save(profile="laptop", source="real", **numbers):
    return results.start("toy", profile, source).save(numbers)


def test_version(awd):
    assert awd("--version")[:2] == (0, f"awdlib {importlib.metadata.version('awdlib')}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "tony"], "awd: There is no chapter 'tony'; there are: toy, other."),
        (["run", "toy", "-p", "lam"], "awd: -p takes name=value, not 'lam'."),
        (["run", "toy", "-p", "lamb=1"], "awd: toy has no parameter 'lamb'"),
        (["book", "--profile", "smoke", "--data", "real"], "awd: The smoke profile always"),
        (["book", "--profile", "big"], "awd: toy: profile is 'big'"),
        (["accept", "toy", "laptop"], "awd: There is no run 'laptop' of toy"),
        (["data", "verify", "nothing"], "awd: No data set is called 'nothing'"),
    ],
)
def test_an_error_of_the_users_is_one_line(awd, arguments, message):
    status, _, error = awd(*arguments)
    assert status == 1
    assert error.startswith(message)
    assert "\n" not in error


def test_debug_shows_the_traceback(awd, monkeypatch):
    monkeypatch.setenv("AWD_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["awd", "run", "tony"])
    with pytest.raises(RunError):
        cli.main()


def test_missing_packages_are_one_sentence(awd, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("No module named 'papermill'", name="papermill")

    monkeypatch.setattr(book, "refs", missing)
    assert awd("refs")[2] == "awd: the package 'papermill' is missing: pip install 'awdlib[book]'"
    monkeypatch.setattr(cli, "typer", None)
    assert awd("refs")[2].startswith("awd needs the packages of the book")


def test_one_failing_chapter_lets_the_others_run_and_builds_nothing(awd, toy_root, monkeypatch):
    broken = toy_root / "notebooks" / "00_toy.py"
    broken.write_text(broken.read_text().replace('what = "nothing"', 'what = "fail"'))
    monkeypatch.setattr(book, "build", lambda *_: pytest.fail("built"))
    assert awd("book", "--profile", "smoke")[0] == 1
    assert (toy_root / "book" / "notebooks" / "01_other.ipynb").exists()
    assert not (toy_root / "book" / "notebooks" / "00_toy.ipynb").exists()
    shown = book.shown(toy_root)
    assert list(shown) == ["other"]
    assert (shown["other"]["stem"], shown["other"]["fresh"]) == ("smoke", True)


def test_a_chapter_without_results_fails(awd, toy_root, capsys):
    path = toy_root / "notebooks" / "00_toy.py"
    path.write_text(path.read_text().split("# %%\nif what")[0])
    assert awd("run", "toy")[0] == 1
    assert book.run(["toy"], {}, toy_root) == ["toy"]
    assert "toy ended without saving results" in capsys.readouterr().err


def test_other_chapters_show_their_last_run_or_the_smoke_pair(toy_root, capsys):
    book.refs("all", toy_root)
    pair = toy_root / "notebooks" / "01_other.ipynb"
    assert pair.exists()
    assert not book.run(["toy"], {"profile": "laptop"}, toy_root)
    book.gather(["toy"], toy_root)
    page = toy_root / "book" / "notebooks" / "01_other.ipynb"
    assert page.read_bytes() == pair.read_bytes()
    shown = book.shown(toy_root)
    assert (shown["toy"]["stem"], shown["toy"]["fresh"]) == ("laptop-simulated", True)
    assert (shown["other"]["origin"], shown["other"]["fresh"]) == ("accepted", False)

    book.gather([], toy_root)
    again = book.shown(toy_root)["toy"]
    assert (again["stem"], again["origin"], again["fresh"]) == ("laptop-simulated", "run", False)

    (results.folder("toy", "run") / "laptop-simulated.json").unlink()
    book.gather([], toy_root)  # without its results a page cannot be shown
    assert book.shown(toy_root)["toy"]["origin"] == "accepted"

    pair.unlink()
    with pytest.raises(RunError, match="other has no page yet: make book CHAPTERS=other"):
        book.gather([], toy_root)


def test_refs_accept_the_smoke_results_and_nothing_else_does(toy_root, capsys):
    accepted = toy_root / "data" / "results"
    assert not book.run(["toy"], {"profile": "smoke"}, toy_root)
    assert not accepted.exists()
    book.refs("toy", toy_root)
    names = [path.name for path in sorted(accepted.rglob("*.*"))]
    assert names == ["scorecard.csv", "smoke.json"]
    assert (toy_root / "notebooks" / "00_toy.ipynb").exists()


def test_accept_says_what_changes(awd):
    save(a=1, b=2)
    awd("accept", "toy", "laptop")
    save(a=1, b=3, c=4)
    assert awd("accept", "toy", "laptop")[1].splitlines() == [
        "Accepted toy laptop: 3 numbers, 2 changed.",
        "+ c = 4",
        "~ b: 2 -> 3",
    ]
    save(a=1)
    assert "- b is gone (was 3)" in awd("accept", "toy", "laptop")[1]
    assert results.load("toy", "laptop", origin="accepted").numbers == {"a": 1}


def test_a_fallback_is_accepted_only_under_its_own_name(awd):
    save(source="simulated", a=1)
    status, _, error = awd("accept", "toy", "laptop")
    assert status == 1
    assert "fell back to simulated data" in error
    assert awd("accept", "toy", "laptop-simulated")[0] == 0
    assert results.load("toy", "laptop-simulated", origin="accepted")["a"] == 1


def test_doctor_reports_and_compares_with_the_lock(awd, toy_root):
    lock = toy_root / "requirements.lock"
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:00\nnone-such==1 ; python_version < '3'\n")
    status, said, _ = awd("doctor")
    assert status == 0
    facts = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert {"python", "packages", "devices", "threads", "data", "free", "lock"} <= set(facts)
    assert facts["lock"] == f"numpy is {importlib.metadata.version('numpy')}, locked==0.1"
    lock.write_text("none-such==1\n")
    assert "none-such is missing" in doctor.report()
    lock.write_text(f"numpy=={importlib.metadata.version('numpy')}\n")
    assert "matches requirements.lock" in doctor.report()


def test_shown_is_json_that_names_no_folder(toy_root):
    stored = save(a=1)
    book.note(toy_root, "toy", stored, fresh=True)
    text = (toy_root / "book" / "notebooks" / "shown.json").read_text()
    assert set(json.loads(text)["toy"]) == {"stem", "origin", "utc", "fresh"}
