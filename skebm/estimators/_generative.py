"""The density of a classifier, where one was trained."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skebm.inference import draw_parts
from skebm.tables import by_blocks, label_numbers
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._types import Seed, TableLike
from skebm.utils._validation import checks


def _has_generative_part(self):
    if self._share > 0:
        return True
    raise AttributeError(
        "This classifier learned p(y | x) alone and knows no density of x. Set "
        "generative_weight above 0 to train one."
    )


class GenerativeMixin:
    """Methods of a classifier with a generative part."""

    @available_if(_has_generative_part)
    @by_blocks
    def score_samples(self, X: TableLike) -> np.ndarray:
        """Return the log-likelihood of each row, with the label summed out.

        The method exists only if ``generative_weight`` is above 0.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Log-probabilities, or log-densities in the units of ``X``, in nats.
        """
        Z = self._encoded(X)
        log_density = np.logaddexp.reduce(-self._class_energy(Z), axis=1)
        log_density -= self._encoding.log_volume(Z)
        return log_density - self.log_partition_.value

    @available_if(_has_generative_part)
    @checks("n_samples", "random_state")
    def sample(
        self, n_samples: int = 1, *, y=None, random_state: Seed = None, out=None
    ):
        """Draw rows from the model.

        The method exists only if ``generative_weight`` is above 0.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label, default=None
            Class of the rows. None draws rows of all classes.
        random_state : int, RandomState or None, default=None
            Seed of the random numbers. None draws differently at each call.
        out : ndarray of shape (n_samples, n_features), default=None
            Where to write the rows, such as a ``numpy.memmap``.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
            Rows, as a data frame if ``fit`` got a data frame. ``out`` if it is given.
        """
        check_is_fitted(self)
        energy, n_inputs = self._energy, self._energy.n_inputs
        if y is not None:
            energy = energy.clamp(int(label_numbers(self.classes_, [y])[0]))
        random = Random.from_state(random_state)
        with use_threads(self.n_jobs):
            parts = draw_parts(energy, n_samples, random)
            return self._drawn((rows[:, :n_inputs] for rows in parts), out)
