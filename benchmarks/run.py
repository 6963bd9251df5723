"""Time the library side by side with its peers and write results.json (see README.md)."""

import argparse
import sys
import time
from pathlib import Path

import records
from measuring import CLOCKS

RESULTS = Path(__file__).with_name("results.json")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    # fmt: off
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    add = parser.add_argument
    names = ", ".join(records.NAMES)
    add("--only", action="append", choices=records.NAMES, metavar="NAME",
        help=f"one case, may be repeated: {names}")
    add("--threads", type=int, default=1, help="of both sides (default 1)")
    add("--repeats", type=int, default=5, help="of which the median counts (default 5)")
    add("--data", choices=("auto", "real", "simulated"), default="auto",
        help="clathrin tracks (default auto)")
    add("--clock", choices=tuple(CLOCKS), default="wall",
        help="cpu: this process's own time, for a busy machine and one thread (default wall)")
    add("--quick", action="store_true",
        help="a try-out: small sizes, no whole fit of the peer, nothing written but to --output")
    add("--output", type=Path, help="instead of benchmarks/results.json")
    # fmt: on
    options = parser.parse_args(argv)
    if options.threads < 1 or options.repeats < 1:
        parser.error("--threads and --repeats must be at least 1")
    return options


def main(argv: list[str] | None = None) -> int:
    """Run the cases that are asked for; 1 if a peer is missing, 130 if interrupted."""
    options = arguments(argv)
    names = [name for name in records.NAMES if not options.only or name in options.only]
    output = options.output or (None if options.quick else RESULTS)
    from cases import Cases, Options  # torch loads only when something is to be timed
    from peer_packages import PEERS, MissingPeerError, version

    done: list[dict] = []
    start = time.perf_counter()
    code = 0
    try:
        for peer in {PEERS.get(name, "awave") for name in names}:
            version(peer)
        cases = Cases(
            Options(threads=options.threads, repeats=options.repeats, clock=options.clock,
                    source=options.data, quick=options.quick)
        )  # fmt: skip
        for number, name in enumerate(names, 1):
            done.append(cases.run(name, f"[{number}/{len(names)}] {name}"))
            if output:
                records.write(output, records.merge(records.read(output), done[-1]))
    except MissingPeerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted: {len(done)} of {len(names)} finished records kept", file=sys.stderr)
        code = 130
    print(records.table(done))
    print(f"{time.perf_counter() - start:.0f} s in all", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
