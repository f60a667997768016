"""What all layers share: named parameters and copies."""

import numpy as np


class Layer:
    """Units that are independent of each other given their inputs.

    A layer has the density ``p(x | inputs) = exp(x @ inputs - energy(x) -
    cgf(inputs))``: every unit couples to the rest of the model by its value ``x``, in
    the layer's natural parameters. A layer does not know which model it is part of.

    Attributes
    ----------
    finite : bool
        Whether a unit takes finitely many values.
    params : dict of str to ndarray
        The learned arrays, shared with the layer: an update in place changes it.
    """

    finite = True
    param_names = ("bias",)

    def __init__(self, bias):
        self.bias = np.asarray(bias)

    def __repr__(self):
        return f"{type(self).__name__}(n_units={self.n_units})"

    @property
    def n_units(self):
        """Number of columns of ``x``."""
        return len(self.bias)

    @property
    def n_features(self):
        """Number of variables: a block of categories counts as one."""
        return self.n_units

    @property
    def n_states(self):
        """Number of configurations; infinite also where a float cannot hold it."""
        return 2**self.n_units if self.finite and self.n_units < 1024 else np.inf

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        bits = np.arange(start, stop)[:, None] >> np.arange(self.n_units) & 1
        return np.asarray(self.values, dtype=self.bias.dtype)[bits]

    def alternatives(self, feature, low, high):
        """Return what else a variable could be, to sum (or integrate) it out.

        Parameters
        ----------
        feature : int
        low, high : float
            The range of the inputs that the rest of the model can give it.

        Returns
        -------
        columns : slice
            The columns that hold the variable.
        values : ndarray of shape (n_values, n_columns)
        log_weight : float
            Log of the weight of each value in the sum.
        """
        values = np.asarray(self.values, dtype=self.bias.dtype)[:, None]
        return slice(feature, feature + 1), values, 0.0

    @property
    def params(self):
        """The learned arrays by name."""
        return {name: getattr(self, name) for name in self.param_names}

    def replace(self, **params):
        """Return a layer of the same kind with these parameters."""
        return type(self)(**params)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return self.replace(
            **{name: value.astype(dtype) for name, value in self.params.items()}
        )

    def interpolate(self, other, beta):
        """Return the layer on the way from this one (0) to ``other`` (1)."""
        return self.replace(bias=(1 - beta) * self.bias + beta * other.bias)

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        return {"bias": -(weight @ x)}

    def project(self):
        """Bring the parameters back into their domain, in place."""
