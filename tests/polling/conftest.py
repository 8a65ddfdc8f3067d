"""Waits on the stepped clock: nothing of the real one ends them."""

from __future__ import annotations

import pytest

from sinch_hosting._polling import list_reader


@pytest.fixture(autouse=True)
def _no_list_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine any request may take long; a test of those that hang sets its own time."""
    monkeypatch.setattr(list_reader, "STALLED", 1e6)
    monkeypatch.setattr(list_reader, "PATIENCE", 1e6)
