import numpy as np
import pytest
from scipy.stats import norm, rankdata
from sklearn.model_selection import GridSearchCV

from skebm import RBMDensity
from skebm.metrics import energy_gap, ess, pseudo_likelihood_scorer, rhat

KINDS = "bulk", "tail", "mean"


def ar1(rho, n_draws, n_chains, seed=7):
    noise = np.random.default_rng(seed).normal(size=(n_draws, n_chains))
    x = noise.copy()
    for t in range(1, n_draws):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return x


SERIES = {
    "slow": ar1(0.9, 1009, 5),
    "antithetic": ar1(-0.5, 101, 3),
    "scales": ar1(0.3, 1009, 4) * np.array([1, 1, 1, 3]),
    "bits": (ar1(0.8, 103, 7) > 1).astype(float),
    "apart": ar1(0.5, 97, 4) + np.arange(4),
}
every_series = pytest.mark.parametrize("name", SERIES)


# -- naive twins -----------------------------------------------------------------------


def naive_halves(x):
    n = len(x) // 2
    return [c for chain in x.T for c in (chain[:n], chain[len(chain) - n :])]


def naive_scores(chains):
    ranks = rankdata(np.concatenate(chains), method="average")
    scores = norm.ppf((ranks - 3 / 8) / (len(ranks) + 1 / 4))
    return list(scores.reshape(len(chains), -1))


def naive_rhat(x):
    chains = naive_halves(x)
    median, ratios = np.median(np.concatenate(chains)), []
    for part in (chains, [np.abs(c - median) for c in chains]):
        scores = naive_scores(part)
        n = len(scores[0])
        within = np.mean([np.var(c, ddof=1) for c in scores])
        between = n * np.var([c.mean() for c in scores], ddof=1)
        ratios.append(np.sqrt(((n - 1) / n * within + between / n) / within))
    return max(ratios)


def naive_ess_of(chains):
    m, n = len(chains), len(chains[0])
    within = np.mean([np.var(c, ddof=1) for c in chains])
    total = (n - 1) / n * within + np.var([c.mean() for c in chains], ddof=1)

    def rho(t):
        if t == 0:
            return 1.0
        lagged = [(c[: n - t] - c.mean()) @ (c[t:] - c.mean()) / n for c in chains]
        return 1 - (within - np.mean(lagged)) / total

    tau, last, t = -1.0, np.inf, 0
    while t + 1 < n:
        pair = rho(t) + rho(t + 1)
        if pair < 0:
            tau += max(rho(t), 0)
            break
        last = min(last, pair)
        tau += 2 * last
        t += 2
    return m * n / max(tau, 1 / np.log10(m * n))


def naive_ess(x, kind):
    if kind == "tail":
        ends = np.quantile(x, [0.05, 0.95])
        sides = [(x <= q) * 1.0 for q in ends]
        return min(naive_ess_of(naive_halves(s)) for s in sides if np.ptp(s))
    chains = naive_halves(x)
    return naive_ess_of(naive_scores(chains) if kind == "bulk" else chains)


@every_series
def test_rhat_is_its_naive_twin(name):
    np.testing.assert_allclose(rhat(SERIES[name]), naive_rhat(SERIES[name]))


@pytest.mark.parametrize("kind", KINDS)
@every_series
def test_ess_is_its_naive_twin(name, kind):
    x = SERIES[name][:103]
    np.testing.assert_allclose(ess(x, kind), naive_ess(x, kind))


# What arviz 0.23.4 says of these series: rhat(method="rank"), then ess by method. Where
# chains stand apart, or their tails do, autocorrelations stay positive to the end, and
# arviz counts the last pair in part.
ARVIZ = {
    "slow": (1.0188143235, 221.298594, 454.901224, 218.254691),
    "antithetic": (0.9982944528, 606.678603, 279.597492, 592.276027),
    "scales": (1.1548549546, 2098.207885, 37.570179, 2061.655793),
    "bits": (1.0255760108, 129.957316, 129.957316, 129.957316),
    "apart": (1.6558492330, 7.160205, 51.143196, 6.959455),
}


@every_series
def test_figures_of_arviz(name):
    ratio, *sizes = ARVIZ[name]
    np.testing.assert_allclose(rhat(SERIES[name]), ratio, rtol=1e-8)
    for kind, size in zip(KINDS, sizes, strict=True):
        rtol = 0.1 if name == "apart" or (name, kind) == ("scales", "tail") else 1e-6
        np.testing.assert_allclose(ess(SERIES[name], kind), size, rtol=rtol)


