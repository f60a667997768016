import re
from pathlib import Path

import numpy as np
import pytest

import skebm

# Files of single tests that take several seconds, and one that needs most kernels,
# which another worker would compile at the same time.
LONG = {"test_user_guide.py", "test_types.py", "test_guide.py", "test_dask.py"}


def drop_stale_kernels():
    """Forget compiled kernels that are older than a kernel which they may call.

    numba looks at a kernel's own file only.
    """
    package = Path(skebm.__file__).parent
    shared = re.compile("^def (fill_|take|meet)", re.MULTILINE)
    sources = [p for p in package.rglob("*.py") if shared.search(p.read_text())]
    newest = max(path.stat().st_mtime for path in sources)
    for compiled in package.rglob("__pycache__/*.nb[ci]"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)


drop_stale_kernels()


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def pytest_collection_modifyitems(items):
    """Put files of long tests in the middle, where most kernels are compiled.

    Several workers then end together, and do not wait for one that begins a test of
    half a minute as its last.
    """
    long = [item for item in items if item.path.name in LONG]
    others = [item for item in items if item.path.name not in LONG]
    half = len(others) // 2
    items[:] = [*others[:half], *long, *others[half:]]
