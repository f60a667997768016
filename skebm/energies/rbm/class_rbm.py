"""The classification restricted Boltzmann machine."""

from functools import partial

import numpy as np

from skebm.energies.rbm._class_kernels import (
    class_rbm_updates,
    label_cgf,
    label_shares,
)
from skebm.energies.rbm.rbm import RBM
from skebm.layers import Bernoulli
from skebm.utils._parallel import map_blocks
from skebm.utils._products import product, weight_gradient
from skebm.utils._sparse import dense

# A sum of weights over the classes is 0 up to rounding if it is below this number times
# the largest weight.
_ROUNDING = 1e-12


class ClassRBM(RBM):
    """RBM over inputs and a one-hot label, with exact p(label | inputs) [1]_.

    The visible layer is ``Columns([layer of the inputs, Categorical(n_classes)])``. So
    a row is ``[x | one-hot label]``, and the energy, its gradient, sampling and log Z
    are inherited from :class:`RBM`. The label can be summed out, which gives
    ``p(y | x)`` and its gradient in closed form.

    Parameters
    ----------
    visible, hidden, weights, base, coupling
        As for :class:`RBM`; ``visible.layers`` holds the two layers above.

    References
    ----------
    .. [1] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio. "Learning algorithms for
       the classification restricted Boltzmann machine". JMLR 13 (2012).
    """

    @property
    def n_inputs(self):
        """Number of columns before the label."""
        return self.visible.layers[0].n_units

    @property
    def n_classes(self):
        """Number of classes."""
        return self.visible.layers[1].n_units

    def split(self, rows):
        """Return the inputs of rows, and their one-hot labels as an ndarray."""
        return rows[:, : self.n_inputs], dense(rows[:, self.n_inputs :])

    def class_energy(self, x):
        """Return F(x, y) for every label y: shape (n, n_classes), in nats, float64.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_inputs)
        """
        return self._class_energies(x, self._received(x))

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients.

        What the hidden units receive from ``x`` is computed once for both.
        """
        received = self._received(x)
        gradient = partial(self._class_gradient, x, received)
        return self._class_energies(x, received), gradient

    def _received(self, x):
        """Return what the hidden units receive from the inputs."""
        weights = self.weights[: self.n_inputs]

        def received(block):
            rows = x[block]
            is_dense = isinstance(rows, np.ndarray)
            return product(rows, weights) if is_dense else rows @ weights

        blocks = map_blocks(received, x.shape[0], weights.size)
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _class_energies(self, x, inputs):
        layer, label = self.visible.layers
        energy_of_x = np.asarray(layer.energy(x), dtype=np.float64)[:, None]
        if self._has_kernels:
            per_class = self._coupled(self.weights[self.n_inputs :])
            cgf = label_cgf(self._coupled(inputs), per_class, self.hidden.bias)
        else:
            cgf = [self.hidden.cgf(received) for received in self._per_class(inputs)]
            cgf = np.stack(cgf, axis=1)
        return energy_of_x - label.bias - cgf

    @property
    def _has_kernels(self):
        arrays = self.weights, self.hidden.params["bias"]
        return type(self.hidden) is Bernoulli and all(
            array.flags.c_contiguous for array in arrays
        )

    @property
    def fused_labels(self):
        """Kernels for whole minibatches; None unless hidden units are Bernoulli."""
        is_plain = not self.visible.coupled and self.coupling == 1
        is_plain &= type(self).class_energy is ClassRBM.class_energy
        return class_rbm_updates(self) if self._has_kernels and is_plain else None

    def class_grad(self, x, weight):
        """Return the gradient of ``sum(weight * class_energy(x))`` by name.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_inputs)
        weight : ndarray of shape (n, n_classes)
            Numbers of any sign.
        """
        return self._class_gradient(x, self._received(x), weight)

    def _class_gradient(self, x, inputs, weight):
        total = weight.sum(axis=1)
        weight = weight.astype(self.dtype, copy=False)
        hidden, labels, others = self._hidden_shares(inputs, weight)
        gradient = {name: np.zeros_like(value) for name, value in self.params.items()}
        gradient["weights"][: self.n_inputs] = weight_gradient(x, hidden, self.coupling)
        gradient["weights"][self.n_inputs :] = -self.coupling * labels
        gradient["visible.1.bias"] = -weight.sum(axis=0)
        _add(gradient, {f"hidden.{name}": -value for name, value in others.items()})
        gradient["hidden.bias"] = -hidden.sum(axis=0)
        # The weights of the loss of a label sum to 0 over the classes. Then this term
        # vanishes, and the product with x need not be computed.
        if np.abs(total).max(initial=0) > _ROUNDING * np.abs(weight).max(initial=0):
            inputs = self.visible.layers[0].grad(x, total.astype(self.dtype))
            _add(gradient, {f"visible.0.{name}": v for name, v in inputs.items()})
        return gradient

    def _hidden_shares(self, inputs, weight):
        """Return sums of weighted means of the hidden units.

        Returns
        -------
        hidden : ndarray of shape (n, n_hidden)
            Sums over the classes.
        labels : ndarray of shape (n_classes, n_hidden)
            Sums over the rows.
        others : dict of str to ndarray
            Gradients of what hidden units have beside their biases.
        """
        if self._has_kernels:
            per_class = self._coupled(self.weights[self.n_inputs :])
            given = self._coupled(inputs), per_class, self.hidden.bias
            return *label_shares(*given, weight), {}

        def block_sums(block):
            hidden, labels, others = np.zeros_like(inputs[block]), [], {}
            for k, received in enumerate(self._per_class(inputs[block])):
                share = self.hidden.mean(received) * weight[block, k, None]
                hidden += share
                labels.append(share.sum(axis=0))
                if len(self.hidden.params) > 1:
                    _add(others, self.hidden.cgf_grad(received, weight[block, k]))
            return hidden, np.stack(labels), others

        # A mean and its share cost about ten multiply-adds.
        work = 10 * self.weights[self.n_inputs :].size
        blocks = map_blocks(block_sums, len(weight), work)
        hidden, labels, of_blocks = zip(*blocks, strict=True)
        others = {}
        for block in of_blocks:
            _add(others, block)
        return np.concatenate(hidden), np.sum(labels, axis=0), others

    def clamp(self, label):
        """Return the RBM of the inputs given the label numbered ``label``."""
        shift = self.coupling * self.weights[self.n_inputs + label]
        hidden = self.hidden.replace(
            **{**self.hidden.params, "bias": self.hidden.bias + shift}
        )
        return RBM(
            self.visible.layers[0],
            hidden,
            self.weights[: self.n_inputs],
            base=self.base.layers[0],
            coupling=self.coupling,
        )

    def _per_class(self, inputs):
        """Yield the inputs of the hidden units for each label in turn."""
        for row in self.weights[self.n_inputs :]:
            yield self._coupled(inputs + row)


def _add(total, gradient):
    """Add arrays to the arrays of the same names in the dict ``total``."""
    for name, value in gradient.items():
        total[name] = total[name] + value if name in total else value
