"""Buckets shared out among processes of this machine."""

from __future__ import annotations

import concurrent.futures as futures
import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver

from criteria.errors import CriteriaError
from service.replay.bucket import Done, judge_bucket, prepare
from service.replay.job import Job
from service.replay.tables import Lacking

Judge = Callable[[Job, int], Done]
Begin = Callable[[Job], None]


class Failed(Exception):
    """A bucket that could not be judged, twice; the text says how it ended."""

    def __init__(self, number: int, why: str) -> None:
        self.number, self.why = number, why
        super().__init__(why)


def in_this_process(job: Job, numbers: Sequence[int]) -> Iterator[Done | Failed]:
    for number in numbers:
        found = _again(job, number, None)
        yield _again(job, number, None) if isinstance(found, Failed) else found


def in_processes(
    job: Job, numbers: Sequence[int], processes: int, judge: Judge = judge_bucket, begin: Begin = prepare
) -> Iterator[Done | Failed]:
    """As they are finished. Where a process dies, those buckets that were under way are tried once more, each in a
    process of its own, so that only the one to blame is given up."""
    waiting, suspects = list(numbers), list[int]()
    while waiting:
        with _pool(job, processes, begin) as pool:
            running: dict[futures.Future[Done], int] = {}
            try:
                while waiting or running:
                    while waiting and len(running) < processes:
                        number = waiting.pop(0)
                        running[pool.submit(judge, job, number)] = number
                    ready, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
                    for future in ready:
                        number = running[future]
                        if isinstance(future.exception(), BrokenProcessPool):
                            raise BrokenProcessPool
                        del running[future]
                        if future.exception() is None:
                            yield future.result()
                        else:
                            suspects.append(number)
            except BrokenProcessPool:
                suspects += running.values()
            except BaseException:  # stopped: nobody waits for what is under way
                for child in multiprocessing.active_children():
                    child.terminate()
                raise
    for number in suspects:
        with _pool(job, 1, begin) as pool:
            yield _again(job, number, pool, judge)


def _pool(job: Job, processes: int, begin: Begin) -> futures.ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["service.replay.bucket"])
    with _unheard():
        forkserver.ensure_running()
    return futures.ProcessPoolExecutor(processes, context, begin, (job,))


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Processes started herein do not hear Ctrl-C: the one that started them does, and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _again(
    job: Job, number: int, pool: futures.ProcessPoolExecutor | None, judge: Judge = judge_bucket
) -> Done | Failed:
    try:
        return pool.submit(judge, job, number).result() if pool else judge(job, number)
    except (CriteriaError, Lacking, OSError):  # nothing that another try would change
        raise
    except BrokenProcessPool:
        return Failed(number, "its process died")
    except Exception as error:
        return Failed(number, f"it failed with {type(error).__name__}")
