"""Ctrl-C: once to end in order, twice to stop at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .messages import tell

STOPPING = "stopping: nothing more is sent, what is under way is waited for"


class Interrupt:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.came = False


@contextmanager
def orderly_ctrl_c(stop: Callable[[], None], said: str) -> Iterator[Interrupt]:
    """Call *stop* at the first Ctrl-C, and cancel the task that runs here at the second.

    Args:
        stop: Lets the work end by itself, soon.
        said: What a person is told then.
    """
    task = asyncio.current_task()
    interrupt = Interrupt()
    before = signal.getsignal(signal.SIGINT)

    def pressed() -> None:
        if interrupt.came and task is not None:
            task.cancel()
            return
        interrupt.came = True
        tell(f"{said}; Ctrl-C again stops at once")
        stop()

    try:
        with on_signals(pressed, signal.SIGINT):
            yield interrupt
    except asyncio.CancelledError:
        if interrupt.came:
            raise KeyboardInterrupt from None
        raise
    finally:
        if before is not None:
            with suppress(ValueError):
                signal.signal(signal.SIGINT, before)  # asyncio's own goes on with its work


@contextmanager
def on_signals(handler: Callable[[], None], *signals: signal.Signals) -> Iterator[None]:
    """Call *handler* when one of the signals comes, instead of what is done otherwise.

    Windows, and loops outside the main thread, have no handlers: there Ctrl-C cancels.
    """
    loop, handled = asyncio.get_running_loop(), []
    for number in signals:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, handler)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
