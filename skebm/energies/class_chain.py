"""Energies of the labels of chains of rows."""

import numpy as np

from skebm.energies._chain_sums import minima, sums
from skebm.energies._structured import StructuredEnergy, StructuredRecipe
from skebm.layers import Columns
from skebm.utils._groups import group_starts
from skebm.utils._parallel import map_blocks

_TRANSITIONS = "chain.transitions"
_NAMES = _TRANSITIONS, "chain.first", "chain.last"


class ChainEnergy(StructuredEnergy):
    """The energy of the labels of a chain of rows: a linear-chain random field [1]_.

    ``E(x_1 ... x_n, y_1 ... y_n) = sum_t e(x_t, y_t) - sum_t transitions[y_t, y_t+1] -
    first[y_1] - last[y_n]``, where ``e`` is an energy of classes. A row of units is
    ``[x | one-hot label | 1 if it is the first of its chain]``. The energy of a chain
    is the sum of the energies of its rows. The likelihood of a chain is shared by its
    rows in equal parts. ``params`` are those of ``e``, and ``chain.transitions`` of
    shape (n_classes, n_classes), ``chain.first`` and ``chain.last`` of shape
    (n_classes,).

    References
    ----------
    .. [1] J. Lafferty, A. McCallum, F. Pereira. "Conditional random fields:
       probabilistic models for segmenting and labeling sequence data". ICML 2001.
    """

    coupled_weights = (_TRANSITIONS,)

    @classmethod
    def start(cls, single):
        """Return the energy of chains whose rows do not depend on each other."""
        n, dtype = single.n_classes, single.dtype
        shapes = zip(_NAMES, ((n, n), n, n), strict=True)
        return cls(single, {name: np.zeros(shape, dtype) for name, shape in shapes})

    def group_starts(self, rows):
        """Return the numbers of the rows with which chains begin, and of all rows."""
        return group_starts(rows)

    def energy_pullback(self, rows):
        """Return the energies of rows, and a function that makes gradients.

        The score of a transition belongs to the second of its rows.
        """
        x, y, starts = self._in_chains(rows)
        single, pullback = self.single.class_pullback(x)
        before = _shifted(y, starts)

        def gradient(weight):
            slopes = np.asarray(weight, np.float64)[:, None] * y
            ends = slopes[starts[:-1]], slopes[starts[1:] - 1]
            return self._named(pullback(slopes), before.T @ slopes, *ends)

        return self._energies(single, y, before, starts), gradient

    def nll_pullback(self, rows):
        """Return the share of each row in -log p(labels | x) of its chain.

        Returns
        -------
        values : ndarray of shape (n,), float64
        gradient : callable
            It takes weights of rows. Those of a chain count as their mean.
        """
        x, y, starts = self._in_chains(rows)
        single, pullback = self.single.class_pullback(x)
        log_z, marginals, pairs = sums(single, *self._scores, starts)
        before, lengths = _shifted(y, starts), np.diff(starts)
        energies = self._energies(single, y, before, starts)
        values = np.add.reduceat(energies, starts[:-1]) + log_z

        def gradient(weight):
            means = np.add.reduceat(np.asarray(weight, float), starts[:-1]) / lengths
            share = np.repeat(means, lengths)
            slopes = share[:, None] * (y - marginals)
            ends = slopes[starts[:-1]], slopes[starts[1:] - 1]
            of_pairs = before.T @ (share[:, None] * y) - pairs(share)
            return self._named(pullback(slopes), of_pairs, *ends)

        return np.repeat(values / lengths, lengths), gradient

    def mode(self, rows):
        """Return the labels of lowest energy of each chain, one-hot."""
        x, _, starts = self._in_chains(rows)
        labels = minima(self._single_energies(x), *self._scores, starts)
        return np.eye(self.n_classes, dtype=self.dtype)[labels]

    def marginals(self, rows):
        """Return the probability of each label of each row, given its chain."""
        x, _, starts = self._in_chains(rows)
        return sums(self._single_energies(x), *self._scores, starts)[1]

    def _in_chains(self, rows):
        """Return the inputs, the one-hot labels, and where chains start."""
        x, labels = self.split(rows)
        return x, labels[:, :-1].astype(np.float64), group_starts(rows)

    def _energies(self, single, y, before, starts):
        """Return the energies of rows, of the energies of all labels of each."""
        transitions, first, last = self._scores
        scores = ((before @ transitions) * y).sum(axis=1)
        scores[starts[:-1]] += y[starts[:-1]] @ first
        scores[starts[1:] - 1] += y[starts[1:] - 1] @ last
        return (single * y).sum(axis=1) - scores

    def _single_energies(self, x):
        blocks = map_blocks(
            lambda block: self.single.class_energy(x[block]), x.shape[0], self.work
        )
        return np.concatenate(blocks)

    @property
    def _scores(self):
        return [self.coupled_params[name].astype(np.float64) for name in _NAMES]

    def _named(self, gradient, of_pairs, at_first, at_last):
        """Return a gradient with the slopes of the scores, whose energy is negative."""
        slopes = of_pairs, at_first.sum(axis=0), at_last.sum(axis=0)
        own = {
            name: -value.astype(self.coupled_params[name].dtype)
            for name, value in zip(_NAMES, slopes, strict=True)
        }
        return gradient | own


class ClassChain(StructuredRecipe):
    """An energy of classes for each row of a chain, and scores of labels in a row.

    The letters of a word are an example: see :class:`ChainEnergy`. The ``groups`` that
    the methods of :class:`skebm.EnergyClassifier` take say which rows are a chain. The
    estimator gets ``transitions_`` of shape (n_classes, n_classes), the scores of a
    class before another one, in nats.

    Parameters
    ----------
    energy : str, recipe or object, default="linear"
        The energy of classes of single rows, as the parameter ``energy`` of the
        classifier.
    """

    takes_groups = True

    def __init__(self, energy="linear"):
        self.energy = energy

    def build(self, layer, summary, random):
        """Return the energy of rows that do not depend on each other.

        Parameters
        ----------
        layer : Columns
            The layers of the inputs, of the label, and of the starts of chains.
        summary : Summary
        random : Random
        """
        own = slice(None, -1)
        summary = summary._replace(
            mean=summary.mean[own],
            variance=summary.variance[own],
            rows=None if summary.rows is None else summary.rows[:, own],
        )
        single = self.energy.build(Columns(layer.layers[:2]), summary, random)
        return ChainEnergy.start(single)

    def attributes(self, energy, order):
        """Return the attributes of the energy of classes, and the transitions."""
        attributes = super().attributes(energy, order)
        return {**attributes, "transitions_": energy.params[_TRANSITIONS].copy()}


def _shifted(y, starts):
    """Return the labels of the rows before, one-hot; 0 for the first of a chain."""
    before = np.zeros_like(y)
    before[1:] = y[:-1]
    before[starts[:-1]] = 0
    return before
