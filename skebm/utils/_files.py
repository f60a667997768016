"""Files that are whole at any moment."""

import glob
import os
from contextlib import suppress
from uuid import uuid4

# Digits of the name of a file that is not whole yet.
_DIGITS = 8


def refuse_unwritable(path):
    """Raise a sentence if a file cannot be written to ``path``.

    It writes a file of another name beside it, and removes it, as well as those that
    were left by processes that were killed while they wrote.

    Raises
    ------
    OSError
        Of the kind that the system raised, such as a PermissionError.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{path!r} is a folder. Name a file, such as "
            f"{os.path.join(path, 'run.skebm')!r}."
        )
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"{path!r} cannot be written: there is no folder {folder!r}. Make it, or "
            "name a file elsewhere."
        )
    _remove_strays(path)
    try:
        _write(trial := _beside(path), b"")
        os.remove(trial)
    except OSError as error:
        raise type(error)(
            f"{path!r} cannot be written: {error}. Name a file in a folder that you "
            "may write to."
        ) from error


def write_whole(path, parts):
    """Write a file, or leave the one that is there as it is.

    The bytes go to a file beside it, which takes its place when they are on the disk.

    Parameters
    ----------
    path : str
    parts : iterable of bytes
        What the file holds, one part after the other.
    """
    beside = _beside(path)
    try:
        _write(beside, *parts)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.remove(beside)
        raise
    _remove_strays(path)
    _sync_folder(path)


def _beside(path):
    return f"{path}.{uuid4().hex[:_DIGITS]}.part"


def _remove_strays(path):
    """Remove files beside ``path`` whose writers were killed.

    A writer that is still alive finds its file gone, and writes the next one.
    """
    for stray in glob.glob(f"{glob.escape(path)}.{'[0-9a-f]' * _DIGITS}.part"):
        with suppress(OSError):
            os.remove(stray)


def _write(path, *parts):
    with open(path, "xb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path):
    """Make sure that the new name is on the disk, where the system can do that."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
