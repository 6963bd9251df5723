"""The command ``awd``: run chapters, make the book, accept results, fetch data, look around."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Annotated

try:
    import typer
except ImportError:  # the library alone needs no command line
    typer = None  # type: ignore[assignment]

from awdlib import results

if typer is not None:
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
    data_app = typer.Typer(no_args_is_help=True, help="Real data: fetch, verify, show where.")
    app.add_typer(data_app, name="data")

    Profile = Annotated[str, typer.Option(help="smoke, laptop or paper")]
    Data = Annotated[str, typer.Option(help="auto, real or simulated")]
    Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
    Dataset = Annotated[str, typer.Argument(help="name of a data set")]

    def _version(value: bool) -> None:
        if value:
            print(f"awdlib {importlib.metadata.version('awdlib')}")
            raise typer.Exit

    @app.callback()
    def _options(
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")
        ] = False,
        debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    ) -> None:
        if debug:
            os.environ["AWD_DEBUG"] = "1"

    @app.command()
    def run(
        chapters: list[str],
        profile: Profile = "smoke",
        data: Data = "auto",
        device: Device = "auto",
        p: Annotated[list[str], typer.Option("-p", help="name=value, as often as needed")] = [],  # noqa: B006
    ) -> None:
        """Run chapters for the book, without building it."""
        from awdlib import book as making

        pairs = [pair.partition("=") for pair in p]
        if wrong := [name for name, equals, _ in pairs if not equals]:
            raise ValueError(f"-p takes name=value, not '{wrong[0]}'.")
        given = making.settings(profile, data, device) | {name: value for name, _, value in pairs}
        if making.run(making.select(chapters), given):
            raise typer.Exit(1)

    @app.command()
    def book(
        profile: Profile = "laptop",
        data: Data = "auto",
        device: Device = "auto",
        chapters: Annotated[str, typer.Option(help="all, or names with commas")] = "all",
    ) -> None:
        """Run chapters and build the book from every chapter's last run."""
        from awdlib import book as making

        making.book(profile, data, device, chapters)

    @app.command()
    def refs(
        chapters: Annotated[str, typer.Option(help="all, or names with commas")] = "all",
    ) -> None:
        """Execute the committed notebook pairs again and accept their smoke results."""
        from awdlib import book as making

        making.refs(chapters)

    @app.command()
    def accept(chapter: str, profile: str) -> None:
        """Copy the results of the last run into data/results."""
        from awdlib import book as making

        making.accept(chapter, profile)

    @app.command()
    def compare() -> None:
        """Judge every claim again; fails if one that was reproduced no longer is."""
        from awdlib import scorecard

        if not scorecard.compare():
            raise typer.Exit(1)

    @app.command()
    def explain(
        path: Annotated[Path, typer.Argument(help="an image, or a folder; transparent is white")],
        model: Annotated[str, typer.Option(help="package.module:function that makes a network")],
        weights: Annotated[Path | None, typer.Option(help="its .safetensors")] = None,
        out: Annotated[Path, typer.Option(help="folder for pictures and numbers")] = Path("."),
        domain: Annotated[str, typer.Option(help="wavelets or pixels")] = "wavelets",
        wavelet: Annotated[str, typer.Option(help="a name of PyWavelets")] = "db3",
        level: Annotated[int, typer.Option(help="number of scales")] = 5,
        lam: Annotated[float | None, typer.Option(help="sparsity; default as published")] = None,
        spatial: Annotated[float, typer.Option(help="asks for dark pixels (ShearletX)")] = 0.0,
        size: Annotated[int, typer.Option(help="pixels that the network takes")] = 224,
        target: Annotated[int | None, typer.Option(help="class; default the answer")] = None,
        normalise: Annotated[str, typer.Option(help="none or imagenet")] = "none",
        steps: int = 200,
        samples: int = 16,
        lr: float = 0.05,
        device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    ) -> None:
        """Explain what in images a classifier's answers rest on."""
        from awdlib.experiments import pick_device
        from awdlib.masks import command

        found = command.explain(
            path, out, command.load_model(model, weights, normalise), domain=domain,
            wavelet=wavelet, level=level, lam=lam, spatial=spatial, size=size, target=target,
            device=pick_device(device, "laptop"), steps=steps, samples=samples, lr=lr,
        )  # fmt: skip
        for one in found:
            print(
                f"{one['image']}: class {one['target']} ({one['probability']:.1%}), kept "
                f"{one['kept']:.1%}, distortion {one['distortion']:.2g} ± {one['error']:.1g}: "
                f"{out / one['picture']}"
            )

    @app.command()
    def doctor() -> None:
        """Show versions, devices, threads, data, disk, and whether .venv matches the lock."""
        from awdlib import doctor

        print(doctor.report())

    @data_app.command()
    def fetch(dataset: Dataset = "cme") -> None:
        """Download what is missing of a data set, and verify it."""
        from awdlib.datasets import fetch as data

        data.fetch(dataset)

    @data_app.command()
    def verify(dataset: Dataset = "cme") -> None:
        """Compare the files of a data set with their hashes."""
        from awdlib.datasets import fetch as data

        records = data.verify(dataset)
        for record in records:
            print(f"{record.status:9}  {record.path}")
        if any(record.status != "ok" for record in records):
            raise typer.Exit(1)

    @data_app.command()
    def where() -> None:
        """Show the folder that data are read from, and why it is that one."""
        from awdlib.datasets import fetch as data

        print(*data.where(), sep="  # ")


def main() -> None:
    """Run the command; an error of the user's is one line and exit status 1."""
    if typer is None:
        sys.exit("awd needs the packages of the book: pip install 'awdlib[book]'")
    from awdlib.chapters import RunError
    from awdlib.datasets import DataError

    try:
        app()
    except ModuleNotFoundError as error:
        if str(error.name).startswith("awdlib"):
            raise  # no package is missing, the library itself is broken
        _fail(error, f"the package '{error.name}' is missing: pip install 'awdlib[book]'")
    except (RunError, DataError, ValueError, OSError, results.UnknownKey) as error:
        _fail(error, str(error))


def _fail(error: Exception, message: str) -> None:
    if os.environ.get("AWD_DEBUG"):
        raise error
    sys.exit(f"awd: {message}")
