"""Draw parameters of estimators: valid ones that train for a moment, and wrong ones."""

import numpy as np
from sklearn.mixture import GaussianMixture

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.energies import (
    MLP,
    ClassChain,
    MultiLabel,
    PairwiseRecipe,
    Quadratic,
    RBMRecipe,
)
from skebm.objectives import PCD
from skebm.partition import AIS

ESTIMATORS = {
    "RBMDensity": RBMDensity,
    "EnergyDensity": EnergyDensity,
    "EBMAnomalyDetector": EBMAnomalyDetector,
    "EnergyClassifier": EnergyClassifier,
    "EnergyImputer": EnergyImputer,
    "DocumentDensity": DocumentDensity,
}
KINDS = ("bernoulli", "spin", "gaussian", "categorical", "count", "real")
KINDS += ("yeo_johnson", "zero_inflated", "auto")
BOOLS = (False, True)
VALID = {
    "n_components": (1, 2, 3, 13),
    "hidden": ("bernoulli", "spin", "gaussian", "relu"),
    "visible": (*KINDS, ["auto", "real"], {0: "gaussian"}, {"c0": "categorical"}),
    "couplings": ("auto", "none", "tree", "full"),
    "n_clusters": ("auto", 1, 2, 5),
    "objective": (
        *("auto", "pcd", "cd", "pseudo_likelihood", "ratio_matching", "mpf", "nce"),
        *("score_matching", "denoising"),
    ),
    "optimizer": ("auto", "sgd", "adam"),
    "learning_rate": ("auto", 1e-8, 0.01, 1.0, 1e3, 1e30),
    "schedule": ("linear", "constant"),
    "batch_size": ("auto", 1, 2, 7, 10**6),
    "n_iter": (0, 1, 2, 3),
    "max_time": (None, 0.02, 1e-9),
    "average": (0.0, 0.5, 0.999),
    "l1": (0.0, 0.1, 1e6),
    "l2": ("auto", 0.0, 1.0, 1e12),
    "l1b": (0.0, 0.1),
    "sparsity_target": (0.1, 0.999),
    "sparsity_cost": (0.0, 1.0),
    "partition": ("auto", "exact", "trajectory", AIS(n_chains=7)),
    "resample_inputs": BOOLS,
    "handle_unknown": ("error", "missing"),
    "early_stopping": (*BOOLS, "auto"),
    "validation_fraction": (0.1, 0.001, 0.999),
    "n_iter_no_change": (1, 5),
    "tol": (0.0, 1e-4, 1e9),
    "warm_start": BOOLS,
    "n_jobs": (None, 1, 2, -1),
    "random_state": (0, 2**32 - 1),
    "generative_weight": ("auto", 0.0, 0.5, 1.0),
    "reject_below": (None, {"probability": 0.9}, {"score": -50.0}),
    "loss": ("nll", "hinge", "mee"),
    "class_weight": (None, "balanced", {0: 2.0, 1: 1.0}),
    "words": ("bursty", "independent"),
    "energy": (
        *("rbm", "pairwise", "mlp", "quadratic", "polynomial", "normal_mixture"),
        *("product_of_experts", RBMRecipe(2), PairwiseRecipe(), MLP(3) + Quadratic()),
        *("linear", ClassChain("linear"), MultiLabel("linear", n_exact=1)),
    ),
    "reference": ("auto", "mixture", None, GaussianMixture(2)),
    "kernel": ("auto", "gibbs", "metropolis", "independence", "mala", "hmc"),
    "contamination": ("auto", 0.1, 0.5),
    "novelty": BOOLS,
    "use_labels": BOOLS,
    "half_life": (None, 0.5, 20, 1e9),
    "sample_posterior": BOOLS,
    "add_indicator": BOOLS,
    "keep_empty_features": BOOLS,
    "density": (None,),
    "verbose": (0,),
}
WRONG = (None, "zz", -1, 0, 1.5, np.nan, np.inf, True, [], {}, 10**30, np.float32(0.5))
WRONG += (np.array([1, 2]), b"a", object, PCD, 1j)
# Changing them costs time: each is chosen by itself below.
APART = {"n_iter", "n_components", "random_state", "density", "verbose"}


def changes(dice, names, n_changes):
    """Return valid values of some of the parameters with these names."""
    names = sorted(set(names) & set(VALID) - APART)
    chosen = dice.rng.choice(names, min(n_changes, len(names)), replace=False)
    return {str(name): dice.pick(VALID[name]) for name in chosen}


def wrong(dice, names):
    """Return one parameter with a value that is most often wrong."""
    names = sorted(set(names) & set(VALID) - {"verbose"})
    value = dice.pick(WRONG)
    name = dice.name(names)
    if name == "n_iter" and type(value) is int and value > 0:
        value = -(10**30)  # a valid value would train for ever
    return {name: value}


def density(dice):
    """Return a density for an estimator that takes one."""
    make = dice.pick((RBMDensity, EnergyDensity, DocumentDensity, RBMDensity))
    made = make(n_iter=dice.pick((0, 1, 2)), random_state=0)
    return made.set_params(**changes(dice, made.get_params(), dice.rng.integers(3)))


def estimator(dice, name):
    """Return an estimator with random parameters."""
    made = ESTIMATORS[name](n_iter=1) if name else None
    known = made.get_params(deep=False)
    params = {"n_iter": dice.pick(VALID["n_iter"]), "random_state": 0}
    if "n_components" in known:
        params["n_components"] = dice.pick(VALID["n_components"])
    if dice.chance(0.7):
        params |= changes(dice, known, dice.rng.integers(1, 4))
    if "density" in known and dice.chance(0.25):
        params["density"] = density(dice)
    if dice.chance(0.07):
        params |= wrong(dice, known)
    if dice.chance(0.03) and "max_time" in known:
        params |= {"n_iter": "auto", "max_time": 0.05}
    return made.set_params(**params)
