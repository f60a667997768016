"""Log-probabilities of ratings of an RBM given all others, and their gradient."""

from typing import NamedTuple

import numpy as np
from numba import njit

from skebm.utils._addresses import INNER, KERNEL


class Rated(NamedTuple):
    """Ratings as in a CSR matrix.

    Attributes
    ----------
    indptr, items, codes : ndarray of int
        ``codes`` are numbers of levels.
    levels : ndarray of shape (n_levels,)
        Standardised.
    """

    indptr: np.ndarray
    items: np.ndarray
    codes: np.ndarray
    levels: np.ndarray


class Units(NamedTuple):
    """What ratings have to do with each other.

    Attributes
    ----------
    weights : ndarray of shape (n_items, k)
    biases : ndarray of shape (n_items, n_levels)
    inputs : ndarray of shape (n_users, k)
        Of hidden units, with all ratings of the user.
    centres : ndarray of shape (n_items,)
        Mean standardised ratings.
    gain : float
        Gain of the bias of a user.
    prior : float
        How many ratings the prior of the bias of a user is worth.
    """

    weights: np.ndarray
    biases: np.ndarray
    inputs: np.ndarray
    centres: np.ndarray
    gain: float
    prior: float


class Slopes(NamedTuple):
    """Parts of the gradient of the log-pseudo-likelihood.

    Attributes
    ----------
    errors : ndarray of shape (n_ratings, n_levels)
        Observed minus expected indicators of levels.
    items : ndarray of shape (n_ratings, k)
        By the weights of the item in its own term, without what the rating says in the
        inputs.
    inputs : ndarray of shape (n_users, k)
        By the inputs of hidden units.
    totals : ndarray of shape (n_users, 2)
        The log-pseudo-likelihood, and its derivative by the gain.
    """

    errors: np.ndarray
    items: np.ndarray
    inputs: np.ndarray
    totals: np.ndarray


@njit(**KERNEL)
def fill_inputs(start, stop, indptr, items, values, weights, inputs):
    """Add to the inputs of hidden units what the ratings of each user say.

    Parameters
    ----------
    start, stop : int
        Users that are done.
    indptr, items : ndarray of int
        As in a CSR matrix.
    values : ndarray of shape (n_ratings,)
        The standardised levels.
    weights : ndarray of shape (n_items, k)
    inputs : ndarray of shape (n_users, k)
        Changed in place.
    """
    for row in range(start, stop):
        for place in range(indptr[row], indptr[row + 1]):
            weight, value = weights[items[place]], values[place]
            for h in range(inputs.shape[1]):
                inputs[row, h] += value * weight[h]


@njit(**KERNEL)
def fill_log_proba(start, stop, levels, parameters, state, pairs, log_p):
    """Write the log-probability of each level of an item, for each pair.

    Parameters
    ----------
    start, stop : int
        Pairs that are done.
    levels : ndarray of shape (n_levels,)
        Standardised.
    parameters : tuple of ndarrays of shape (n_items, k) and (n_items, n_levels)
        Weights and biases.
    state : tuple of ndarrays of shape (n_users, k) and (n_users,)
        Inputs of hidden units, and what a user adds to a level of 1.
    pairs : tuple of ndarrays of int of shape (n,)
        Numbers of users and of items.
    log_p : ndarray of shape (n, n_levels)
        Changed in place.
    """
    weights, biases = parameters
    inputs, slopes = state
    rows, items = pairs
    n_levels, k = len(levels), inputs.shape[1]
    states = np.empty((n_levels, k))
    for pair in range(start, stop):
        row, item = rows[pair], items[pair]
        _fill_pair(levels, weights[item], inputs[row], 0.0, states, log_p[pair])
        for level in range(n_levels):
            log_p[pair, level] += biases[item, level] + slopes[row] * levels[level]
        _normalise(log_p[pair])


