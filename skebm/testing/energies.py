"""Checks of energies."""

import numpy as np

from skebm.energies import Energy, _sites
from skebm.testing._base import (
    N_ROWS,
    check_gradient,
    check_slope,
    in_float64,
    require,
    require_close,
    require_like,
)
from skebm.testing._enumeration import configurations
from skebm.utils._random import Random

# Units in the last place that the sum of an energy may be off by.
_ROUNDINGS = 50


def check_energy(energy, X=None, random_state=0):
    """Check that an energy keeps its contract.

    Parameters
    ----------
    energy : energy
        Any object with ``energy(x)``, ``grad(x, weight)`` and ``params``. Other members
        of :class:`skebm.energies.Energy` are checked if they exist: copies, chains,
        the reference, ``interpolate``, ``gibbs_sweep``, ``conditional_log_prob``,
        ``grad_x``, and each pair of a value and its gradient. A message names the
        parameter or the column whose gradient is wrong, and the relative error.
    X : ndarray of shape (n, n_features), default=None
        Configurations to try. None draws some from the reference of the energy.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random = Random.from_state(random_state)
    energy = Energy.of(energy)
    X = configurations(energy, X, random.fold(0))
    for name, value in energy.params.items():
        updatable = isinstance(value, np.ndarray) and value.flags.carray and value.ndim
        sentence = (
            f"energy.params[{name!r}] is not a C-contiguous array with at least one "
            "axis, so optimizers cannot update it in place."
        )
        require(updatable, sentence)
    before, values = X.copy(), energy.energy(X)
    require_like(values, (len(X),), None, "energy.energy(X)")
    # A sum whose terms cancel is rounded as its terms are.
    rounding = np.finfo(energy.dtype).eps * max(1, np.abs(values).max())
    atol = max(1e-7, _ROUNDINGS * rounding)
    for rows in (slice(None, None, -1), slice(1, 2)):
        sentence = "energy.energy of a row depends on the other rows"
        require_close(energy.energy(X[rows]), values[rows], sentence, atol=atol)
    double = in_float64(energy)
    x = X.astype(double.dtype)
    _check_gradients(double, x, random.fold(1))
    weight = np.ones(len(X))
    for name, value in energy.grad(X, weight).items():
        like = energy.params[name]
        require_like(value, like.shape, like.dtype, f"energy.grad(X)[{name!r}]")
    _check_copies(energy, X, values)
    _check_sites(energy, X)
    _check_chains(energy, X, values, random.fold(2))
    _check_reference(energy, X, random.fold(3))
    if hasattr(energy, "conditional_log_prob"):
        log_prob = energy.conditional_log_prob(X)
        shape = len(X), log_prob.shape[1]
        require_like(log_prob, shape, np.float64, "energy.conditional_log_prob(X)")
    require(before == X, "A method of the energy changes its argument X.")


def _check_gradients(energy, x, random):
    """Compare each gradient with the slope of the value beside it."""
    weight = random.fold(0).uniform((len(x),))
    total = lambda: float(weight @ energy.energy(x))  # noqa: E731
    check_gradient(energy.params, energy.grad(x, weight), total, "energy")
    pairs = [("flip_energies", "flip_grad"), ("activity", "activity_grad")]
    for value, grad in pairs:
        if hasattr(energy, value):
            _check_pair(energy, value, grad, x, random.fold(1))
    if hasattr(energy, "class_energy"):
        inputs, _ = energy.split(x)
        _check_pair(energy, "class_energy", "class_grad", inputs, random.fold(2))
    if hasattr(energy, "grad_x"):
        check_slope(energy, x, "energy")
        # The default is made of differences, which have fewer digits.
        if energy._overrides("grad_x_grad"):
            _check_pair(energy, "grad_x", "grad_x_grad", x, random.fold(3))


def _check_pair(energy, value, grad, x, random):
    """Compare the weighted gradient of several values a row with differences."""
    weight = random.normal(getattr(energy, value)(x).shape)
    gradient = getattr(energy, grad)(x, weight)
    # Parameters that the gradient leaves out do not move the values.
    zeros = {name: np.zeros_like(array) for name, array in energy.params.items()}
    total = lambda: float((weight * getattr(energy, value)(x)).sum())  # noqa: E731
    names = f"energy.{value}", f"energy.{grad}"
    check_gradient(energy.params, {**zeros, **gradient}, total, *names)


def _check_copies(energy, X, values):
    params = {name: value.copy() for name, value in energy.params.items()}
    twins = {"energy.replace(params)": energy.replace(params).energy(X)}
    if energy._overrides("astype"):
        single = energy.astype(np.float32)
        right = [value.dtype == np.float32 for value in single.params.values()]
        require(right, "energy.astype(float32) leaves a parameter in float64.")
        twins["energy.astype(float32)"] = single.energy(X.astype(np.float32))
        sentence = "energy.astype(float32) returns an energy of another class"
        require(type(single) is type(energy), f"{sentence}: use type(self)(...).")
    for what, same in twins.items():
        require_close(same, values, f"{what} is not the same energy", 1e-4, 1e-4)


def _check_sites(energy, X):
    """Compare fast formulas with the energies of rows that differ in one variable."""
    if energy.sites is None:
        return
    # A change of gauge may add a constant to the energy.
    projected = energy.replace({name: p.copy() for name, p in energy.params.items()})
    projected.project()
    before, after = (e.energy(X) - e.energy(X[:1]) for e in (energy, projected))
    sentence = "energy.project changes an energy whose parameters are in their domain"
    require_close(after, before, sentence, 1e-3, 1e-3)
    if hasattr(energy, "conditional_log_prob"):
        slow = _sites.conditional_log_prob(energy, X)
        sentence = "energy.conditional_log_prob is not log p(x_i | all other x)"
        require_close(energy.conditional_log_prob(X), slow, sentence, 1e-3, 1e-3)
    if hasattr(energy, "flip_energies"):
        slow = _sites.flip_energies(energy, X)
        sentence = "energy.flip_energies is not what the energy changes by"
        require_close(energy.flip_energies(X), slow, sentence, 1e-3, 1e-3)


def _check_chains(energy, X, values, random):
    chains = energy.chains(X)
    require(
        energy.configurations(chains) == X,
        "energy.configurations(energy.chains(x)) is not x.",
    )
    sentence = "energy.chain_energy(energy.chains(x)) is not energy.energy(x)"
    require_close(energy.chain_energy(chains), values, sentence, 1e-4, 1e-4)
    ends = [energy.take(chains, rows) for rows in (slice(0, 2), slice(2, None))]
    sentence = "energy.join of the parts that energy.take returns is not the whole"
    require_close(energy.chain_energy(energy.join(ends)), values, sentence, 1e-4, 1e-4)
    if hasattr(energy, "gibbs_sweep"):
        moved = energy.gibbs_sweep(chains, random)
        x = energy.configurations(moved)
        require_like(x, X.shape, X.dtype, "Rows after energy.gibbs_sweep(chains)")
        sentence = (
            "energy.chain_energy after energy.gibbs_sweep is not energy.energy(rows)"
        )
        require_close(
            energy.chain_energy(moved), energy.energy(x), sentence, 1e-4, 1e-4
        )


def _check_reference(energy, X, random):
    if not hasattr(energy, "reference"):
        return
    for beta, what, end in (
        (0.0, "energy.reference", energy.reference),
        (1.0, "the energy itself", energy),
    ):
        sentence = f"energy.interpolate({beta:.0f}) is not {what}"
        stage = energy.interpolate(beta)
        require_close(stage.energy(X), end.energy(X), sentence, 1e-4, 1e-4)
        same = stage.chain_energy(energy.chains(X))
        sentence = f"energy.interpolate({beta:.0f}) does not take the same chains"
        require_close(same, end.energy(X), sentence, 1e-4, 1e-4)
    drawn = energy.reference.sample(N_ROWS, random)
    shape = N_ROWS, X.shape[1]
    require_like(drawn, shape, None, "energy.reference.sample(n, random)")
