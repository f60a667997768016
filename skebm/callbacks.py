"""Callbacks of skebm, besides those of :mod:`sklearn.callback`."""

import os
import time
import warnings
from copy import copy
from numbers import Real
from uuid import uuid4

import joblib
from sklearn.base import clone

from skebm.estimators._base import EnergyEstimator
from skebm.persistence import trusted_types
from skebm.utils._files import refuse_unwritable
from skebm.utils._fingerprint import fingerprint
from skebm.utils._record import (
    FORMAT,
    Record,
    dumped,
    load,
    name_of_fit,
    params_of,
    skops_io,
)
from skebm.utils._stored import version

__all__ = ["Checkpoint", "resume"]

# Stands in a path for a name that the fit has by its parameters and its rows.
_FIT = "{fit}"
_UNITS = "seconds", "epochs"
_MANY = (
    "Checkpoint({path!r}) names one file, and {owner} fits more than one model. Put "
    "{{fit}} into the path, as in 'runs/{{fit}}.skebm', and set resume=True."
)


class Checkpoint:
    """Writes the state of a fit to a file, from which the fit can go on.

    The fit that goes on ends in the same bits as a fit that was never interrupted. See
    :func:`resume`.

    The file is whole at any moment: a new file is written beside it, and takes its
    place when it is on the disk. If it cannot be written in the middle of a fit, for
    instance to a disk that is full, the fit warns, goes on, and tries again when the
    next checkpoint is due. The last one is written at the end of the training, and the
    file stays.

    It works for all estimators that train, also inside other estimators: set it on the
    outermost one. ``partial_fit`` and fits without a training, such as
    ``EBMAnomalyDetector()``, write no checkpoints. This needs the extra
    ``persistence``.

    Parameters
    ----------
    path : str or path-like
        The file. ``{fit}`` stands for a name that depends on the parameters and the
        rows of the fit. It is needed where an estimator such as
        :class:`sklearn.model_selection.GridSearchCV` makes many fits.
    every : float, default=60.0
        The least number of seconds, or of epochs, from one checkpoint to the next.
        Seconds are looked at after each update, also in the middle of an epoch.
    unit : {"seconds", "epochs"}, default="seconds"
    resume : bool, default=False
        Whether a fit goes on from the file, if there is one. It has to be a file of the
        same fit. Else a fit begins anew, and replaces the file at its first checkpoint.
    trusted : list of str, default=()
        Types in the file, besides those of skebm, NumPy, SciPy and scikit-learn, that
        are safe to load, for instance an energy of your own.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.callbacks import Checkpoint, resume
    >>> X = load_digits().data / 16
    >>> path = os.path.join(tempfile.mkdtemp(), "run.skebm")
    >>> rbm = RBMDensity(n_components=4, n_iter=2, random_state=0)
    >>> rbm = rbm.set_callbacks(Checkpoint(path, every=30)).fit(X)

    If the process ends before the fit, another one goes on:

    >>> again = resume(path).fit(X)
    >>> bool((again.components_ == rbm.components_).all())
    True
    """

    # Whether a fit is inside another one makes no difference.
    max_propagation_depth = None

    def __init__(self, path, every=60.0, unit="seconds", *, resume=False, trusted=()):
        if not isinstance(every, Real) or isinstance(every, bool) or not every >= 0:
            raise ValueError(f"every must be a number of at least 0; got {every!r}.")
        if unit not in _UNITS:
            raise ValueError(f"unit must be 'seconds' or 'epochs'; got {unit!r}.")
        self.path = os.fspath(path)
        self.every, self.unit = every, unit
        self.resume, self.trusted = resume, list(trusted)
        self._record, self._outer = None, {}

    # -- what scikit-learn calls -----------------------------------------------------

    def setup(self, estimator, context):
        """Remember the outermost estimator, as it is before its fit."""
        if not isinstance(estimator, EnergyEstimator):  # those begin by themselves
            refuse_unwritable(self.path)
            plain = _plain(estimator)
            outer = _Outer(type(estimator).__name__, dumped(plain, repr(plain)))
            self._outer[context.root_uuid] = outer

    def teardown(self, estimator, context):
        """Forget the outermost estimator."""
        self._outer.pop(context.root_uuid, None)

    def on_fit_task_begin(self, estimator, context):
        """Refuse one file for many fits that may run at the same time."""
        if not context.sequential_subtasks and _FIT not in self.path:
            owner = type(estimator).__name__
            raise ValueError(_MANY.format(path=self.path, owner=owner))

    def on_fit_task_end(self, estimator, context):
        """Do nothing: states are kept in the middle of an epoch."""

    # -- what a fit of skebm calls ---------------------------------------------------

    def begin_fit(self, estimator, facts):
        """Return the :class:`Keeper` of a fit.

        Parameters
        ----------
        estimator : EnergyEstimator
        facts : tuple
            The arguments of its ``fit``.
        """
        skops_io()
        rows = _Once(fingerprint, facts)
        path = self.path
        if _FIT in path:
            kind, params = type(estimator).__name__, params_of(estimator)
            path = path.replace(_FIT, joblib.hash((kind, params, rows()))[:16])
        refuse_unwritable(path)
        record, self._record = self._record, None
        if record is None and self.resume and os.path.exists(path):
            record = Record.read(path)
        trusted = trusted_types() + self.trusted
        outer = self._outer_of(estimator, path)
        if record is None:
            record = self._begun(estimator, outer)
        else:
            record.refuse_others(path, estimator, rows(), trusted)
        return Keeper(self, path, record, rows, trusted)

    def _outer_of(self, estimator, path):
        """Return the bytes of the outermost estimator, and refuse its second fit."""
        context = getattr(estimator, "_parent_callback_ctx", None)
        outer = self._outer.get(getattr(context, "root_uuid", None))
        if outer is None:
            plain = _plain(estimator)
            return dumped(plain, repr(plain))
        if path in outer.paths and _FIT not in self.path:
            raise ValueError(_MANY.format(path=self.path, owner=outer.name))
        outer.paths.add(path)
        return outer.data

    def _begun(self, estimator, outer):
        """Return the record of a fit that begins."""
        facts = {
            "format": FORMAT,
            "skebm": version(),
            "fit": uuid4().hex,
            "kind": type(estimator).__name__,
            "path": self.path,
            "every": self.every,
            "unit": self.unit,
        }
        return Record(facts, outer, dumped(params_of(estimator), "parameters"), [])


