"""Where an RBM exists: which units go together, and how large weights may be."""

import numpy as np

# Singular values of the scaled weights between unbounded units stay below this; at 1 a
# model of Gaussian units has a singular precision matrix and an infinite log Z.
MAX_SINGULAR_VALUE = 0.999


def check_pair(visible, hidden):
    """Refuse units whose partition function is infinite for all weights but a few.

    Summed out, unbounded hidden units add a parabola to the log-density of the visible
    ones. So the energy of visible units without bound must outgrow that.

    Raises
    ------
    ValueError
        If it does not.
    """
    if visible.finite or hidden.finite:
        return
    if visible.coupled or hidden.coupled:
        raise ValueError(
            f"{visible!r} is coupled inside, so its hidden units must be bounded, but "
            f"{hidden!r} is not. Use hidden='bernoulli', or couplings='none'."
        )
    for layer, other in ((visible, hidden), (hidden, visible)):
        slow = layer.curvature == 0
        if slow.any() and np.isfinite(other.curvature).any():
            raise ValueError(
                f"{visible!r} with {hidden!r} has no partition function: the "
                "probability of large counts would grow without end. Use "
                "hidden='bernoulli', or Count units, which have a maximum."
            )


def largest_singular_value(energy):
    """Return the norm of the scaled weights; below 1, log Z is finite."""
    _, _, scaled = _unbounded(energy)
    return np.linalg.norm(energy.coupling * scaled, 2) if scaled.size else 0.0


def bound_weights(energy):
    """Lower singular values of the weights between unbounded units, in place.

    Between Gaussian units, the partition function is finite if and only if they are
    below 1. Between rectified and zero-inflated units that is sufficient, since their
    densities are parts of a normal density.
    """
    if energy.visible.finite or energy.hidden.finite:
        return
    block, scale, scaled = _unbounded(energy)
    if np.sum(scaled * scaled) < MAX_SINGULAR_VALUE**2:
        return  # the Frobenius norm bounds the largest singular value
    if not np.isfinite(scaled).all():
        return  # the guard of training deals with that
    left, singular, right = np.linalg.svd(scaled, full_matrices=False)
    if singular[0] > MAX_SINGULAR_VALUE:
        np.minimum(singular, MAX_SINGULAR_VALUE, out=singular)
        energy.weights[block] = scale * ((left * singular) @ right)


def _unbounded(energy):
    """Return the index of weights between unbounded units, their scale, and quotient.

    The scale makes all units ones of curvature 1.
    """
    both = [energy.visible.curvature, energy.hidden.curvature]
    block = np.ix_(*map(np.isfinite, both))
    rows, columns = (np.sqrt(curvature[np.isfinite(curvature)]) for curvature in both)
    scale = rows[:, None] * columns
    return block, scale, energy.weights[block] / scale
