"""The restricted Boltzmann machine of rows and their label sets."""

import numpy as np

from skebm.energies._label_sets import LabelSetEnergy
from skebm.energies.rbm.class_rbm import ClassRBM
from skebm.layers import Categorical, Columns


class LabelRBM(LabelSetEnergy):
    """RBM over inputs and labels in {0, 1}, which hidden units couple [1]_.

    Given ``x``, the free energy of a label set is ``-bias @ y - sum_j log(1 +
    exp(hidden_bias + x @ W + y @ U)_j)`` with Bernoulli hidden units.

    Parameters
    ----------
    single : ClassRBM
        Over ``Columns([layer of the inputs, Bernoulli(L)])``.
    n_exact : int
        As for :class:`LabelSetEnergy`.

    References
    ----------
    .. [1] V. Mnih, H. Larochelle, G. Hinton. "Conditional restricted Boltzmann machines
       for structured output prediction". UAI 2011.
    """

    # Sums over more label sets take minutes to learn from: each costs as much as one
    # class of ClassRBM.
    most_learned = 6

    def __init__(self, single, n_exact):
        super().__init__(single, {}, n_exact)

    def sets_pullback(self, x, sets):
        """Return energies of rows with label sets; see :class:`LabelSetEnergy`.

        To the hidden units, a label set is a class whose weights are sums of those of
        its labels.
        """
        single, n = self.single, self.n_inputs
        inputs, label = single.visible.layers
        weights = np.concatenate([single.weights[:n], sets @ single.weights[n:]])
        visible = Columns([inputs, Categorical(sets @ label.bias)])
        options = {"base": single.base, "coupling": single.coupling}
        classes = ClassRBM(visible, single.hidden, weights, **options)
        energies, pullback = classes.class_pullback(x)

        def gradient(weight):
            found = dict(pullback(weight))
            of_sets = found["weights"]
            of_labels = sets.T @ of_sets[n:]
            found["weights"] = np.concatenate([of_sets[:n], of_labels])
            found["visible.1.bias"] = sets.T @ found["visible.1.bias"]
            return found

        return energies, gradient

    def flip_pullback(self, x, y):
        """Return what flips of labels cost; see :class:`LabelSetEnergy`."""
        single, n = self.single, self.n_inputs
        hidden, label = single.hidden, single.weights[n:]
        received = single.coupling * (self.fields(x) + y @ label)
        side, before = 1 - 2 * y, hidden.cgf(received)
        after = [
            hidden.cgf(received + single.coupling * side[:, k, None] * label[k])
            for k in range(y.shape[1])
        ]
        bias = single.visible.layers[1].bias
        above = before[:, None] - np.stack(after, axis=1) - side * bias

        def gradient(weight):
            return self._flip_grad(x, y, received, weight.astype(self.dtype))

        return above, gradient

    def _flip_grad(self, x, y, received, weight):
        """Return the gradient of the weighted sum of what flips cost, by name."""
        single, n = self.single, self.n_inputs
        found = {name: np.zeros_like(value) for name, value in self.params.items()}
        labels, side = single.weights[n:], 1 - 2 * y
        # The sets after each flip count with their weights, and the sets before them
        # with the sums of those, negative.
        parts = [(y, -weight.sum(axis=1), received)]
        for k in range(y.shape[1]):
            flipped = y.copy()
            flipped[:, k] = 1 - flipped[:, k]
            step = single.coupling * side[:, k, None] * labels[k]
            parts.append((flipped, weight[:, k], received + step))
        hidden_sum = 0.0
        for sets, share, inputs in parts:
            mean = single.hidden.mean(inputs) * share[:, None]
            hidden_sum = hidden_sum + mean
            found["weights"][n:] -= single.coupling * sets.T @ mean
            found["visible.1.bias"] -= sets.T @ share
            if len(single.hidden.params) > 1:
                for name, value in single.hidden.cgf_grad(inputs, share).items():
                    found[f"hidden.{name}"] -= value
        found["weights"][:n] = -single.coupling * np.asarray(x.T @ hidden_sum)
        found["hidden.bias"] = -hidden_sum.sum(axis=0)
        return found

    def fields(self, x):
        """Return what the hidden units receive from the inputs."""
        return np.asarray(x @ self.single.weights[: self.n_inputs])

    @property
    def influences(self):
        """What the hidden units receive from each label."""
        return self.single.weights[self.n_inputs :]

    def log_odds(self, received, present, k):
        """Return the log-odds of label k, of what the hidden units receive."""
        single, step = self.single, self.influences[k]
        without = received - present[:, None] * step
        before, after = map(self._cgf, (without, without + step))
        return after - before + single.visible.layers[1].bias[k]

    def set_energy(self, fields, y):
        """Return the energy of each row with its label set, up to a constant."""
        bias = self.single.visible.layers[1].bias
        return -self._cgf(fields + y @ self.influences) - y @ bias

    def _cgf(self, received):
        """Return the negative energy of the hidden units, summed out."""
        coupling = self.single.coupling
        inputs = received if coupling == 1 else coupling * received
        return self.single.hidden.cgf(inputs)
