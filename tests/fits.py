"""Small fits of all kinds of estimators, rows and options."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDenoiser,
    EnergyDensity,
    EnergyImputer,
    EnergyRecommender,
    RBMDensity,
)
from skebm.energies import MLP, ClassChain, ClassMLP, RBMRecipe
from skebm.energies.images import (
    BinaryRecipe,
    ExpertsRecipe,
    PatchRBMRecipe,
    RidgeRecipe,
)
from skebm.objectives import PCD, Hinge
from skebm.partition import AIS, Auto
from skebm.samplers import ParallelTempering

_N = 61
_RNG = np.random.default_rng(0)
BITS = _RNG.integers(0, 2, (_N, 5)).astype(float)
REALS = _RNG.normal(size=(_N, 3)) @ _RNG.normal(size=(3, 3))
COUNTS = _RNG.poisson(2.0, (_N, 3)).astype(float)
HOLES = np.where(_RNG.random((_N, 3)) < 0.2, np.nan, REALS)
WORDS = _RNG.poisson(1.0, (_N, 7)) + np.eye(7, dtype=int)[0]
IMAGES = _RNG.random((5, 17, 19)).astype(np.float32)
RATINGS = csr_matrix(np.where(_RNG.random((_N, 7)) < 0.6, WORDS.clip(1, 4), 0))
LABELS = np.arange(_N) % 3
LABEL_SETS = (np.arange(_N)[:, None] % (2, 3) == 0).astype(int)
NAMES = np.array(["no", "yes"], dtype=object)[np.arange(_N) % 2]
FRAME = pd.DataFrame(
    {
        "real": REALS[:, 0],
        "bit": BITS[:, 0].astype(bool),
        "category": pd.Categorical(_RNG.choice(list("abc"), _N), list("cab")),
        "text": _RNG.choice(["x", "y"], _N),
        "count": _RNG.poisson(3, _N),
        "skewed": np.exp(REALS[:, 1]),
        "zeros": np.where(_RNG.random(_N) < 0.4, 0, np.exp(REALS[:, 2])),
        "nullable": pd.array(_RNG.integers(0, 4, _N), dtype="Int64"),
        "string": pd.array(_RNG.choice(["u", "v"], _N), dtype="string"),
        "narrow": COUNTS[:, 0].astype(np.int16),
    }
)
HOLEY = FRAME.assign(
    real=FRAME["real"].where(_RNG.random(_N) > 0.2),
    text=FRAME["text"].where(_RNG.random(_N) > 0.2),
)
WITH_LEVELS = FRAME[["real", "text"]].set_axis(
    pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"]), axis=1
)
TEXTS = np.array([["a", "b"], ["b", "c"], ["c", "b"]] * 20, dtype=object)
_SMALL = {"n_components": 3, "n_iter": 2, "random_state": 0}
_MLP = MLP((3,), n_networks=2)
# The exact log Z where there is one, else a rough one: many tests score these fits.
ROUGH = Auto(ais=AIS(7, tolerance=5.0, max_temperatures=100))
ROUGH_TILT = Auto(
    ais=AIS(7, tolerance=5.0, max_temperatures=100, kernel="independence")
)


def _rbm(**options):
    return RBMDensity(**{"partition": ROUGH, **_SMALL, **options})


# The estimator and the arguments of its fit, by the kind of the fit. Some rows choose
# the number of clusters, which takes most of the time of a fit to few rows.
FITS = {
    "bits": (_rbm(), BITS),
    "single precision": (_rbm(), REALS.astype(np.float32)),
    "sparse bits": (_rbm(), csr_matrix(BITS)),
    "reals": (_rbm(), REALS),
    "counts": (_rbm(visible="count"), COUNTS),
    "holes": (_rbm(), HOLES),
    "spins": (_rbm(visible="spin", hidden="spin"), 2 * BITS - 1),
    "rectified": (_rbm(hidden="relu"), REALS),
    "tree": (_rbm(couplings="tree"), BITS),
    "clusters": (_rbm(couplings="full", n_clusters=2), REALS),
    "adam": (_rbm(optimizer="adam", sparsity_cost=0.1), BITS),
    "mpf": (_rbm(objective="mpf"), BITS),
    "tempered": (_rbm(objective=PCD(sampler=ParallelTempering())), BITS),
    "trajectory": (
        _rbm(objective=PCD(sampler="trajectory"), partition="trajectory"),
        BITS,
    ),
    "held out": (_rbm(early_stopping=True), BITS),
    "frame": (_rbm(), FRAME),
    "frame with holes": (_rbm(n_clusters=2), HOLEY),
    "uncoupled frame": (_rbm(couplings="none", hidden="gaussian"), FRAME),
    "names of levels": (_rbm(n_clusters=2), WITH_LEVELS),
    "numbered names": (
        _rbm(n_clusters=2),
        FRAME[["text", "real"]].set_axis([3, 1], axis=1),
    ),
    "texts": (_rbm(visible="categorical"), TEXTS),
    "recipe": (
        EnergyDensity(
            RBMRecipe(3, n_clusters=2), n_iter=2, partition=ROUGH, random_state=0
        ),
        FRAME,
    ),
    "pairwise": (EnergyDensity("pairwise", n_iter=2, random_state=0), BITS),
    "perceptron": (
        EnergyDensity(_MLP, n_iter=2, partition=ROUGH_TILT, random_state=0),
        REALS,
    ),
    "chains of a perceptron": (
        EnergyDensity(
            _MLP, n_iter=2, objective="pcd", partition=ROUGH_TILT, random_state=0
        ),
        REALS,
    ),
    "experts": (EBMAnomalyDetector(random_state=0), HOLEY),
    "experts of labels": (
        EBMAnomalyDetector(use_labels=True, random_state=0),
        REALS,
        -(LABELS == 2).astype(int),
    ),
    "experts of normal rows": (
        EBMAnomalyDetector(novelty=True, random_state=0),
        REALS,
    ),
    "detector": (EBMAnomalyDetector("rbm", **_SMALL), FRAME),
    "detector of reals": (EBMAnomalyDetector("rbm", **_SMALL), REALS),
    "imputer": (
        EnergyImputer(_rbm(n_clusters=2), add_indicator=True, random_state=0),
        HOLEY,
    ),
    "imputer of reals": (EnergyImputer(**_SMALL), HOLES),
    "classifier": (EnergyClassifier(**_SMALL), BITS, LABELS),
    "named classes": (EnergyClassifier(**_SMALL), FRAME, NAMES),
    "hybrid": (EnergyClassifier(generative_weight=0.5, **_SMALL), BITS, LABELS),
    "quadratic classes": (
        EnergyClassifier(energy="quadratic", loss="hinge", **_SMALL),
        FRAME,
        NAMES,
    ),
    "perceptron of classes": (
        EnergyClassifier(energy=ClassMLP(3), loss=Hinge(margin=2.0), **_SMALL),
        csr_matrix(BITS),
        LABELS,
    ),
    "label sets": (EnergyClassifier(**_SMALL), BITS, LABEL_SETS),
    "coupled labels": (EnergyClassifier(energy="linear", **_SMALL), FRAME, LABEL_SETS),
    "chains": (EnergyClassifier(energy=ClassChain("linear"), **_SMALL), BITS, LABELS),
    "documents": (DocumentDensity(**_SMALL), WORDS),
    "sparse documents": (DocumentDensity(**_SMALL), csr_matrix(WORDS)),
    "replicated softmax": (DocumentDensity(words="multinomial", **_SMALL), WORDS),
    "images": (
        EnergyDenoiser(
            RidgeRecipe(4, 3), sigma=0.1, patch_size=8, n_iter=2, random_state=0
        ),
        IMAGES,
    ),
    "field of experts": (
        EnergyDenoiser(
            ExpertsRecipe(4, 3), sigma=0.1, patch_size=8, n_iter=2, random_state=0
        ),
        IMAGES,
    ),
    "RBM of patches": (
        EnergyDenoiser(
            PatchRBMRecipe(4, 3), sigma=0.1, patch_size=8, n_iter=2, random_state=0
        ),
        IMAGES,
    ),
    "scans": (
        EnergyDenoiser(
            BinaryRecipe(4, (0.1,), context_size=0), sigma=0.1, random_state=0
        ),
        IMAGES > 0.5,
    ),
    "ratings": (EnergyRecommender(random_state=0), RATINGS),
    "hidden units of ratings": (EnergyRecommender("rbm", random_state=0), RATINGS),
    "product of ratings": (EnergyRecommender("both", random_state=0), RATINGS),
    "choices": (EnergyRecommender(feedback="implicit", random_state=0), RATINGS),
    "documents of a frame": (
        DocumentDensity(**_SMALL),
        pd.DataFrame(WORDS, columns=list("abcdefg")),
    ),
}


# Kinds whose fit takes no weights of rows.
WITHOUT_WEIGHTS = "scans", "ratings", "hidden units of ratings", "choices"
WITHOUT_WEIGHTS += ("product of ratings",)


def results(model, X):
    """Return the results of the methods that a fitted model has."""
    if hasattr(model, "recommend"):
        items, scores = model.recommend(X, n=3)
        return {"recommend": items, "scores": scores}
    methods = ("score_samples", "predict_proba", "predict", "transform")
    out = {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}
    if hasattr(model, "sample") and hasattr(model, "log_partition_"):
        out["sample"] = model.sample(7, random_state=0)
    return out
