"""Runs one function over many items in several processes; a crash costs only its own item."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
LOOK_SECONDS = 1.0


def end_with_parent() -> None:
    """Call it in a worker: when the process that started it is gone, it ends too (a pool's worker
    would wait for work for ever)."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def run_each(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, spawn: bool = False
) -> Iterator[tuple[Item, Result | None]]:
    """(item, result) as they finish; None where the item's process died (a decoder that crashed,
    memory that ran out). An exception of `function` ends the run. Workers end with this process.

    Args:
        spawn: start workers afresh, not as copies of this process: where torch has been used, a
            copy may wait for its threads for ever.
    """
    context = multiprocessing.get_context("spawn" if spawn else None)
    left = dict(enumerate(items))
    while left:
        count = min(workers, len(left))
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=end_with_parent)
        futures: dict[Future[Result], int] = {}
        try:
            for number, item in left.items():
                futures[pool.submit(function, item)] = number
            for future in as_completed(futures):
                result = future.result()
                yield left.pop(futures[future]), result
        except BrokenProcessPool:
            for future, number in futures.items():
                if number in left and future.done() and future.exception() is None:
                    yield left.pop(number), future.result()
            if workers == 1:  # items run in their order, so the first one left did it
                yield left.pop(next(iter(left))), None
            workers = 1  # which of several did it cannot be known: go on one by one
        finally:
            pool.shutdown(cancel_futures=True)