class Keeper:
    """Keeps the states of the trainings of one fit in a file.

    Parameters
    ----------
    checkpoint : Checkpoint
    path : str
    record : Record
        Of the fit, with the trainings that are known from before.
    rows : callable
        Returns the fingerprint of the rows.
    trusted : list of str
    """

    def __init__(self, checkpoint, path, record, rows, trusted):
        self.every, self.in_epochs = checkpoint.every, checkpoint.unit == "epochs"
        self.path, self.record, self.rows = path, record, rows
        self.known = [load(part, path, trusted) for part in record.trainings]
        self.n_begun, self.last, self.last_epoch = 0, time.monotonic(), 0
        self.has_warned = self.has_stopped = False
        self.names = {None, record.facts["fit"], name_of_fit(path)}
        self.seconds = 0.0  # of trainings that were finished before

    def random(self, fresh):
        """Return the source of random numbers with which the fit began."""
        facts = self.record.facts
        facts.setdefault("random", [fresh.key, fresh.stream, fresh.row])
        return type(fresh)(*facts["random"])

    def next(self):
        """Return the last state of the training that begins, or None."""
        k, self.n_begun, self.last_epoch = self.n_begun, self.n_begun + 1, 0
        if k >= len(self.known):
            return None
        state, self.known[k] = self.known[k], None
        self.last_epoch = state["epoch"]
        self.seconds += state["seconds"] if state["is_over"] else 0.0
        return state

    def is_due(self, epoch, batch):
        """Tell whether a state is to be kept before this minibatch of this epoch."""
        if self.in_epochs:
            is_new = batch == 0 and epoch > self.last_epoch
            return is_new and epoch - self.last_epoch >= self.every
        return time.monotonic() - self.last >= self.every

    def keep(self, state):
        """Write the state of the present training; warn once if that fails."""
        try:
            if not self.has_stopped:
                self._write(state)
        except Exception as error:  # a fit is worth more than its checkpoint
            if not self.has_warned:
                self.has_warned = True
                self._warn(
                    f"The checkpoint {self.path!r} could not be written: {error}. The "
                    "fit goes on, and so do later tries. The file is as it was before."
                )
        self.last, self.last_epoch = time.monotonic(), state["epoch"]

    def _write(self, state):
        if name_of_fit(self.path) not in self.names:
            self.has_stopped = True
            self._warn(
                f"Another fit has written {self.path!r}, so this fit writes no more "
                "checkpoints. Give each fit a file, for instance by {fit} in the path."
            )
            return
        data, k = skops_io().dumps(state), self.n_begun - 1
        self.record.facts.setdefault("rows", self.rows())
        self.record.trainings[k:] = [data]
        self.record.write(self.path)
        self.names = {None, self.record.facts["fit"]}

    @staticmethod
    def _warn(sentence):
        warnings.warn(sentence, RuntimeWarning, stacklevel=2)


