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
    # A tenth of the gain since the start is not small.
    assert curve(lambda epoch: 0.08 * np.log2(1 + epoch)) == []
    assert curve(lambda epoch: 0.3 * epoch) == []


def test_a_curve_that_has_not_risen_has_none():
    assert curve(lambda epoch: 0.0) == []
    assert curve(lambda epoch: max(epoch - 25, 0)) == []


def test_a_curve_that_is_flat_after_its_start_has_one_at_once():
    assert curve(lambda epoch: min(epoch, 1)) == [10, 20, 30]


def test_a_curve_that_flattens_has_one_later():
    assert curve(lambda epoch: 9 * min(epoch / 5, 1)) == [20, 30]


def test_noise_hides_a_small_gain_and_no_large_one():
    def steps(gain):
        return lambda epoch: 5 + gain * np.log2(1 + epoch) if epoch else 0

    assert curve(steps(0.12)) == []
    assert curve(steps(0.12), spread=1.0) != []
    assert curve(steps(1.0), spread=1.0) == []


def test_rows_without_weight_do_not_count():
    weight = np.zeros(N_ROWS)
    weight[:7] = 3.0
    rows = np.where(weight > 0, 0.0, 1.0)

    def score(epoch):
        return min(epoch, 1) + rows * epoch

    assert curve(score, weight) == [10, 20, 30]
    assert curve(score) == []


def test_a_fit_that_has_learned_all_ends_early(rng):
    group = rng.random((1009, 1)) < 0.4
    X = (rng.random((1009, 7)) < np.where(group, 0.9, 0.1)).astype(np.float32)
    model = RBMDensity(5, couplings="none", random_state=0).fit(X)
    # 4036 updates in batches of at most 100 rows would be 367 epochs.
    assert model.n_iter_ in [2 * k * -(-367 // 8) for k in (1, 2, 3)]
    rates = np.array(model.history_["learning_rate"])
    assert (rates[: model.n_iter_ // 2] == rates[0]).all()
    assert rates[-1] < 0.05 * rates[0]
    assert RBMDensity(5, random_state=0, n_iter=137).fit(X).n_iter_ == 137


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_length_depends_on_nothing_but_the_seed(rng, n_jobs):
    X = (rng.random((307, 7)) < 0.3).astype(np.float32)
    first = RBMDensity(5, random_state=3).fit(X)
    again = RBMDensity(5, random_state=3, n_jobs=n_jobs).fit(X)
    assert first.n_iter_ == again.n_iter_
    np.testing.assert_array_equal(first.components_, again.components_)
