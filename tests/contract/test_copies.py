"""The contract and the known answers here are those that were agreed on.

The agreed ones stand in a folder ``shared`` beside the checkout (``SHARED`` names another
place); whoever has only the checkout has the copies, and nothing to compare them with.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BESIDE = (CHECKOUT.parent / "shared", CHECKOUT.parent.parent / "shared")
COPIES = ("imported-hosting.openapi.yaml", "callback-vectors.json")


def agreed() -> Path | None:
    """The folder of the agreed files, where there is one."""
    named = [Path(os.environ["SHARED"])] if "SHARED" in os.environ else []
    found = (place / "contract" for place in (*named, *BESIDE))
    return next((place for place in found if (place / COPIES[0]).is_file()), None)


@pytest.mark.parametrize("name", COPIES)
def test_the_copies_are_those_agreed_on(name: str) -> None:
    """Each copy holds the same bytes as the file beside the checkout, where that stands."""
    copy = (HERE / name).read_bytes()
    assert copy
    place = agreed()
    if place is not None:
        assert copy == (place / name).read_bytes(), f"copy {place / name} over {HERE / name}"
