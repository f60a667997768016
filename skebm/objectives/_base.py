"""What the sampled objectives share: offsets of the centered gradient."""

from typing import NamedTuple

import numpy as np

from skebm.samplers import Gibbs
from skebm.utils._parallel import start_blocks
from skebm.utils._random import folded

# Weight of a batch in the moving average of the offsets.
_OFFSET_RATE = 0.01


class SampledState(NamedTuple):
    """Chains and offsets, carried from one minibatch to the next.

    Attributes
    ----------
    sampler : sampler
    chains : state of the sampler, or None
    offsets : tuple of ndarray, or None
        Moving averages of the visible and hidden units over the data.
    """

    sampler: object
    chains: object
    offsets: tuple | None


def initial_offsets(energy, centered):
    """Return the means of the units in the reference, or None."""
    if not (centered and hasattr(energy, "contrast")):
        return None
    reference = energy.reference
    return tuple(
        layer.mean(np.zeros((1, layer.n_units), dtype=energy.dtype))[0]
        for layer in (reference.visible, reference.hidden)
    )


def start_phases(energy, X, weight, inputs=None):
    """Begin one phase of a gradient, beside what this thread does until its result.

    Parameters
    ----------
    energy : energy
    X, weight, inputs
        Arguments of ``energy.start_phases``, else of ``energy.grad``.
    """
    if hasattr(energy, "start_phases"):
        return energy.start_phases(X, weight, inputs)
    given = (X, weight) if inputs is None else (X, weight, inputs)
    return start_blocks(lambda _: energy.grad(*given), X.shape[0], 0)


def contrast_after(energy, data, chains, weight, n_steps, state, random):
    """Move chains, then contrast: return the gradient of -log p, chains and offsets.

    Parameters
    ----------
    energy : energy
    data : tuple
        Rows, what hidden units receive of them or None, and weights or None.
    chains : state of the sampler
    weight : ndarray or None
        Of the chains; None for the mean.
    n_steps : int
    state : SampledState
    random : Random
    """
    sampler, offsets = state.sampler, state.offsets
    if type(sampler) is Gibbs and hasattr(energy, "contrast_after"):
        randoms = [
            random.fold(t, s) for t in range(n_steps) for s in range(sampler.n_steps)
        ]
        fast = energy.contrast_after(data, (chains.inputs, weight), offsets, randoms)
        if fast is not None:
            gradient, chains, means = fast
            return gradient, chains, _moved(offsets, means)
    x, inputs, data_weight = data
    positive = start_phases(energy, x, data_weight, inputs)
    for t in range(n_steps):
        chains = sampler.step(energy, chains, random.fold(t))
    negative = start_phases(energy, chains.visible, weight, chains.inputs).result()
    positive = positive.result()
    if not hasattr(energy, "contrast"):
        (plus,), (minus,) = positive, negative
        return {name: plus[name] - minus[name] for name in plus}, chains, None
    means = map(sum, zip(*(phase.means() for phase in positive), strict=True))
    gradient = energy.contrast(positive, negative, offsets)
    return gradient, chains, _moved(offsets, means)


def descend(
    energy, X, batches, steps, resample, chains, n_steps, state, averages, random
):
    """Do several updates of plain gradient descent in one call.

    Parameters
    ----------
    energy : energy
        Updated in place.
    X : {ndarray, CSR matrix}
    batches : list of ndarray of int
    steps : ndarray of shape (n_batches, 3)
        Rates, the shares of the weights that are kept, and how far averages go on to
        the parameters, as a share of the way.
    resample : bool
        Whether values of X are probabilities.
    chains : state of the sampler or None
        None starts chains at the minibatches.
    n_steps : int
    state : SampledState
    averages : dict of str to ndarray
        Updated in place.
    random : list of Random
        One for each minibatch.

    Returns
    -------
    SampledState or None
        None where there is no kernel for it.
    """
    sampler, offsets = state.sampler, state.offsets
    if type(sampler) is not Gibbs or not hasattr(energy, "descend"):
        return None
    base = [own.stream for own in random]
    sweeps = [
        (1, t, s, side)
        for t in range(n_steps)
        for s in range(sampler.n_steps)
        for side in (0, 1)
    ]
    streams = folded(base, sweeps).reshape(len(base), -1, 2, 2)
    words = random[0].words()[0], streams, folded(base, [(0,)])[:, 0]
    done = energy.descend(
        X, batches, steps, resample, chains, offsets, _OFFSET_RATE, averages, words
    )
    if done is None:
        return None
    moved, offsets = done
    return state._replace(chains=None if chains is None else moved, offsets=offsets)


def _moved(offsets, means):
    """Return the moving averages with one more mean in them."""
    if offsets is None:
        return None
    return tuple(
        old + old.dtype.type(_OFFSET_RATE) * (new - old)
        for old, new in zip(offsets, means, strict=True)
    )
