"""Energies: a number for every configuration, low where it is probable."""

from skebm.energies._base import Energy
from skebm.energies._bipartite import Bipartite, Chains
from skebm.energies._clamped_sites import SiteChains as SiteChains
from skebm.energies._classes import ClassBlend as ClassBlend
from skebm.energies._classes import ClassEnergy, ClassRecipe
from skebm.energies._derived import Blend, ClampedSites, Scaled
from skebm.energies._derived import UserEnergy as UserEnergy
from skebm.energies._documents import DocumentSummary
from skebm.energies._ensemble import Ensemble
from skebm.energies._enumeration import Enumeration
from skebm.energies._fused import NegativePhase, PositivePhase, Updates
from skebm.energies._recipe import Recipe, Summary
from skebm.energies._recipe import UserRecipe as UserRecipe
from skebm.energies._redraw import redrawn as redrawn
from skebm.energies._reference import Fitted, Independent, InUnits
from skebm.energies._stack import Kernels, Stack
from skebm.energies._sum import Sum, SumRecipe
from skebm.energies.bursty import BurstyDocuments, BurstyDocumentsRecipe, Polya
from skebm.energies.class_chain import ChainEnergy, ClassChain
from skebm.energies.class_custom import ClassCustom, CustomClasses
from skebm.energies.class_linear import ClassLinear, LinearClasses
from skebm.energies.class_mlp import ClassMLP, PerceptronClasses
from skebm.energies.class_quadratic import ClassQuadratic, QuadraticClasses
from skebm.energies.custom import Custom, CustomEnergy
from skebm.energies.function import EnergyFunction
from skebm.energies.hybrid import Anchored, Hybrid
from skebm.energies.hybrid_recipe import HybridRecipe
from skebm.energies.hybrid_recipe import beside as beside
from skebm.energies.label_couplings import LabelCouplings
from skebm.energies.mlp import MLP, Perceptron
from skebm.energies.multi_label import MultiLabel
from skebm.energies.normal_mixture import Mixture, NormalMixture
from skebm.energies.pairwise import Pairwise, PairwiseRecipe
from skebm.energies.polynomial import Polynomial, Powers
from skebm.energies.product_of_experts import Experts, ProductOfExperts
from skebm.energies.quadratic import Bowl, Quadratic
from skebm.energies.rbm import (
    RBM,
    Clamped,
    ClampedChains,
    ClassRBM,
    ClassRBMRecipe,
    FusedRBM,
    LabelRBM,
    Phase,
    RBMRecipe,
    rbm_from_parameters,
)
from skebm.energies.replicated_softmax import (
    ReplicatedSoftmax,
    ReplicatedSoftmaxRecipe,
)

# Recipes by the name that the parameter `energy` of an estimator takes.
ENERGIES = {
    "rbm": RBMRecipe,
    "class_rbm": ClassRBMRecipe,
    "replicated_softmax": ReplicatedSoftmaxRecipe,
    "bursty_documents": BurstyDocumentsRecipe,
    "pairwise": PairwiseRecipe,
    "mlp": MLP,
    "quadratic": Quadratic,
    "polynomial": Polynomial,
    "product_of_experts": ProductOfExperts,
    "normal_mixture": NormalMixture,
}
# Recipes by the name that the parameter `energy` of a classifier takes.
CLASS_ENERGIES = {
    "rbm": ClassRBMRecipe,
    "linear": ClassLinear,
    "quadratic": ClassQuadratic,
    "mlp": ClassMLP,
}

__all__ = [
    "CLASS_ENERGIES",
    "ENERGIES",
    "MLP",
    "RBM",
    "Anchored",
    "Bipartite",
    "Blend",
    "Bowl",
    "BurstyDocuments",
    "BurstyDocumentsRecipe",
    "ChainEnergy",
    "Chains",
    "Clamped",
    "ClampedChains",
    "ClampedSites",
    "ClassChain",
    "ClassCustom",
    "ClassEnergy",
    "ClassLinear",
    "ClassMLP",
    "ClassQuadratic",
    "ClassRBM",
    "ClassRBMRecipe",
    "ClassRecipe",
    "Custom",
    "CustomClasses",
    "CustomEnergy",
    "DocumentSummary",
    "Energy",
    "EnergyFunction",
    "Ensemble",
    "Enumeration",
    "Experts",
    "Fitted",
    "FusedRBM",
    "Hybrid",
    "HybridRecipe",
    "InUnits",
    "Independent",
    "Kernels",
    "LabelCouplings",
    "LabelRBM",
    "LinearClasses",
    "Mixture",
    "MultiLabel",
    "NegativePhase",
    "NormalMixture",
    "Pairwise",
    "PairwiseRecipe",
    "Perceptron",
    "PerceptronClasses",
    "Phase",
    "Polya",
    "Polynomial",
    "PositivePhase",
    "Powers",
    "ProductOfExperts",
    "Quadratic",
    "QuadraticClasses",
    "RBMRecipe",
    "Recipe",
    "ReplicatedSoftmax",
    "ReplicatedSoftmaxRecipe",
    "Scaled",
    "Stack",
    "Sum",
    "SumRecipe",
    "Summary",
    "Updates",
    "rbm_from_parameters",
]
