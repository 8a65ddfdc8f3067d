"""Through how many files and frames a call goes before aiohttp has it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import aiohttp
from attrs import field, frozen

import sinch_hosting
from benchmarks._table import Table
from sinch_hosting import BlanketLoa, SinchHosting

MOST_FILES, MOST_FRAMES = 4, 7
_PACKAGE = Path(sinch_hosting.__file__).parent


@frozen
class Step:
    """One frame of the package between the caller and aiohttp."""

    file: str
    function: str


@frozen
class Executed:
    """What ran on the way, and has returned or not."""

    calls: list[Step] = field(factory=list)

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """A profiler's hook: keep the calls of this package."""
        if event == "call" and (step := _step(frame)):
            self.calls.append(step)


class _Reached(BaseException):
    """Ends the call at the moment that is looked at; no handler of the package takes it."""


def run(*, short: bool) -> Table:
    """Follow `text_enable`; the answer is exact, so a short run is the same run."""
    path, executed = asyncio.run(_follow())
    rows = [(str(number), step.file, step.function) for number, step in enumerate(path, start=1)]
    files, ran = {step.file for step in path}, {step.file for step in executed.calls}
    return Table(
        f"text_enable to aiohttp: {len(files)} files, {len(path)} frames",
        ("frame", "file", "function"),
        rows,
        notes=(
            f"Wanted: at most {MOST_FILES} files and {MOST_FRAMES} frames.",
            f"Executed on the way, all that has returned by then included: "
            f"{len(executed.calls)} calls in {len(ran)} files of the package.",
            "What it does not show: how long any of it takes; it has no size to vary.",
        ),
    )


def measure() -> tuple[int, int]:
    """How many files and frames there are."""
    path, _ = asyncio.run(_follow())
    return len({step.file for step in path}), len(path)


async def _follow() -> tuple[list[Step], Executed]:
    """The frames that wait for aiohttp's `_request`, caller first, and all that ran before."""
    path: list[Step] = []
    executed = Executed()

    async def reached(*_: Any, **__: Any) -> None:
        sys.setprofile(None)
        frame: FrameType | None = sys._getframe()
        while frame := frame.f_back if frame else None:
            if step := _step(frame):
                path.insert(0, step)
        raise _Reached

    async with SinchHosting("project", "key", "secret", auth="basic") as sinch:
        with mock.patch.object(aiohttp.ClientSession, "_request", reached):
            before = sys.getprofile()
            sys.setprofile(executed.note)
            try:
                await sinch.hosting_orders.text_enable(
                    ["+12025550134"], region_code="US", service_plan_id="plan", loa=BlanketLoa()
                )
            except _Reached:
                pass
            finally:
                sys.setprofile(before)
    return path, executed


def _step(frame: FrameType) -> Step | None:
    """The frame as a step, if its code stands in this package."""
    file = Path(frame.f_code.co_filename)
    if not file.is_relative_to(_PACKAGE):
        return None
    return Step(file.relative_to(_PACKAGE).as_posix(), frame.f_code.co_qualname)
