"""Numbers of rows in a temporary file, from which they are read in any order."""

import shutil
import tempfile

import numpy as np

from skebm.tables.disk._mapped import fill

_GIGABYTE = 1e9


class SpilledRows:
    """Rows in a temporary file that has no name, so that nothing is left behind.

    Parameters
    ----------
    shape : tuple of int
        Of all rows that are to be written.
    dtype : dtype

    Raises
    ------
    OSError
        If the disk has no room.
    """

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._row_bytes = shape[1] * self.dtype.itemsize
        self._n_bytes = shape[0] * self._row_bytes
        if shutil.disk_usage(tempfile.gettempdir()).free < self._n_bytes:
            raise OSError(self._no_room())
        file = tempfile.TemporaryFile(prefix="skebm-")  # noqa: SIM115
        self._file = file

    def write(self, block):
        """Write rows after the others."""
        try:
            self._file.write(np.ascontiguousarray(block, self.dtype))
        except OSError as error:
            raise OSError(self._no_room()) from error

    def written(self):
        """Return the rows, all of which are written."""
        try:
            self._file.flush()
        except OSError as error:
            raise OSError(self._no_room()) from error
        return self

    def read(self, lo, hi):
        """Return some rows, as an array of their own."""
        out = np.empty((hi - lo, self.shape[1]), self.dtype)
        raw = out.reshape(-1).view(np.uint8)
        fill(self._file, lo * self._row_bytes, raw, self._file.name)
        return out

    def _no_room(self):
        return (
            f"The numbers of the rows take {self._n_bytes / _GIGABYTE:.2g} GB, for "
            f"which there is no room in {tempfile.gettempdir()!r}. Set the environment "
            "variable TMPDIR to a folder on a disk with more room."
        )
