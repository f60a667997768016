"""Free energies, conditionals and log Z."""

from skebm.layers import LAYERS
from skebm.partition import AIS, ExactPartition
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

from .common import SHAPES, make_data, make_rbm


class Scores:
    """Scores of 1000 rows, in float32."""

    params = (list(LAYERS), list(SHAPES))
    param_names = ("visible", "shape")

    def setup(self, visible, shape):
        """Build the model, and call the methods once to compile."""
        self.X = make_data(visible, 1000, shape[0])
        self.rbm = make_rbm(visible, shape, self.X)
        self.time_energy(visible, shape)
        self.time_hidden_mean(visible, shape)

    def time_energy(self, visible, shape):
        """Compute the free energy of each row."""
        with use_threads():
            self.rbm.energy(self.X)

    def time_hidden_mean(self, visible, shape):
        """Compute the expectations of the hidden units of each row."""
        with use_threads():
            self.rbm.hidden_mean(self.X)

    def time_conditionals(self, visible, shape):
        """Compute the exact conditionals of ten rows."""
        with use_threads():
            self.rbm.conditional_log_prob(self.X[:10])


class LogZ:
    """Log partition functions of Bernoulli RBMs."""

    timeout = 300

    def setup(self):
        """Build a model that can be enumerated and one that cannot."""
        self.X = make_data("bernoulli", 1000, 784)
        self.small = make_rbm("bernoulli", (784, 16), self.X)
        self.large = make_rbm("bernoulli", (784, 100), self.X)

    def time_exact(self):
        """Enumerate 65536 configurations."""
        with use_threads():
            ExactPartition().estimate(self.small)

    def time_ais(self):
        """Anneal from both ends, with a ladder of bounded length."""
        with use_threads():
            AIS(max_temperatures=800).estimate(self.large, Random(2))
