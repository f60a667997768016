"""The experts that are the default of the detector of anomalies."""

from functools import partial

from skebm.energies.robust.balanced import Balanced
from skebm.energies.robust.ellipse import Ellipse
from skebm.energies.robust.labelled import Labelled
from skebm.energies.robust.local import Local
from skebm.energies.robust.neighbours import Neighbours
from skebm.energies.robust.tails import Tails

# The experts, in the order of their streams of random numbers. Sets of 8 rows see few
# large clusters; sets of 16 rows see more of them.
_EXPERTS = (
    Tails.fit,
    Ellipse.fit,
    partial(Neighbours.fit, set_size=8),
    partial(Neighbours.fit, set_size=16),
)
# Those for rows without anomalies, among which no cluster is to be mistrusted.
_OF_NORMAL_ROWS = (
    Tails.fit,
    partial(Neighbours.fit, set_size=64),
    partial(Local.fit, n_neighbours=5),
    partial(Local.fit, n_neighbours=20),
)


def fit_experts(Z, units, random, novelty=False, anomalies=None):
    """Return the soft maximum of experts, with terms for labelled anomalies.

    Parameters
    ----------
    Z : ndarray of shape (n, n_units), float64
    units : RobustUnits
    random : Random
    novelty : bool, default=False
        Whether there are no anomalies among the rows.
    anomalies : tuple of ndarray, default=None
        Rows in the columns of the table that are known to be anomalies, and their
        weights.
    """
    kinds = _OF_NORMAL_ROWS if novelty else _EXPERTS
    experts = [fit(Z, units, random.fold(1, k)) for k, fit in enumerate(kinds)]
    energy = Balanced.of([expert for expert in experts if expert is not None], Z)
    if anomalies is None:
        return energy
    rows, weight = anomalies
    # The tails are the first expert.
    return Labelled.fit(energy, experts[0], Z, units.encode(rows), weight)
