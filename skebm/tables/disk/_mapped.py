"""Rows of an array in a file that is mapped to memory."""

from pathlib import Path

import numpy as np

from skebm.utils._fingerprint import fingerprint


class MappedRows:
    """Rows of a ``numpy.memmap``, which are read from its file and not from the map.

    The pages of a map stay in memory for as long as there is room, and count as memory
    of the process. What is read from the file does not.

    Parameters
    ----------
    X : memmap of shape (n_rows, n_features)

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
        The dtype of the rows that are read, in the byte order of this machine.
    """

    names = copy = None
    as_arrays = True

    def __init__(self, X):
        self.shape, self._X = X.shape, X
        self.dtype = X.dtype.newbyteorder("=")
        self._file, self._start = None, _place(X)
        if self._start is not None:
            self._open()

    def _open(self):
        """Open the file, unless it is another one than the map shows."""
        last = self.shape[0] - 1
        try:
            self._file = Path(self._X.filename).open("rb", buffering=0)  # noqa: SIM115
            ends = [self._read_file(k, k + 1) for k in (0, last)]
        except (OSError, ValueError):
            self._file = None
            return
        if any(
            rows.tobytes() != self._X[k : k + 1].tobytes()
            for rows, k in zip(ends, (0, last), strict=True)
        ):
            self._file = None

    def head(self):
        """Return the first row."""
        return self.read(0, 1)

    def read(self, lo, hi):
        """Return some rows, as an array of their own."""
        if self._file is None:
            rows = np.array(self._X[lo:hi])
        else:
            rows = self._read_file(lo, hi)
        return rows.astype(self.dtype, order="C", copy=False)

    def fingerprint(self):
        """Return a text that depends on evenly spaced rows."""
        return fingerprint(self._X)

    def _read_file(self, lo, hi):
        X = self._X
        step, width = X.strides
        n_bytes = (hi - lo - 1) * step + _row_bytes(X)
        raw = np.empty(n_bytes, np.uint8)
        fill(self._file, self._start + lo * step, raw, X.filename)
        return np.ndarray((hi - lo, X.shape[1]), X.dtype, raw, strides=(step, width))


def fill(file, position, raw, name):
    """Fill an array of bytes from a position of a file.

    Raises
    ------
    ValueError
        If the file ends before.
    """
    file.seek(position)
    if file.readinto(raw) < len(raw):
        raise ValueError(
            f"The file {str(name)!r} ends before its last row. It was changed while it "
            "was read: write rows to a new file, and rename it when it is whole."
        )


def _row_bytes(X):
    """Return the bytes from the first number of a row to the end of its last one."""
    return (X.shape[1] - 1) * X.strides[1] + X.itemsize


def _place(X):
    """Return the position of the first number in the file, or None if rows are apart.

    A private map (``mode="c"``) may hold numbers that are not in the file.
    """
    root = X.base if isinstance(X.base, np.memmap) else X
    is_by_rows = X.strides[1] >= X.itemsize and X.strides[0] >= _row_bytes(X)
    if X.mode == "c" or X.filename is None or not is_by_rows:
        return None
    first, here = (a.__array_interface__["data"][0] for a in (root, X))
    return root.offset + here - first
