"""The parameters of a classifier, as recipe, objective and monitor."""

import pandas as pd

from skebm.energies import CLASS_ENERGIES, ClassCustom, ClassRBMRecipe, MultiLabel
from skebm.objectives import (
    LOSSES,
    OBJECTIVES,
    Conditional,
    Hybrid,
    StructuredLikelihood,
)
from skebm.utils._validation import is_auto, resolve

# Learning rate of Adam if rows lack a label. On parts of the training digits of MNIST,
# 5000 rows with 100 labels have an accuracy of 0.82 at this rate, and of 0.79 at the
# rate of other hybrids. With 1000 labels these are 0.910 and 0.905.
_RATE_OF_FEW_LABELS = 0.01


class ClassPlanMixin:
    """What the parameters of a classifier ask for."""

    @property
    def _kinds(self):
        """Rows that are sparse stay so if the energy takes them."""
        stays = is_auto(self.visible) and getattr(self, "_is_sparse", False)
        return "scaled" if stays and self._takes_sparse_reals else self.visible

    @property
    def _takes_sparse_reals(self):
        return not self._is_joint

    _hole_remedy = ", or set generative_weight above 0 to learn about X as well"

    def _reads_columns(self, X):
        """A frame of nothing but numbers is the array of those.

        Discrimination asks for standardised inputs, and not for counts as such.
        """
        dtypes = getattr(X, "dtypes", None)
        plain = isinstance(self.visible, str) and isinstance(dtypes, pd.Series)
        numbers = plain and all(getattr(d, "kind", "O") in "biuf" for d in dtypes)
        return super()._reads_columns(X) and not numbers

    @property
    def _structure(self):
        """The recipe of labels that depend on each other that the user gave."""
        return self.energy if getattr(self.energy, "is_structured", False) else None

    def _recipe(self):
        structure, single = self._structure, self._single_recipe()
        if structure is None and getattr(self, "_labels", None) is not None:
            structure = MultiLabel()
        return single if structure is None else structure.around(single)

    def _single_recipe(self):
        """Return the recipe of the energies of single labels."""
        structure = self._structure
        energy = self.energy if structure is None else structure.energy
        if energy == "rbm":
            recipe = ClassRBMRecipe(self.n_components, self.hidden, self.couplings)
            return self._at_size(recipe)
        kind = getattr(energy, "monitor", None)
        if not isinstance(energy, str) and kind is None:
            return ClassCustom(energy)
        if not isinstance(energy, str) and kind != "classes":
            known = ", ".join(kind.__name__ for kind in CLASS_ENERGIES.values())
            raise TypeError(
                f"energy={energy!r} has no energies of classes. A classifier takes: "
                f"{known}, or an object with class_energy and class_grad."
            )
        return resolve(energy, CLASS_ENERGIES, "energy")

    @property
    def _is_joint(self):
        """Whether the energy is of labels and inputs; no recipe is made for this."""
        structure = self._structure
        energy = self.energy if structure is None else structure.energy
        is_name = isinstance(energy, str)
        recipe = CLASS_ENERGIES.get(energy) if is_name else energy
        return getattr(recipe, "is_joint", False)

    def _objective(self):
        recipe = self._recipe()
        if recipe.is_structured:
            self._check_structured()
            return StructuredLikelihood()
        loss, share = resolve(self.loss, LOSSES, "loss"), self._share
        is_joint = recipe.is_joint
        if share > 0 and not (is_joint and loss.is_joint):
            raise ValueError(
                f"generative_weight={share} needs energy='rbm' and loss='nll': other "
                "energies are no densities of X, and other losses no likelihoods. Set "
                "generative_weight=0."
            )
        if is_joint and loss.has_levels:
            raise ValueError(
                f"loss={self.loss!r} compares energies with 0, but those of "
                "energy='rbm' hold the energy of X, too. Set energy='mlp', 'quadratic' "
                "or 'linear', or another loss."
            )
        conditional = Conditional(loss)
        if share == 0:
            return conditional
        generative = resolve(self.objective, OBJECTIVES, "objective")
        if self._has_unlabelled:
            return Hybrid(generative, share, _RATE_OF_FEW_LABELS)
        return generative if share == 1 else Hybrid(generative, share)

    def _monitor(self, *facts):
        return super()._monitor(*facts, resolve(self.loss, LOSSES, "loss"))

    def _fitted_attributes(self, training):
        attributes = super()._fitted_attributes(training)
        return {**attributes, "energy_": attributes["_energy"]}

    def _log_partition(self, energy, training):
        is_joint = self._recipe().is_joint
        return super()._log_partition(energy, training) if is_joint else None
