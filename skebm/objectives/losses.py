"""Losses of labels, which are functions of the energies of all classes.

Most of them compare two energies: that of the right class, and that of its rival, which
is the wrong class of lowest energy. The names are those of Table 1 of the tutorial of
LeCun et al. [1]_, which calls the rival "the most offending incorrect answer".

References
----------
.. [1] Y. LeCun, S. Chopra, R. Hadsell, M. Ranzato, F. Huang. "A tutorial on
   energy-based learning". In: Predicting structured data, MIT Press (2006).
"""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator

# exp of more than this is continued as a constant, so that no number overflows.
_LARGEST_EXPONENT = 100.0


class Loss(BaseEstimator):
    """Base of losses: a number for the energies of all classes, and its slope.

    Attributes
    ----------
    score_name : str
        Name of the negative mean loss in the history of a training.
    has_levels : bool
        Whether the loss compares energies with 0, and not only with each other.
    is_joint : bool
        Whether a generative objective may be added: the loss is a log-likelihood.
    """

    score_name, has_levels, is_joint = "negative_loss", False, False

    def check(self):
        """Raise a ValueError unless each parameter is a number above 0."""
        for name, value in self.get_params().items():
            is_number = np.isscalar(value) and not isinstance(value, str)
            if not (is_number and 0 < value < np.inf):
                raise ValueError(
                    f"{name} of {type(self).__name__} must be a number above 0, in "
                    f"nats; got {value!r}."
                )

    def __call__(self, energies, labels):
        """Return the loss of each row, and its slope by each energy.

        Parameters
        ----------
        energies : ndarray of shape (n, n_classes), float64
            In nats.
        labels : ndarray of int of shape (n,)
            Numbers of the right classes.

        Returns
        -------
        values : ndarray of shape (n,), float64
        slopes : ndarray of shape (n, n_classes), float64
        """
        raise NotImplementedError


class NegativeLogLikelihood(Loss):
    """``E(x, y) + log sum_k exp(-E(x, k))``, which is ``-log p(y | x)`` in nats.

    Its minimum gives probabilities, and it is the only loss with this property.
    """

    score_name, is_joint = "log_likelihood", True

    @property
    def has_kernel(self):
        """Whether the kernels of label updates minimise this loss."""
        return type(self).__call__ is NegativeLogLikelihood.__call__

    def __call__(self, energies, labels):
        """Return the loss of each row, and its slope; see :class:`Loss`."""
        rows = np.arange(len(labels))
        values = energies[rows, labels] + np.logaddexp.reduce(-energies, axis=1)
        slopes = -softmax(-energies, axis=1)
        slopes[rows, labels] += 1
        return values, slopes


class MinimumEmpiricalError(Loss):
    """``1 - p(y | x)``, the probability of a wrong label.

    It is bounded, so a few rows with wrong labels have little weight.
    """

    def __call__(self, energies, labels):
        """Return the loss of each row, and its slope; see :class:`Loss`."""
        rows, probability = np.arange(len(labels)), softmax(-energies, axis=1)
        right = probability[rows, labels]
        slopes = -probability
        slopes[rows, labels] += 1
        return 1 - right, right[:, None] * slopes


class RivalLoss(Loss):
    """Base of the losses of the energies of the right class and of its rival.

    The rival is the wrong class of lowest energy. A subclass has
    ``compare(right, rival)``.
    """

    def __call__(self, energies, labels):
        """Return the loss of each row, and its slope; see :class:`Loss`."""
        rows, wrong = np.arange(len(labels)), energies.copy()
        wrong[rows, labels] = np.inf
        rivals = wrong.argmin(axis=1)
        pair = energies[rows, labels], energies[rows, rivals]
        values, by_right, by_rival = self.compare(*pair)
        slopes = np.zeros_like(energies)
        slopes[rows, labels], slopes[rows, rivals] = by_right, by_rival
        return values, slopes

    def compare(self, right, rival):
        """Return the loss and its two slopes.

        Parameters
        ----------
        right, rival : ndarray of shape (n,)
            Energies of the right class and of its rival.

        Returns
        -------
        values, by_right, by_rival : ndarray of shape (n,)
        """
        raise NotImplementedError


