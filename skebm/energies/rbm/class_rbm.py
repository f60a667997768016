"""The classification restricted Boltzmann machine."""

import numpy as np
from scipy.special import softmax

from skebm.energies.rbm.rbm import RBM
from skebm.utils._math import row_weights
from skebm.utils._parallel import map_blocks
from skebm.utils._products import weight_gradient
from skebm.utils._sparse import dense


class ClassRBM(RBM):
    """RBM over inputs and a one-hot label, with exact p(label | inputs) [1]_.

    The visible layer is ``Columns([layer of the inputs, Categorical(n_classes)])``: so
    rows are ``[x | one-hot label]``, and energy, gradient, sampling and log Z are those
    of :class:`RBM`. With few classes the label can be summed out, which gives
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

    def class_energy(self, x):
        """Return F(x, y) for every label y: shape (n, n_classes), in nats, float64.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_inputs)
        """
        layer, label = self.visible.layers
        own = np.asarray(layer.energy(x), dtype=np.float64)[:, None]
        inputs = x @ self.weights[: self.n_inputs]
        cgf = [self.hidden.cgf(received) for received in self._per_class(inputs)]
        return own - label.bias - np.stack(cgf, axis=1)

    def class_probability(self, x):
        """Return p(y | x), shape (n, n_classes), float64."""
        return softmax(-self.class_energy(x), axis=1)

    def conditional_grad(self, rows, weight):
        """Return the gradient of ``-sum_n weight_n log p(y_n | x_n)``.

        ``d(-log p(y | x)) = dF(x, y) - sum_k p(k | x) dF(x, k)``: a positive phase at
        the label and a negative one at the labels that the model expects.

        Parameters
        ----------
        rows : {ndarray, CSR matrix} of shape (n, n_inputs + n_classes)
            Inputs and one-hot labels.
        weight : ndarray of shape (n,) or None
            None weighs all rows alike, with sum 1.
        """
        x, y = rows[:, : self.n_inputs], dense(rows[:, self.n_inputs :])
        weight = row_weights(weight, len(y))

        def phases(part):
            inputs = x[part] @ self.weights[: self.n_inputs]
            surprise = y[part] - self.class_probability(x[part])
            surprise = (weight[part, None] * surprise).astype(self.dtype)
            hidden, labels = np.zeros_like(inputs), []
            for k, received in enumerate(self._per_class(inputs)):
                share = self.hidden.mean(received) * surprise[:, [k]]
                hidden += share
                labels.append(share.sum(axis=0))
            return hidden, np.stack(labels), surprise.sum(axis=0)

        work = self.weights.size + 10 * self.weights[self.n_inputs :].size
        hidden, labels, surprise = zip(*map_blocks(phases, len(y), work), strict=True)
        hidden = np.concatenate(hidden)
        gradient = {name: np.zeros_like(value) for name, value in self.params.items()}
        gradient["weights"][: self.n_inputs] = weight_gradient(self, x, hidden)
        gradient["weights"][self.n_inputs :] = -self.coupling * np.sum(labels, axis=0)
        gradient["visible.1.bias"] = -np.sum(surprise, axis=0)
        gradient["hidden.bias"] = -hidden.sum(axis=0)
        return gradient

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
        """Yield what the hidden units receive, for each label in turn."""
        for row in self.weights[self.n_inputs :]:
            yield self._coupled(inputs + row)
