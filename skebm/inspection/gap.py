"""Histograms of the energies of training rows and held-out rows."""

import numpy as np

from skebm.inspection._base import energy_of, one_axes

_NAME = "EnergyGapDisplay"
_COLORS = {"training": "C0", "held out": "C1", "anomalies": "C3"}
# The axis ends this many times the range of training and held-out rows behind them.
_REACH = 3.0
_MAX_BINS = 200
# Room for the legend above the highest bar.
_HEADROOM = 1.25


class EnergyGapDisplay:
    """Histograms of the energies of training rows, held-out rows and anomalies.

    If held-out rows have higher energies than training rows, the model overfits. The
    gap of the means equals the difference of the mean log-likelihoods, since log Z
    cancels. Use :meth:`from_estimator` to make a display.

    Parameters
    ----------
    energies : dict of str to ndarray
        Energies in nats of ``"training"``, ``"held out"`` and, if there are any,
        ``"anomalies"``.
    label : str, default="energy (nats)"
        Label of the energies.

    Attributes
    ----------
    gap_ : float
        Mean energy of held-out rows minus mean energy of training rows, in nats.
    stderr_ : float
        Standard error of the gap.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    histograms_ : list of artists
    means_ : list of Line2D
        Vertical lines at the means.

    See Also
    --------
    skebm.metrics.energy_gap : The gap and its standard error.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.inspection import EnergyGapDisplay
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = RBMDensity(16, n_iter=5, random_state=0).fit(X[:1000])
    >>> display = EnergyGapDisplay.from_estimator(rbm, X[:1000], X[1000:])
    >>> list(display.energies)
    ['training', 'held out']
    """

    def __init__(self, *, energies, label="energy (nats)"):
        self.energies = energies
        self.label = label

    @classmethod
    def from_estimator(
        cls, estimator, X_train, X_test, X_anomalies=None, *, ax=None, **kwargs
    ):
        """Compute the energies of rows, and plot them.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator with ``energy_samples`` or ``score_samples``, or one that holds
            such a density in ``density_``.
        X_train, X_test : {array-like, sparse matrix, DataFrame} of shape \
(n_samples, n_features)
            Rows of the fit, and rows that the fit has not seen.
        X_anomalies : {array-like, sparse matrix, DataFrame}, default=None
            Rows that should have high energies.
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        EnergyGapDisplay
        """
        energy, label = energy_of(estimator, _NAME)
        rows = {"training": X_train, "held out": X_test, "anomalies": X_anomalies}
        energies = {name: energy(X) for name, X in rows.items() if X is not None}
        return cls(energies=energies, label=label).plot(ax=ax, **kwargs)

    @property
    def gap_(self):
        """Mean energy of held-out rows minus mean energy of training rows."""
        return float(
            self.energies["held out"].mean() - self.energies["training"].mean()
        )

    @property
    def stderr_(self):
        """Standard error of the gap; NaN if there is a single row."""
        groups = (self.energies[name] for name in ("training", "held out"))
        if min(len(self.energies[name]) for name in ("training", "held out")) < 2:
            return np.nan
        return float(np.sqrt(sum(np.var(e, ddof=1) / len(e) for e in groups)))

    def plot(self, ax=None, *, bins=None):
        """Draw the histograms, each with an area of 1.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        bins : int, default=None
            Number of bins. None takes the width that suits training and held-out rows.
            Rows beyond the axis count in the last bin.

        Returns
        -------
        EnergyGapDisplay
        """
        self.figure_, self.ax_ = one_axes(ax, _NAME)
        edges, is_cut = self._edges(bins)
        self.histograms_, self.means_ = [], []
        for name, energies in self.energies.items():
            text = f"{name}: mean {energies.mean():.2f}"
            if name == "held out":
                text += f", gap {self.gap_:+.2f} ± {self.stderr_:.2f}"
            color, inside = _COLORS.get(name), np.clip(energies, edges[0], edges[-1])
            style = {"histtype": "stepfilled", "alpha": 0.45, "color": color}
            _, _, patches = self.ax_.hist(inside, edges, density=True, **style)
            line = self.ax_.axvline(
                np.clip(energies.mean(), edges[0], edges[-1]), color=color, label=text
            )
            self.histograms_ += patches
            self.means_.append(line)
        beyond = "; the last bin holds all rows beyond" if is_cut else ""
        self.ax_.set(xlabel=self.label + beyond, ylabel="share of rows per nat")
        self.ax_.set_ylim(top=_HEADROOM * self.ax_.dataLim.y1)
        self.ax_.legend(loc="best")
        return self

    def _edges(self, bins):
        """Return the edges of bins, and whether energies lie beyond them."""
        known = np.concatenate([self.energies["training"], self.energies["held out"]])
        every = np.concatenate(list(self.energies.values()))
        known, every = known[np.isfinite(known)], every[np.isfinite(every)]
        low, end = every.min(), known.max() + _REACH * max(np.ptp(known), 1e-6)
        high = min(every.max(), end)
        if high <= low:  # one energy
            low, high = low - 0.5, high + 0.5
        if bins is None:
            width = np.diff(np.histogram_bin_edges(known, "auto"))[0]
            bins = int(np.clip((high - low) / width, 1, _MAX_BINS))
        return np.linspace(low, high, bins + 1), every.max() > end
