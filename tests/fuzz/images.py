"""Draw images, and calls of a denoiser with arguments of every kind."""

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from skebm import EnergyDenoiser
from skebm.energies.images import (
    BinaryRecipe,
    ExpertsRecipe,
    PatchRBMRecipe,
    RidgeRecipe,
)
from tests.fuzz.calls import Call
from tests.fuzz.results import demand

PIXELS = {
    "noise": lambda r, s: r.random(s),
    "ramp": lambda r, s: np.linspace(0, 1, int(np.prod(s))).reshape(s),
    "constant": lambda r, s: np.full(s, r.choice([0.0, 0.3, 1.0])),
    "bits": lambda r, s: r.integers(0, 2, s).astype(float),
    "beyond": lambda r, s: 0.5 + 0.5 * r.normal(size=s),
    "faint": lambda r, s: 0.5 + 1e-12 * r.normal(size=s),
    "denormal": lambda r, s: 1e-310 * r.random(s),
    "0 to 255": lambda r, s: 255 * r.random(s),
    "huge": lambda r, s: 1e300 * r.normal(size=s),
    "missing": lambda r, s: np.where(r.random(s) < 0.1, np.nan, 0.5),
    "infinite": lambda r, s: np.where(r.random(s) < 0.1, np.inf, 0.5),
    "one pixel": lambda r, s: (np.arange(int(np.prod(s))) == 7).reshape(s) * 1.0,
}
USUAL = ("noise", "ramp", "bits", "constant", "beyond")
DTYPES = ("float32", "float16", "longdouble", "bool", "uint16", "int8", "int64")
DTYPES += ("uint32", "object", "complex128", "str", ">f4")
FORMS = {
    "array": lambda a: a,
    "list": list,
    "tuple": tuple,
    "two sizes": lambda a: [*a[:, 1:], a[0]],
    "nested lists": lambda a: a.tolist(),
    "list of lists": lambda a: [one.tolist() for one in a],
    "objects": lambda a: np.fromiter(a, object, len(a)),
    "read-only": lambda a: _read_only(a),
    "Fortran": np.asfortranarray,
    "turned": lambda a: a[:, ::-1, ::-1],
    "views": lambda a: [one.swapaxes(0, 1) for one in a],
    "masked": lambda a: np.ma.array(a, mask=np.zeros(a.shape, bool)),
    "one image": lambda a: a[0],
    "frames": lambda a: [pd.DataFrame(one) if one.ndim == 2 else one for one in a],
    "series": lambda a: pd.Series(list(a)),
    "rows": lambda a: a.reshape(len(a), -1),
    "four channels": lambda a: np.stack(4 * [a], axis=-1),
    "none": lambda a: a[:0],
    "empty list": lambda a: [],
    "tiny": lambda a: a[:, :3],
    "mixed": lambda a: [a[0], (255 * np.abs(a[0] % 1)).astype(np.uint8)],
    "text": lambda a: "image.png",
}
RECIPES = (
    lambda: RidgeRecipe(2, 3),
    lambda: RidgeRecipe(3, 5, convex=True, levels=(10, 30)),
    lambda: ExpertsRecipe(2, 3),
    lambda: PatchRBMRecipe(2, 3),
    lambda: BinaryRecipe(4, noise_levels=(0.05, 0.2), context_size=0, n_pixels=999),
    lambda: BinaryRecipe(8, noise_levels=(0.1,), context_size=3, n_pixels=999),
    lambda: "ridge",
    lambda: "binary",
)
WRONG_RECIPES = (
    lambda: RidgeRecipe(0),
    lambda: RidgeRecipe(2, 4),
    lambda: RidgeRecipe(2, 3, levels=()),
    lambda: RidgeRecipe(2, 3, levels=(0, 5)),
    lambda: ExpertsRecipe(2, 31),
    lambda: BinaryRecipe(5),
    lambda: BinaryRecipe(noise_levels=(0.7,)),
    lambda: BinaryRecipe(context_size=2),
    lambda: BinaryRecipe(n_pixels=0),
    lambda: "zz",
    lambda: None,
)
VALID = {
    "sigma": ("auto", 0.1, 1e-9, 25, 0.49, 1e9, [0.1, 0.2], np.float32(0.2)),
    "objective": ("bilevel", "denoising"),
    "optimizer": ("auto", "sgd", "adam"),
    "learning_rate": ("auto", 1e-8, 0.1, 1e3),
    "schedule": ("linear", "constant"),
    "batch_size": ("auto", 1, 3, 10**6),
    "max_time": (None, 0.02),
    "average": (0.0, 0.5),
    "patch_size": (8, 9, 40),
    "max_patches": (1, 5),
    "gradient_tol": (1e-12, 0.1, 1e9),
    "max_iter": (1, 5),
    "early_stopping": (False, True),
    "validation_fraction": (0.1, 0.9),
    "warm_start": (False, True),
    "n_jobs": (None, 1, 2),
}
WRONG = (None, "zz", -1, 0, 1.5, np.nan, np.inf, [], {}, np.array([1, 2]), 1j)
SIGMAS = (None, None, 25, 30, 5, 50, 0, -1, np.nan, np.inf, "auto", [5, 5], 0.4)


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def images(dice):
    """Return images of any kind, and words about them."""
    shape = [dice.pick((1, 2, 5)), dice.pick((8, 9, 17)), dice.pick((8, 11, 4))]
    if dice.chance(0.25):
        shape.append(3)
    kind = dice.name(USUAL if dice.chance(0.7) else PIXELS)
    pixels, dtype = PIXELS[kind](dice.rng, tuple(shape)), "float64"
    with np.errstate(all="ignore"):
        if dice.chance(0.3):
            pixels, dtype = np.rint(255 * np.clip(pixels, 0, 1)).astype("u1"), "uint8"
        elif dice.chance(0.3):
            dtype = dice.pick(DTYPES)
            pixels = np.nan_to_num(pixels) if dtype[0] in "iub" else pixels
            pixels = pixels.astype(dtype)
    form = dice.name(("array", "list")) if dice.chance(0.7) else dice.name(FORMS)
    try:
        return FORMS[form](pixels), [form, dtype, str(tuple(shape)), kind]
    except (TypeError, ValueError):
        return pixels, ["array", dtype, str(tuple(shape)), kind]


