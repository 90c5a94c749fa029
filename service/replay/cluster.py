"""Buckets shared out on a Dask cluster that is there already."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from criteria.errors import CriteriaError
from service.replay.bucket import Done, judge_bucket
from service.replay.job import Job
from service.replay.local import Failed
from service.replay.tables import EXTRA, Lacking

CONNECTS_WITHIN = 20


class NoCluster(Exception):
    """The cluster cannot be used; the text says why and what to do."""


def on_cluster(job: Job, numbers: Sequence[int], address: str) -> Iterator[Done | Failed]:
    """As they are finished. A bucket whose worker died is given to another one."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise Lacking(f"--dask needs Dask: {EXTRA}.") from None
    try:
        client = Client(address, timeout=CONNECTS_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoCluster(f"No Dask scheduler answers at {address} ({type(error).__name__}).") from None
    with client:
        _check(client.run(_sees, str(job.buckets)), job)
        run = uuid.uuid4().hex
        tasks = {client.submit(judge_bucket, job, n, key=f"replay-{run}-{n}", retries=1): n for n in numbers}
        for task in as_completed(tasks, loop=client.loop):
            failure = task.exception() if task.status == "error" else None
            if failure is None:
                yield task.result()
            elif isinstance(failure, CriteriaError | Lacking | OSError):
                raise failure
            else:
                yield Failed(tasks[task], f"it failed with {type(failure).__name__}")
            task.release()


def _check(found: dict[str, bool], job: Job) -> None:
    if not found:
        raise NoCluster("The Dask cluster has no workers.")
    if blind := sorted(worker for worker, sees in found.items() if not sees):
        raise NoCluster(
            f"The Dask worker at {blind[0]} does not see {job.buckets}: --out has to be a folder that all"
            " workers share, under the same path."
        )


def _sees(folder: str) -> bool:
    return Path(folder).is_dir()
