"""Draw tables of counts of words, and what users may take for them."""

import numpy as np
import pandas as pd

from tests.fuzz.arrays import FORMS, cast

TEXT = ["the cat sat", "", "a dog", "the the the"]
COUNTS = {
    "counts": lambda r, s: r.poisson(0.8, s).astype(float),
    "rare": lambda r, s: r.poisson(0.1, s).astype(float),
    "bursts": lambda r, s: r.negative_binomial(0.3, 0.2, s).astype(float),
    "empty": lambda r, s: np.zeros(s),
    "one word": lambda r, s: np.eye(*s),
    "long": lambda r, s: r.poisson(300.0, s).astype(float),
    "one long": lambda r, s: r.poisson(0.5, s) + 5000.0 * (r.random(s) < 0.01),
    "fractions": lambda r, s: r.random(s),
    "tiny": lambda r, s: 1e-300 * r.random(s),
    "negative": lambda r, s: r.integers(-1, 3, s).astype(float),
    "missing": lambda r, s: np.where(r.random(s) < 0.1, np.nan, 1.0),
    "infinite": lambda r, s: np.where(r.random(s) < 0.1, np.inf, 1.0),
    "huge": lambda r, s: np.where(r.random(s) < 0.1, 1e15, 1.0),
    "enormous": lambda r, s: np.where(r.random(s) < 0.1, 1e300, 1.0),
    "many": lambda r, s: r.poisson(0.5, s) + 1e7 * (r.random(s) < 0.02),
    "minus zero": lambda r, s: r.choice([-0.0, 1.0], s),
}
USUAL = ("counts", "rare", "bursts", "counts", "one word")


def documents_table(dice, shape):
    """Return counts of words or texts, and words about them."""
    if dice.chance(0.04):
        texts = (TEXT * 9)[: shape[0]]
        forms = {
            "list": texts,
            "array": np.array(texts, dtype=object),
            "series": pd.Series(texts, dtype="str"),
            "column": [[text] for text in texts],
            "frame": pd.DataFrame({"text": texts}),
            "tokens": [text.split() for text in texts],
        }
        form = dice.name(forms)
        return forms[form], ["texts", form, str(shape)]
    kind = dice.name(USUAL if dice.chance(0.65) else COUNTS)
    counts = COUNTS[kind](dice.rng, shape)
    counts, dtype = cast(dice, counts) if dice.chance(0.5) else (counts, "float64")
    form = dice.name(("array", "csr", "csc", "frame", "list"))
    form = dice.name(FORMS) if dice.chance(0.3) else form
    try:
        table = FORMS[form](counts)
    except (ValueError, TypeError, OverflowError):
        table, form = counts, "array"
    return table, [form, dtype, str(shape), kind]
