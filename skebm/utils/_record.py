"""The files of checkpoints: what they hold, how they are written and read.

A file is a zip archive. ``checkpoint.json`` has the version of the format and plain
facts. ``estimator.skops`` has the estimator as it was before its fit, ``params.skops``
the parameters of the estimator that trains, and ``training_0.skops`` and so on the
state of each training of the fit; the last one may be in progress.
"""

import io
import json
import zipfile
from contextlib import suppress
from numbers import Integral
from typing import NamedTuple

from skebm.utils._files import write_whole
from skebm.utils._going_on import same
from skebm.utils._stored import version

# The number of the format. A reader refuses larger numbers.
FORMAT = 1
# Parameters that do not change the result of a fit.
_INERT = "n_jobs", "verbose"
_EXTRA = (
    'A Checkpoint needs skops. Install it: python -m pip install "skebm[persistence]"'
)


def skops_io():
    """Return the module ``skops.io``, or raise a sentence."""
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(_EXTRA) from error
    return skops.io


class Record(NamedTuple):
    """What a checkpoint holds.

    Attributes
    ----------
    facts : dict
        Plain values: ``format``, ``skebm`` (the version), ``fit`` (a name that no other
        fit has), ``kind`` (the class of the estimator that trains), ``rows`` (a
        fingerprint), ``random`` (key, stream and row), ``every``, ``unit`` and
        ``path``.
    estimator, params : bytes
        Of skops.
    trainings : list of bytes
        Of skops.
    """

    facts: dict
    estimator: bytes
    params: bytes
    trainings: list

    def write(self, path):
        """Write the file, or leave the one that is there as it is."""
        parts = {"checkpoint.json": json.dumps(self.facts).encode()}
        parts |= {"estimator.skops": self.estimator, "params.skops": self.params}
        parts |= {f"training_{k}.skops": part for k, part in enumerate(self.trainings)}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        write_whole(path, [buffer.getbuffer()])

    @classmethod
    def read(cls, path):
        """Read a file.

        Raises
        ------
        FileNotFoundError
        ValueError
            If it is damaged, or from a newer version.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                facts = json.loads(archive.read("checkpoint.json"))
                if facts["format"] <= FORMAT:
                    found = set(archive.namelist())
                    names = [f"training_{k}.skops" for k in range(len(found))]
                    return cls(
                        facts,
                        archive.read("estimator.skops"),
                        archive.read("params.skops"),
                        [archive.read(name) for name in names if name in found],
                    )
        except FileNotFoundError:
            raise FileNotFoundError(f"There is no checkpoint {path!r}.") from None
        except Exception as error:  # zipfile has many for bytes that are wrong
            raise ValueError(
                f"{path!r} is damaged, or is not a checkpoint ({error}). Use another "
                "copy of it, or fit anew."
            ) from error
        raise ValueError(
            f"{path!r} was written by version {facts['skebm']} of skebm in format "
            f"{facts['format']}, and version {version()} reads formats up to {FORMAT}. "
            "Install the newer version."
        )

    def refuse_others(self, path, estimator, rows, trusted):
        """Raise a sentence unless the record is of this estimator and of these rows."""
        kind, remedy = (
            type(estimator).__name__,
            "Name another file, or remove this one.",
        )
        if self.facts["kind"] != kind:
            raise ValueError(
                f"{path!r} is a checkpoint of {self.facts['kind']}, and not of {kind}. "
                f"{remedy}"
            )
        before, now = load(self.params, path, trusted), params_of(estimator)
        for name in now:
            if not same(before.get(name), now[name]):
                raise ValueError(
                    f"{path!r} is a checkpoint of a fit with {name}="
                    f"{before.get(name)!r}, and {name} is {now[name]!r} now. Set it "
                    f"back. {remedy}"
                )
        if self.facts["rows"] != rows:
            raise ValueError(
                f"{path!r} is a checkpoint of a fit to other rows. Pass X, y and "
                "sample_weight of that fit, in the same order and of the same dtypes, "
                "and files that have not been changed since. "
                f"{remedy}"
            )


def params_of(estimator):
    """Return the parameters that the result of a fit depends on."""
    params = estimator.get_params(deep=False)
    names = [name for name in params if name not in _INERT]
    # The key of other random states is in the record.
    is_seeded = isinstance(params.get("random_state"), Integral)
    return {n: params[n] for n in names if n != "random_state" or is_seeded}


def name_of_fit(path):
    """Return the name of the fit whose checkpoint is at ``path``, or None."""
    errors = suppress(OSError, ValueError, KeyError, zipfile.BadZipFile)
    with errors, zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("checkpoint.json"))["fit"]
    return None


def dumped(value, what):
    """Return the bytes of skops for a value, or raise a sentence.

    Parameters
    ----------
    value : object
    what : str
        The name of the value in the sentence.
    """
    skops = skops_io()
    try:
        data = skops.dumps(value)
        skops.loads(data, trusted=skops.get_untrusted_types(data=data))
    except Exception as error:  # it has many, of its own and of the objects
        raise ValueError(
            f"A Checkpoint cannot store {what}: {error} Functions and classes have to "
            "be importable, so define them in a module, and not as a lambda."
        ) from error
    return data


def load(data, path, trusted):
    """Return what bytes of skops hold, if they hold trusted types only.

    Raises
    ------
    ValueError
    """
    skops = skops_io()
    others = sorted(set(skops.get_untrusted_types(data=data)) - set(trusted))
    if others:
        raise ValueError(
            f"{path!r} holds types that skebm does not know: {', '.join(others)}. If "
            f"you trust them, pass trusted={others}."
        )
    try:
        return skops.loads(data, trusted=list(trusted))
    except (AttributeError, ImportError) as error:
        raise ValueError(
            f"{path!r} holds a type that cannot be imported: {error}. Import or define "
            "it where it was at the time of the fit."
        ) from error
