"""Finding, verifying and downloading data files, and choosing between real and simulated."""

import errno
import re
import shutil
import socket
import time
from pathlib import Path

import pytest
from datahelpers import need_real_data, serve, use_registry
from requests.exceptions import ConnectionError as NoConnection

from awdlib.datasets import DataError, fetch, registry

FILES = {"one.txt": b"first file\n" * 40, "two.txt": b"second file\n" * 40}


@pytest.fixture(autouse=True)
def _fresh_registry(monkeypatch):
    """Leave no toy registry behind, and no variable of the caller's in the way."""
    monkeypatch.delenv("AWD_OFFLINE", raising=False)
    yield
    monkeypatch.undo()
    registry.registry.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder, named by AWD_DATA_DIR."""
    path = tmp_path / "data"
    path.mkdir()
    monkeypatch.setenv("AWD_DATA_DIR", str(path))
    return path


@pytest.fixture
def server(tmp_path, monkeypatch, folder):
    """A server of the toy files; yields the folder that it serves."""
    public = tmp_path / "public"
    public.mkdir()
    for name, content in FILES.items():
        (public / name).write_bytes(content)
    with serve(public) as address:
        use_registry(monkeypatch, tmp_path, FILES, address)
        yield public


@pytest.fixture
def no_server(tmp_path, monkeypatch, folder):
    """Toy files at an address where nobody answers."""
    with socket.socket() as taken:  # bound but not listening: refuses at once
        taken.bind(("127.0.0.1", 0))
        use_registry(monkeypatch, tmp_path, FILES, f"http://127.0.0.1:{taken.getsockname()[1]}")
        yield


def place(folder: Path, **contents: bytes) -> None:
    (folder / "toy").mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / "toy" / f"{name}.txt").write_bytes(content)


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


# the shipped registry


def test_registry_rows_are_pinned_and_complete():
    entries = registry.registry("cme")
    assert len(entries) == 9
    for entry in entries:
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert re.match(
            r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/", entry.address
        )
        assert entry.bytes > 1000
        assert entry.licence
        assert re.search(r"20\d\d", entry.citation)
    assert [entry.converted for entry in entries] == [False] * 8 + [True]


def test_registry_and_data_readme_agree():
    text = (Path(__file__).parents[1] / "data" / "README.md").read_text()
    for entry in registry.registry("cme"):
        assert f"| `{entry.name}` | {entry.bytes:,} | `{entry.sha256}` |" in text


def test_an_unknown_data_set_or_file_is_named():
    with pytest.raises(DataError, match=r"'cmr'; known are: cme"):
        fetch.verify("cmr")
    with pytest.raises(DataError, match=r"no file 'Cell9'"):
        fetch.ensure("cme", "Cell9")


@pytest.mark.real_data
def test_the_real_files_are_the_published_ones():
    need_real_data()
    assert [record.status for record in fetch.verify("cme")] == ["ok"] * 9
    assert fetch.available("cme")
    assert fetch.resolve("cme", "auto")[0] == fetch.resolve("cme", "real")[0] == "real"


# the folder


def test_data_dir_is_absolute_and_named_by_the_variable(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWD_DATA_DIR", "here/../here")
    assert fetch.data_dir() == tmp_path / "here"
    assert fetch.where() == (tmp_path / "here", "AWD_DATA_DIR")


def test_data_dir_is_the_download_cache_without_the_variable(monkeypatch):
    monkeypatch.delenv("AWD_DATA_DIR", raising=False)
    path, why = fetch.where()
    assert path.is_absolute()
    assert path.name == "awdlib"
    assert why == "download cache"


def test_data_dir_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path / "slip"))
    for call in (fetch.data_dir, lambda: fetch.resolve("cme", "auto"), lambda: fetch.fetch("cme")):
        with pytest.raises(DataError, match=r"slip, which does not exist") as error:
            call()
        one_line(error)
    assert not (tmp_path / "slip").exists()


def test_data_dir_that_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"is a file, not a folder") as error:
        fetch.verify("cme")
    one_line(error)


# verifying


def test_verify_tells_ok_missing_truncated_and_altered_apart(server, folder):
    place(folder, one=FILES["one.txt"])
    assert [record.status for record in fetch.verify("toy")] == ["ok", "missing"]
    assert not fetch.available("toy")
    place(folder, one=FILES["one.txt"][:-1], two=FILES["two.txt"].replace(b"s", b"S"))
    records = fetch.verify("toy")
    assert [record.status for record in records] == ["truncated", "altered"]
    assert all(record.expected != record.found for record in records)
    assert records[0].path == folder / "toy" / "one.txt"


def test_a_longer_file_is_altered(server, folder):
    place(folder, one=FILES["one.txt"] + b"x")
    assert fetch.verify("toy")[0].status == "altered"


def test_ensure_returns_a_verified_path_and_never_downloads(server, folder):
    place(folder, one=FILES["one.txt"])
    assert fetch.ensure("toy", "one.txt") == folder / "toy" / "one.txt"
    with pytest.raises(DataError, match=r"toy/two.txt is missing: fetch it with `awd data fetch"):
        fetch.ensure("toy", "two.txt")
    assert not (folder / "toy" / "two.txt").exists()


@pytest.mark.parametrize(
    ("content", "word"), [(b"short", "truncated"), (b"x" * 1000, "altered")], ids=str
)
def test_ensure_names_file_hashes_place_and_command(server, folder, content, word):
    place(folder, one=content)
    with pytest.raises(DataError) as error:
        fetch.ensure("toy", "one.txt")
    text = one_line(error)
    record = fetch.verify("toy")[0]
    for part in (
        f"toy/one.txt is {word}", record.expected, record.found, str(record.path),
        "awd data fetch toy",
    ):  # fmt: skip
        assert part in text


def test_a_file_is_hashed_once_and_again_when_it_changes(server, folder, monkeypatch):
    place(folder, **{name[:3]: content for name, content in FILES.items()})
    assert fetch.available("toy")
    opened = []
    original = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, *args, **kw: opened.append(path.name) or original(path, *args, **kw),
    )
    assert fetch.available("toy")
    assert opened == []
    time.sleep(0.01)
    place(folder, one=FILES["one.txt"][::-1])  # same length, later
    opened.clear()
    assert not fetch.available("toy")
    assert "one.txt" in opened


# downloading


def test_fetch_downloads_what_is_missing_and_keeps_the_rest(server, folder):
    place(folder, one=FILES["one.txt"])
    before = (folder / "toy" / "one.txt").stat().st_mtime_ns
    (server / "one.txt").unlink()  # would fail if it were asked for
    lines: list[str] = []
    records = fetch.fetch("toy", echo=lines.append)
    assert [record.status for record in records] == ["ok", "ok"]
    assert (folder / "toy" / "one.txt").stat().st_mtime_ns == before
    assert (folder / "toy" / "two.txt").read_bytes() == FILES["two.txt"]
    assert lines[0].startswith("toy: downloading 1 files, 0.0 MB, from 127.0.0.1")
    assert "[1/1] two.txt" in lines[1]
    assert "Somebody, 2020" in lines[-1]
    assert sorted(path.name for path in (folder / "toy").iterdir()) == ["one.txt", "two.txt"]


def test_fetch_with_everything_there_says_so(server, folder):
    place(folder, **{name[:3]: content for name, content in FILES.items()})
    lines: list[str] = []
    fetch.fetch("toy", echo=lines.append)
    assert lines == ["toy: all 2 files are there and verified."]


def test_fetch_never_overwrites_an_altered_file(server, folder):
    place(folder, one=b"my own work")
    with pytest.raises(DataError, match=r"nothing is overwritten") as error:
        fetch.fetch("toy", echo=lambda line: None)
    one_line(error)
    assert (folder / "toy" / "one.txt").read_bytes() == b"my own work"
    assert not (folder / "toy" / "two.txt").exists()


def test_fetch_refuses_another_file_than_the_published(server, folder):
    (server / "one.txt").write_bytes(b"<html>moved</html>")
    with pytest.raises(DataError, match=r"did not send the published one.txt") as error:
        fetch.fetch("toy", echo=lambda line: None)
    one_line(error)
    assert list((folder / "toy").iterdir()) == []


def test_fetch_of_an_unreachable_address(no_server, folder):
    with pytest.raises(fetch.NetworkError, match=r"Could not download .*ConnectionError") as error:
        fetch.fetch("toy", echo=lambda line: None)
    assert str(folder / "toy" / "one.txt") in one_line(error)
    assert list((folder / "toy").iterdir()) == []


def test_fetch_of_a_file_that_is_gone(server, folder):
    (server / "one.txt").unlink()
    with pytest.raises(fetch.NetworkError, match=r"HTTPError"):
        fetch.fetch("toy", echo=lambda line: None)


def test_fetch_offline_says_how_to_get_the_file_by_hand(server, folder, monkeypatch):
    monkeypatch.setenv("AWD_OFFLINE", "1")
    with pytest.raises(DataError, match=r"AWD_OFFLINE is set and toy/one.txt is missing") as error:
        fetch.fetch("toy")
    text = one_line(error)
    entry = registry.registry("toy")[0]
    for part in (entry.address, entry.sha256, str(entry.path), "440 bytes"):
        assert part in text


def test_fetch_into_a_folder_that_cannot_be_written(server, folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match=r"it cannot be written \(Permission denied\)") as error:
        fetch.fetch("toy", echo=lambda line: None)
    assert not isinstance(error.value, fetch.NetworkError)
    one_line(error)


def test_fetch_with_a_full_disk_leaves_nothing(server, folder, monkeypatch):
    import pooch

    def fill(self, url, output_file, *args):
        Path(output_file).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fill)
    with pytest.raises(DataError, match=r"the disk is full \(0.0 MB needed\)") as error:
        fetch.fetch("toy", echo=lambda line: None)
    one_line(error)
    assert list((folder / "toy").iterdir()) == []


# real or simulated


def test_resolve_simulated_looks_at_nothing(monkeypatch):
    monkeypatch.setenv("AWD_DATA_DIR", "nowhere")
    assert fetch.resolve("cme", "simulated")[0] == "simulated"


def test_resolve_takes_what_is_there_without_a_probe(server, folder, monkeypatch):
    place(folder, **{name[:3]: content for name, content in FILES.items()})
    monkeypatch.setattr(fetch, "reachable", lambda *args: pytest.fail("a probe"))
    for source in ("auto", "real"):
        chosen, reason = fetch.resolve("toy", source)
        assert chosen == "real"
        assert reason == "2 verified files in the folder of AWD_DATA_DIR"


def test_resolve_auto_downloads_where_the_network_answers(server, folder):
    lines: list[str] = []
    chosen, reason = fetch.resolve("toy", "auto", echo=lines.append)
    assert chosen == "real"
    assert "2 of them just downloaded" in reason
    assert str(folder) not in reason
    assert lines


def test_resolve_auto_falls_back_where_nobody_answers(no_server):
    chosen, reason = fetch.resolve("toy", "auto")
    assert chosen == "simulated"
    assert reason == "2 of 2 files are missing and their address cannot be reached"


def test_resolve_auto_does_not_probe_when_offline(server, monkeypatch):
    monkeypatch.setenv("AWD_OFFLINE", "1")
    monkeypatch.setattr(fetch, "reachable", lambda *args: pytest.fail("a probe"))
    chosen, reason = fetch.resolve("toy", "auto")
    assert chosen == "simulated"
    assert "AWD_OFFLINE" in reason


def test_resolve_auto_falls_back_when_the_download_breaks_off(server, monkeypatch):
    import pooch

    def cut(self, *args):
        raise NoConnection("gone")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", cut)
    chosen, reason = fetch.resolve("toy", "auto", echo=lambda line: None)
    assert chosen == "simulated"
    assert "broke off" in reason


def test_resolve_real_fails_without_the_data(server, folder):
    with pytest.raises(DataError, match=r"toy/one.txt is missing"):
        fetch.resolve("toy", "real")
    assert not (folder / "toy").exists()


@pytest.mark.parametrize("source", ["auto", "real"])
def test_spoilt_data_are_never_replaced_by_simulated(server, folder, source):
    place(folder, two=FILES["two.txt"][:-5])
    with pytest.raises(DataError, match=r"toy/two.txt is truncated"):
        fetch.resolve("toy", source)


def test_resolve_refuses_another_word():
    with pytest.raises(ValueError, match=r"source must be one of"):
        fetch.resolve("cme", "fake")


def test_the_probe_gives_up_in_time():
    with socket.socket() as silent:  # accepts connections and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        assert not fetch.reachable(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2)
        assert time.monotonic() - start < 2


# the real registry, end to end, with the authors' file rebuilt


@pytest.mark.real_data
def test_fetch_converts_the_published_lstm(tmp_path, monkeypatch):
    """The whole of `awd data fetch cme` for the LSTM, its pickle rebuilt from the tensors."""
    import pickle
    from collections import OrderedDict

    from safetensors.torch import load_file

    need_real_data()
    source = fetch.data_dir() / "cme"
    published = pickle.dumps(
        {"model_state_dict": OrderedDict(load_file(source / "lstm_clathrin.safetensors"))},
        protocol=3,
    )
    folder = tmp_path / "data"
    (folder / "cme").mkdir(parents=True)
    for path in source.glob("*.mat"):
        shutil.copy(path, folder / "cme")
    monkeypatch.setenv("AWD_DATA_DIR", str(folder))
    import pooch

    monkeypatch.setattr(
        pooch.HTTPDownloader,
        "__call__",
        lambda self, url, output, *args: Path(output).write_bytes(published),
    )
    records = fetch.fetch("cme", echo=lambda line: None)
    assert [record.status for record in records] == ["ok"] * 9
    made = folder / "cme" / "lstm_clathrin.safetensors"
    assert made.read_bytes() == (source / made.name).read_bytes()
    assert not list((folder / "cme").glob(".*"))

    made.unlink()
    published = pickle.dumps({"model_state_dict": load_file(source / made.name) | {"fc.bias": 0}})
    with pytest.raises(DataError, match=r"no tensor"):
        fetch.fetch("cme", echo=lambda line: None)
    assert not made.exists()
