"""What kernels of binary units are handed: records with named fields."""

from typing import NamedTuple

import numpy as np


class Units(NamedTuple):
    """The units of one side, for kernels.

    Attributes
    ----------
    bias : ndarray of shape (n_units,)
    low, high : float
        The two values.
    coupling : float
        Factor of what the units receive.
    """

    bias: np.ndarray
    low: float
    high: float
    coupling: float


class Model(NamedTuple):
    """An RBM for kernels.

    Attributes
    ----------
    weights : ndarray of shape (n_visible, n_hidden)
    visible, hidden : Units
    """

    weights: np.ndarray
    visible: Units
    hidden: Units


class Stream(NamedTuple):
    """Where the random numbers of a draw come from.

    Attributes
    ----------
    keys : ndarray of shape (20,), uint32
        Of the rounds of the generator.
    words : ndarray of shape (2,), uint32
        The stream.
    row : int
        The number of the first row that is drawn.
    """

    keys: np.ndarray
    words: np.ndarray
    row: int


class Inputs(NamedTuple):
    """What units receive, before the coupling.

    Attributes
    ----------
    values : ndarray of shape (n, n_units), or (n_units, n)
    is_transposed : bool
        Whether a column stands for a chain, not a row.
    first : int
        The first chain that is drawn.
    """

    values: np.ndarray
    is_transposed: bool
    first: int


class Calls(NamedTuple):
    """Addresses of the kernels that others call."""

    words: int
    sigmoid: int
    uniform: int
    chances: int
    draws: int
    field: int
    row_sums: int
    product: int
    product_of_columns: int
    shares: int


class Parts(NamedTuple):
    """The number of parts that a phase has."""

    data: int
    chains: int
    columns: int


class Data(NamedTuple):
    """Rows of minibatches.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_visible)
    order : ndarray of int
        The rows of all minibatches, one minibatch after the other.
    edges : ndarray of int, shape (n_batches + 1,)
        Where each begins and ends in ``order``.
    resample : bool
    streams : ndarray of shape (n_batches, 2), uint32
    inputs : ndarray of shape (n, n_hidden)
        What the hidden units receive of one minibatch.
    has_inputs : bool
        Whether that is known already.
    """

    X: np.ndarray
    order: np.ndarray
    edges: np.ndarray
    resample: bool
    streams: np.ndarray
    inputs: np.ndarray
    has_inputs: bool


class Chains(NamedTuple):
    """Chains and their random numbers.

    Attributes
    ----------
    keys : ndarray of shape (20,), uint32
    streams : ndarray of shape (n_batches, n_sweeps, 2, 2), uint32
    row : int
        The number of the first chain in a draw.
    is_persistent : bool
        Whether chains go on from minibatch to minibatch.
    inputs : ndarray of shape (m, n_hidden)
        What the hidden units receive.
    """

    keys: np.ndarray
    streams: np.ndarray
    row: int
    is_persistent: bool
    inputs: np.ndarray


class Scratch(NamedTuple):
    """Arrays that the phases of a minibatch fill.

    Attributes
    ----------
    units : ndarray of shape (n + m + 1, n_visible)
        Rows of data, then of chains, then ``mu``.
    shares : ndarray of shape (n + m + 1, n_hidden)
        The gradient of the weights is ``units.T @ shares``.
    weight : ndarray of shape (n + m,)
    hidden : ndarray of shape (m, n_hidden)
    field : ndarray of shape (n_visible * m,)
        What the visible units of the chains receive: a column is a chain.
    sums : ndarray of shape (n_parts, 2, n_visible + n_hidden)
        What :func:`fill_shares` adds up.
    totals : ndarray of shape (3, n_visible + n_hidden)
        The means of the units over the data, the gradient of their biases, and the
        second sums of all parts.
    """

    units: np.ndarray
    shares: np.ndarray
    weight: np.ndarray
    hidden: np.ndarray
    field: np.ndarray
    sums: np.ndarray
    totals: np.ndarray


class Descent(NamedTuple):
    """What to do with the gradient.

    Attributes
    ----------
    is_update : bool
        Whether the parameters take the step, or the gradient is all that is asked for.
    steps : ndarray of shape (n_batches, 3)
        Rates, decays of the weights, and rates of the averages.
    weights : ndarray of shape (n_visible, n_hidden)
        Those that take the step.
    mu, lam : ndarray
        Offsets of the centered gradient.
    offset_rate : float
    """

    is_update: bool
    steps: np.ndarray
    weights: np.ndarray
    mu: np.ndarray
    lam: np.ndarray
    offset_rate: float


class Averages(NamedTuple):
    """Moving averages of the parameters."""

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray


class Work(NamedTuple):
    """All that the threads share."""

    calls: Calls
    parts: Parts
    model: Model
    data: Data
    chains: Chains
    scratch: Scratch
    descent: Descent
    averages: Averages


class Place(NamedTuple):
    """Where in the work a call of a kernel is.

    Attributes
    ----------
    batch, sweep : int
    part, n_parts : int
        The number of this part of a phase, and of all of them.
    n, m : int
        Rows of data and of chains.
    """

    batch: int
    sweep: int
    part: int
    n_parts: int
    n: int
    m: int


class Rows(NamedTuple):
    """Rows of data or of chains, what the hidden units receive of them, and weights."""

    units: np.ndarray
    inputs: np.ndarray
    weight: np.ndarray
