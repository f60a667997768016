"""What a unit is: its values and its density given its inputs."""

from skebm.layers.bernoulli import Bernoulli
from skebm.layers.categorical import Categorical
from skebm.layers.columns import Columns
from skebm.layers.gaussian import Gaussian
from skebm.layers.spin import Spin

# Layers that an estimator's `visible` and `hidden` name.
LAYERS = {"bernoulli": Bernoulli, "spin": Spin, "gaussian": Gaussian}

__all__ = ["LAYERS", "Bernoulli", "Categorical", "Columns", "Gaussian", "Spin"]
