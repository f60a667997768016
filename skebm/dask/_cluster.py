"""The client of a cluster, and what is checked of its workers."""

import warnings

import distributed

from skebm import __version__

_VERSION = "__import__('skebm').__version__"
_START = (
    "Start one, as by client = dask.distributed.Client(), which is used from then on, "
    "or set the attribute client."
)


def find_client(client=None):
    """Return the client, or the default one, of a cluster whose workers have skebm.

    Raises
    ------
    ValueError
        If there is no client, or it is asynchronous.
    RuntimeError
        If a worker has no skebm, or another version.
    """
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError(
                f"There is no client of Dask, on whose workers fit trains. {_START}"
            ) from error
    if getattr(client, "asynchronous", False):
        raise ValueError(
            "The client is asynchronous, but fit waits for results. Pass a client that "
            "was made without asynchronous=True."
        )
    _check_versions(client)
    return client


def workers_of(client):
    """Return the addresses of the workers in ascending order."""
    workers = sorted(client.nthreads())
    if not workers:
        raise ValueError(
            "The cluster of the client has no workers. Wait for some, as by "
            "client.wait_for_workers(2)."
        )
    return workers


def _check_versions(client):
    # `eval` is known on all workers, and a function of skebm might not be.
    found = client.run(eval, _VERSION, on_error="return")
    for worker, version in sorted(found.items()):
        if isinstance(version, ModuleNotFoundError):
            raise RuntimeError(
                f"The worker {worker} cannot import what skebm needs: {version}. "
                f"Install skebm {__version__} on all workers."
            ) from version
        if version != __version__:
            raise RuntimeError(
                f"The worker {worker} has skebm {version}, but the client has "
                f"{__version__}. Install the same version on all of them."
            )


def threads_here():
    """Return how many threads a task on this worker may use."""
    try:
        return max(1, distributed.get_worker().state.nthreads)
    except ValueError:  # not on a worker
        return None


class Lost:
    """Notices workers that have gone."""

    def __init__(self, client):
        self.client, self.before = client, set(workers_of(client))
        self.count = 0

    def look(self):
        """Count the workers that have gone since the last look."""
        now = set(self.client.nthreads())
        self.count += len(self.before - now)
        self.before = now

    def warn(self, stacklevel):
        """Warn if a worker was lost."""
        if self.count:
            are = "worker was" if self.count == 1 else "workers were"
            warnings.warn(
                f"{self.count} {are} lost during the fit. Others took over its rows "
                "and repeated the last rounds, so the result is what it would have "
                "been.",
                RuntimeWarning,
                stacklevel=stacklevel + 1,
            )
