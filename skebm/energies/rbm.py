"""The restricted Boltzmann machine."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.metaestimators import available_if

from skebm.energies._conditionals import conditionals_by_sum, conditionals_of_normal
from skebm.energies._flips import Flips, two_values
from skebm.utils._parallel import map_blocks

# Singular values of the scaled weights of a Gaussian-Gaussian RBM stay below this; at 1
# the precision matrix is singular and the partition function infinite.
_MAX_SINGULAR_VALUE = 0.999
# Rows of the weight gradient that one thread computes at a time.
_GRADIENT_ROWS = 256


class Chains(NamedTuple):
    """The state of Markov chains: visible units and what hidden units receive of them.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_visible)
    inputs : ndarray of shape (n_chains, n_hidden)
        ``visible @ weights``: kept, since energy, gradient and the next sweep all
        need it and it is a third of the work.
    """

    visible: np.ndarray
    inputs: np.ndarray


class Phase(NamedTuple):
    """Rows of data or of chains, with what a gradient needs of them.

    Attributes
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_visible)
    hidden : ndarray of shape (n, n_hidden)
        Expectations given the rows.
    weight : ndarray of shape (n,)
    """

    rows: np.ndarray
    hidden: np.ndarray
    weight: np.ndarray


def _has_flips(energy):
    return two_values(energy.visible) is not None


class RBM:
    """Restricted Boltzmann machine with units of any kind on either side.

    ``E(v, h) = visible.energy(v) + hidden.energy(h) - v @ weights @ h``, and with the
    hidden units summed out, the free energy ``F(v) = visible.energy(v) -
    hidden.cgf(v @ weights)`` [1]_.

    Parameters
    ----------
    visible, hidden : layers
        The units. One side must be finite, or both Gaussian with weights whose largest
        singular value, scaled by the visible standard deviations, is below 1.
    weights : ndarray of shape (n_visible, n_hidden)
    base : layer, default=None
        The visible layer of the reference, a model of independent units from which
        annealing starts; best at the data's marginals. ``None`` takes ``visible``.
    coupling : float, default=1
        Factor of the weights; below 1 on the way from the reference.

    Raises
    ------
    ValueError
        If neither side is finite and not all units are Gaussian.

    References
    ----------
    .. [1] P. Smolensky. "Information processing in dynamical systems: foundations of
       harmony theory". In: Parallel Distributed Processing, 1986.
    """

    def __init__(self, visible, hidden, weights, *, base=None, coupling=1.0):
        _check_pair(visible, hidden)
        self.visible = visible
        self.hidden = hidden
        self.weights = weights
        self.base = visible if base is None else base
        self.coupling = coupling

    def __repr__(self):
        return f"{type(self).__name__}({self.visible!r}, {self.hidden!r})"

    @property
    def n_features(self):
        """Number of columns of a row."""
        return self.weights.shape[0]

    @property
    def dtype(self):
        """The dtype of the parameters and of what is drawn."""
        return self.weights.dtype

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        return {
            "weights": self.weights,
            **{f"visible.{name}": p for name, p in self.visible.params.items()},
            **{f"hidden.{name}": p for name, p in self.hidden.params.items()},
        }

    def replace(self, params):
        """Return a model of the same kind with these parameters."""
        part = {
            side: {
                name.removeprefix(side): p
                for name, p in params.items()
                if name.startswith(side)
            }
            for side in ("visible.", "hidden.")
        }
        return type(self)(
            self.visible.replace(**part["visible."]),
            self.hidden.replace(**part["hidden."]),
            params["weights"],
            base=self.base,
            coupling=self.coupling,
        )

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(
            self.visible.astype(dtype),
            self.hidden.astype(dtype),
            self.weights.astype(dtype),
            base=self.base.astype(dtype),
            coupling=self.coupling,
        )

    @property
    def T(self):  # noqa: N802
        """The model with the roles of visible and hidden units exchanged."""
        return RBM(self.hidden, self.visible, self.weights.T, coupling=self.coupling)

    # -- energy and gradient ---------------------------------------------------------

    @property
    def work(self):
        """Multiply-adds of a sweep, a row."""
        return 2 * self.weights.size

    def inputs(self, x):
        """Return what the hidden units receive, before ``coupling``."""
        return x @ self.weights

    def energy(self, x, inputs=None):
        """Return the free energy of each row, in nats, float64, shape (n,)."""
        inputs = self.inputs(x) if inputs is None else inputs
        cgf = self.hidden.cgf(self._coupled(inputs))
        return np.asarray(self.visible.energy(x), dtype=np.float64) - cgf

    def joint_energy(self, v, h):
        """Return ``E(v, h)`` of each row, shape (n,)."""
        interaction = ((v @ self.weights) * h).sum(axis=1)
        return (
            self.visible.energy(v) + self.hidden.energy(h) - self.coupling * interaction
        )

    def hidden_mean(self, x, inputs=None):
        """Return the expectation of the hidden units given each row."""

        def rows(part):
            received = self.inputs(x[part]) if inputs is None else inputs[part]
            return self.hidden.mean(self._coupled(received))

        return np.concatenate(map_blocks(rows, x.shape[0], self.weights.size))

    def grad(self, x, weight=None, inputs=None):
        """Return d F / d params, summed over rows with ``weight`` (default: the mean).

        Hidden units enter by their expectation given ``x``, at the same time index.
        """
        return self._gradient([self.phase(x, weight, inputs)])

    def phase(self, x, weight=None, inputs=None):
        """Return rows as one phase of the gradient: with their hidden means.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n,), default=None
            None weighs all rows alike, with sum 1.
        inputs : ndarray of shape (n, n_hidden), default=None
            ``self.inputs(x)`` where it is known.
        """
        if weight is None:
            weight = np.full(x.shape[0], 1 / x.shape[0])
        hidden = self.hidden_mean(x, inputs)
        return Phase(x, hidden, weight.astype(self.dtype, copy=False))

    def contrast(self, data, model, offsets=None):
        """Return positive minus negative phase: the gradient of -log p, centered.

        Parameters
        ----------
        data, model : Phase
        offsets : tuple of ndarray, default=None
            ``(mu, lam)``, about the means of visible and hidden units; None gives the
            plain difference. With the energy written in ``v - mu`` and ``h - lam``,
            weights and biases no longer move each other, which learning needs where
            units are mostly on [1]_. Offsets are taken from the values that couple, so
            this holds for every layer, in its natural parameters.

        References
        ----------
        .. [1] J. Melchior, A. Fischer, L. Wiskott. "How to center deep Boltzmann
           machines". JMLR 17 (2016).
        """
        return self._gradient([data, model._replace(weight=-model.weight)], offsets)

    def _gradient(self, phases, offsets=None):
        """Return d F / d params, summed over phases with signed weights."""
        gradient = {"weights": None}
        for phase in phases:
            own = self.visible.grad(phase.rows, phase.weight)
            own = {f"visible.{name}": value for name, value in own.items()}
            own["hidden.bias"] = -(phase.weight @ phase.hidden)
            for name, value in own.items():
                gradient[name] = gradient.get(name, 0) + value
        mu, lam = (None, 0) if offsets is None else offsets
        rows = [phase.rows for phase in phases]
        shares = [p.weight[:, None] * (p.hidden - lam) for p in phases]
        if offsets is not None:
            # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
            rows.append(mu[None])
            shares.append(-sum(share.sum(axis=0) for share in shares)[None])
        gradient["weights"] = self._product(rows, shares)
        if offsets is not None:
            self._decouple(gradient, rows, shares, offsets)
        return gradient

    def _decouple(self, gradient, rows, shares, offsets):
        """Take out of the biases' gradient what the centered weights do for them.

        Namely ``weights @ lam`` and ``mu @ weights``, from the rows behind the product:
        that saves two trips through the matrix.
        """
        mu, lam = offsets
        coupling = self.dtype.type(self.coupling)
        back = sum(
            -coupling * (x.T @ (share @ lam)) for x, share in _pairs(rows, shares)
        )
        forth = sum(-coupling * ((x @ mu) @ share) for x, share in _pairs(rows, shares))
        gradient["hidden.bias"] -= forth
        start = 0
        for name, value in gradient.items():
            if name.startswith("visible.") and name.endswith("bias"):
                value -= back[start : start + len(value)]
                start += len(value)

    def _product(self, rows, shares, out=None):
        """Return ``-coupling * sum(x.T @ share)``, rows of the result in parallel."""
        out = np.zeros_like(self.weights) if out is None else out
        factor = self.dtype.type(-self.coupling)
        pairs = _pairs(rows, shares)
        for x, share in pairs:
            if issparse(x):
                out += factor * (x.T @ share)
        dense = [(x, share) for x, share in pairs if not issparse(x)]
        if not dense:
            return out
        share = factor * np.concatenate([share for _, share in dense])
        add = len(dense) < len(pairs)

        def product(part):
            x = np.concatenate([x[:, part] for x, _ in dense])
            if add:
                out[part] += x.T @ share
            else:
                np.matmul(x.T, share, out=out[part])

        map_blocks(product, len(out), share.size, size=_GRADIENT_ROWS)
        return out

    def _coupled(self, inputs):
        return inputs if self.coupling == 1 else inputs * self.dtype.type(self.coupling)

    def project(self):
        """Bring the parameters back into the domain where the model exists."""
        self.visible.project()
        if self.visible.finite or self.hidden.finite:
            return
        scale = np.sqrt(self.visible.precision)[:, None]
        scaled = self.weights / scale
        if np.sum(scaled * scaled) < _MAX_SINGULAR_VALUE**2:
            return  # the Frobenius norm bounds the largest singular value
        if not np.isfinite(scaled).all():
            return  # the guard of training deals with that
        left, singular, right = np.linalg.svd(scaled, full_matrices=False)
        if singular[0] > _MAX_SINGULAR_VALUE:
            np.minimum(singular, _MAX_SINGULAR_VALUE, out=singular)
            self.weights[:] = scale * ((left * singular) @ right)

    # -- sampling --------------------------------------------------------------------

    def chains(self, x):
        """Return the state of chains that stand at the rows of ``x``."""
        return Chains(x, self.inputs(x))

    def gibbs_sweep(self, chains, random):
        """Draw all hidden units, then all visible ones."""
        hidden = self.hidden.sample(self._coupled(chains.inputs), random.fold(0))
        visible = self.visible.sample(
            self._coupled(hidden @ self.weights.T), random.fold(1)
        )
        return Chains(visible, self.inputs(visible))

    @property
    def reference(self):
        """The model of independent units, whose partition function is known."""
        return self.interpolate(0.0)

    def interpolate(self, beta):
        """Return the model on the way from the reference (0) to this one (1).

        All natural parameters are interpolated, so every stage is an RBM.
        """
        hidden = self.hidden.zeros(self.hidden.n_units, self.dtype)
        return type(self)(
            self.base.interpolate(self.visible, self.dtype.type(beta)),
            hidden.interpolate(self.hidden, self.dtype.type(beta)),
            self.weights,
            base=self.base,
            coupling=self.coupling * beta,
        )

    def log_partition_reference(self):
        """Return log Z of the reference, in nats."""
        reference = self.reference
        return sum(
            float(layer.cgf(np.zeros((1, layer.n_units), dtype=self.dtype))[0])
            for layer in (reference.visible, reference.hidden)
        )

    def sample_reference(self, n_chains, random):
        """Draw chains from the reference."""
        inputs = np.zeros((n_chains, self.n_features), dtype=self.dtype)
        return self.chains(self.base.sample(inputs, random))

    # -- conditionals ----------------------------------------------------------------

    def conditional_log_prob(self, x):
        """Return ``log p(x_i | all other x)`` for every variable, exactly.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)

        Returns
        -------
        ndarray of shape (n, n_features), float64
            In nats; log densities for Gaussian units.
        """
        if self.visible.finite or self.hidden.finite:
            return conditionals_by_sum(self, x)
        return conditionals_of_normal(self, x)

    @available_if(_has_flips)
    def flip_energies(self, x):
        """Return ``F(x with unit i flipped) - F(x)`` for every visible unit.

        There are flips where all visible units have two values, as Bernoulli and spin
        units do. All of them together cost about as much as a few free energies.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)

        Returns
        -------
        ndarray of shape (n, n_visible), float64
            In nats.

        Raises
        ------
        ValueError
            If ``x`` holds other values than the two of its units.
        """
        return Flips(self).energies(x)

    @available_if(_has_flips)
    def flip_grad(self, x, weight):
        """Return the gradient of ``sum(weight * flip_energies(x))`` by name.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n, n_visible)
        """
        return Flips(self).grad(x, weight)


def _check_pair(visible, hidden):
    """Refuse units whose partition function is infinite, or not known to be finite."""
    if visible.finite or hidden.finite:
        return
    if not (hasattr(visible, "precision") and hasattr(hidden, "precision")):
        raise ValueError(
            f"{visible!r} with {hidden!r} has no partition function: real units on "
            "both sides need Gaussian units throughout. Use hidden='bernoulli'."
        )


def _pairs(rows, shares):
    return list(zip(rows, shares, strict=True))
