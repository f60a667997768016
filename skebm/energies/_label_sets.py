"""Energies of the label sets of rows, of which a row may have any number of labels."""

import numpy as np
from scipy.special import expit, softmax

from skebm.energies._structured import StructuredEnergy
from skebm.utils._math import log_sum_exp
from skebm.utils._random import Random

# Energies of label sets that are held at a time: 32 megabytes.
_MOST_ENERGIES = 2**22
# Numbers that the chains of some rows receive, which fit in the second cache.
_MOST_CELLS = 2**15
# Chains of a row, and their sweeps: with rising inverse temperature for the mode, and
# before and while marginals are averaged (tests/energies/test_label_sets.py compares
# them with the exact ones).
_N_CHAINS, _N_COOLING, _N_WARMING, _N_SWEEPS = 4, 60, 20, 100
# The first and the last inverse temperature of the search of the mode.
_HOT, _COLD = 0.2, 5.0
# Sweeps without noise at the end of the search. Each lowers the energy or is the last.
_N_GREEDY = 50


class LabelSetEnergy(StructuredEnergy):
    """Base of energies ``E(x, y)`` of a label set ``y`` in {0, 1}**L given a row ``x``.

    Up to ``n_exact`` labels, sums go over all ``2**L`` label sets. With more labels the
    likelihood is replaced by the pseudo-likelihood [1]_ of each label given the others,
    and modes and marginals are estimated from annealed Gibbs chains [2]_. The chains of
    all rows use the same random numbers, so a result depends on its own row only.

    A subclass has

    - ``sets_pullback(x, sets)``: the energies of all rows with all of these label sets,
      shape (n, n_sets), and a function that turns weights of this shape into a
      gradient;
    - ``flip_pullback(x, y)``: the energy with each label in turn flipped, minus the
      energy, shape (n, L), and such a function;
    - ``fields(x)``, of shape (n, n_fields): what the units or labels receive from rows;
    - ``influences``, of shape (L, n_fields): what they receive from each label;
    - ``log_odds(received, present, k)``: the log-odds of label k given all others, of
      what is received from rows and labels, and whether label k is there now;
    - ``set_energy(fields, y)``: the energy of each row with its label set, up to a
      constant for each row.

    Parameters
    ----------
    single, coupled
        As for :class:`StructuredEnergy`.
    n_exact : int
        Largest number of labels for which sums are exact.

    References
    ----------
    .. [1] J. Besag. "Statistical analysis of non-lattice data". The Statistician 24
       (1975).
    .. [2] S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi. "Optimization by simulated
       annealing". Science 220 (1983).
    """

    # Most labels of which training sums over all sets.
    most_learned = np.inf

    def __init__(self, single, coupled, n_exact):
        super().__init__(single, coupled)
        self.n_exact = n_exact

    @property
    def is_exact(self):
        """Whether modes and marginals are exact."""
        return self.n_classes <= self.n_exact

    @property
    def learns_exactly(self):
        """Whether training maximises the likelihood, and not the pseudo-likelihood."""
        return self.is_exact and self.n_classes <= self.most_learned

    def energy_pullback(self, rows):
        """Return the energies of rows with their labels, and a function for gradients.

        It goes over the label sets that occur.
        """
        x, y = self.split(rows)
        sets, numbers = np.unique(y, axis=0, return_inverse=True)
        energies, pullback = self.sets_pullback(x, sets)
        at = np.arange(len(y)), numbers.reshape(-1)

        def gradient(weight):
            slopes = np.zeros_like(energies)
            slopes[at] = weight
            return pullback(slopes)

        return energies[at], gradient

    # -- likelihoods -----------------------------------------------------------------

    def nll_pullback(self, rows):
        """Return -log p(y | x) or its substitute, and a function for gradients."""
        x, y = self.split(rows)
        likelihood = self._exact if self.learns_exactly else self._pseudo
        return likelihood(x, y)

    def _exact(self, x, y):
        """Return the negative log-likelihood, and a function that makes gradients."""
        energies, pullback = self.sets_pullback(x, self._sets(y.dtype))
        at = np.arange(len(y)), (y @ 2.0 ** np.arange(y.shape[1])).astype(np.intp)

        def gradient(weight):
            slopes = -softmax(-energies, axis=1) * weight[:, None]
            slopes[at] += weight
            return pullback(slopes)

        return energies[at] + log_sum_exp(-energies), gradient

    def _pseudo(self, x, y):
        """Return -sum_k log p(y_k | other labels, x), and a function for gradients."""
        above, pullback = self.flip_pullback(x, y)

        def gradient(weight):
            return pullback(-expit(-above) * np.asarray(weight)[:, None])

        return np.logaddexp(0, -above).sum(axis=1), gradient

    def nll(self, rows):
        """Return -log p(y | x) of each row or its substitute, in nats, float64."""
        nll = super().nll
        return np.concatenate([nll(part) for part in self._parts(rows)])

    # -- prediction ------------------------------------------------------------------

    def mode(self, rows):
        """Return the label set of lowest energy of each row, shape (n, L)."""
        find = self._exact_mode if self.is_exact else self._annealed_mode
        return self._by_parts(find, rows)

    def marginals(self, rows):
        """Return the probability of each label of each row, shape (n, L), float64."""
        find = self._exact_marginals if self.is_exact else self._sampled_marginals
        return self._by_parts(find, rows)

    def _exact_mode(self, x):
        sets = self._sets(self.dtype)
        return sets[self.sets_pullback(x, sets)[0].argmin(axis=1)]

    def _exact_marginals(self, x):
        sets = self._sets(self.dtype)
        return softmax(-self.sets_pullback(x, sets)[0], axis=1) @ sets

    def _annealed_mode(self, x):
        fields, random = self._chain_fields(x), Random(0)
        y = self._started(fields, random)
        for t, beta in enumerate(np.geomspace(_HOT, _COLD, _N_COOLING)):
            y, _ = self._swept(fields, y, random.fold(1, t), beta)
        for _ in range(_N_GREEDY):
            before = y.copy()
            y, _ = self._swept(fields, y, None)
            if (before == y).all():
                break
        energies = self.set_energy(fields, y).reshape(-1, _N_CHAINS)
        best = energies.argmin(axis=1)
        return y.reshape(-1, _N_CHAINS, y.shape[1])[np.arange(len(best)), best]

    def _sampled_marginals(self, x):
        """Return the mean of the probabilities from which the chains draw."""
        fields, random = self._chain_fields(x), Random(0)
        y, total = self._started(fields, random), 0.0
        for t in range(_N_WARMING + _N_SWEEPS):
            beta = min(1.0, (t + 1) / _N_WARMING)
            y, probability = self._swept(fields, y, random.fold(2, t), beta)
            if t >= _N_WARMING:
                total = total + probability
        mean = total.reshape(-1, _N_CHAINS, y.shape[1]).mean(axis=1)
        return mean / _N_SWEEPS

    def _swept(self, fields, y, random, beta=1.0):
        """Return chains after a draw of each label in turn, and their probabilities.

        Without random numbers each label takes its more probable value.
        """
        probability, shape = np.empty(y.shape), (_N_CHAINS, y.shape[1])
        uniform = np.full(shape, 0.5) if random is None else random.uniform(shape)
        influences = self.influences
        received = fields + y @ influences
        for k in range(y.shape[1]):
            present = y[:, k].copy()
            p = expit(beta * self.log_odds(received, present, k))
            above = p.reshape(-1, _N_CHAINS) > uniform[:, k]
            y[:, k], probability[:, k] = above.reshape(-1), p
            received += (y[:, k] - present)[:, None] * influences[k]
        return y, probability

    def _chain_fields(self, x):
        """Return the fields of the chains, those of a row one after the other."""
        return np.repeat(self.fields(x), _N_CHAINS, axis=0)

    def _started(self, fields, random):
        """Return the label sets at which chains start: each at fair coins."""
        coins = random.uniform((_N_CHAINS, self.n_classes)) < 0.5
        return np.tile(coins.astype(fields.dtype), (len(fields) // _N_CHAINS, 1))

    def _sets(self, dtype):
        """Return all label sets; label k of set i is bit k of i."""
        bits = np.arange(2**self.n_classes)[:, None] >> np.arange(self.n_classes)
        return (bits & 1).astype(dtype)

    def _by_parts(self, function, rows):
        parts = self._parts(rows)
        return np.concatenate([function(self.split(part)[0]) for part in parts])

    def _parts(self, rows):
        """Return the rows in parts, so that what is held at a time stays small."""
        cells = _N_CHAINS * max(self.n_classes, self.n_hidden)
        n = _MOST_ENERGIES >> self.n_classes if self.is_exact else _MOST_CELLS // cells
        n = max(n, 1)
        return [rows[k : k + n] for k in range(0, max(rows.shape[0], 1), n)]