@njit(**KERNEL)
def fill_gradient(start, stop, rated, units, out):
    """Write the parts of the gradient of the log-pseudo-likelihood of users.

    Parameters
    ----------
    start, stop : int
        Users that are done.
    rated : Rated
    units : Units
    out : Slopes
        Changed in place.
    """
    levels, k = rated.levels, units.inputs.shape[1]
    states, log_p = np.empty((len(levels), k)), np.empty(len(levels))
    features = np.empty(len(levels))
    for row in range(start, stop):
        first, last = rated.indptr[row], rated.indptr[row + 1]
        total = 0.0
        for place in range(first, last):
            total += levels[rated.codes[place]] - units.centres[rated.items[place]]
        out.inputs[row] = 0.0
        out.totals[row] = 0.0
        scale = 1 / (units.prior + last - first)
        for place in range(first, last):
            item, code = rated.items[place], rated.codes[place]
            value = levels[code]
            others = scale * (total - value + units.centres[item])
            weights, inputs = units.weights[item], units.inputs[row]
            _fill_pair(levels, weights, inputs, value, states, log_p)
            for level in range(len(levels)):
                features[level] = others * levels[level]
                log_p[level] += units.biases[item, level]
                log_p[level] += units.gain * features[level]
            _normalise(log_p)
            out.totals[row, 0] += log_p[code]
            out.items[place] = 0.0
            for level in range(len(levels)):
                error = (level == code) - np.exp(log_p[level])
                out.errors[place, level] = error
                out.totals[row, 1] += error * features[level]
                apart = levels[level] - value
                for h in range(k):
                    part = error * states[level, h]
                    out.items[place, h] += apart * part
                    out.inputs[row, h] += part


@njit(**KERNEL)
def fill_items(start, stop, turned, values, slopes, weights, biases):
    """Write the gradients of the weights and biases of items.

    Parameters
    ----------
    start, stop : int
        Items that are done.
    turned : tuple of ndarrays of int
        For each item, as in a CSR matrix, the users that rated it and the numbers of
        these ratings.
    values : ndarray of shape (n_ratings,)
        The standardised levels of ratings.
    slopes : Slopes
    weights : ndarray of shape (n_items, k)
        Receives the gradient.
    biases : ndarray of shape (n_items, n_levels)
        Receives the gradient.
    """
    indptr, users, places = turned
    for item in range(start, stop):
        weights[item] = 0.0
        biases[item] = 0.0
        for entry in range(indptr[item], indptr[item + 1]):
            place, user = places[entry], users[entry]
            value = values[place]
            for h in range(weights.shape[1]):
                part = value * slopes.inputs[user, h]
                weights[item, h] += slopes.items[place, h] + part
            for level in range(biases.shape[1]):
                biases[item, level] += slopes.errors[place, level]


@njit(**INNER)
def _fill_pair(levels, weights, inputs, value, states, log_p):
    """Write the means of hidden units and their free energy, negated, of each level.

    ``value`` is the value of the item in the inputs, which another level replaces.
    """
    for level in range(len(levels)):
        apart = levels[level] - value
        positive, product = 0.0, 1.0
        # exp of what is below 0, with a loop of its own that vectorises.
        for h in range(len(inputs)):
            states[level, h] = np.exp(-abs(inputs[h] + apart * weights[h]))
        for h in range(len(inputs)):
            z, small = inputs[h] + apart * weights[h], states[level, h]
            positive += max(z, 0.0)
            # The logarithm of the product is the sum of log(1 + exp(-|z|)).
            product *= 1 + small
            states[level, h] = (1.0 if z > 0 else small) / (1 + small)
        log_p[level] = positive + np.log(product)


@njit(**INNER)
def _normalise(log_p):
    largest = log_p[0]
    for level in range(len(log_p)):
        largest = max(largest, log_p[level])
    total = 0.0
    for level in range(len(log_p)):
        total += np.exp(log_p[level] - largest)
    for level in range(len(log_p)):
        log_p[level] -= largest + np.log(total)
