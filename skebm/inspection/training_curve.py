"""The measurements of a training."""

import numpy as np

from skebm.inspection._base import many_axes, need

_NAME = "TrainingCurveDisplay"
# The scores that are drawn in nats, with their labels.
_SCORES = {
    "log_likelihood": "log-likelihood",
    "pseudo_log_likelihood": "pseudo-log-likelihood",
    "word_log_likelihood": "log-likelihood of a word",
    "validation_score": "held-out rows",
}


class TrainingCurveDisplay:
    """The scores and the learning rate of the epochs of a fit.

    Scores of training rows and of held-out rows share an axis. If the curve of the
    held-out rows falls, the model overfits. Use :meth:`from_estimator` to make a
    display.

    Parameters
    ----------
    history : dict of str to list
        The ``history_`` of an estimator. NaN stands where nothing was measured.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the scores.
    rate_ax_ : matplotlib Axes
        The axes of the learning rate below it.
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        The curves by their names in ``history``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.inspection import TrainingCurveDisplay
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = RBMDensity(16, n_iter=5, random_state=0).fit(X)
    >>> display = TrainingCurveDisplay.from_estimator(rbm)
    >>> list(display.lines_)
    ['pseudo_log_likelihood', 'learning_rate']
    """

    def __init__(self, *, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Plot the ``history_`` of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator with ``history_``, or one whose ``density_`` has it.
        ax : matplotlib Axes, default=None
            A subplot whose place is taken. None makes a new figure.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        TypeError
            If there is no ``history_``.
        """
        _, history = need(
            estimator, _NAME, "history_", remedy="Use an estimator of skebm that fits."
        )
        return cls(history=history).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, x="epoch", scores=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A subplot whose place is taken. None makes a new figure.
        x : {"epoch", "seconds"}, default="epoch"
            What the horizontal axis shows.
        scores : list of str, default=None
            Names of the curves in ``history``. None draws all log-likelihoods.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        ValueError
            If ``x`` or a name is not in ``history``.
        """
        if x not in ("epoch", "seconds"):
            raise ValueError(f"x must be 'epoch' or 'seconds'; got {x!r}.")
        if scores is None:
            scores = [name for name in _SCORES if name in self.history]
        unknown = [name for name in scores if name not in self.history]
        if unknown:
            known = ", ".join(map(repr, self.history))
            raise ValueError(f"scores has {unknown}, not in history. Known: {known}.")
        figure, axes = many_axes(
            ax, _NAME, 2, 1, (6.4, 2.4), sharex=True, height_ratios=(3, 1)
        )
        self.figure_, (self.ax_, self.rate_ax_) = figure, axes[:, 0]
        self.lines_ = {
            name: self._curve(self.ax_, x, name, _SCORES.get(name, name))
            for name in scores
        }
        self.ax_.set_ylabel("nats a row" if set(scores) <= set(_SCORES) else "value")
        if scores:
            self.ax_.legend(loc="best")
        if "learning_rate" in self.history:
            line = self._curve(self.rate_ax_, x, "learning_rate", None, color="0.4")
            self.lines_["learning_rate"] = line
        label = "seconds since the start" if x == "seconds" else "epoch"
        self.rate_ax_.set(xlabel=label, ylabel="learning rate")
        self.rate_ax_.set_ylim(bottom=0)
        return self

    def _curve(self, axes, x, name, label, **style):
        """Draw a curve through the epochs in which there is a finite value."""
        values = np.asarray(self.history[name], dtype=float)
        places, there = np.asarray(self.history[x], dtype=float), np.isfinite(values)
        style["marker"] = "." if there.sum() < 40 else None
        (line,) = axes.plot(places[there], values[there], label=label, **style)
        return line
