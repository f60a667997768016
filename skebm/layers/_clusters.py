"""Clusters of rows, from which the EM algorithm starts."""

import numpy as np

from skebm.layers._em import weighted_moments

# Steps of the clustering from which EM starts.
_N_LLOYD = 10


def spaces(X, rows):
    """Return the rows in the coordinates in which they are clustered.

    They are the columns as they are; two-valued columns far apart, if there are any;
    and the principal axes at equal scales. Finite columns are beside them.
    """
    mean, covariance = weighted_moments(X, rows.weight)
    found = [X]
    two_valued = np.array([len(np.unique(column)) == 2 for column in X.T])
    if two_valued.any():
        found.append(X * np.where(two_valued, 10.0, 1.0))
    variance, axes = np.linalg.eigh(covariance)
    ridge = 0.01 * max(variance.mean(), 1e-12)
    found.append((X - mean) @ axes / np.sqrt(np.maximum(variance, 0) + ridge))
    if not rows.states.shape[1]:
        return found
    # Rows that differ in all finite columns are two standard deviations apart there.
    n_finite = 1 / min(1.0, rows.states.max() or 1.0)
    beside = np.sqrt(2 * n_finite) * rows.states
    return [np.hstack([space, beside]) for space in found]


def clusters(X, weight, n_clusters, random):
    """Return one-hot rows of clusters, by a few steps from k-means++."""
    centers = _far_apart(X, weight, n_clusters, random)
    labels = None
    for _ in range(_N_LLOYD):
        distances = (centers**2).sum(axis=1) - 2 * X @ centers.T
        before, labels = labels, distances.argmin(axis=1)
        if before is not None and (before == labels).all():
            break
        for k in np.unique(labels):
            mine = labels == k
            centers[k] = weight[mine] @ X[mine] / weight[mine].sum()
    return np.eye(len(centers))[labels]


def _far_apart(X, weight, n_clusters, random):
    """Return rows that are far from each other: k-means++ with a few trials each."""
    n_trials = 2 + int(np.log(n_clusters))
    probability, chosen, nearest = weight, [], None
    for k in range(n_clusters):
        heights = np.cumsum(probability)
        if heights[-1] <= 0:
            break
        uniform = random.fold(k).uniform((n_trials, 1))[:, 0] * heights[-1]
        trials = np.minimum(np.searchsorted(heights, uniform), len(X) - 1)
        distances = ((X - X[trials, None]) ** 2).sum(axis=2)
        if nearest is not None:
            distances = np.minimum(distances, nearest)
        best = (distances @ weight).argmin()
        chosen.append(trials[best])
        nearest = distances[best]
        probability = weight * nearest
    return X[chosen].copy()
