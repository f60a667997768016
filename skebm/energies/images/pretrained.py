"""Energies of photographs that were learned before, and how they are stored."""

import json
from functools import cache
from importlib.resources import files

import numpy as np

from skebm.energies.images.ridge import Ridge

_FILE = "photographs.json"


_PARAMS = "coefficients", "scales", "slopes"


@cache
def _stored():
    return json.loads(files(__package__).joinpath(_FILE).read_text("utf-8"))


def photographs():
    """Return the :class:`Ridge` energy of photographs that comes with the package.

    The file of its parameters begins with the licences of the photographs and with the
    command that made it.

    Returns
    -------
    Ridge
    """
    stored = _stored()
    arrays = [np.array(stored[name], np.float32) for name in _PARAMS]
    return Ridge(*arrays, np.array(stored["levels"]) / 255)


def as_text(energy, header):
    """Return the text of a file that stores an energy.

    Parameters
    ----------
    energy : Ridge
    header : dict of str to str or list
        What a reader has to know: licences, sources, and the command.

    Returns
    -------
    str
        JSON with one entry a line.
    """
    entries = {**header, "levels": np.round(energy.levels * 255, 6).tolist()}
    for name in _PARAMS:
        digits = np.char.mod("%.5g", energy.params[name])
        entries[name] = digits.astype(float).tolist()
    lines = [f"{json.dumps(k)}: {json.dumps(value)}" for k, value in entries.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
