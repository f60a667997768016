"""What the sampled objectives share: offsets of the centered gradient."""

from typing import NamedTuple

import numpy as np

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


def contrast(energy, data, model, offsets):
    """Return the gradient of -log p, positive minus negative phase, and new offsets.

    Parameters
    ----------
    energy : energy
    data, model : tuple
        Arguments of ``energy.grad``, and of ``energy.phase`` where there is one.
    offsets : tuple of ndarray, or None
        None where the energy cannot center, or should not.
    """
    if offsets is None:
        positive, negative = energy.grad(*data), energy.grad(*model)
        return {name: positive[name] - negative[name] for name in positive}, None
    data, model = energy.phase(*data), energy.phase(*model)
    means = data.weight @ data.rows, data.weight @ data.hidden
    offsets = tuple(
        old + old.dtype.type(_OFFSET_RATE) * (new - old)
        for old, new in zip(offsets, means, strict=True)
    )
    return energy.contrast(data, model, offsets), offsets
