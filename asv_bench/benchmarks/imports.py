"""Cost of ``import skebm`` beyond ``sklearn.base`` and ``numba``."""

from .common import run_fresh

_TIMED = """
import time
start = time.perf_counter()
import sklearn.base, numba
middle = time.perf_counter()
import skebm
print(middle - start, time.perf_counter() - middle)
"""
_MODULES = """
import sys
import sklearn.base, numba
before = set(sys.modules)
import skebm
print(len({name.partition(".")[0] for name in set(sys.modules) - before}))
print(sum(not name.startswith("skebm") for name in set(sys.modules) - before))
"""


def _median(position, n_runs=5):
    runs = [float(run_fresh(_TIMED).split()[position]) for _ in range(n_runs)]
    return sorted(runs)[n_runs // 2]


class Imports:
    """Times and numbers of imported modules; a time is the median of five processes."""

    timeout = 300

    def track_floor(self):
        """Time the import of ``sklearn.base`` and ``numba`` alone."""
        return _median(0)

    track_floor.unit = "s"

    def track_extra(self):
        """Time the import of ``skebm`` after ``sklearn.base`` and ``numba``."""
        return _median(1)

    track_extra.unit = "s"

    def track_packages(self):
        """Count the top-level packages that only ``skebm`` loads, including itself."""
        return int(run_fresh(_MODULES).split()[0])

    track_packages.unit = "packages"

    def track_modules(self):
        """Count the modules of other packages that only ``skebm`` loads."""
        return int(run_fresh(_MODULES).split()[1])

    track_modules.unit = "modules"
