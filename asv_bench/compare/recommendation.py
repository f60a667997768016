"""Ratings and recommendations on MovieLens-100K, beside Surprise, implicit and EASE.

``--part explicit`` has the folds of Surprise, which are the folds of ``KFold(5,
shuffle=True, random_state=0)`` over the entries in file order. ``--part u1`` has the
official first fold. Parameters are chosen on a tenth of the training entries of the
first fold, never on test entries.

``--part implicit`` takes ratings of 4 and 5 as 1, hides a fifth of the entries of each
user, and chooses parameters on a fifth of the remaining entries that is hidden in the
same way, both with seed 0. The table has the means over the seeds 0, 1 and 2 of hiding.
The defaults of skebm were chosen on the same kind of validation entries.

``--part cold`` takes all ratings of a fifth of the items away, and ranks these items by
genre for each user, with the means over five draws of items.

::

    SKEBM_DATA=... python recommendation.py --part implicit
    SKEBM_DATA=... python recommendation.py --part explicit --models svd knn
"""

import argparse
import itertools
import time
import warnings

import numpy as np
from _base import folder
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.model_selection import KFold, train_test_split

from skebm.metrics import (
    coverage,
    expected_calibration_error,
    gini,
    ndcg_at_k,
    recall_at_k,
)
from skebm.metrics.ranking import exposure
from skebm.model_selection import RatingKFold, RatingTable
from skebm.utils._top import fill_top

LEVELS = np.arange(1, 6)
N_LISTED = 100


def load():
    """Return the users, items and ratings of all entries, and the rows of u1."""
    with np.load(folder() / "movielens_100k.npz") as data:
        entries = data["user"], data["item"], data["rating"].astype(float)
        return entries, (data["u1_train"], data["u1_test"])


# -- explicit ratings ------------------------------------------------------------------


def combinations(**grid):
    """Return the dicts of all combinations of values."""
    values = itertools.product(*grid.values())
    return [dict(zip(grid, row, strict=True)) for row in values]


def explicit_models():
    """Return the class and the grid of each model of Surprise, its defaults first."""
    import surprise as s

    similarity = [
        {"name": "pearson_baseline", "shrinkage": 100, "user_based": False},
        {"name": "msd", "user_based": False},
        {"name": "pearson_baseline", "shrinkage": 100, "user_based": True},
    ]
    quiet = {"verbose": False}
    return {
        "bias": (s.BaselineOnly, [quiet]),
        "svd": (
            s.SVD,
            [
                {},
                *combinations(
                    n_factors=[50, 200, 400],
                    reg_all=[0.05, 0.1, 0.13],
                    n_epochs=[40, 70],
                ),
            ],
        ),
        "knn": (
            s.KNNBaseline,
            [
                quiet,
                *combinations(k=[40, 80], sim_options=similarity, verbose=[False]),
            ],
        ),
        "svdpp": (
            s.SVDpp,
            [
                {},
                *combinations(reg_all=[0.05, 0.1], n_epochs=[30], cache_ratings=[True]),
            ],
        ),
    }


def predicted(cls, options, entries, train, test):
    """Return the ratings that a model of Surprise expects of the test entries."""
    import pandas as pd
    import surprise

    users, items, ratings = (part[train] for part in entries)
    frame = pd.DataFrame({"user": users, "item": items, "rating": ratings})
    reader = surprise.Reader(rating_scale=(1, 5))
    data = surprise.Dataset.load_from_df(frame, reader).build_full_trainset()
    seed = (
        {} if cls.__name__ in ("BaselineOnly", "KNNBaseline") else {"random_state": 0}
    )
    model = cls(**options, **seed).fit(data)
    users, items, _ = (part[test] for part in entries)
    return np.array(
        [model.predict(u, i).est for u, i in zip(users, items, strict=True)]
    )


def rounded_normal(expected, sigma):
    """Return the probability of each level under a normal error that is rounded."""
    edges = np.r_[-np.inf, LEVELS[:-1] + 0.5, np.inf]
    return np.diff(norm.cdf(edges, expected[:, None], sigma), axis=1)


def rmse(expected, ratings):
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((expected - ratings) ** 2)))