# -- known values ----------------------------------------------------------------------


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.9])
def test_ess_of_an_autoregression(rho):
    """The autocorrelations of AR(1) are powers: tau = (1 + rho) / (1 - rho)."""
    x = ar1(rho, 20011, 4)
    expected = x.size * (1 - rho) / (1 + rho)
    np.testing.assert_allclose(ess(x, "mean"), expected, rtol=0.1)
    np.testing.assert_allclose(ess(x), expected, rtol=0.1)
    assert abs(rhat(x) - 1) < 4 / np.sqrt(ess(x))


def test_ess_tells_the_error_of_the_mean():
    means = [ar1(0.8, 503, 5, seed).mean() for seed in range(101)]
    size = np.mean([ess(ar1(0.8, 503, 5, seed), "mean") for seed in range(7)])
    # The relative error of a standard deviation from n values is about 1/sqrt(2n).
    np.testing.assert_allclose(np.std(means), 1 / np.sqrt(size), rtol=4 / np.sqrt(202))


def test_rhat_sees_what_keeps_chains_apart():
    x = ar1(0.0, 503, 5)
    assert rhat(x) < 1.02
    assert rhat(x + np.array([0, 0, 0, 0, 3])) > 1.2  # another place
    assert rhat(x * np.array([1, 1, 1, 1, 9])) > 1.1  # another width: folding
    assert rhat(x + np.linspace(0, 3, 503)[:, None]) > 1.2  # a drift: splitting
    heavy_tails = np.tan(np.pi * (norm.cdf(x) - 0.5))  # ranks need no variance
    np.testing.assert_allclose(rhat(heavy_tails), rhat(x), rtol=1e-2)


def test_ranks_do_not_know_the_units():
    x = ar1(0.7, 101, 3)
    np.testing.assert_allclose(ess(np.exp(x)), ess(x))
    np.testing.assert_allclose(ess(5 - 100 * x, "mean"), ess(x, "mean"))


def test_quantities_are_taken_one_by_one():
    x = np.stack([SERIES["slow"][:97, :3], ar1(0.1, 97, 3), np.zeros((97, 3))], axis=2)
    for function in (rhat, ess):
        values = function(x)
        assert values.shape == (3,)
        np.testing.assert_allclose(values[0], function(x[:, :, 0]))
        np.testing.assert_allclose(values[1], function(x[:, :, 1]))
        assert np.isnan(values[2])
        assert np.ndim(function(x[:, :, 0])) == 0
    stuck = np.tile(np.arange(3.0), (11, 1))
    assert rhat(stuck) == np.inf
    assert ess(stuck) < 5


def test_one_chain_is_two_halves():
    x = ar1(0.5, 211, 1)
    assert rhat(x) < 1.1
    assert ess(x) < 211


@pytest.mark.parametrize("function", [rhat, ess])
def test_what_is_no_draw_is_named(function):
    for shape in ((20,), (7, 3), (20, 0), (20, 3, 2, 2)):
        with pytest.raises(
            ValueError, match=r"draws must have shape.*draws\[:, None\]"
        ):
            function(np.zeros(shape))
    with pytest.raises(ValueError, match="finite"):
        function(np.full((20, 3), np.nan))
    with pytest.raises(ValueError, match="kind='median' is not known"):
        ess(np.zeros((20, 3)), "median")


# -- scorers ---------------------------------------------------------------------------


def test_scorers():
    rng = np.random.default_rng(3)
    X = (rng.random((61, 5)) < rng.choice([0.2, 0.8], (61, 1))).astype(float)
    search = GridSearchCV(
        RBMDensity(n_iter=7, random_state=0),
        {"n_components": [2, 3]},
        scoring=pseudo_likelihood_scorer,
        cv=2,
    ).fit(X)
    rbm = search.best_estimator_
    mean = rbm.pseudo_log_likelihood(X).mean()
    np.testing.assert_allclose(search.score(X), mean)
    gap, stderr = energy_gap(rbm, X[:23], X[23:])
    np.testing.assert_allclose(gap, rbm.score(X[:23]) - rbm.score(X[23:]))
    variance = [np.var(rbm.energy(part), ddof=1) for part in (X[:23], X[23:])]
    np.testing.assert_allclose(stderr, np.sqrt(variance[0] / 23 + variance[1] / 38))
