"""What the kernels of label updates are handed: records with named fields."""

from typing import NamedTuple

import numpy as np


class LabelCalls(NamedTuple):
    """Addresses of the kernels that others call."""

    sigmoid: int
    row_sums: int
    product: int
    product_of_columns: int


class Param(NamedTuple):
    """A parameter, its averages, and the two factors of its gradient.

    The gradient is ``inputs.T @ slopes`` over the rows of a minibatch. The inputs of a
    bias are a column of ones.

    Attributes
    ----------
    value, first, second, average : ndarray of shape (n_inputs, width)
        The parameter, the two moving averages of Adam, and the average of the
        parameter. All are updated in place.
    inputs : ndarray of shape (n, n_inputs)
    slopes : ndarray of shape (n, width)
    n_rows : int
        Number of rows of both factors. 0 stands for the rows of the minibatch.
    l2 : float
        Factor of the penalty.
    """

    value: np.ndarray
    first: np.ndarray
    second: np.ndarray
    average: np.ndarray
    inputs: np.ndarray
    slopes: np.ndarray
    n_rows: int
    l2: float


class LabelData(NamedTuple):
    """Rows of minibatches.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_inputs + n_classes)
        Inputs and one-hot labels.
    order : ndarray of int
        The rows of all minibatches, one minibatch after the other.
    edges : ndarray of int, shape (n_batches + 1,)
        Where each begins and ends in ``order``.
    weight : ndarray of shape (len(order),)
        Share of each row in its minibatch.
    labels : ndarray of int, shape (n,)
        Numbers of the labels of one minibatch, which the kernels fill.
    """

    X: np.ndarray
    order: np.ndarray
    edges: np.ndarray
    weight: np.ndarray
    labels: np.ndarray


class LabelWork(NamedTuple):
    """All that the threads share.

    Attributes
    ----------
    calls : LabelCalls
    params : tuple of Param
    data : LabelData
    steps : ndarray of shape (n_batches, 2)
        Rates of Adam with its bias corrections, and rates of the averages.
    adam : ndarray of shape (3,)
        Shares of a new gradient in the two averages, and ``epsilon``.
    parts : ndarray of int, shape (n_parts, 3)
        A parameter, and the ends of a range of its rows, for each part of a step.
    kind : int
        What the model needs to know, such as its activation.
    gauge : ndarray of int, shape (n_blocks, 2)
        The ends of blocks of rows of the weights whose mean does not matter.
    """

    calls: LabelCalls
    params: tuple
    data: LabelData
    steps: np.ndarray
    adam: np.ndarray
    parts: np.ndarray
    kind: int
    gauge: np.ndarray


class LabelPlace(NamedTuple):
    """Where in the work a call of a kernel is.

    Attributes
    ----------
    batch : int
    part, n_parts : int
        The number of this part of a phase, and of all of them.
    n : int
        Rows of the minibatch.
    """

    batch: int
    part: int
    n_parts: int
    n: int