def explicit(names, entries, folds):
    """Print RMSE, nats a rating, calibration and seconds a fold of each model."""
    ratings = entries[2]
    tuning = train_test_split(folds[0][0], test_size=0.1, random_state=0)
    print(
        f"{'model':14} {'RMSE':>7} {'nats':>7} {'ECE %':>6} {'s/fold':>7}  parameters"
    )
    for name, (cls, grid) in explicit_models().items():
        if names and name not in names:
            continue
        tried = [predicted(cls, o, entries, *tuning) for o in grid]
        errors = [rmse(p, ratings[tuning[1]]) for p in tried]
        best = int(np.argmin(errors))
        # The standard deviation of a rounded normal error, on validation entries.
        truth = ratings[tuning[1]].astype(int) - 1
        sigmas = np.linspace(0.7, 1.2, 51)
        sigma = {}
        for k in {0, best}:
            fits = [
                -np.log(
                    rounded_normal(tried[k], s)[np.arange(len(truth)), truth]
                ).mean()
                for s in sigmas
            ]
            sigma[k] = sigmas[int(np.argmin(fits))]
        for k in dict.fromkeys((0, best)):
            figures = []
            for train, test in folds:
                started = time.process_time()
                expected = predicted(cls, grid[k], entries, train, test)
                seconds = time.process_time() - started
                proba = rounded_normal(expected, sigma[k])
                truth = ratings[test].astype(int) - 1
                nats = -np.log(proba[np.arange(len(test)), truth]).mean()
                ece = 100 * expected_calibration_error(truth, proba)
                figures.append([rmse(expected, ratings[test]), nats, ece, seconds])
            r, nats, ece, seconds = np.mean(figures, axis=0)
            label = f"{name} {'defaults' if k == 0 else 'tuned'}"
            print(
                f"{label:14} {r:7.4f} {nats:7.4f} {ece:6.2f} {seconds:7.1f}  {grid[k]}",
                flush=True,
            )


# -- implicit feedback -----------------------------------------------------------------


def scores_of_popularity(X):
    """Return the number of ratings of each item, for each user."""
    return np.tile(X.sum(axis=0), (X.shape[0], 1))


def scores_of_ease(X, l2):
    """Return the scores of EASE (H. Steck, WWW 2019), the closed form."""
    gram = (X.T @ X).toarray()
    gram[np.diag_indices_from(gram)] += l2
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return X @ weights


def scores_of_als(X, **options):
    """Return the scores of weighted least squares of ``implicit``."""
    from implicit.als import AlternatingLeastSquares as Model

    model = Model(**options, use_gpu=False, random_state=0, num_threads=1)
    model.fit(as_matrix(X), show_progress=False)
    return model.user_factors @ model.item_factors.T


def scores_of_bpr(X, **options):
    """Return the scores of the ranking loss of ``implicit``."""
    from implicit.bpr import BayesianPersonalizedRanking as Model

    model = Model(**options, use_gpu=False, random_state=0, num_threads=1)
    model.fit(as_matrix(X), show_progress=False)
    return model.user_factors @ model.item_factors.T


def scores_of_neighbours(X, weighting, K):
    """Return the scores of the neighbours of items of ``implicit``."""
    from implicit import nearest_neighbours

    model = getattr(nearest_neighbours, f"{weighting}Recommender")(K=K, num_threads=1)
    with warnings.catch_warnings(action="ignore"):  # of its own conversions
        model.fit(as_matrix(X), show_progress=False)
    return (as_matrix(X) @ model.similarity.tocsr()).toarray()


def as_matrix(X):
    """Return what ``implicit`` takes."""
    from scipy.sparse import csr_matrix

    return csr_matrix(X.astype(np.float32))


def scores_of_energy(X, item_features=None, n=N_LISTED):
    """Return the scores of the best items of skebm; -inf of the others."""
    from skebm import EnergyRecommender

    model = EnergyRecommender(feedback="implicit", random_state=0)
    model.fit(X, item_features=item_features)
    items, best = model.recommend(n=n, filter_seen=n < X.shape[1])
    scores = np.full(X.shape, -np.inf)
    np.put_along_axis(scores, items, best, axis=1)
    return scores


IMPLICIT = {
    "skebm": (scores_of_energy, [{}]),
    "popularity": (scores_of_popularity, [{}]),
    "item-kNN": (
        scores_of_neighbours,
        combinations(
            weighting=["Cosine", "TFIDF", "BM25"], K=[20, 50, 100, 200, 400, 800, 1682]
        ),
    ),
    "ALS": (
        scores_of_als,
        combinations(
            factors=[8, 16, 32, 64],
            regularization=[0.1, 1, 10, 30, 100],
            alpha=[1, 2, 5, 10, 20],
        ),
    ),
    "BPR": (
        scores_of_bpr,
        combinations(
            factors=[32, 128],
            learning_rate=[0.003, 0.01, 0.03],
            regularization=[0.01, 0.03, 0.1],
            iterations=[50, 100, 300],
        ),
    ),
    "EASE": (scores_of_ease, combinations(l2=[50, 100, 200, 300, 500, 700, 1000])),
}


def hidden(table, seed):
    """Return the table without a fifth of the entries of each user, and that fifth."""
    folds = RatingKFold(5, by_user=True, random_state=seed)
    train, test = next(folds.split(table))
    return table[train], table[test]


