import numpy as np
import pytest

from skebm import RBMDensity
from skebm.monitoring._base import Look
from skebm.monitoring.plateau import Plateau

N_ROWS = 101


def curve(score, weight=None, spread=0.0, n_iter=80):
    """Return the epochs at which a plateau is seen on a learning curve."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=N_ROWS)

    def look(epoch):
        noise = spread * rng.normal(size=N_ROWS)
        return Look({}, level + score(epoch) + noise, weight)

    plateau = Plateau(look(0), 0.1, n_iter)
    seen = []
    for epoch in range(1, n_iter + 1):
        if plateau.decides(epoch):
            plateau.add(epoch, look(epoch))
            if plateau.is_reached(epoch):
                seen.append(epoch)
        elif epoch % 3 == 0:
            plateau.add(epoch, look(epoch))
    return seen


def test_decisions_are_due_before_the_rate_falls():
    plateau = Plateau(Look({}, np.zeros(N_ROWS), None), 0.1, 80)
    assert [e for e in range(1, 81) if plateau.decides(e)] == [10, 20, 30]
    short = Plateau(Look({}, np.zeros(N_ROWS), None), 0.1, 5)
    assert [e for e in range(1, 6) if short.decides(e)] == [1, 2]


def test_a_curve_that_rises_has_no_plateau():
    assert curve(lambda epoch: 0.3 * np.log2(1 + epoch)) == []
    assert curve(lambda epoch: 0.3 * epoch) == []


def test_a_flat_curve_has_one_at_once():
    assert curve(lambda epoch: 0.0) == [10, 20, 30]


def test_a_curve_that_flattens_has_one_later():
    assert curve(lambda epoch: 9 * min(epoch / 5, 1)) == [20, 30]


def test_noise_hides_a_small_gain_and_no_large_one():
    def steps(gain):
        return lambda epoch: gain * np.log2(1 + epoch)

    assert curve(steps(0.12)) == []
    assert curve(steps(0.12), spread=1.0) != []
    assert curve(steps(1.0), spread=1.0) == []


def test_rows_without_weight_do_not_count():
    weight = np.zeros(N_ROWS)
    weight[:7] = 3.0
    rows = np.where(weight > 0, 0.0, 1.0)

    assert curve(lambda epoch: rows * epoch, weight) == [10, 20, 30]
    assert curve(lambda epoch: rows * epoch) == []


def test_independent_columns_end_after_a_quarter(rng):
    X = (rng.random((1009, 7)) < 0.3).astype(np.float32)
    auto = RBMDensity(5, couplings="none", random_state=0).fit(X)
    longest = RBMDensity(5, random_state=0, n_iter=137).fit(X)
    assert longest.n_iter_ == 137
    # 4036 updates in batches of at most 100 rows.
    assert auto.n_iter_ == 2 * -(-367 // 8)
    rates = np.array(auto.history_["learning_rate"])
    assert (rates[: auto.n_iter_ // 2] == rates[0]).all()
    assert rates[-1] < 0.05 * rates[0]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_length_depends_on_nothing_but_the_seed(rng, n_jobs):
    X = (rng.random((307, 7)) < 0.3).astype(np.float32)
    first = RBMDensity(5, random_state=3).fit(X)
    again = RBMDensity(5, random_state=3, n_jobs=n_jobs).fit(X)
    assert first.n_iter_ == again.n_iter_
    np.testing.assert_array_equal(first.components_, again.components_)
