"""Energies of ratings on MovieLens-100K, and on 20 million generated ratings.

``--part explicit`` and ``--part u1`` have the folds of ``recommendation.py``, whose
peers they stand beside. Defaults were chosen on a tenth of the training entries of the
first fold. A fit gets training entries alone; which items a user rated is read from
those too.

``--part cold`` takes the ratings of a fifth of the items out of the training, and lists
those items for each user by genres; an item with 4 or more is relevant. ``--part
speed`` has the seconds of fold-in and recommendation, and ``--part large`` those of
sweeps over 20 million ratings.

::

    SKEBM_DATA=... python rating_energies.py --part explicit
"""

import argparse
import resource
import time

import numpy as np
from _base import folder, peak_memory
from scipy.sparse import csr_array
from sklearn.model_selection import KFold

from skebm.energies.ratings import RATING_ENERGIES
from skebm.estimators.recommender import EnergyRecommender
from skebm.metrics import expected_calibration_error, ndcg_at_k
from skebm.tables.ratings import Ratings
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random


def load():
    """Return the arrays of the data set that are used here."""
    names = "user", "item", "rating", "item_genre", "u1_train", "u1_test"
    with np.load(folder() / "movielens_100k.npz") as data:
        arrays = {name: data[name] for name in names}
    return arrays | {"rating": arrays["rating"].astype(float)}


def matrix(data, entries, values=None):
    """Return ratings, or other values, of some entries as a matrix."""
    values = data["rating"][entries] if values is None else values
    shape = data["user"].max() + 1, data["item"].max() + 1
    places = data["user"][entries], data["item"][entries]
    return csr_array((values, places), shape=shape)


