"""The contract, the known answers and the files of numbers here are those agreed on.

The agreed ones stand in a folder ``shared`` beside the checkout (``SHARED`` names another
place); whoever has only the checkout has the copies, and nothing to compare them with.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
CHECKOUT = HERE.parents[1]
BESIDE = (CHECKOUT.parent / "shared", CHECKOUT.parent.parent / "shared")
COPIES = ("imported-hosting.openapi.yaml", "callback-vectors.json")


def agreed(folder: str) -> Path | None:
    """A folder of agreed files, where there is one."""
    named = [Path(os.environ["SHARED"])] if "SHARED" in os.environ else []
    found = (place / folder for place in (*named, *BESIDE))
    return next((place for place in found if place.is_dir()), None)


@pytest.mark.parametrize("name", COPIES)
def test_the_copies_are_those_agreed_on(name: str) -> None:
    """Each copy holds the same bytes as the file beside the checkout, where that stands."""
    copy = (HERE / name).read_bytes()
    assert copy
    place = agreed("contract")
    if place is not None:
        assert copy == (place / name).read_bytes(), f"copy {place / name} over {HERE / name}"


def test_the_files_of_numbers_are_those_agreed_on() -> None:
    """The same for all files of numbers; here there may be more of them."""
    copies = [path for path in DATA.rglob("*") if path.is_file()]
    assert copies
    place = agreed("data")
    for source in () if place is None else place.rglob("*"):
        if source.is_file():
            copy = DATA / source.relative_to(place)
            assert copy.read_bytes() == source.read_bytes(), f"copy {source} over {copy}"
