"""The mean of energies that learn on their own."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies._sum import Sum, prefixed
from skebm.utils._stored import public


@public("skebm.energies")
class Ensemble(Sum):
    """The mean of energies of the same kind, which start at different parameters [1]_.

    Noise-contrastive estimation trains each member on its own. So their errors differ,
    and the mean has smaller errors than a member. Other objectives train the mean.

    Parameters
    ----------
    parts : dict of str to energy
        The members.
    factors : dict of str to float, default=None
        One divided by the number of members.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell. "Simple and scalable predictive
       uncertainty estimation using deep ensembles". NeurIPS 2017.
    """

    def __init__(self, parts, factors=None):
        super().__init__(parts, factors or dict.fromkeys(parts, 1 / len(parts)))

    def __repr__(self):
        return f"Ensemble of {len(self.parts)} * {next(iter(self.parts.values()))!r}"

    @property
    def _label(self):
        return next(iter(self.parts.values()))._label

    @available_if(lambda mean: all(hasattr(m, "grown") for m in mean.parts.values()))
    def grown(self, size, random):
        """Return the mean of larger members with the same energies."""
        members = {
            name: part.grown(size, random.fold(k))
            for k, (name, part) in enumerate(self.parts.items())
        }
        return type(self)(members, self.factors)

    def pullbacks(self, x):
        """Return the energies of each member, and what makes gradients of weights.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)

        Returns
        -------
        energies : ndarray of shape (n_members, n)
        pullback : callable
            Takes weights of shape (n_members, n).
        """
        pairs = [part.pullback(x) for part in self.parts.values()]
        energies, pullbacks = zip(*pairs, strict=True)

        def gradient(weights):
            members = zip(self.parts, pullbacks, weights, strict=True)
            return prefixed({name: pull(weight) for name, pull, weight in members})

        return np.stack(energies), gradient
