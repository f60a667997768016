"""Steps of the samplers, and random numbers."""

from skebm.layers import LAYERS
from skebm.samplers import SAMPLERS
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

from .common import SHAPES, make_data, make_rbm


class Steps:
    """One step of 1000 chains with each registered sampler, in float32."""

    params = (list(SAMPLERS), list(LAYERS), [*SHAPES, (64, 11)])
    param_names = ("sampler", "visible", "shape")

    def setup(self, sampler, visible, shape):
        """Start the chains, and step once to compile."""
        X = make_data(visible, 1000, shape[0])
        self.rbm = make_rbm(visible, shape, X)
        self.sampler = SAMPLERS[sampler]()
        if not all(hasattr(self.rbm, name) for name in self.sampler.requires):
            raise NotImplementedError  # asv's way to skip
        if hasattr(self.sampler, "accepts") and not self.sampler.accepts(self.rbm):
            raise NotImplementedError  # asv's way to skip
        with use_threads():
            random = Random(0).fold(3)
            x = self.rbm.reference.sample(len(X), random)
            self.state = self.sampler.init(self.rbm, x, random)
        self.time_step(sampler, visible, shape)

    def time_step(self, sampler, visible, shape):
        """Make one step with all chains."""
        with use_threads():
            self.sampler.step(self.rbm, self.state, Random(0).fold(4))


class Draws:
    """A million random numbers of each distribution, on one thread."""

    params = (["float32", "float64"],)
    param_names = ("dtype",)
    shape = 1000, 1000

    def setup(self, dtype):
        """Compile the functions."""
        self.probability = Random(0).fold(0).uniform(self.shape, dtype)
        self.time_bernoulli(dtype)

    def time_uniform(self, dtype):
        """Draw uniform numbers."""
        Random(0).uniform(self.shape, dtype)

    def time_normal(self, dtype):
        """Draw normal numbers by inversion."""
        Random(0).normal(self.shape, dtype)

    def time_bernoulli(self, dtype):
        """Draw 0 or 1 from probabilities."""
        Random(0).bernoulli(self.probability)
