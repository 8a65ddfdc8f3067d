"""Streams and collected runs: chunks, the window, progress, and what is reported."""

from __future__ import annotations

from .rig import Rig, adds_up, numbers


async def test_every_number_is_in_one_order(rig: Rig) -> None:
    """Without a job, too, chunks hold each number once, in the order of the input."""
    listed = numbers(12)
    result = await rig.text_enable([*listed, listed[3]])
    assert [len(chunk.numbers) for chunk in result.chunks] == [5, 5, 2]
    assert [skipped.reason for skipped in result.skipped] == ["duplicate"]
    assert set(rig.held().values()) == {1}
    assert sorted(rig.held()) == listed
    adds_up(result, [*listed, listed[3]])
