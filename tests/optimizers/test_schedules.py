import numpy as np
import pytest

from skebm.optimizers import SCHEDULES


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_start_at_one_and_never_rise(schedule):
    values = np.array([schedule(t) for t in np.linspace(0, 1, 101)])
    assert values[0] == 1
    assert (np.diff(values) <= 0).all()
    assert (values >= 0).all()


def test_linear_is_flat_for_the_first_half_and_ends_at_zero():
    linear = SCHEDULES["linear"]
    assert linear(0.5) == 1
    assert linear(0.75) == 0.5
    assert linear(1.0) == 0
