"""Traces of the energy along chains of the model."""

import numpy as np

from skebm.inference import draw
from skebm.inspection._base import check_number, energy_of, model_of, need, one_axes
from skebm.metrics import ess, rhat
from skebm.samplers import named_kernel
from skebm.utils._random import Random

_NAME = "ChainDisplay"
# R-hat needs as many draws.
_MIN_STEPS = 8


class ChainDisplay:
    """Traces of the energy along chains that start at draws of the model.

    Chains that mix have traces that overlap and cross often. Use
    :meth:`from_estimator` to make a display.

    Parameters
    ----------
    traces : ndarray of shape (n_steps, n_chains)
        Energies in nats after each step.
    label : str, default="energy (nats)"
        Label of the energies.

    Attributes
    ----------
    rhat_, ess_ : float
        R-hat and effective sample size of the energy; see :mod:`skebm.metrics`. NaN if
        the energy is the same in all chains at all steps.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.inspection import ChainDisplay
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = RBMDensity(16, n_iter=5, random_state=0).fit(X)
    >>> display = ChainDisplay.from_estimator(rbm, n_steps=50, random_state=0)
    >>> display.traces.shape
    (50, 4)
    """

    def __init__(self, *, traces, label="energy (nats)"):
        self.traces = traces
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        n_chains=4,
        n_steps=200,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Run chains of a fitted estimator, and plot their energies.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator with ``gibbs``, such as :class:`skebm.RBMDensity`; or with
            ``kernel_``, such as :class:`skebm.EnergyDensity`, whose ``kernel`` moves
            the chains; or one that holds such a density in ``density_``. The energies
            of the second are in the units of its layer.
        X : {array-like, sparse matrix, DataFrame}, default=None
            Rows at which the chains start. None draws ``n_chains`` rows of the model.
            Only for estimators with ``gibbs``.
        n_chains : int, default=4
            Number of chains. Ignored if there are rows.
        n_steps : int, default=200
            Number of sweeps, at least 8.
        random_state : int, RandomState or None, default=None
            Seed of the chains.
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        ChainDisplay

        Raises
        ------
        TypeError
            If the estimator has no method that moves chains.
        ValueError
            If there are too few chains or steps.
        """
        remedy = "Use RBMDensity or EnergyDensity, whose chains can be moved."
        name, _ = need(estimator, _NAME, "gibbs", "kernel_", remedy=remedy)
        check_number("n_chains", n_chains, 1)
        check_number("n_steps", n_steps, _MIN_STEPS)
        model, random = model_of(estimator), Random.from_state(random_state)
        if name == "gibbs":
            traces = _traces_of_gibbs(model, X, n_chains, n_steps, random)
        elif X is None:
            traces = _traces_of_energy(model, n_chains, n_steps, random)
        else:
            raise ValueError(
                f"X must be None for {type(model).__name__}, whose chains start at "
                "draws of the model."
            )
        return cls(traces=traces).plot(ax=ax, **kwargs)

    @property
    def rhat_(self):
        """R-hat of the energy."""
        return float(rhat(self.traces))

    @property
    def ess_(self):
        """Effective sample size of the energy."""
        return float(ess(self.traces))

    def plot(self, ax=None):
        """Draw the traces.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.

        Returns
        -------
        ChainDisplay
        """
        self.figure_, self.ax_ = one_axes(ax, _NAME)
        n_steps, n_chains = self.traces.shape
        steps = np.arange(1, n_steps + 1)
        self.lines_ = self.ax_.plot(steps, self.traces, linewidth=0.9, alpha=0.8)
        self.ax_.set(xlabel="sweep", ylabel=self.label, xlim=(0, n_steps + 1))
        self.ax_.set_title(
            f"R-hat {self.rhat_:.3f}, {self.ess_:.0f} effective of "
            f"{n_steps * n_chains} draws"
        )
        return self


def _traces_of_gibbs(model, X, n_chains, n_steps, random):
    """Return energies of chains that a public method moves, sweep by sweep."""
    energy, _ = energy_of(model, _NAME)
    rows = model.sample(n_chains, random_state=random.seed()) if X is None else X
    traces = []
    for step in range(n_steps):
        rows = model.gibbs(rows, 1, random_state=random.fold(step).seed())
        traces.append(energy(rows))
    return np.array(traces)


def _traces_of_energy(model, n_chains, n_steps, random):
    """Return energies of chains that the kernel of the estimator moves."""
    energy, kernel = model.energy_, named_kernel(model.kernel_)
    rows = draw(energy, n_chains, random.fold(0), kernel)
    state = kernel.init(energy, rows, random.fold(1))
    traces = []
    for step in range(n_steps):
        state = kernel.step(energy, state, random.fold(2, step))
        traces.append(energy.energy(energy.configurations(kernel.chains(state))))
    return np.array(traces, dtype=np.float64)
