"""What reading a file of numbers costs, beside doing it by hand with `phonenumbers`.

    python -m benchmarks phone_files

Each way reads the same file of a million rows and makes of each row what it is: the number in
E.164, whether it is usable, its kind and its region. pandas, polars and DuckDB are measured
where they are installed. `pip install pandas polars duckdb` adds them.
"""

from __future__ import annotations

import contextlib
import csv
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._table import Table

ROWS = 1_000_000
_AREAS = ("202", "212", "415", "514", "416", "604", "787", "800", "833", "713", "303", "404")
_USUAL = (
    *("+1{a}{b}{c}", "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "1 {a} {b} {c}"),
    *("{a}{b}{c}", "1-{a}-{b}-{c}", "+1 ({a}) {b}-{c}"),
)
_LABELLED = (
    "tel:+1-{a}-{b}-{c}",
    "Cell: {a}-{b}-{c}",
    "T\u00e9l. {a} {b}-{c}",
    "{a}-{b}-{c} (home)",
)


def write_file(path: Path, rows: int, notations: tuple[str, ...] = _USUAL) -> None:
    """A file of sites and their numbers, in the notations that people use."""
    chosen = random.Random(2026)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("Site,Phone Number,Remark\r\n")
        for row in range(rows):
            number = chosen.choice(notations).format(
                a=chosen.choice(_AREAS),
                b=chosen.randrange(200, 1_000),
                c=f"{chosen.randrange(10_000):04}",
            )
            file.write(f"Site {row},{number},main line\r\n")


# ---------------------------------------------------------------- the ways


def _ours(path: Path) -> int:
    from sinch_hosting.phone_files import read_phone_file

    return len(read_phone_file(path).accepted)


def _ours_streamed(path: Path) -> int:
    from sinch_hosting.phone_files import iter_phone_file

    return sum(record.outcome == "accepted" for record in iter_phone_file(path))


def _usable(cells: Any) -> int:
    import phonenumbers as p

    seen = set()
    for cell in cells:
        try:
            number = p.parse(cell, "US")
        except p.NumberParseException:
            continue
        if p.is_valid_number(number):
            p.region_code_for_number(number)
            p.number_type(number)
            seen.add(p.format_number(number, p.PhoneNumberFormat.E164))
    return len(seen)


def _csv(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return _usable(row["Phone Number"] for row in csv.DictReader(file))


def _pandas(path: Path) -> int:
    import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return _usable(pandas.read_csv(path, dtype=str)["Phone Number"])


def _polars(path: Path) -> int:
    import polars  # type: ignore[import-not-found,unused-ignore]

    return _usable(polars.read_csv(path, infer_schema=False)["Phone Number"])


def _duckdb(path: Path) -> int:
    import duckdb  # type: ignore[import-not-found,unused-ignore]

    query = duckdb.sql(f"SELECT \"Phone Number\" FROM read_csv('{path}', all_varchar=true)")
    return _usable(row[0] for row in query.fetchall())


WAYS = {
    "read_phone_file": _ours,
    "iter_phone_file": _ours_streamed,
    "csv and phonenumbers": _csv,
    "pandas and phonenumbers": _pandas,
    "polars and phonenumbers": _polars,
    "duckdb and phonenumbers": _duckdb,
}


# --------------------------------------------------------------- measuring


def run(*, short: bool) -> Table:
    """Read a file of each size once in each way, each in a fresh interpreter."""
    sizes = (20_000,) if short else (ROWS // 10, ROWS, ROWS * 10)
    shown: list[tuple[str, ...]] = []
    missing: set[str] = set()
    for rows in sizes:
        for name, figures in _measured(rows, list(WAYS) if rows <= ROWS else _OWN):
            if figures is None:
                missing.add(name)
                continue
            seconds, mebibytes = figures
            each = f"{seconds / rows * 1e6:.1f}"
            shown.append((name, f"{rows:,}", f"{seconds:.1f}", each, f"{mebibytes:.0f}"))
    return Table(
        "files of about 36 bytes a row",
        ("way", "rows", "CPU s", "us a row", "MiB at most"),
        shown,
        notes=(
            "At most 25 s for a million rows are wanted.",
            f"The records are in the memory of {_OURS}, and not in that of iter_phone_file.",
            "What it does not show: a slow disk, and workbooks, whose parser is python-calamine's.",
            *(f"{name}: not installed" for name in sorted(missing)),
        ),
        plot="us a row",
    )


def _measured(rows: int, ways: list[str]) -> list[tuple[str, tuple[float, float] | None]]:
    with tempfile.TemporaryDirectory() as folder:
        usual, labelled = Path(folder) / "usual.csv", Path(folder) / "labelled.csv"
        line = Path(folder) / "one-line.csv"
        write_file(usual, rows)
        write_file(labelled, rows, (*_USUAL, *_LABELLED))
        line.write_bytes(b"2025550101," * (rows * 5))
        measured = [(name, _in_a_child(name, usual)) for name in ways]
        measured.append(("read_phone_file, a third labelled", _in_a_child(_OURS, labelled)))
        measured.append(
            (f"one line of {rows * 55 / 1e6:.0f} MB, refused", _in_a_child(_OURS, line))
        )
    return measured


_OURS = "read_phone_file"
_OWN = [_OURS, "iter_phone_file"]
"""The ways that a file of ten million rows is read in; the others would take an hour."""
_CHILD = "from benchmarks import phone_files; phone_files.child({!r}, {!r})"


def _in_a_child(name: str, path: Path) -> tuple[float, float] | None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD.format(name, str(path))],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        if "ModuleNotFoundError" in done.stderr:
            return None
        raise RuntimeError(done.stderr)
    seconds, mebibytes = map(float, done.stdout.split())
    return seconds, mebibytes


def child(name: str, path: str) -> None:
    """Read the file in one way, and print the CPU seconds and the peak of memory in MiB."""
    import resource

    from sinch_hosting.phone_files import PhoneFileError

    began = time.process_time()
    with contextlib.suppress(PhoneFileError):
        WAYS[name](Path(path))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.process_time() - began, peak)