def processor():
    """Return the seconds of the processor so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def explicit(data, folds):
    """Print RMSE, nats a rating, calibration and seconds of each energy."""
    print(
        f"{'energy':12} {'genres':6} {'RMSE':>7} {'nats':>7} {'ECE %':>6} {'cpu s':>6}"
    )
    for name, genres in [(n, g) for n in RATING_ENERGIES for g in (True, False)]:
        rows = []
        for train, test in folds:
            started = processor()
            model = EnergyRecommender(name, random_state=0, n_jobs=2)
            features = data["item_genre"].astype(float) if genres else None
            model.fit(matrix(data, train), item_features=features)
            seconds = processor() - started
            pairs, truth = (
                (data["user"][test], data["item"][test]),
                data["rating"][test],
            )
            proba = model.predict_proba(*pairs)
            codes = np.searchsorted(model.levels_, truth)
            rows.append(
                [
                    np.sqrt(np.mean((model.predict(*pairs) - truth) ** 2)),
                    -np.log(proba[np.arange(len(codes)), codes]).mean(),
                    100 * expected_calibration_error(codes, proba),
                    seconds,
                ]
            )
            print("   ", np.round(rows[-1], 4), flush=True)
        r, nats, ece, seconds = np.mean(rows, axis=0)
        label = f"{name:12} {'yes' if genres else 'no':6}"
        print(f"{label} {r:7.4f} {nats:7.4f} {ece:6.2f} {seconds:6.1f}", flush=True)


def cold(data):
    """Print NDCG@20 among items that no one has rated, mean of five parts of items."""
    n_items = data["item"].max() + 1
    order = np.random.RandomState(0).permutation(n_items)
    genres = data["item_genre"].astype(float)
    unit = genres / np.sqrt(genres.sum(axis=1, keepdims=True)).clip(1)
    figures = {}
    for new in np.array_split(order, 5):
        is_new = np.isin(data["item"], new)
        train = np.flatnonzero(~is_new)
        liked = matrix(data, np.flatnonzero(is_new & (data["rating"] >= 4)))
        X = matrix(data, train)
        likes = matrix(data, train[data["rating"][train] >= 4])
        likes.data[:] = 1
        people = np.arange(X.shape[0])
        similar = unit @ unit[new].T
        # The mean number of ratings of the items with the same genres.
        popularity = np.bincount(data["item"][train], minlength=n_items)
        nearest = np.where(np.isin(np.arange(n_items), new)[:, None], 0, similar**8)
        general = popularity @ nearest / np.maximum(nearest.sum(axis=0), 1e-9)
        scores = {
            "random order": np.random.RandomState(1).rand(len(people), len(new)),
            "popularity of genres": np.tile(general, (len(people), 1)),
            "content k-NN": likes @ similar,
        }
        for feedback, part in ("explicit", X), ("implicit", likes):
            model = EnergyRecommender(feedback=feedback, random_state=0)
            model.fit(part, item_features=genres)
            dense = model.energy_.scores(model._people, slice(None))
            scores[f"skebm, {feedback}"] = dense[:, new]
        for name, part in scores.items():
            best = new[np.argsort(-part, axis=1, kind="stable")[:, :20]]
            figures.setdefault(name, []).append(ndcg_at_k(liked, best, 20))
    for name, values in figures.items():
        print(f"{name:22} {np.mean(values):.4f} {np.round(values, 4)}", flush=True)


def speed(data):
    """Print the median seconds of fold-in and of recommendation."""
    X = matrix(data, np.arange(len(data["user"])))
    model = EnergyRecommender(random_state=0, n_jobs=2).fit(X)
    known = Ratings.from_csr(X, model.levels_).take(np.arange(1000) % X.shape[0])

    def fold_in():
        with use_threads(2):
            model.energy_.fold_in(known)

    calls = {"fold-in of 1,000 users": fold_in, "recommend for 943": model.recommend}
    calls["fold-in and recommend for 943"] = lambda: model.recommend(X)
    for name, call in calls.items():
        call()
        times = []
        for _ in range(7):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        print(f"{name:30} {1000 * np.median(times):7.1f} ms", flush=True)


def generated(n, n_users=138_000, n_items=27_000):
    """Return ratings of which most are by few users, and of few items."""
    rng = np.random.default_rng(0)
    weights = (np.arange(n_users) + 30.0) ** -0.6, (np.arange(n_items) + 100.0) ** -1.0
    edges = [np.cumsum(w) / w.sum() for w in weights]
    users, items = (np.searchsorted(e, rng.random(int(1.6 * n))) for e in edges)
    keys = np.unique(users * n_items + items)
    keys = np.sort(keys[rng.permutation(len(keys))[:n]])
    users, items = keys // n_items, (keys % n_items).astype(np.int32)
    tastes = rng.normal(size=(n_users, 3)), 0.4 * rng.normal(size=(n_items, 3))
    x = 3.5 + np.einsum("ij,ij->i", tastes[0][users], tastes[1][items])
    values = np.clip(np.round(x + 0.8 * rng.normal(size=len(x))), 1, 5)
    indptr = np.append(0, np.cumsum(np.bincount(users, minlength=n_users)))
    return Ratings(indptr, items, values, (n_users, n_items), np.arange(1.0, 6.0))


def large(n_ratings):
    """Print the seconds of fits with few sweeps, and the memory."""
    ratings = generated(n_ratings)
    peak = peak_memory() / 1024
    print(f"{ratings.n_ratings} ratings; making them took {peak:.2f} GiB", flush=True)
    for n_iter in (5, 8):
        started, used = time.perf_counter(), processor()
        recipe = RATING_ENERGIES["neighbours"](n_iter=n_iter)
        with use_threads(2):
            recipe.fit(ratings, random=Random(0))
        wall, used = time.perf_counter() - started, processor() - used
        peak = peak_memory() / 1024
        print(f"{n_iter} sweeps: {wall:.0f} s, processor {used:.0f} s, {peak:.2f} GiB")


def main():
    """Print the table of a part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = ["explicit", "u1", "cold", "speed", "large"]
    parser.add_argument("--part", choices=parts, default="explicit")
    parser.add_argument("--ratings", type=float, default=2e7)
    arguments = parser.parse_args()
    if arguments.part == "large":
        large(int(arguments.ratings))
        return
    data = load()
    if arguments.part == "explicit":
        folds = KFold(5, shuffle=True, random_state=0)
        explicit(data, list(folds.split(data["user"])))
    elif arguments.part == "u1":
        explicit(data, [(data["u1_train"], data["u1_test"])])
    else:
        {"cold": cold, "speed": speed}[arguments.part](data)


if __name__ == "__main__":
    main()