class Perceptron(RivalLoss):
    """``E(x, y) - min_k E(x, k)``, the loss of the perceptron [1]_.

    There is no margin: a row that is classified right does not count.

    References
    ----------
    .. [1] M. Collins. "Discriminative training methods for hidden Markov models: theory
       and experiments with perceptron algorithms". EMNLP 2002.
    """

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        above = right - rival
        slope = (above > 0).astype(np.float64)
        return np.maximum(above, 0), slope, -slope


class Hinge(RivalLoss):
    """``max(0, margin + E(x, y) - E(x, rival))``, the loss of a margin [1]_.

    Parameters
    ----------
    margin : float, default=1.0
        Nats by which the energy of the right class should lie below its rival.

    References
    ----------
    .. [1] Y. Altun, I. Tsochantaridis, T. Hofmann. "Hidden Markov support vector
       machines". ICML 2003.
    """

    def __init__(self, margin=1.0):
        self.margin = margin

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        above = self.margin + right - rival
        slope = (above > 0).astype(np.float64)
        return np.maximum(above, 0), slope, -slope


class Log(RivalLoss):
    """``log(1 + exp(E(x, y) - E(x, rival)))``, a hinge with a soft margin.

    For two classes it is the negative log-likelihood.
    """

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        above = right - rival
        slope = expit(above)
        return np.logaddexp(0, above), slope, -slope


class LVQ2(RivalLoss):
    """``min(limit, max(0, E(x, y) - E(x, rival)))``, as learning vector quantisation.

    Rows that are classified right, and rows whose label seems to be wrong, do not
    count. It suits a warm start, since rows that begin above the limit stay there.

    Parameters
    ----------
    limit : float, default=5.0
        The largest loss of a row, in nats.
    """

    def __init__(self, limit=5.0):
        self.limit = limit

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        above = right - rival
        slope = ((above > 0) & (above < self.limit)).astype(np.float64)
        return np.clip(above, 0, self.limit), slope, -slope


class MCE(RivalLoss):
    """``1 / (1 + exp(E(x, rival) - E(x, y)))``, the minimum classification error [1]_.

    It is a smooth count of the rows that are classified wrong.

    References
    ----------
    .. [1] B.-H. Juang, W. Chou, C.-H. Lee. "Minimum classification error rate methods
       for speech recognition". IEEE Transactions on Speech and Audio Processing 5
       (1997).
    """

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        values = expit(right - rival)
        slope = values * expit(rival - right)
        return values, slope, -slope


class SquareSquare(RivalLoss):
    """``E(x, y)**2 + max(0, margin - E(x, rival))**2`` [1]_.

    The energy of the right class is drawn to 0, and its rival is pushed up.

    Parameters
    ----------
    margin : float, default=1.0
        Energy in nats that the rival should have at least.

    References
    ----------
    .. [1] Y. LeCun, F. Huang. "Loss functions for discriminative training of
       energy-based models". AISTATS 2005.
    """

    has_levels = True

    def __init__(self, margin=1.0):
        self.margin = margin

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        below = np.maximum(self.margin - rival, 0)
        return right**2 + below**2, 2 * right, -2 * below


class SquareExponential(RivalLoss):
    """``E(x, y)**2 + factor * exp(-E(x, rival))`` [1]_.

    The margin has no end: the rival is always pushed up, and less the higher it is.

    Parameters
    ----------
    factor : float, default=1.0
        Weight of the push.

    References
    ----------
    .. [1] M. Osadchy, M. Miller, Y. LeCun. "Synergistic face detection and pose
       estimation with energy-based models". NeurIPS 2005.
    """

    has_levels = True

    def __init__(self, factor=1.0):
        self.factor = factor

    def compare(self, right, rival):
        """Return the loss and its two slopes; see :class:`RivalLoss`."""
        push = self.factor * np.exp(np.minimum(-rival, _LARGEST_EXPONENT))
        return right**2 + push, 2 * right, -push


# Losses by the name that the parameter `loss` of a classifier takes.
LOSSES = {
    "nll": NegativeLogLikelihood,
    "perceptron": Perceptron,
    "hinge": Hinge,
    "log": Log,
    "lvq2": LVQ2,
    "mce": MCE,
    "square_square": SquareSquare,
    "square_exponential": SquareExponential,
    "mee": MinimumEmpiricalError,
}
