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
    blocks : iterable of ndarray of shape (n, n_features)
    shape : tuple of int
        Of all rows.
    dtype : dtype

    Raises
    ------
    OSError
        If the disk has no room.
    """

    def __init__(self, blocks, shape, dtype):
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._row_bytes = shape[1] * self.dtype.itemsize
        n_bytes, folder = shape[0] * self._row_bytes, tempfile.gettempdir()
        if shutil.disk_usage(folder).free < n_bytes:
            raise OSError(_no_room(n_bytes, folder))
        file = tempfile.TemporaryFile(prefix="skebm-")  # noqa: SIM115
        self._file = file
        try:
            for block in blocks:
                file.write(np.ascontiguousarray(block, self.dtype))
            file.flush()
        except OSError as error:
            raise OSError(_no_room(n_bytes, folder)) from error

    def read(self, lo, hi):
        """Return some rows, as an array of their own."""
        out = np.empty((hi - lo, self.shape[1]), self.dtype)
        raw = out.reshape(-1).view(np.uint8)
        fill(self._file, lo * self._row_bytes, raw, self._file.name)
        return out


def _no_room(n_bytes, folder):
    return (
        f"The numbers of the rows take {n_bytes / _GIGABYTE:.2g} GB, for which there "
        f"is no room in {folder!r}. Set the environment variable TMPDIR to a folder on "
        "a disk with more room."
    )
