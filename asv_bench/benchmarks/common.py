"""Models and data for the benchmarks."""

import os
import subprocess
import sys

import numpy as np

from skebm.energies import RBM
from skebm.layers import LAYERS
from skebm.utils._random import Random

# Numbers of visible and hidden units.
SHAPES = ((64, 100), (784, 500))


def make_data(name, n_rows, n_features, dtype=np.float32):
    """Return rows that the layer registered under ``name`` draws."""
    layer = LAYERS[name].zeros(n_features, dtype)
    inputs = Random(0).fold(0).normal((n_rows, n_features), dtype) - dtype(1)
    return layer.sample(inputs, Random(0).fold(1))


def make_rbm(name, shape, X):
    """Return an RBM at the marginals of ``X`` with small random weights."""
    base = LAYERS[name].from_moments(X.mean(axis=0), X.var(axis=0), len(X))
    base = base.astype(X.dtype)
    weights = Random(0).fold(2).normal(shape, X.dtype) * X.dtype.type(0.05)
    hidden = LAYERS["bernoulli"].zeros(shape[1], X.dtype)
    # The reference is a separate copy, since updates in place must not change it.
    return RBM(base.astype(X.dtype), hidden, weights, base=base)


def run_fresh(code, **environment):
    """Run ``code`` in a fresh interpreter and return what it prints."""
    environment = {**os.environ, **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, capture_output=True, check=True, text=True
    ).stdout
