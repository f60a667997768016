"""The base of energies: all their methods, from ``energy``, ``grad`` and ``params``."""

import copy
from functools import partial

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies import _sites
from skebm.energies._contrast import Contrast
from skebm.energies._enumeration import Enumeration
from skebm.energies._real import is_real
from skebm.energies._reference import Independent
from skebm.utils._parallel import map_blocks

_STEP = 1e-5  # of central differences, as a share of the spread of rows


def _derived():
    """Return the module of energies that are made of another energy."""
    # The import is here, since the classes of that module inherit from Energy.
    from skebm.energies import _derived

    return _derived


def _has_sites(energy):
    return energy.sites is not None


def _has_two_values(energy):
    return _has_sites(energy) and _sites.have_two_values(energy.sites)


class Energy(Contrast):
    """Base of energies: a number for every configuration, low where it is probable.

    A subclass has three members:

    - ``energy(x)`` returns the energy of each row, in nats, float64, shape (n,). If the
      model has hidden units, this is the free energy;
    - ``grad(x, weight=None)`` returns d energy / d params as a dict from names to
      arrays, summed over the rows with ``weight``, of shape (n,). ``None`` takes the
      mean;
    - ``params`` is a dict from the same names to the arrays, which updates change in
      place.

    This class makes all other members from these. A subclass overrides the members that
    it can compute faster.

    **Chains.** Each energy has its own state of Markov chains. ``chains(x)`` returns
    the state of chains that stand at the rows of ``x``. All other parts of the package
    only hand this state back to ``configurations``, ``chain_energy``, ``take`` and
    ``join``. So a state may also hold numbers that the next move needs. The energies
    ``interpolate(beta)`` of all ``beta`` can use the same states.

    **Capabilities.** Some parts of the package need more than this, and raise an error
    that names what is missing: ``gibbs_sweep(chains, random)``, ``grad_x(x)``,
    ``reconstruct(x)``, ``conditional_log_prob(x)``, ``clamped``, and pairs of a value
    and its gradient, which are ``flip_energies(x)`` and ``flip_grad(x, weight)``,
    ``class_energy(x)`` and ``class_grad(x, weight)``, ``activity(x)`` and
    ``activity_grad(x, weight)``. Energies of labels that depend on each other have
    ``nll_pullback(rows)``. If ``visible`` is a layer with finitely many values, an
    energy has most of them, by enumeration of the values of one variable after the
    other.

    Attributes
    ----------
    base : layer or None
        The layer of independent units from which the reference is made.
    visible : layer or None
        The layer that says which values the columns take.
    starts_anywhere : bool
        Whether training may start far below independent columns.
    fused : object or None
        Kernels that do the work of a whole minibatch: see
        :class:`skebm.energies.rbm.FusedRBM`.
    fused_labels : object or None
        Kernels that do whole minibatches of the likelihood of labels, as
        :class:`skebm.energies._label_updates.LabelUpdates` does.
    """

    base = None
    visible = None
    fused, fused_labels, starts_anywhere = None, None, False

    @classmethod
    def of(cls, energy):
        """Return the energy, or the object of a user as an :class:`Energy`."""
        is_one = isinstance(energy, Energy)
        return energy if is_one else _derived().UserEnergy(energy)

    def __repr__(self):
        return f"{type(self).__name__}()"

    @property
    def _label(self):
        """The name of the energy in error messages."""
        return type(self).__name__

    def _overrides(self, name):
        """Tell whether the energy overrides the method of this class."""
        return getattr(type(self), name) is not getattr(Energy, name)

    @property
    def dtype(self):
        """The dtype of the parameters and of draws."""
        return np.result_type(*self.params.values())

    @property
    def work(self):
        """Multiply-adds of a move, for each row."""
        return sum(value.size for value in self.params.values())

    @property
    def coupled(self):
        """Whether visible units depend on each other beside the hidden units.

        Such units are drawn together. So chains move far in a step, and the reference
        is near the model.
        """
        return False

    @property
    def n_hidden(self):
        """Number of hidden units."""
        return 0

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return tuple(name for name in self.params if name == "weights")

    # -- copies ----------------------------------------------------------------------

    def replace(self, params):
        """Return an energy of the same kind with copies of these parameters."""
        twin = copy.deepcopy(self)
        for name, value in twin.params.items():
            value[...] = params[name]
        return twin

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        if self.dtype != dtype:
            raise TypeError(
                f"The parameters of {self._label} are {self.dtype}, and it "
                f"has no astype method that makes them {np.dtype(dtype)}."
            )
        return copy.deepcopy(self)

    def project(self):
        """Bring the parameters back into the domain where the model exists."""

    def group_starts(self, rows):
        """Return where groups of rows begin that belong together; None without any."""

    # -- chains ----------------------------------------------------------------------

    def chains(self, x):
        """Return the state of chains that stand at the rows of ``x``."""
        return x

    def configurations(self, chains):
        """Return the rows at which chains stand, shape (n_chains, n_features)."""
        return getattr(chains, "visible", chains)

    def chain_energy(self, chains):
        """Return the energy of each chain, in nats, float64, shape (n_chains,)."""
        return self.energy(self.configurations(chains))

    def energy_above(self, other, chains):
        """Return the energy of chains minus their energy in another stage, in nats.

        The two are stages of one interpolation, which take the same chains.
        """
        return self.chain_energy(chains) - other.chain_energy(chains)

    def energy_and_slope(self, chains):
        """Return the energy of each chain, and d energy / d x where it stands.

        It needs ``grad_x``. An energy that gets both from one pass is faster.
        """
        slope = self.grad_x(self.configurations(chains))
        return self.chain_energy(chains), slope

    def features(self, chains):
        """Return numbers that tell chains apart, shape (n_chains, n).

        Diagnostics of the chains watch these numbers.
        """
        return self.configurations(chains)

    def n_chains(self, chains):
        """Return the number of chains."""
        return self.configurations(chains).shape[0]

    def take(self, chains, rows):
        """Return the chains with these numbers, a slice or an array of int."""
        if isinstance(chains, tuple):
            return type(chains)(*(array[rows] for array in chains))
        return chains[rows]

    def join(self, parts):
        """Return the chains of a list of states, one after the other."""
        if isinstance(parts[0], tuple):
            arrays = zip(*parts, strict=True)
            return type(parts[0])(*map(np.concatenate, arrays))
        return np.concatenate(parts)

    def put(self, chains, x):
        """Return ``chains`` after they have moved to the rows of ``x``."""
        return self.chains(x)

    def redraw(self, chains, random):
        """Return chains of the same number that the reference draws."""
        rows = self.reference.sample(self.n_chains(chains), random)
        return self.chains(rows.astype(self.dtype, copy=False))

    # -- the reference ---------------------------------------------------------------

    @property
    def reference(self):
        """The distribution from which annealing starts; see :class:`Independent`."""
        if self.base is None:
            raise AttributeError(f"{self._label} has no reference.")
        return Independent(self.base)

    def interpolate(self, beta):
        """Return the energy between the reference (0) and this energy (1)."""
        return _derived().Blend(self.reference, self, beta)

    def scaled(self, beta):
        """Return the energy times ``beta``, an inverse temperature above 0."""
        return _derived().Scaled(self, beta)

    @property
    def is_real(self):
        """Whether all columns are real numbers, so that rows can move a little."""
        return self.visible is None or is_real(self.visible)

    # -- energies whose variables take finitely many values --------------------------

    @property
    def sites(self):
        """The layer with the values of the variables; None if it is not finite."""
        layer = self.visible
        return layer if layer is not None and layer.finite else None

    @property
    def enumerable(self):
        """The :class:`Enumeration` of all configurations; None if it does not exist.

        There is no enumeration of infinitely many configurations.
        """
        return None if self.sites is None else Enumeration(self, self.sites)

    @available_if(_has_sites)
    def gibbs_sweep(self, chains, random):
        """Return the chains after each variable in turn was drawn given all others."""
        x = _sites.swept(self, self.configurations(chains), random)
        return self.put(chains, x)

    @available_if(_has_sites)
    def conditional_log_prob(self, x):
        """Return ``log p(x_i | all other x)`` for every variable, in nats, float64."""
        return _sites.conditional_log_prob(self, x)

    @available_if(_has_two_values)
    def flip_energies(self, x):
        """Return ``energy(x with unit i flipped) - energy(x)`` for every unit."""
        return _sites.flip_energies(self, x)

    @available_if(_has_two_values)
    def flip_grad(self, x, weight):
        """Return the gradient of ``sum(weight * flip_energies(x))`` by name."""
        return _sites.flip_grad(self, x, weight)

    @property
    def clamped(self):
        """The model of the holes of rows given the observed cells."""
        if self.sites is None or self.base is None:
            raise AttributeError(
                f"{self._label} has no model of holes: its columns take more "
                "than finitely many values, or it has no base layer."
            )
        return _derived().ClampedSites(self)

    @property
    def closed_log_partition(self):
        """The log partition function in nats if it has a closed form, else None."""
        return None

    # -- values with their gradients -------------------------------------------------

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient.

        An energy that keeps what it has computed for the values is faster.
        """
        return self.energy(x), partial(self.grad, x)

    @available_if(lambda energy: hasattr(energy, "class_energy"))
    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients.

        The function turns weights of shape (n, n_classes) into ``class_grad``.
        """
        blocks = map_blocks(
            lambda block: self.class_energy(x[block]), x.shape[0], self.work
        )
        return np.concatenate(blocks), partial(self.class_grad, x)

    def pullbacks(self, x):
        """Return the energies of the parts that learn on their own, or of the whole.

        See :meth:`pullback`, and :class:`skebm.energies.Ensemble`.
        """
        return self.pullback(x)

    @available_if(lambda energy: hasattr(energy, "grad_x"))
    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name.

        These are central differences of ``grad``.
        """
        x = np.asarray(x, np.float64)
        spread = max(np.abs(x - x.mean(axis=0)).max(), 1e-3 * np.abs(x).max())
        step = _STEP * spread / max(np.abs(direction).max(), np.finfo(float).tiny)
        moved = (x + side * step * direction for side in (1, -1))
        ends = [self.grad(rows, np.ones(len(x))) for rows in moved]
        return {name: (ends[0][name] - ends[1][name]) / (2 * step) for name in ends[0]}

    def log_ratio(self, x):
        """Return the log of the model over the reference, up to a constant."""
        return self.reference.energy(x) - self.energy(x)

    def ratio_pullback(self, x):
        """Return the log ratios, and the function that makes gradients of the energy.

        See :meth:`log_ratio` and :meth:`pullback`.
        """
        energies, pullback = self.pullbacks(x)
        return self.reference.energy(x) - energies, pullback
