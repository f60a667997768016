"""Layers: the values of units, and their density given their inputs."""

from collections import ChainMap

# Fitted layers hold these, and files of skops name them.
from skebm.layers._components import Scales as Scales
from skebm.layers._forest import Entries as Entries
from skebm.layers._forest import Forest as Forest
from skebm.layers._forest import States as States
from skebm.layers._normals_fit import best_shrinkage as best_shrinkage
from skebm.layers.bernoulli import Bernoulli
from skebm.layers.categorical import Categorical
from skebm.layers.columns import Columns
from skebm.layers.count import Count
from skebm.layers.gaussian import Gaussian
from skebm.layers.mixed import Mixed
from skebm.layers.normals import Normals
from skebm.layers.poisson import Poisson
from skebm.layers.relu import ReLU
from skebm.layers.spin import Spin
from skebm.layers.tree import Tree
from skebm.layers.zero_inflated import ZeroInflated

# Layers by the names that `visible` and `hidden` of an estimator take. A visible layer
# that needs another encoding of its columns has an entry in skebm.tables.kinds.KINDS
# instead.
LAYERS = {"bernoulli": Bernoulli, "spin": Spin, "gaussian": Gaussian}
# Layers by the names that `hidden` takes. They include layers that are entered in
# LAYERS later.
HIDDEN = ChainMap({"relu": ReLU}, LAYERS)

__all__ = [
    "HIDDEN",
    "LAYERS",
    "Bernoulli",
    "Categorical",
    "Columns",
    "Count",
    "Gaussian",
    "Mixed",
    "Normals",
    "Poisson",
    "ReLU",
    "Spin",
    "Tree",
    "ZeroInflated",
]
