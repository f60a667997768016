"""What a unit is: its values and its density given its inputs."""

from skebm.layers.bernoulli import Bernoulli
from skebm.layers.categorical import Categorical
from skebm.layers.columns import Columns
from skebm.layers.count import Count
from skebm.layers.gaussian import Gaussian
from skebm.layers.poisson import Poisson
from skebm.layers.relu import ReLU
from skebm.layers.spin import Spin
from skebm.layers.zero_inflated import ZeroInflated

# Layers that an estimator's `visible` and `hidden` name.
LAYERS = {"bernoulli": Bernoulli, "spin": Spin, "gaussian": Gaussian}
# Those that its `hidden` names.
HIDDEN = {**LAYERS, "relu": ReLU}

__all__ = [
    "HIDDEN",
    "LAYERS",
    "Bernoulli",
    "Categorical",
    "Columns",
    "Count",
    "Gaussian",
    "Poisson",
    "ReLU",
    "Spin",
    "ZeroInflated",
]
