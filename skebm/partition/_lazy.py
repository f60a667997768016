"""Log partition functions of fitted estimators, computed at first use."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skebm.partition._base import Estimate
from skebm.utils._lazy import Lazy
from skebm.utils._stored import public
from skebm.utils._validation import LONGEST_DOCUMENT

# A bracket that is wider than this many nats gives a warning.
_WIDE = 2.0
# The bracket of a length of documents must also be wider than this for each word. 0.05
# nats a word are a twentieth of the perplexity.
_WIDE_WORD = 0.05


class _LazyEstimates(Lazy):
    """Estimates that are computed once, at first use, and kept."""

    def __init__(self, energy, method, random, n_jobs=None):
        super().__init__(n_jobs)
        self._energy = energy
        self._method = method
        self._random = random

    def _estimate(self, key, *arguments):
        """Return the estimate kept under ``key``; compute and keep it if there is none.

        ``arguments`` are the arguments of ``method.estimate`` after the energy.
        """
        return self._once(key, lambda: self._method.estimate(self._energy, *arguments))


@public("skebm.partition")
class LogPartition(_LazyEstimates):
    """Log partition function of a fitted model, in nats.

    The estimate is computed at first use and kept.

    Parameters
    ----------
    energy : energy
        The fitted energy.
    method : spec with ``estimate(energy, random, draws)``
        The method that computes the estimate.
    random : Random
        The source of random numbers. ``fit`` fixes its key, so the value does not
        depend on when it is computed.
    draws : state, default=None
        Configurations at which chains of the model may start.
    n_jobs : int, default=None
        Number of threads.

    Attributes
    ----------
    value : float
        The estimate.
    lower, upper : float
        Bracket of ``value``. Both ends equal ``value`` if the method is exact. Else
        ``lower`` is the forward estimate minus three standard errors, and ``upper`` is
        the reverse estimate plus three standard errors.
    stderr : float
        Standard error of ``value``.
    ess : float
        Effective sample size of the forward importance weights.
    method : str
        ``"enumeration"``, ``"closed form"``, ``"trajectory"`` or ``"ais"``.
    """

    def __init__(self, energy, method, random, draws=None, n_jobs=None):
        super().__init__(energy, method, random, n_jobs)
        self._draws = draws

    def __repr__(self):
        if not self._results:
            return "LogPartition(not computed yet)"
        e = self._compute()
        return (
            f"LogPartition({e.value:.3f}, lower={e.lower:.3f}, upper={e.upper:.3f}, "
            f"method={e.method!r})"
        )

    def _compute(self):
        return self._estimate("the only one", self._random, self._draws)

    def _after_first_use(self, estimate):
        """Warn if the bracket is wide."""
        width = estimate.upper - estimate.lower
        if width > _WIDE:
            warnings.warn(
                f"log Z is only known to within {width:.1f} nats, and so are all log-"
                "densities of this model (their differences are exact). Set a larger "
                "partition=AIS(max_temperatures=...), or fit with l2 above 0: models "
                "with smaller weights are easier to integrate.",
                ConvergenceWarning,
                stacklevel=6,
            )

    @property
    def value(self):
        """The estimate of log Z."""
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
        """Name of the method that computed the estimate."""
        return self._compute().method


@public("skebm.partition")
class LengthPartitions(_LazyEstimates):
    """Log partition functions of a fitted model of documents, one for each length.

    The estimates are computed at first use and kept.

    Parameters
    ----------
    energy : energy of documents
        The fitted energy.
    method : spec with ``estimate(energy, random, top)``
        The method that computes the estimates of all lengths up to ``top``.
    random : Random
        The source of random numbers. ``fit`` fixes its key, so the values do not depend
        on when they are computed.
    n_jobs : int, default=None
        Number of threads.
    """

    def __repr__(self):
        return f"LengthPartitions(computed up to {max(self._results, default=0)})"

    def at(self, lengths):
        """Return log Z of documents of these lengths.

        Parameters
        ----------
        lengths : array-like of shape (n,)
            Numbers of words. Values between whole numbers are interpolated.

        Returns
        -------
        Estimate
            ``value``, ``lower``, ``upper``, ``stderr`` and ``ess`` are arrays of shape
            (n,), in nats except for ``ess``. ``method`` is one word for all lengths.
        """
        lengths = np.asarray(lengths, dtype=np.float64).reshape(-1)
        if not ((lengths >= 0) & np.isfinite(lengths)).all():
            raise ValueError(f"lengths must be numbers from 0 on; got {lengths}.")
        if (longest := lengths.max(initial=0)) > LONGEST_DOCUMENT:
            raise ValueError(
                f"log Z is known of documents of at most {LONGEST_DOCUMENT:,} words, "
                f"and one has {longest:.7g}. Divide the document into several."
            )
        longest_seen = max(1, int(self._energy.lengths[-1]))
        # The value at one length must not depend on which other lengths are asked for.
        # So estimates end at the longest document of fit, times a power of two.
        doublings = np.ceil(np.log2(np.maximum(lengths / longest_seen, 1)))
        tops = longest_seen * 2 ** doublings.astype(int)
        numbers = np.zeros((5, len(lengths)))
        method = ""
        for top in np.unique(np.r_[tops, longest_seen]).tolist():
            estimate = self._estimate(top, self._random.fold(top), top)
            at_top, whole_lengths = tops == top, np.arange(top + 1)
            numbers[:, at_top] = [
                np.interp(lengths[at_top], whole_lengths, values)
                for values in estimate[:5]
            ]
            method = estimate.method
        return Estimate(*numbers, method)

    def _after_first_use(self, estimate):
        """Warn if a bracket is wide."""
        width = estimate.upper - estimate.lower
        wide = np.flatnonzero(
            width > np.maximum(_WIDE, _WIDE_WORD * np.arange(len(width)))
        )
        if len(wide):
            warnings.warn(
                f"log Z of documents of {wide[0]} words is only known to within "
                f"{width[wide[0]]:.1f} nats, and the brackets of {len(wide) - 1} other "
                "lengths are too wide as well. The model may have modes in long "
                "documents that chains do not find. Fit with a smaller learning_rate, "
                "or with l2 above 0, or set a larger "
                "partition=LengthPartition(n_chains=...).",
                ConvergenceWarning,
                stacklevel=5,
            )