def estimator(dice):
    """Return a denoiser with random parameters that trains for a moment."""
    recipe = dice.pick(RECIPES if dice.chance(0.93) else WRONG_RECIPES)()
    n_iter = int(dice.rng.integers(1, 3))
    made = EnergyDenoiser(recipe, n_iter=n_iter, patch_size=8, random_state=0)
    names = dice.rng.choice(sorted(VALID), dice.pick((0, 0, 1, 2)), replace=False)
    made.set_params(**{str(name): dice.pick(VALID[name]) for name in names})
    if dice.chance(0.07):
        made.set_params(**{dice.name(VALID): dice.pick(WRONG)})
    return made


def _first(X):
    return X[0] if isinstance(X, list | np.ndarray) and len(X) else X


def _operator(dice, image):
    size = max(int(np.size(image)), 1)
    kinds = {
        "identity": lambda: sparse.eye_array(size, format="csr"),
        "half": lambda: sparse.eye_array(size, format="csr")[::2],
        "linear": lambda: aslinearoperator(0.5 * sparse.eye_array(size, format="csr")),
        "wrong adjoint": lambda: LinearOperator(
            (size, size), matvec=lambda x: 2 * x, rmatvec=lambda x: -x
        ),
        "no adjoint": lambda: LinearOperator((size, size), matvec=lambda x: x),
        "missing": lambda: sparse.csr_array(np.full((1, size), np.nan)),
        "zero": lambda: sparse.csr_array((size, size)),
        "dense": lambda: np.eye(3),
        "text": lambda: "blur",
    }
    return kinds[dice.name(kinds)]()


def _mask(dice, image):
    shape = np.shape(image)[:2]
    kinds = {
        "some": lambda: dice.rng.random(shape) < 0.3,
        "none": lambda: np.zeros(shape, bool),
        "all": lambda: np.ones(shape, bool),
        "numbers": lambda: (dice.rng.random(shape) < 0.3).astype(int),
        "list": lambda: (dice.rng.random(shape) < 0.3).tolist(),
        "other shape": lambda: np.zeros((3, 3), bool),
        "missing": lambda: np.full(shape, np.nan),
    }
    return kinds["some" if dice.chance(0.6) else dice.name(kinds)]()


METHODS = ("transform", "restore", "restore", "energy_samples", "energy_map", "score")
METHODS += ("estimate_sigma", "fit", "clone", "pickle", "set_params")


