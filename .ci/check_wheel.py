"""The wheel holds what it should, and nothing of the tests."""

import sys
import zipfile

WANTED = {
    "sinch_hosting/py.typed",
    "sinch_hosting/cli/sample-numbers.csv",
    "sinch_hosting/guides/examples/csv_batch.py",
    "sinch_hosting/guides/start.md",
    "sinch_hosting/guides/wire.md",
    "sinch_hosting/sandbox/page.html",
}

names = set(zipfile.ZipFile(sys.argv[1]).namelist())
missing = WANTED - names
stray = {name for name in names if name.startswith(("tests/", "benchmarks/"))}
if missing or stray:
    sys.exit(f"wheel: missing {sorted(missing)}, stray {sorted(stray)}")
print(f"wheel: {len(names)} files, py.typed and the sample file among them")
