"""What a unit is: its values and its density given its inputs."""

from collections import ChainMap

from skebm.layers.bernoulli import Bernoulli
from skebm.layers.categorical import Categorical
from skebm.layers.columns import Columns
from skebm.layers.count import Count
from skebm.layers.gaussian import Gaussian
from skebm.layers.poisson import Poisson
from skebm.layers.relu import ReLU
from skebm.layers.spin import Spin
from skebm.layers.zero_inflated import ZeroInflated

# Layers that both `visible` and `hidden` of an estimator name. Those that need another
# encoding of their columns have an entry in skebm.tables.kinds.KINDS instead.
LAYERS = {"bernoulli": Bernoulli, "spin": Spin, "gaussian": Gaussian}
# Layers that `hidden` names: also those that are entered in LAYERS later.
HIDDEN = ChainMap({"relu": ReLU}, LAYERS)

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
