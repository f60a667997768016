"""Draws, densities and completions of some columns given others."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skebm.inference import (
    complete_holes,
    draw_holes,
    draw_parts,
    interval,
    observed_energy,
    posterior,
)
from skebm.tables import column_positions, partial_rows, refuse_out
from skebm.utils._math import with_finite_squares
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._sparse import dense
from skebm.utils._types import Seed, TableLike
from skebm.utils._validation import checks

# Draws of each row with holes, and of each tail of an interval.
_N_DRAWS, _N_DRAWS_OF_TAIL = 100, 2
# Largest number of draws of a row for a mean, and of all rows. The mean of a column
# with a curve comes from draws, which vary much where a row has two modes.
_MAX_DRAWS, _MAX_DRAWS_OF_ALL = 1000, 200_000
# The key of what is computed by simulation but has to be the same at each call.
_KEY = 0


class ConditionalMixin:
    """Methods of a fitted density that draw, score or fill cells given other cells."""

    @checks("n_samples", "beta", "random_state")
    def sample(
        self, n_samples: int = 1, *, given=None, beta=1.0, random_state=None, out=None
    ):
        """Draw rows from the model, or the missing cells of given rows.

        The draws are exact if a side has at most 16 two-valued units (with ``given``,
        if there are at most 12 hidden units). Else chains are annealed from the visible
        layer without hidden units, resampled by their importance weights, and moved by
        Gibbs sweeps. More than 1,000 rows come from 1,000 chains that walk on, if the
        chains mix: rows whose numbers differ by 1,000 then have a correlation of at
        most about 0.25. Else each row has a chain of its own.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows. With ``given``, number of completions of each given row.
        given : dict, Series, DataFrame or array-like, default=None
            One row or several rows, whose missing cells are drawn given the others. A
            column that a dict, Series or DataFrame leaves out is missing.
        beta : float, default=1.0
            Inverse temperature. The rows come from the model with all energies times
            ``beta``. Rows are more typical above 1, and more diverse below 1.
        random_state : int, RandomState or None, default=None
            Seed of the draws. None draws differently at each call.
        out : ndarray of shape (n_samples, n_features), default=None
            Where to write the rows, such as a ``numpy.memmap``, so that only some of
            them are in memory at a time. This is for draws without ``given``.

        Returns
        -------
        ndarray of shape (n_samples, n_features), or DataFrame after a fit on one
            It is ``out`` if that is given. With ``given``, first the ``n_samples``
            completions of its first row, then the completions of its second row, and
            so on, with the labels of the index of ``given`` if it is a DataFrame.

        Raises
        ------
        ValueError
            If ``n_samples`` is below 0 or ``beta`` is not above 0, ``given`` has a
            column that was not in ``fit``, or ``out`` has another shape.
        """
        check_is_fitted(self)
        random = Random.from_state(random_state)
        energy = self._energy if beta == 1 else self._energy.scaled(beta)
        if given is None:
            with use_threads(self.n_jobs):
                parts = draw_parts(energy, n_samples, random, self._kernel)
                return self._drawn(parts, out)
        refuse_out(out)
        rows = self._read(partial_rows(given, *self._names))
        if getattr(given, "ndim", 1) == 1:  # rows without labels of their own
            rows = rows._replace(index=None)
        Z = self._encoded(rows)
        with use_threads(self.n_jobs):
            drawn = draw_holes(energy, Z, np.isnan(Z), n_samples, random, self._kernel)
        numbers = self._encoding.decode(drawn.reshape(-1, drawn.shape[-1]))
        return self._restore(rows.filled(numbers, n_samples))

    def conditional_log_prob(self, X: TableLike, given) -> np.ndarray:
        """Return ``log p(other columns | given columns)`` of each row.

        The partition function is not needed. A missing cell among the other columns is
        summed out. A missing cell among the given columns is not given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        given : list of str or int
            Names or positions of columns.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In nats: log-probabilities, or log-densities in the units of ``X``.
        """
        check_is_fitted(self)
        rows = self._check_rows(X)
        kept = column_positions(given, *self._names)
        partial = np.full(rows.shape, np.nan)
        partial[:, kept] = dense(rows)[:, kept]
        return self._log_density(rows) - self._log_density(partial)

    @checks("random_state")
    def complete(self, X: TableLike, *, random_state: Seed = None):
        """Return the rows with their missing cells at the most probable values.

        The missing cells of a row are filled together, with the lowest energy that
        annealed and then cooled chains find (see
        :func:`skebm.inference.complete_holes`). For the best guess of each single cell
        see :class:`skebm.EnergyImputer`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        rows = self._read(partial_rows(X, *self._names))
        Z = self._encoded(rows)
        random = Random.from_state(random_state)
        with use_threads(self.n_jobs):
            completed = complete_holes(
                self._energy, Z, np.isnan(Z), random, self._kernel
            )
        return self._restore(rows.filled(self._encoding.decode(completed)))

    def posterior_mean(self, X: TableLike):
        """Return the rows with the best guess in each missing cell.

        The best guess of a number is its posterior mean, which is rounded in a column
        of counts. The best guess of a category, or of one of two values, is the most
        probable one. They are sums over all hidden states if there are at most 12
        two-valued hidden units (8 if columns have couplings). Else they come from
        several chains for each row, which are resampled by their importance weights, so
        that each mode of the posterior gets its share. The result is the same at each
        call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
        """
        rows = self._read(X)
        n_draws = _MAX_DRAWS_OF_ALL // max(rows.numbers.shape[0], 1)
        most = _MAX_DRAWS if self._encoding.is_curved else _N_DRAWS
        n_draws = max(_N_DRAWS, min(n_draws, most))
        units, decoded = self._posterior(rows, np.mean, n_draws)
        guess = self._encoding.best_guess(units, decoded)
        return self._restore(rows.with_filled_holes(guess))

    @checks("coverage")
    def posterior_interval(self, X: TableLike, coverage: float = 0.9):
        """Return the rows with missing numbers at the ends of a posterior interval.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        coverage : float in (0, 1), default=0.9
            Probability that the missing number lies inside the interval. The
            probabilities below and above the interval are the same, unless an end is a
            value with a probability of its own, such as 0 or a whole number. Such a
            value cannot be split, so the coverage may be larger than asked for.

        Returns
        -------
        lower, upper : ndarray or DataFrame of shape (n_samples, n_features)
            Observed cells are the same in both. Missing categories stay missing.
        """
        rows, tail = self._read(X), (1 - coverage) / 2
        n_draws = max(_N_DRAWS, int(np.ceil(_N_DRAWS_OF_TAIL / tail)))

        def ends(draws, axis):
            return np.stack(interval(draws, coverage), axis=1)

        _, limits = self._posterior(rows, ends, n_draws)
        numbers = np.where(self._table.holds_numbers, limits, np.nan)
        return tuple(
            self._restore(rows.with_filled_holes(numbers[:, k])) for k in (0, 1)
        )

    def _posterior(self, X, summary, n_draws=_N_DRAWS):
        """Return means of units and a summary of decoded draws of rows with holes."""
        check_is_fitted(self)
        Z = dense(self._encoded(X))
        Z = Z[np.isnan(Z).any(axis=1)]
        with use_threads(self.n_jobs):
            _, units, decoded = posterior(
                self._energy,
                Z,
                np.isnan(Z),
                n_draws,
                Random(_KEY),
                self._encoding.decode,
                summary,
            )
        return units, decoded

    def _log_density(self, rows):
        """Return log-density plus log Z of validated rows, with holes summed out."""
        Z = with_finite_squares(self._encoding.encode(rows))
        volume = self._encoding.log_volume(Z)
        if not has_holes(Z):
            return -self._map_rows(self._energy.energy, Z) - volume
        with use_threads(self.n_jobs):
            energy = observed_energy(self._energy, Z, np.isnan(Z), Random(_KEY))
        return -energy - volume

    def _terms(self, Z):
        """Return ``log p(x_i | all other observed x)``; NaN for missing cells.

        The densities are in the units of the layer. There is one column for each column
        of the table.
        """
        variables, holes = self._encoding.variables, np.isnan(Z)
        with use_threads(self.n_jobs):
            whole = observed_energy(self._energy, Z, holes, Random(_KEY))
            terms = np.full((len(Z), self.n_features_in_), np.nan)
            for feature in range(self.n_features_in_):
                unit = variables == feature
                rows = np.flatnonzero(~holes[:, unit].any(axis=1))
                without = observed_energy(
                    self._energy, Z[rows], holes[rows] | unit, Random(_KEY)
                )
                terms[rows, feature] = without - whole[rows]
        return terms

    @property
    def _names(self):
        """The names of the columns, or None, and their number."""
        return self._table.names, self.n_features_in_

    def _expected(self, Z, side, of_complete):
        """Return the expectations of a side: 0 of hidden, 1 of visible units.

        ``of_complete`` is a function of rows without holes.
        """
        holes = np.isnan(Z)
        incomplete = holes.any(axis=1)
        with use_threads(self.n_jobs):
            means = posterior(
                self._energy, Z[incomplete], holes[incomplete], _N_DRAWS, Random(_KEY)
            )[side]
        out = np.empty((len(Z), means.shape[1]), dtype=means.dtype)
        out[incomplete] = means
        out[~incomplete] = self._map_rows(of_complete, Z[~incomplete])
        return out


def has_holes(Z):
    """Tell whether encoded rows have missing units."""
    return isinstance(Z, np.ndarray) and bool(np.isnan(Z).any())
