"""What a restoration of an image is."""

from typing import NamedTuple

import numpy as np

from skebm.utils._stored import public


@public("skebm.energies.images")
class Restoration(NamedTuple):
    """The image of lowest energy, and how it was found.

    Attributes
    ----------
    image : ndarray
        Of the shape and dtype of the image that was restored.
    energy : float
        In nats. Of a :class:`GridIsing` it is what was minimised, and counts the noise
        that the image leaves; of ``EnergyDenoiser`` it is the energy of the image.
    n_iter : int
        Number of iterations.
    gradient_norm : float
        The root of the mean square of the last gradient, as a share of ``sigma``.
    converged : bool
        Whether the gradient fell below the tolerance.
    """

    image: np.ndarray
    energy: float
    n_iter: int
    gradient_norm: float
    converged: bool