def resume(path, callbacks=(), *, trusted=()):
    """Return the estimator of a checkpoint, whose next ``fit`` goes on from there.

    Call ``fit`` with the arguments of the fit that was interrupted. It ends in the same
    bits, on the same kind of machine and with the same versions of the libraries. It
    writes checkpoints to the same file. Of a fit that had ended, ``fit`` returns the
    result at once.

    Parameters
    ----------
    path : str or path-like
        A file that :class:`Checkpoint` wrote. It runs no code when it is loaded.
    callbacks : sequence of callbacks, default=()
        Other callbacks of the estimator, which the file does not hold.
    trusted : list of str, default=()
        Types in the file, besides those of skebm, NumPy, SciPy and scikit-learn, that
        are safe to load.

    Returns
    -------
    estimator
        Not fitted, or with the model before its fit if ``warm_start`` was true. It has
        a :class:`Checkpoint`.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is damaged, written by a newer version of skebm, or holds types that
        are not trusted. ``fit`` raises it if the rows or the parameters are others.
    """
    path = os.fspath(path)
    record = Record.read(path)
    estimator = load(record.estimator, path, [*trusted_types(), *trusted])
    facts = record.facts["every"], record.facts["unit"]
    if _FIT in record.facts["path"]:  # one of several fits of the estimator
        name = os.path.basename(record.facts["path"])
        path = os.path.join(os.path.dirname(path), name)
        checkpoint = Checkpoint(path, *facts, resume=True, trusted=trusted)
    else:
        checkpoint = Checkpoint(path, *facts, trusted=trusted)
        checkpoint._record = record
    return estimator.set_callbacks(checkpoint, *callbacks)


class _Outer:
    """An estimator that fits others: its name, its bytes, and the files of its fits."""

    def __init__(self, name, data):
        self.name, self.data, self.paths = name, data, set()


class _Once:
    """A result that is computed when it is first asked for."""

    def __init__(self, function, arguments):
        self.function, self.arguments, self.result = function, arguments, None

    def __call__(self):
        """Return the result."""
        if self.result is None:
            self.result = self.function(*self.arguments)
        return self.result


def _plain(estimator):
    """Return an estimator as its fit finds it, without callbacks."""
    if getattr(estimator, "warm_start", False):
        parts = [copy(estimator)]  # its fit may go on from the model that it has
    else:
        parts = [clone(estimator)]
        parts += parts[0].get_params().values()
    for part in parts:
        for name in [n for n in getattr(part, "__dict__", ()) if "callback" in n]:
            vars(part).pop(name)
    return parts[0]
