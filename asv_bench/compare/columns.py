"""Single columns of positive numbers, shares and bounded whole numbers.

    python asv_bench/compare/columns.py [--seeds 3]

The script fits `RBMDensity()` to a data frame of one column with 1,000 rows, scores
5,000 further rows, and draws 5,000 rows. It prints the transform of the column, the
share of draws outside the support, and the held-out nats a row beside two models with
two and three parameters: the normal distribution of the logarithms (of the logits of
shares, and of percentages over 100), and the normal distribution after
`PowerTransformer`. The second one is not normalised where the power bounds its values,
which can only lower its figures. A column with a number at an end of its support has no
logarithm there, and no figure.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import norm
from sklearn.preprocessing import PowerTransformer

from skebm import RBMDensity

_N_TRAIN, _N_TEST = 1000, 5000


def whole(draw, low, high):
    """Return a sampler of whole numbers from ``low`` to ``high``."""
    return lambda r, n: np.clip(np.rint(draw(r, n)), low, high).astype(int)


# Name: sampler, and the smallest and the largest number.
SHAPES = {
    "log-normal, sigma 1": (lambda r, n: r.lognormal(0, 1, n), 0, np.inf),
    "log-normal, sigma 2": (lambda r, n: r.lognormal(0, 2, n), 0, np.inf),
    "exponential": (lambda r, n: r.exponential(size=n), 0, np.inf),
    "Pareto, tail 1.5": (lambda r, n: 1 + r.pareto(1.5, n), 1, np.inf),
    "gamma, shape 0.5": (lambda r, n: r.gamma(0.5, size=n), 0, np.inf),
    "gamma, shape 5": (lambda r, n: r.gamma(5, size=n), 0, np.inf),
    "Weibull, shape 0.7": (lambda r, n: r.weibull(0.7, n), 0, np.inf),
    "half-normal": (lambda r, n: np.abs(r.normal(size=n)), 0, np.inf),
    "chi-square, 3 degrees": (lambda r, n: r.chisquare(3, n), 0, np.inf),
    "F, 5 and 4 degrees": (lambda r, n: r.f(5, 4, n), 0, np.inf),
    "1000 + log-normal": (lambda r, n: 1000 + r.lognormal(3, 1, n), 1000, np.inf),
    "share, beta 0.5, 0.5": (lambda r, n: r.beta(0.5, 0.5, n), 0, 1),
    "share, beta 2, 5": (lambda r, n: r.beta(2, 5, n), 0, 1),
    "per cent, beta 5, 1": (lambda r, n: 100 * r.beta(5, 1, n), 0, 100),
    "age, 17 to 90": (whole(lambda r, n: 17 + r.gamma(2, 11, n), 17, 90), 17, 90),
    "score, 0 to 100": (whole(lambda r, n: r.normal(70, 20, n), 0, 100), 0, 100),
    "hours, 1 to 99": (whole(lambda r, n: r.normal(40, 12, n), 1, 99), 1, 99),
}


def normal_after(transform, log_slope, train, test):
    """Return the mean log-density of a normal distribution of transforms."""
    y = transform(train)
    return (norm.logpdf(transform(test), y.mean(), y.std()) + log_slope(test)).mean()


def of_logarithms(train, test, high):
    """Return the held-out nats of a log-normal or logit-normal distribution."""
    if min(train.min(), test.min()) <= 0 or max(train.max(), test.max()) >= high:
        return np.nan
    if np.isinf(high):
        return normal_after(np.log, lambda x: -np.log(x), train, test)

    def log_slope(x):
        return np.log(high) - np.log(x) - np.log(high - x)

    return normal_after(lambda x: logit(x / high), log_slope, train, test)


def of_powers(train, test):
    """Return the held-out nats of a normal distribution after `PowerTransformer`."""
    power = PowerTransformer(standardize=False).fit(train[:, None])
    (best,) = power.lambdas_
    return normal_after(
        lambda x: power.transform(x[:, None])[:, 0],
        lambda x: (best - 1) * np.sign(x) * np.log1p(np.abs(x)),
        train,
        test,
    )


def described(shape):
    """Return a transform in words."""
    name = type(shape).__name__
    if name == "Logarithm":
        ends = f"{shape.lower:.3g} to {shape.upper:.3g}"
        return f"logarithm, {ends}, rate {shape.rate:.2g}"
    return name if name == "Line" else f"Yeo-Johnson, power {shape.power:.2f}"


def figures(name, seed):
    """Return the transform and the figures of one column."""
    draw, low, high = SHAPES[name]
    random = np.random.default_rng(seed)
    train, test = draw(random, _N_TRAIN), draw(random, _N_TEST)
    model = RBMDensity(random_state=seed).fit(pd.DataFrame({"x": train}))
    drawn = model.sample(_N_TEST, random_state=seed)["x"]
    (curve,) = model._encoding.kinds[0].curves
    is_share = high in (1, 100) and train.dtype.kind == "f"
    end = high if is_share else np.inf
    return described(curve.shape), (
        ((drawn < low) | (drawn > high)).mean(),
        model.score(pd.DataFrame({"x": test})),
        of_logarithms(train.astype(float), test.astype(float), end),
        of_powers(train.astype(float), test.astype(float)),
    )


def main():
    """Print a line for each shape: means over seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    titles = "column", "transform (first seed)", "draws outside", "skebm"
    titles = *titles, "of logarithms", "of powers", "gain on the better: seeds"
    print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name in arguments.shapes:
        runs = [figures(name, seed) for seed in range(arguments.seeds)]
        numbers = np.array([run[1] for run in runs])
        outside, *nats = numbers.mean(axis=0)
        gains = numbers[:, 1] - np.nanmax(numbers[:, 2:], axis=1)
        cells = [name, runs[0][0], f"{outside:.4f}", *(f"{x:.3f}" for x in nats)]
        cells.append(", ".join(f"{gain:+.3f}" for gain in gains))
        print("| " + " | ".join(cells).replace("nan", "") + " |", flush=True)


if __name__ == "__main__":
    main()
