"""`python -m benchmarks [NAME …] [--short]`: run the questions named, or all, one by one."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from pathlib import Path


def names() -> list[str]:
    """The modules of this folder that answer a question."""
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in modules if not module.name.startswith("_"))


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line names and print a table for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names())}")
    parser.add_argument("--short", action="store_true", help="few rounds, for a smoke test")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(names())):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    print(f"Python {sys.version.split()[0]}; ratios are medians of rounds measured side by side")
    for name in chosen.names or names():
        # One at a time and only now: what one question imports is not the next one's burden.
        table = import_module(f"benchmarks.{name}").run(short=chosen.short)
        print(f"\n== {name}: {table}", flush=True)


if __name__ == "__main__":
    main()
