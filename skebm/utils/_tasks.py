"""Whether this thread does a task of somebody else's scheduler."""

import sys


def is_task_of_dask():
    """Tell whether this thread does a task of a worker of Dask, without loading it."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except (AttributeError, ValueError):  # not yet imported as a whole; no worker
        return False
    return True
