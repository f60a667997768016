"""Sizes that are "auto": the fit grows the model while held-out rows gain."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV

from skebm import EnergyClassifier, EnergyDensity, RBMDensity
from skebm.energies import MLP, RBMRecipe
from skebm.planning import growth

COLUMNS = ["size", "n_parameters", "train_score", "validation_score"]
COLUMNS += ["gain", "gain_error", "seconds", "chosen"]
FAST = {"n_iter": 3, "random_state": 0}
# Short fits warn that their draws do not look like the rows.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def bits(rng):
    """Rows about six random patterns, which a few hidden units cannot tell apart."""
    patterns = rng.random((6, 13)) < 0.5
    noise = rng.random((307, 13)) < 0.05
    return (patterns[rng.integers(0, 6, 307)] ^ noise).astype(float)


def chosen(model):
    path = model.capacity_path_
    return path["size"][path["chosen"]].tolist()


def tilt(**parameters):
    reference = GaussianMixture(1)
    energy = MLP("auto", n_networks=2)
    return EnergyDensity(energy, reference=reference, random_state=0, **parameters)


def test_structure_gets_more_units_than_noise(bits, rng):
    params = {"n_components": "auto", "couplings": "none", "random_state": 0}
    params |= {"n_iter": 40, "learning_rate": 0.2}
    structured = RBMDensity(**params).fit(bits)
    noise = RBMDensity(**params).fit((rng.random(bits.shape) < 0.5).astype(float))
    path = structured.capacity_path_
    assert path.columns.tolist() == COLUMNS
    assert path["size"].tolist()[:2] == [4, 8]
    assert chosen(structured) == [len(structured.components_)] > chosen(noise) == [4]
    # Two sizes in a row gain nothing.
    assert len(noise.capacity_path_) == 3
    # It overfits noise: larger sizes widen the gap between training and held-out rows.
    gap = noise.capacity_path_.eval("train_score - validation_score")
    assert gap.iloc[-1] > gap.iloc[0]


def test_the_path_follows_its_rule(bits):
    path = RBMDensity("auto", **FAST).fit(bits).capacity_path_
    best = 0
    for k in range(1, len(path)):
        before = path["validation_score"][best]
        gain = path["validation_score"][k] - before
        assert path["gain"][k] == pytest.approx(gain)
        best = k if path["gain"][k] > path["gain_error"][k] else best
    assert np.flatnonzero(path["chosen"]) == [best]
    # Each hidden unit has thirteen weights and a bias.
    units, parameters = np.diff(path["size"]), np.diff(path["n_parameters"])
    np.testing.assert_array_equal(parameters, 14 * units)


def test_a_tilt_grows(rng):
    x = rng.normal(size=(199, 1))
    X = np.hstack([x, x**2 + 0.1 * rng.normal(size=x.shape)])
    model = tilt(n_iter=100).fit(X)
    assert chosen(model)[0] > (16, 16)
    network = model.energy_.term.parts["network_2"]
    assert tuple(map(len, network.biases)) == chosen(model)[0]
    assert model.gain_[0] > 0.2


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
def test_the_model_is_that_of_the_number(bits, kind):
    X = bits + np.random.default_rng(0).normal(0, 0.3, bits.shape)
    params = {"hidden": kind, **FAST}
    auto = RBMDensity("auto", **params).fit(X)
    number = RBMDensity(chosen(auto)[0], **params).fit(X)
    np.testing.assert_array_equal(auto.components_, number.components_)
    assert auto.score(X) == number.score(X)


def test_the_tilt_is_that_of_its_size(bits):
    X = bits + np.random.default_rng(0).normal(0, 0.3, bits.shape)
    auto = tilt(n_iter=3).fit(X)
    size = tilt(n_iter=3).set_params(energy=MLP(chosen(auto)[0], n_networks=2)).fit(X)
    np.testing.assert_array_equal(auto.score_samples(X), size.score_samples(X))


def test_a_classifier_grows(bits):
    y = np.where(bits[:, :5].sum(axis=1) % 2, "odd", "even")
    model = EnergyClassifier("auto", **FAST).fit(bits, y)
    assert chosen(model) == [len(model.components_)]
    assert set(model.predict(bits)) <= {"odd", "even"}


@pytest.mark.parametrize(
    "make", [lambda **p: RBMDensity("auto", **p), lambda **p: tilt(**p)]
)
def test_the_size_stays_where_a_fit_goes_on(bits, make):
    X = bits + np.random.default_rng(0).normal(size=bits.shape)
    model = make(warm_start=True, n_iter=2, visible="gaussian")
    model.set_params(random_state=0).fit(X)
    path, size = model.capacity_path_, chosen(model)
    params = model._energy.params
    model.fit(X).partial_fit(X)
    assert chosen(model) == size
    pd.testing.assert_frame_equal(model.capacity_path_, path)
    for name, value in model._energy.params.items():
        assert value.shape == params[name].shape


def test_a_stream_takes_a_fixed_size(bits):
    rbm = RBMDensity("auto", random_state=0).partial_fit(bits)
    assert len(rbm.components_) == 100
    assert not hasattr(rbm, "capacity_path_")
    mlp = EnergyDensity(MLP("auto"), random_state=0).partial_fit(bits)
    assert len(mlp.energy_.params["network_1__bias_1"]) == 64


def test_a_part_of_a_sum_takes_a_fixed_size(bits):
    recipe = RBMRecipe("auto") + 0.5 * RBMRecipe(3)
    model = EnergyDensity(recipe, **FAST).fit(bits)
    assert model.energy_.params["rbm__weights"].shape == (13, 100)


def test_few_rows_take_the_smallest_size(bits):
    model = RBMDensity("auto", **FAST).fit(bits[:11])
    assert chosen(model) == [4]
    assert np.isnan(model.capacity_path_["validation_score"]).all()


def test_a_number_forgets_the_path(bits):
    model = RBMDensity("auto", **FAST).fit(bits)
    assert clone(model).get_params()["n_components"] == "auto"
    model.set_params(n_components=5).fit(bits)
    assert len(model.components_) == 5
    assert not hasattr(model, "capacity_path_")


def test_a_grid_of_sizes(bits):
    grid = {"n_components": [3, "auto"]}
    search = GridSearchCV(RBMDensity(**FAST), grid, cv=2).fit(bits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_rows_of_every_kind(rng):
    frame = pd.DataFrame(
        {"number": rng.normal(size=101), "word": rng.choice(["a", "b"], 101)}
    )
    frame.loc[::7, "number"] = np.nan
    model = RBMDensity("auto", **FAST).fit(frame, sample_weight=rng.integers(0, 3, 101))
    assert np.isfinite(model.capacity_path_["validation_score"]).all()
    assert np.isfinite(model.score(frame))


@pytest.mark.parametrize("n_sizes", [0, 2])
def test_ctrl_c_leaves_the_choice_so_far(bits, monkeypatch, n_sizes):
    train, calls = growth.train, []

    def interrupted(*arguments):
        training = train(*arguments)
        training.interrupted = len(calls) == n_sizes
        calls.append(training)
        return training

    monkeypatch.setattr(growth, "train", interrupted)
    model = RBMDensity("auto", **FAST)
    with pytest.raises(KeyboardInterrupt):
        model.fit(bits)
    assert len(model.capacity_path_) == n_sizes + 1
    assert chosen(model) == [len(model.components_)]
    assert np.isfinite(model.score(bits))
    model.partial_fit(bits)  # which is not interrupted


def test_the_time_is_shared(bits):
    model = RBMDensity("auto", max_time=0.5, n_iter=10**6, random_state=0).fit(bits)
    seconds = model.capacity_path_["seconds"].sum() + model.history_["seconds"][-1]
    assert len(model.history_["epoch"]) > 1
    assert seconds < 5  # each epoch ends in time; the rest is the machine


def test_wrong_sizes_are_refused(bits):
    with pytest.raises(ValueError, match="n_components"):
        RBMDensity("many").fit(bits)
    with pytest.raises(ValueError, match="hidden_layer_sizes must be 'auto', or whole"):
        EnergyDensity(MLP("many")).fit(bits)
