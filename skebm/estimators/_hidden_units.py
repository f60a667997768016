"""What hidden units say of rows: reconstructions and Gibbs sampling."""

import numpy as np

from skebm.estimators._conditional import has_holes
from skebm.inference import draw_holes
from skebm.samplers import Gibbs
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._validation import checks


class HiddenUnitsMixin:
    """Methods of densities whose energy has hidden units, as in scikit-learn."""

    def energy(self, X) -> np.ndarray:
        """Return the free energy of each row, as :meth:`energy_samples` does."""
        return self.energy_samples(X)

    def reconstruct(self, X):
        """Return the visible means given the hidden means of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
            Reconstructed rows.
        """
        Z = self._encoded(X)
        if has_holes(Z):
            rows = self._expected(Z, 1, self._energy.reconstruct)
        else:
            rows = self._map_rows(self._energy.reconstruct, Z)
        return self._as_input(rows, X)

    @checks("n_steps", "random_state")
    def gibbs(self, X, n_steps: int = 1, *, random_state=None):
        """Run Gibbs sampling chains that start at the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows at which the chains start.
        n_steps : int, default=1
            Number of sweeps, each of all hidden units, then of all visible units.
        random_state : int, RandomState or None, default=None
            Seed of the random numbers. None draws differently at each call.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
            Visible units of the chains after the last sweep.
        """
        Z = self._encoded(X)
        random = Random.from_state(random_state)
        with use_threads(self.n_jobs):
            if has_holes(Z):
                Z = draw_holes(self._energy, Z, np.isnan(Z), 1, random.fold(0))[:, 0]
            sampler = Gibbs(n_steps)
            chains = sampler.init(self._energy, Z, random)
            chains = sampler.step(self._energy, chains, random)
            rows = self._energy.configurations(chains)
        return self._as_input(rows, X)
