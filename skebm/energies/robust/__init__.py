"""Experts whose energies stand for anomalies: none of them is blinded by an outlier."""

from skebm.energies.robust.balanced import Balanced
from skebm.energies.robust.ellipse import Ellipse
from skebm.energies.robust.experts import fit_experts
from skebm.energies.robust.labelled import Labelled
from skebm.energies.robust.local import Local
from skebm.energies.robust.neighbours import Neighbours
from skebm.energies.robust.tails import Tails

__all__ = [
    "Balanced",
    "Ellipse",
    "Labelled",
    "Local",
    "Neighbours",
    "Tails",
    "fit_experts",
]
