"""Draw a case from a seed: an estimator, a table, and calls of methods."""

from dataclasses import dataclass

from tests.fuzz import images, ratings
from tests.fuzz.calls import Call, call, n_rows_of, of_fit, table
from tests.fuzz.dice import Dice
from tests.fuzz.parameters import ESTIMATORS, estimator

# Estimators that take no tables have draws of their own.
OTHERS = {"EnergyDenoiser": images.draw, "EnergyRecommender": ratings.draw}
NAMES = (*ESTIMATORS, *OTHERS)


@dataclass
class Case:
    """What one seed stands for.

    Attributes
    ----------
    seed : int
    estimator : estimator
        Not fitted yet.
    words : list of str
        What the first table is made of.
    calls : list of Call
    """

    seed: int
    estimator: object
    words: list
    calls: list

    @property
    def name(self):
        """The name of the estimator's class."""
        return type(self.estimator).__name__

    def __str__(self):
        model = " ".join(repr(self.estimator).split())
        calls = "\n  ".join(map(str, self.calls))
        return f"seed {self.seed}: {model}\n  {', '.join(self.words)}\n  {calls}"


def draw(seed, names=NAMES):
    """Return the case of a seed, of one of some estimators."""
    dice = Dice(seed)
    name = dice.name(names)
    if name in OTHERS:
        return Case(seed, *OTHERS[name](dice))
    model = estimator(dice, name)
    documents = type(model).__name__ == "DocumentDensity"
    X, words = table(dice, documents)
    calls = []
    if dice.chance(0.9):
        first = "fit"
        if dice.chance(0.2) and hasattr(type(model), "partial_fit"):
            first = "partial_fit"
        arguments = of_fit(dice, X, hasattr(type(model), "predict_proba"))
        calls.append(Call(first, {"X": X, **arguments}))
    n_more = dice.rng.integers(1, 5)
    calls += [call(dice, model, X, documents) for _ in range(n_more)]
    return Case(seed, model, words, calls)


__all__ = ["Case", "draw", "n_rows_of"]
