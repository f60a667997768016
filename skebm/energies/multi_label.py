"""The recipe of energies of label sets."""

from numbers import Integral

from skebm.energies._structured import StructuredRecipe
from skebm.energies.label_couplings import LabelCouplings
from skebm.energies.rbm.label_rbm import LabelRBM

# 2**20 label sets of a row are eight megabytes.
_MOST_EXACT = 20


class MultiLabel(StructuredRecipe):
    """Energies of the label sets of rows that may have several labels.

    An :class:`skebm.EnergyClassifier` uses this recipe if ``y`` is an indicator matrix.
    With ``energy="rbm"`` the hidden units couple the labels; see :class:`LabelRBM`.
    With any other energy of classes, that energy gives the energies of single labels,
    and pairs of labels are coupled directly; see :class:`LabelCouplings`. Then the
    estimator gets ``label_couplings_`` of shape (n_labels, n_labels).

    Parameters
    ----------
    energy : str, recipe or object, default="rbm"
        Energies of single labels, as the parameter ``energy`` of the classifier.
    n_exact : int from 0 to 20, default=12
        Up to this many labels, sums go over all label sets. With more labels, training
        maximises the pseudo-likelihood, and modes and marginals come from Gibbs chains.
        Training of ``"rbm"`` sums over the sets of up to 6 labels.
    """

    def __init__(self, energy="rbm", n_exact=12):
        self.energy = energy
        self.n_exact = n_exact

    def build(self, layer, summary, random):
        """Return the energy at the frequencies of the labels, without couplings.

        Parameters
        ----------
        layer : Columns
            The layers of the inputs and of the labels.
        summary : Summary
        random : Random
        """
        n_exact = self.n_exact
        if not isinstance(n_exact, Integral) or not 0 <= n_exact <= _MOST_EXACT:
            raise ValueError(
                f"n_exact of MultiLabel must be a whole number from 0 to "
                f"{_MOST_EXACT}, since n labels have 2**n sets; got {n_exact!r}."
            )
        single = self.energy.build(layer, summary, random)
        if self.energy.is_joint:
            return LabelRBM(single, n_exact)
        return LabelCouplings.start(single, n_exact)

    def attributes(self, energy, order):
        """Return the attributes of the energy of single labels, and the couplings."""
        attributes = super().attributes(energy, order)
        if not self.energy.is_joint:
            attributes["label_couplings_"] = energy.couplings
        return attributes
