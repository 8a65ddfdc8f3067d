"""Run the benchmarks that are named, or all of them, one by one, and print a table for each."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from pathlib import Path


def names() -> list[str]:
    """The benchmarks: the modules of this folder without a leading underscore."""
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in modules if not module.name.startswith("_"))


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"all (the default), or: {', '.join(names())}"
    )
    parser.add_argument("--short", action="store_true", help="few rounds, for a smoke test")
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="write a plot of each table there, as SVG"
    )
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - {*names(), "all"}):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    print(f"Python {sys.version.split()[0]}; ratios are medians of rounds measured side by side")
    wanted = names() if "all" in chosen.names else chosen.names or names()
    for name in wanted:
        # One at a time and only now: what one benchmark imports is not the next one's burden.
        table = import_module(f"benchmarks.{name}").run(short=chosen.short)
        print(f"\n== {name}: {table}", flush=True)
        if chosen.plots:
            from benchmarks._plots import write_plot

            print(f"\nplot: {write_plot(name, table, chosen.plots)}", flush=True)


if __name__ == "__main__":
    main()
