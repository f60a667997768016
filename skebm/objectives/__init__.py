"""Objectives, which estimate the gradient of the parameters from a minibatch."""

from skebm.objectives.bilevel import Bilevel, NoisePrediction
from skebm.objectives.conditional import Conditional, Hybrid
from skebm.objectives.contrastive import CD, PCD
from skebm.objectives.losses import (
    LOSSES,
    LVQ2,
    MCE,
    Hinge,
    Log,
    Loss,
    MinimumEmpiricalError,
    NegativeLogLikelihood,
    Perceptron,
    RivalLoss,
    SquareExponential,
    SquareSquare,
)
from skebm.objectives.noise_contrastive import NCE
from skebm.objectives.score_matching import DenoisingScoreMatching, ScoreMatching
from skebm.objectives.sitewise import (
    MinimumProbabilityFlow,
    PseudoLikelihood,
    RatioMatching,
)
from skebm.objectives.structured import StructuredLikelihood

# Objectives of a density by name. Those of labels are not in the table, since they
# need an energy with labels.
OBJECTIVES = {
    "cd": CD,
    "pcd": PCD,
    "pseudo_likelihood": PseudoLikelihood,
    "ratio_matching": RatioMatching,
    "mpf": MinimumProbabilityFlow,
    "nce": NCE,
    "score_matching": ScoreMatching,
    "denoising": DenoisingScoreMatching,
}

# Objectives of an energy of images by name.
IMAGE_OBJECTIVES = {"bilevel": Bilevel, "denoising": NoisePrediction}

__all__ = [
    "CD",
    "IMAGE_OBJECTIVES",
    "LOSSES",
    "LVQ2",
    "MCE",
    "NCE",
    "OBJECTIVES",
    "PCD",
    "Bilevel",
    "Conditional",
    "DenoisingScoreMatching",
    "Hinge",
    "Hybrid",
    "Log",
    "Loss",
    "MinimumEmpiricalError",
    "MinimumProbabilityFlow",
    "NegativeLogLikelihood",
    "NoisePrediction",
    "Perceptron",
    "PseudoLikelihood",
    "RatioMatching",
    "RivalLoss",
    "ScoreMatching",
    "SquareExponential",
    "SquareSquare",
    "StructuredLikelihood",
]
