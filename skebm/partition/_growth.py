"""Estimates of log Z of documents that grow word by word."""

import numpy as np

from skebm.samplers import change_lengths, rungs_to
from skebm.utils._parallel import map_parts

# Documents of a population.
_N_CHAINS = 100
# Number of populations that grow for each that shrinks.
_UP_PER_DOWN = 2


class Growth:
    """Populations of documents that grow to the longest length, or shrink from it.

    Parameters
    ----------
    energy : energy with ``grow`` and ``shrink``
    top : int
        The longest length.
    n_chains : int
        Number of documents that grow.
    n_sweeps : int
        Gibbs sweeps at each rung.
    """

    def __init__(self, energy, top, n_chains, n_sweeps):
        self.energy, self.top, self.n_sweeps = energy, top, n_sweeps
        self.rungs = rungs_to(top)
        self.n_populations = max(2, n_chains // _N_CHAINS)

    def tables(self, random):
        """Return ``log(Z(D) / Z(start))`` of populations that grow, and that shrink.

        Returns
        -------
        up, down : ndarray of shape (n_populations, top + 1)
            Growing populations start at length 0, and shrinking ones at the top.
        """
        up, _ = self._up(random.fold(0))
        other, ends = self._up(random.fold(1))
        n_down = max(2, self.n_populations // _UP_PER_DOWN)
        start = self._top(other[:, -1], ends, n_down, random.fold(2))
        return up, self._down(start, n_down, random.fold(3))

    def _up(self, random):
        def population(k):
            chains = self.energy.empty(_N_CHAINS)
            return self._along(chains, self.rungs, random.fold(k))

        return self._populations(population, self.n_populations)

    def _down(self, start, n_populations, random):
        def population(k):
            rows = slice(k * _N_CHAINS, (k + 1) * _N_CHAINS)
            chains = self.energy.take(start, rows)
            return self._along(chains, self.rungs[::-1], random.fold(k))

        return self._populations(population, n_populations)[0][:, ::-1]

    @staticmethod
    def _populations(population, n_populations):
        """Return the tables and the last chains of populations, on several threads."""
        results = map_parts(population, range(n_populations))
        tables, chains = zip(*results, strict=True)
        return np.array(tables), list(chains)

    def _along(self, chains, rungs, random):
        parts = [np.zeros(1)]
        moves = change_lengths(self.energy, chains, rungs, random, self.n_sweeps)
        for chains, log_ratio in moves:  # noqa: B007
            parts.append(log_ratio)
        return np.concatenate(parts), chains

    def _top(self, log_ratio, ends, n_populations, random):
        """Return draws at the longest length, from populations that grew."""
        # The estimate of a population is the weight of each of its chains.
        weight = np.repeat(np.exp(log_ratio - log_ratio.max()), _N_CHAINS)
        cumulative = weight.cumsum()
        uniform = random.uniform((n_populations * _N_CHAINS, 1))[:, 0]
        chosen = np.searchsorted(cumulative, uniform * cumulative[-1])
        chosen = np.minimum(chosen, len(cumulative) - 1)
        return self.energy.take(self.energy.join(ends), chosen)
