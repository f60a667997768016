"""Losses of labels: values by plain formulas, slopes by finite differences."""

import numpy as np
import pytest

from skebm.objectives import LOSSES, LVQ2, Hinge, Loss, SquareExponential, SquareSquare
from skebm.objectives.losses import RivalLoss

N_ROWS, STEP = 53, 1e-6


def log_sum_exp(values):
    return np.log(sum(np.exp(v) for v in values))


def naive(name, energies, label, number=1.0):
    """Return the loss of one row by the formula of Table 1 of the tutorial."""
    right = energies[label]
    rival = min(e for k, e in enumerate(energies) if k != label)
    return {
        "nll": lambda: right + log_sum_exp(-energies),
        "perceptron": lambda: right - min(energies),
        "hinge": lambda: max(0, number + right - rival),
        "log": lambda: np.log(1 + np.exp(right - rival)),
        "lvq2": lambda: min(number, max(0, right - rival)),
        "mce": lambda: 1 / (1 + np.exp(-(right - rival))),
        "square_square": lambda: right**2 + max(0, number - rival) ** 2,
        "square_exponential": lambda: right**2 + number * np.exp(-rival),
        "mee": lambda: 1 - np.exp(-right) / sum(np.exp(-energies)),
    }[name]()


def make(n_classes):
    rng = np.random.default_rng(n_classes)
    energies = 2 * rng.normal(size=(N_ROWS, n_classes))
    return energies, rng.integers(0, n_classes, N_ROWS)


NUMBERS = [
    *[(LOSSES[name](), name, 1.0) for name in LOSSES if name != "lvq2"],
    *[(LVQ2(1.7), "lvq2", 1.7), (Hinge(0.3), "hinge", 0.3)],
    (SquareSquare(2.3), "square_square", 2.3),
    (SquareExponential(0.7), "square_exponential", 0.7),
]
every_loss = pytest.mark.parametrize(("loss", "name", "number"), NUMBERS, ids=repr)


def test_every_loss_is_here():
    assert {name for _, name, _ in NUMBERS} == LOSSES.keys()
    assert all(type(loss) is LOSSES[name] for loss, name, _ in NUMBERS)


@every_loss
@pytest.mark.parametrize("n_classes", [2, 5])
def test_values_are_those_of_the_table(loss, name, number, n_classes):
    energies, labels = make(n_classes)
    values, slopes = loss(energies, labels)
    assert values.dtype == slopes.dtype == np.float64
    pairs = zip(energies, labels, strict=True)
    expected = [naive(name, row, label, number) for row, label in pairs]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
    assert len(np.unique(values)) > 1


@every_loss
@pytest.mark.parametrize("n_classes", [2, 5])
def test_slopes_are_finite_differences(loss, name, number, n_classes):
    energies, labels = make(n_classes)
    slopes, before = loss(energies, labels)[1], energies.copy()
    for k in range(n_classes):
        ends = []
        for step in (STEP, -STEP):
            moved = energies.copy()
            moved[:, k] += step
            ends.append(loss(moved, labels)[0])
        # No row of these is so near to a kink that the step crosses it.
        expected = (ends[0] - ends[1]) / (2 * STEP)
        np.testing.assert_allclose(slopes[:, k], expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(energies, before)
    assert slopes.any()


@every_loss
def test_a_common_shift_matters_only_to_losses_with_levels(loss, name, number):
    energies, labels = make(3)
    values, shifted = loss(energies, labels)[0], loss(energies + 7, labels)[0]
    assert np.allclose(values, shifted) is not loss.has_levels


@every_loss
def test_losses_fall_where_the_right_energy_falls(loss, name, number):
    """The condition of the tutorial: the right class ends below its rival."""
    rivals = np.linspace(-3, 3, 13)
    pairs = np.stack([rivals * 0 + 0.5, rivals], axis=1)
    slopes = loss(pairs, np.zeros(13, int))[1]
    assert (slopes[:, 0] >= 0).all()
    assert (slopes[:, 1] <= 0).all()
    assert (slopes[rivals < 0, 0] > 0).any()


@every_loss
def test_huge_energies_give_finite_losses(loss, name, number):
    energies = 1e4 * np.array([[1.0, -1, 0], [-1, 1, 0], [0, 0, 0]])
    for part in loss(energies, np.array([0, 0, 0])):
        assert np.isfinite(part).all()


def test_parameters_are_checked_and_the_base_has_no_formula():
    for loss in (Hinge(-1), SquareSquare(0), LVQ2(np.inf), SquareExponential("1")):
        with pytest.raises(ValueError, match=r"of \w+ must be a number above 0.*got"):
            loss.check()
    Hinge(0.5).check()
    with pytest.raises(NotImplementedError):
        Loss()(*make(3))
    with pytest.raises(NotImplementedError):
        RivalLoss()(*make(3))
