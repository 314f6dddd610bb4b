"""Runs one function over many items in several processes; a crash costs only its own item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_each(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[tuple[Item, Result | None]]:
    """(item, result) as they finish; None where the item's process died (a decoder that crashed,
    memory that ran out). An exception of `function` ends the run.
    """
    left = dict(enumerate(items))
    while left:
        pool = ProcessPoolExecutor(min(workers, len(left)))
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
