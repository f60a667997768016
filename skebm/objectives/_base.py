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


def contrast(energy, positive, negative, offsets):
    """Return positive minus negative phase, centered, and the moved offsets."""
    if offsets is None:
        return {name: positive[name] - negative[name] for name in positive}, None
    means = (
        -np.concatenate(
            [
                value
                for name, value in positive.items()
                if name.startswith("visible.") and name.endswith("bias")
            ]
        ),
        -positive["hidden.bias"],
    )
    offsets = tuple(
        old + old.dtype.type(_OFFSET_RATE) * (new - old)
        for old, new in zip(offsets, means, strict=True)
    )
    return energy.contrast(positive, negative, offsets), offsets