def call(dice, X):
    """Return a call of a method, the fit of ``X`` having come before."""
    method, other = dice.pick(METHODS), X if dice.chance(0.6) else images(dice)[0]
    if method in ("clone", "pickle"):
        return Call(method, {})
    if method == "set_params":
        name = dice.name(VALID)
        return Call(method, {name: dice.pick((*VALID[name], *WRONG))})
    if method == "fit":
        return Call(method, {"X": other, **_of_fit(dice, other)})
    if method in ("transform", "estimate_sigma", "score"):
        arguments = {"X": other}
        if method == "score" and dice.chance(0.4):
            arguments["y"] = X
        return Call(method, arguments)
    sigma = {"sigma": dice.pick(SIGMAS)} if dice.chance(0.6) else {}
    if method == "energy_samples":
        return Call(method, {"X": other, **sigma})
    image = _first(other)
    arguments = {"image": image, **sigma}
    if method == "restore":
        if dice.chance(0.6):
            arguments["mask"] = _mask(dice, image)
        if dice.chance(0.3):
            arguments["operator"] = _operator(dice, image)
        if dice.chance(0.15):
            arguments["shape"] = dice.pick(((8, 8), (0, 0), "a", (4, 4), 8))
        if dice.chance(0.3):
            arguments["details"] = True
    return Call(method, arguments)


def _of_fit(dice, X):
    if dice.chance(0.8) or not hasattr(X, "__len__"):
        return {}
    n = len(X)
    kinds = [np.ones(n), np.zeros(n), dice.rng.random(n), -np.ones(n), np.ones(n + 1)]
    kinds += [np.full(n, np.nan), np.full(n, 1e300), "a", 2.0, np.arange(n)]
    return {"sample_weight": dice.pick(kinds)}


def draw(dice):
    """Return a denoiser, words about its images, and calls."""
    model, (X, words) = estimator(dice), images(dice)
    is_binary = isinstance(model.energy, BinaryRecipe) or model.energy == "binary"
    is_grey = isinstance(X, np.ndarray) and X.dtype.kind in "fu"
    if is_binary and is_grey and dice.chance(0.8):
        X, words = np.nan_to_num(X) > 0.5, [*words, "thresholded"]
    calls = [call(dice, X) for _ in range(dice.rng.integers(1, 5))]
    if dice.chance(0.1):
        model = EnergyDenoiser.pretrained(
            sigma=dice.pick(VALID["sigma"]), n_iter=1, patch_size=8
        )
    elif dice.chance(0.95):
        calls.insert(0, Call("fit", {"X": X, **_of_fit(dice, X)}))
    return model, words, calls


# -- what results have to look like ----------------------------------------------------


def check(estimator, call, result):
    """Raise an error if the result of a call is not right."""
    arguments, method = call.arguments, call.method
    if method == "fit":
        demand(result is estimator, "fit does not return the estimator")
    elif method == "transform":
        _like(result, arguments["X"])
    elif method == "restore":
        image = getattr(result, "image", result)
        if "operator" not in arguments:
            _like([image], [arguments["image"]])
        _finite(image)
    elif method in ("energy_samples", "estimate_sigma"):
        demand(np.shape(result) == (len(arguments["X"]),), f"{np.shape(result)}")
        _finite(result)
        demand(method[0] != "e" or result.dtype == np.float64, f"{result.dtype}")
    elif method == "energy_map":
        shape = np.shape(arguments["image"])[:2]
        demand(result.shape == shape and result.dtype == np.float64, f"{result.shape}")
        _finite(result)
    elif method == "score":
        demand(isinstance(result, float) and not np.isnan(result), f"score {result}")


def _like(result, X):
    """Demand images of the same sizes and dtypes as those of X."""
    demand(len(result) == len(X), f"{len(result)} images for {len(X)}")
    demand(isinstance(result, np.ndarray) == hasattr(X, "ndim"), f"{type(result)}")
    for one, other in zip(result, X, strict=True):
        other = np.asarray(other)
        demand(one.shape == other.shape, f"shape {one.shape} for {other.shape}")
        demand(one.dtype == other.dtype, f"dtype {one.dtype} for {other.dtype}")
        _finite(one)


def _finite(result):
    if np.asarray(result).dtype.kind == "f":
        demand(np.isfinite(result).all(), "values that are not finite")