def listed(scores, seen):
    """Return the best items of each user that were not seen."""
    scores = np.array(scores, dtype=np.float64)
    items = np.empty((len(scores), N_LISTED), dtype=np.int64)
    best = np.empty(items.shape)
    fill_top(scores, seen.indptr, seen.indices, items, best)
    return items


def implicit(names, entries):
    """Print recall, NDCG, coverage and exposure of each model."""
    users, items, ratings = entries
    liked = ratings >= 4
    ones = np.ones(int(liked.sum()))
    shape = users.max() + 1, items.max() + 1
    table = RatingTable(csr_array((ones, (users[liked], items[liked])), shape=shape))
    parts = [hidden(table, seed) for seed in (0, 1, 2)]
    fitted, validation = (part.to_csr() for part in hidden(parts[0][0], 0))
    print(
        f"{'model':12} {'Rec@20':>7} {'NDCG@100':>8} {'cover.':>7} {'Gini':>6} {'s':>6}"
        "  parameters"
    )
    for name, (scores_of, grid) in IMPLICIT.items():
        if names and name not in names:
            continue
        gains = [
            ndcg_at_k(validation, listed(scores_of(fitted, **options), fitted))
            for options in grid
        ]
        options, figures = grid[int(np.argmax(gains))], []
        for train, test in parts:
            seen, held_out = train.to_csr(), test.to_csr()
            started = time.process_time()
            best = listed(scores_of(seen, **options), seen)
            seconds = time.process_time() - started
            figures.append(
                [
                    recall_at_k(held_out, best, 20),
                    ndcg_at_k(held_out, best, N_LISTED),
                    coverage(best[:, :20], shape[1]),
                    gini(exposure(best[:, :20], shape[1])),
                    seconds,
                ]
            )
        recall, gain, covered, skew, seconds = np.mean(figures, axis=0)
        print(
            f"{name:12} {recall:7.4f} {gain:8.4f} {covered:7.3f} {skew:6.3f} "
            f"{seconds:6.1f}  {options}",
            flush=True,
        )


def scores_of_content(X, features, n_neighbours):
    """Return sums of cosines of features between an item and its nearest seen items."""
    lengths = np.sqrt((features**2).sum(axis=1, keepdims=True))
    unit = features / np.maximum(lengths, 1e-9)
    cosines = (unit @ unit.T) * (X.sum(axis=0) > 0)
    # Of items with the same genres, the more popular ones are nearer.
    order = cosines + 1e-6 * X.sum(axis=0)
    least = -np.sort(-order, axis=1)[:, n_neighbours - 1 : n_neighbours]
    return X @ np.where(order >= least, cosines, 0).T


def cold(entries, genres, n_draws=5, n_listed=20):
    """Print the NDCG of items without ratings, of which the genres are known."""
    users, items, ratings = entries
    liked, figures = ratings >= 4, {}
    shape = users.max() + 1, items.max() + 1
    everything = csr_array(
        (np.ones(int(liked.sum())), (users[liked], items[liked])), shape=shape
    ).toarray()
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        is_cold = rng.random(shape[1]) < 0.2
        seen, held_out = (
            csr_array(everything * part) for part in (~is_cold, is_cold * 1)
        )
        scores = {
            "skebm": scores_of_energy(seen, genres, shape[1]),
            "popularity": scores_of_popularity(seen),
            "random order": rng.random(shape),
        }
        for k in (5, 20, 80, 320):
            scores[f"content {k}-NN"] = scores_of_content(seen, genres, k)
        for name, values in scores.items():
            values = np.where(is_cold, values, -np.inf)
            # No item without a rating is known to be better than another by popularity.
            values = values[:, (shuffled := rng.permutation(shape[1]))]
            truth = csr_array(held_out.toarray()[:, shuffled])
            best = listed(values, csr_array(shape))[:, :n_listed]
            figures.setdefault(name, []).append(ndcg_at_k(truth, best, n_listed))
    print(f"{'model':16} NDCG@{n_listed}  standard deviation over {n_draws} draws")
    for name, values in figures.items():
        print(f"{name:16} {np.mean(values):7.4f}  {np.std(values):.4f}")


def main():
    """Print the table of a part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--part", choices=["explicit", "u1", "implicit", "cold"], default="explicit"
    )
    parser.add_argument("--models", nargs="*")
    arguments = parser.parse_args()
    entries, u1 = load()
    if arguments.part == "cold":
        with np.load(folder() / "movielens_100k.npz") as data:
            cold(entries, data["item_genre"].astype(float))
        return
    if arguments.part == "implicit":
        implicit(arguments.models, entries)
        return
    folds = [u1]
    if arguments.part == "explicit":
        folds = list(KFold(5, shuffle=True, random_state=0).split(entries[0]))
    explicit(arguments.models, entries, folds)


if __name__ == "__main__":
    main()
