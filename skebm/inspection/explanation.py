"""What each column adds to the score of one row."""

import numpy as np
import pandas as pd

from skebm.inspection._base import Table, check_number, need, one_axes

_NAME = "ExplanationDisplay"
# Room beside the longest bar for its number.
_MARGIN = 1.25


class ExplanationDisplay:
    """What the columns of a row add to its score, the lowest number first.

    A column with a long bar to the left makes the row an anomaly. The bars sum to the
    score. Use :meth:`from_estimator` to make a display.

    Parameters
    ----------
    parts : ndarray of shape (n_features,)
        What each column adds to the score, in nats.
    labels : list of str of length n_features
        Names of the columns, with the values of the row.
    offset : float
        Threshold of the scores, in nats.

    Attributes
    ----------
    score_ : float
        Sum of the parts: the score of the row, in nats.
    order_ : ndarray of int
        The columns that have a bar of their own, in the order of the bars.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : BarContainer

    See Also
    --------
    skebm.EBMAnomalyDetector.explain : The numbers, for all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import EBMAnomalyDetector
    >>> from skebm.inspection import ExplanationDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> X[0, 1] = 9
    >>> detector = EBMAnomalyDetector(random_state=0).fit(X)
    >>> display = ExplanationDisplay.from_estimator(detector, X[:1])
    >>> display.labels[display.order_[0]]
    'column 1 = 9'
    """

    def __init__(self, *, parts, labels, offset):
        self.parts = parts
        self.labels = labels
        self.offset = offset

    @classmethod
    def from_estimator(cls, estimator, X, *, ax=None, **kwargs):
        """Explain the score of a row, and plot the explanation.

        Parameters
        ----------
        estimator : fitted detector
            An estimator with ``explain`` and ``offset_``, such as
            :class:`skebm.EBMAnomalyDetector`.
        X : {array-like, DataFrame} of shape (1, n_features)
            The row, such as ``X[3:4]`` or ``frame.iloc[[3]]``.
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        ExplanationDisplay

        Raises
        ------
        TypeError
            If the estimator does not explain its scores.
        ValueError
            If there is more than one row.
        """
        remedy = "Use EBMAnomalyDetector(density='experts')."
        need(estimator, _NAME, "explain", remedy=remedy)
        table = Table(X, estimator)
        if len(table.frame) != 1:
            raise ValueError(
                f"{_NAME} explains one row; X has {len(table.frame)}. Pass one of "
                "them, such as X[3:4] or frame.iloc[[3]]."
            )
        values = [table.frame[column].iloc[0] for column in table.frame]
        pairs = zip(table.names, values, strict=True)
        display = cls(
            parts=estimator.explain(X).to_numpy()[0],
            labels=[f"{name} = {_text(value)}" for name, value in pairs],
            offset=float(estimator.offset_),
        )
        return display.plot(ax=ax, **kwargs)

    @property
    def score_(self):
        """The score of the row."""
        return float(self.parts.sum())

    def plot(self, ax=None, *, n_bars=10):
        """Draw a bar for each column, and one for what is left.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        n_bars : int, default=10
            Number of columns with a bar of their own, the lowest numbers first. The
            others share one bar.

        Returns
        -------
        ExplanationDisplay
        """
        check_number("n_bars", n_bars, 1)
        order = np.argsort(self.parts, kind="stable")
        self.order_, rest = order[:n_bars], order[n_bars:]
        widths, labels = self.parts[self.order_], [self.labels[j] for j in self.order_]
        if len(rest):
            widths = np.append(widths, self.parts[rest].sum())
            labels.append(f"{len(rest)} other column" + "s" * (len(rest) > 1))
        self.figure_, self.ax_ = one_axes(ax, _NAME)
        places = np.arange(len(widths))
        colors = np.where(widths < 0, "C3", "C0")
        self.bars_ = self.ax_.barh(places, widths, color=colors)
        self.ax_.bar_label(self.bars_, fmt="%.2f", padding=3, fontsize="small")
        self.ax_.set_yticks(places, labels)
        self.ax_.invert_yaxis()
        self.ax_.axvline(0, color="0.5", linewidth=0.6)
        low, high = min(widths.min(), 0) * _MARGIN, max(widths.max(), 0) * _MARGIN
        gap = 0.05 * (high - low) or 1.0
        self.ax_.set_xlim(low - gap, high + gap)
        kind = "outlier" if self.score_ < self.offset else "inlier"
        self.ax_.set(
            xlabel="adds to the score (nats)",
            title=f"score {self.score_:.2f}, threshold {self.offset:.2f}: {kind}",
        )
        return self


def _text(value):
    """Return a value of a cell in a few letters."""
    if pd.isna(value):
        return "missing"
    is_number = isinstance(value, float | np.floating)
    return f"{value:.4g}" if is_number else str(value)
