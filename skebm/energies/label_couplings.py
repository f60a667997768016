"""Energies of single labels with couplings between pairs of labels."""

import numpy as np
from scipy.special import expit

from skebm.energies._label_sets import LabelSetEnergy

_PAIRS = "labels.pairs"
# Sums of products below this have lost digits to underflow.
_LEAST_MASS = 1e-250


class LabelCouplings(LabelSetEnergy):
    """The energy ``E(x, y) = sum_k e_k(x) y_k - sum_{k<m} J_km y_k y_m``.

    Given ``x`` the labels are an Ising model: a conditional random field [1]_ of labels
    that are all coupled. ``e_k(x)`` is the energy of label ``k`` by itself. ``params``
    are those of the energies of single labels, and ``labels.pairs``, the couplings J_km
    of the pairs ``k < m``, of shape (L (L - 1) / 2,).

    References
    ----------
    .. [1] N. Ghamrawi, A. McCallum. "Collective multi-label classification". CIKM 2005.
    """

    coupled_weights = (_PAIRS,)

    @classmethod
    def start(cls, single, n_exact):
        """Return the energy without couplings."""
        n_pairs = single.n_classes * (single.n_classes - 1) // 2
        return cls(single, {_PAIRS: np.zeros(n_pairs, single.dtype)}, n_exact)

    @property
    def couplings(self):
        """The couplings as a symmetric matrix of shape (L, L), with zeros in it."""
        matrix = np.zeros((self.n_classes,) * 2, self.dtype)
        matrix[self._upper] = self.coupled_params[_PAIRS]
        return matrix + matrix.T

    def sets_pullback(self, x, sets):
        """Return energies of rows with label sets; see :class:`LabelSetEnergy`."""
        single, pullback = self.single.class_pullback(x)
        pairs = np.einsum("ik,km,im->i", sets, self.couplings, sets, optimize=True) / 2

        def gradient(weight):
            of_sets = sets * weight.sum(axis=0)[:, None]
            return pullback(weight @ sets) | self._of_pairs(-sets.T @ of_sets / 2)

        return single @ sets.T - pairs, gradient

    def _exact(self, x, y):
        """Return the negative log-likelihood, and a function that makes gradients.

        Given the couplings, the weight of a set is a product over its labels. So few
        exponentials are needed, and the sums are matrix products.
        """
        single, pullback = self.single.class_pullback(x)
        sums = self._sums_over_sets(single)
        if sums is None:
            return super()._exact(x, y)
        log_z, factors, products, mass = sums
        sets = self._sets(np.float64)

        def gradient(weight):
            weight = np.asarray(weight, np.float64)
            marginals = products.T @ (factors[:, None] * sets) / mass[:, None]
            of_sets = factors * (products @ (weight / mass))
            of_pairs = sets.T @ (of_sets[:, None] * sets)
            of_pairs -= y.T @ (weight[:, None] * y)
            slopes = weight[:, None] * (y - marginals)
            return pullback(slopes) | self._of_pairs(of_pairs / 2)

        pairs = ((y @ self.couplings) * y).sum(axis=1) / 2
        return (single * y).sum(axis=1) - pairs + log_z, gradient

    def _sums_over_sets(self, single):
        """Return log Z of rows, and what weighs the sets; None where that underflows.

        Parameters
        ----------
        single : ndarray of shape (n, L), float64
            Energies of single labels.

        Returns
        -------
        log_z : ndarray of shape (n,)
        factors : ndarray of shape (n_sets,)
            Weights of the sets by their couplings.
        products : ndarray of shape (n_sets, n)
            Probabilities of the sets if there were no couplings.
        mass : ndarray of shape (n,)
            The sum of both over the sets.
        """
        sets = self._sets(np.float64)
        pairs = ((sets @ self.couplings) * sets).sum(axis=1) / 2
        factors = np.exp(pairs - pairs.max())
        products = np.empty((len(sets), len(single)))
        products[0] = 1
        for k, probability in enumerate(expit(-single.T)):
            n = 2**k  # the sets of the labels so far, without this one and with it
            np.multiply(products[:n], probability, out=products[n : 2 * n])
            products[:n] *= 1 - probability
        mass = factors @ products
        if not mass.min(initial=1) > _LEAST_MASS:
            return None
        alone = np.logaddexp(0, -single).sum(axis=1)
        return alone + pairs.max() + np.log(mass), factors, products, mass

    def flip_pullback(self, x, y):
        """Return what flips of labels cost; see :class:`LabelSetEnergy`."""
        single, pullback = self.single.class_pullback(x)
        side = 1 - 2 * y

        def gradient(weight):
            slopes = weight * side
            return pullback(slopes) | self._of_pairs(-slopes.T @ y)

        return side * (single - y @ self.couplings), gradient

    def fields(self, x):
        """Return the log-odds of each label if a row has no other label."""
        return -self.single.class_energy(x)

    @property
    def influences(self):
        """What the labels receive from each label: the couplings."""
        return self.couplings

    def log_odds(self, received, present, k):
        """Return the log-odds of label k, of what each label receives."""
        return received[:, k]

    def set_energy(self, fields, y):
        """Return the energy of each row with its label set."""
        return -((fields + y @ self.couplings / 2) * y).sum(axis=1)

    @property
    def _upper(self):
        return np.triu_indices(self.n_classes, 1)

    def _of_pairs(self, matrix):
        """Return the gradient of the pairs from the gradient of a matrix of them."""
        slopes = (matrix + matrix.T)[self._upper]
        return {_PAIRS: slopes.astype(self.coupled_params[_PAIRS].dtype)}
