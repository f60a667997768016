"""The partition function of a fitted estimator: computed when first asked for."""

import warnings
from threading import Lock

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skebm.partition._base import Estimate
from skebm.utils._parallel import use_threads

# Brackets that are wider, in nats, warn; those of documents only if they are also wider
# than this for each word, a twentieth of the perplexity.
_WIDE, _WIDE_WORD = 2.0, 0.05


class LogPartition:
    """log Z of a fitted model, in nats; computed at first use and kept.

    Parameters
    ----------
    energy : energy
    method : spec with ``estimate(energy, random, draws)``
    random : Random
        Its key is fixed by ``fit``: the value is the same whenever it is computed.
    draws : state, default=None
        Where chains of the model may start.
    n_jobs : int, default=None

    Attributes
    ----------
    value : float
    lower, upper : float
        Bracket of ``value``: equal to it where the method is exact, else the forward
        estimate minus and the reverse estimate plus three standard errors.
    stderr, ess : float
        Standard error of ``value``; effective sample size of the forward weights.
    method : str
        ``"enumeration"``, ``"closed form"``, ``"trajectory"`` or ``"ais"``.
    """

    def __init__(self, energy, method, random, draws=None, n_jobs=None):
        self._task = energy, method, random, draws
        self._n_jobs = n_jobs
        self._estimate = None
        self._lock = Lock()

    def __repr__(self):
        if self._estimate is None:
            return "LogPartition(not computed yet)"
        e = self._estimate
        return (
            f"LogPartition({e.value:.3f}, lower={e.lower:.3f}, upper={e.upper:.3f}, "
            f"method={e.method!r})"
        )

    def __getstate__(self):
        return {name: v for name, v in vars(self).items() if name != "_lock"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._lock = Lock()

    def _compute(self):
        with self._lock:
            if self._estimate is None:
                energy, method, random, draws = self._task
                with use_threads(self._n_jobs):
                    self._estimate = method.estimate(energy, random, draws)
                self._warn_if_wide()
        return self._estimate

    def _warn_if_wide(self):
        width = self._estimate.upper - self._estimate.lower
        if width > _WIDE:
            warnings.warn(
                f"log Z is only known to within {width:.1f} nats, and so are all log-"
                "densities of this model (their differences are exact). Set a larger "
                "partition=AIS(max_temperatures=...), or fit with l2 above 0: models "
                "with smaller weights are easier to integrate.",
                ConvergenceWarning,
                stacklevel=4,
            )

    @property
    def value(self):
        """The estimate."""
        return self._compute().value

    @property
    def lower(self):
        """Lower end of the bracket."""
        return self._compute().lower

    @property
    def upper(self):
        """Upper end of the bracket."""
        return self._compute().upper

    @property
    def stderr(self):
        """Standard error of the estimate."""
        return self._compute().stderr

    @property
    def ess(self):
        """Effective sample size of the forward importance weights."""
        return self._compute().ess

    @property
    def method(self):
        """How it was computed."""
        return self._compute().method


class LengthPartitions:
    """log Z of a fitted model of documents, by length; computed when asked for.

    Parameters
    ----------
    energy : ReplicatedSoftmax
    method : spec with ``estimate(energy, random, top)``
    random : Random
        Its key is fixed by ``fit``: the values are the same whenever they are computed.
    n_jobs : int, default=None
    """

    def __init__(self, energy, method, random, n_jobs=None):
        self._task = energy, method, random
        self._n_jobs = n_jobs
        self._estimates = {}
        self._lock = Lock()

    def __repr__(self):
        return f"LengthPartitions(computed up to {max(self._estimates, default=0)})"

    def __getstate__(self):
        return {name: v for name, v in vars(self).items() if name != "_lock"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._lock = Lock()

    def at(self, lengths):
        """Return log Z of documents of these lengths.

        Parameters
        ----------
        lengths : array-like
            Between whole numbers the values are interpolated.

        Returns
        -------
        Estimate
            ``value``, ``lower``, ``upper`` (a bracket), ``stderr`` and ``ess`` are
            arrays, an entry a length; ``method`` is a word for all.
        """
        lengths = np.asarray(lengths, dtype=np.float64).reshape(-1)
        top = max(1, int(self._task[0].lengths[-1]))
        with self._lock:
            # Which others are asked for must not matter, so tops are fixed, too.
            tops = top * 2 ** np.ceil(np.log2(np.maximum(lengths / top, 1))).astype(int)
            out = np.zeros((5, len(lengths)))
            method = ""
            for longest in np.unique(np.r_[tops, top]):
                estimate = self._estimate(int(longest))
                own = tops == longest
                every = np.arange(longest + 1)
                out[:, own] = [
                    np.interp(lengths[own], every, part) for part in estimate[:5]
                ]
                method = estimate.method
        return Estimate(*out, method)

    def _estimate(self, top):
        if top not in self._estimates:
            energy, method, random = self._task
            with use_threads(self._n_jobs):
                self._estimates[top] = method.estimate(energy, random.fold(top), top)
            self._warn_if_wide(self._estimates[top])
        return self._estimates[top]

    def _warn_if_wide(self, estimate):
        width = estimate.upper - estimate.lower
        wide = np.flatnonzero(
            width > np.maximum(_WIDE, _WIDE_WORD * np.arange(len(width)))
        )
        if len(wide):
            warnings.warn(
                f"log Z of documents of {wide[0]} words is only known to within "
                f"{width[wide[0]]:.1f} nats, and it is no better for {len(wide) - 1} "
                "other lengths: the model may have modes in long documents that chains "
                "do not find. Fit with a smaller learning_rate, or with l2 above 0, or "
                "set partition=LengthPartition(n_chains=...) larger.",
                ConvergenceWarning,
                stacklevel=4,
            )
