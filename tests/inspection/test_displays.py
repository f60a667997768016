"""The other displays, and all of them for every estimator."""

import doctest
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture

import skebm.inspection
from skebm import EBMAnomalyDetector, EnergyClassifier, RBMDensity
from skebm.inspection import (
    ChainDisplay,
    EnergyGapDisplay,
    EnergyLandscapeDisplay,
    FilterDisplay,
    SampleDisplay,
    TrainingCurveDisplay,
)
from skebm.metrics import energy_gap, ess, rhat
from tests.fits import BITS, FITS, FRAME, LABELS, RATINGS, REALS
from tests.models import heavy

DISPLAYS = {
    "landscape": lambda m, X: EnergyLandscapeDisplay.from_estimator(
        m, X, (0, 1), grid_resolution=5, draws=7
    ),
    "gap": lambda m, X: EnergyGapDisplay.from_estimator(m, X[:30], X[30:]),
    "filters": lambda m, X: FilterDisplay.from_estimator(m, n_filters=2),
    "chains": lambda m, X: ChainDisplay.from_estimator(m, n_chains=2, n_steps=8),
    "curve": lambda m, X: TrainingCurveDisplay.from_estimator(m),
    "samples": lambda m, X: SampleDisplay.from_estimator(m, X, 7, features=[0, 1]),
}
# Images and ratings are no rows that could be displayed. The twins differ from one of
# the rest in how they were trained alone, which no display sees.
TWINS = "single precision", "adam", "mpf", "tempered", "trajectory", "texts"
TWINS += "experts of normal rows", "numbered names", "names of levels"
KINDS = [
    kind
    for kind, (_, X, *_) in FITS.items()
    if X is not RATINGS and np.ndim(X) < 3 and kind not in TWINS
]
# What an estimator lacks for a display.
LACKS = {
    "pairwise": {"filters"},
    "perceptron": {"filters"},
    "chains of a perceptron": {"filters"},
    "classifier": {"landscape", "gap", "chains", "samples"},
    "named classes": {"landscape", "gap", "chains", "samples"},
    "quadratic classes": {"landscape", "gap", "chains", "samples", "filters"},
    "perceptron of classes": {"landscape", "gap", "chains", "samples", "filters"},
    "hybrid": {"chains"},
    "label sets": {"landscape", "gap", "chains", "samples"},
    "coupled labels": {"landscape", "gap", "chains", "samples", "filters"},
    "chains": {"landscape", "gap", "chains", "samples", "filters"},
    **{
        kind: {"filters", "chains", "curve", "samples"}
        for kind in FITS
        if kind.startswith("experts")
    },
    **{
        kind: {"chains"}
        for kind in FITS
        if "documents" in kind or kind == "replicated softmax"
    },
}


@pytest.fixture
def digits_like():
    """Return a model of pictures of 5 x 1 pixels."""
    return RBMDensity(3, n_iter=4, random_state=0).fit(BITS)


@pytest.mark.parametrize("kind", ["images", "field of experts"])
def test_curves_of_images(kind):
    model, images = FITS[kind]
    display = TrainingCurveDisplay.from_estimator(clone(model).fit(images))
    assert display.figure_ is display.ax_.figure
    plt.close("all")


@heavy
@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator_has_every_display_or_a_sentence(kind):
    model, *arguments = FITS[kind]
    with warnings.catch_warnings(action="ignore"):
        model, X = clone(model).fit(*arguments), arguments[0]
        X = X if not hasattr(X, "tocsr") else X.toarray()
        for name, draw in DISPLAYS.items():
            if name in LACKS.get(kind, ()):
                with pytest.raises(TypeError, match=r"Display needs `\w+`.* has none"):
                    draw(model, X)
                continue
            display = draw(model, X)
            assert display.figure_ is display.ax_.figure
            display.figure_.canvas.draw()
            plt.close("all")


@pytest.mark.parametrize("name", DISPLAYS)
def test_unfitted_estimators(name):
    with pytest.raises(NotFittedError):
        DISPLAYS[name](RBMDensity(), BITS)


def test_sentences_name_the_density_and_the_remedy():
    detector = EBMAnomalyDetector(GaussianMixture(2)).fit(REALS)
    sentence = (
        "FilterDisplay needs `components_`; GaussianMixture, the density_ of "
        "EBMAnomalyDetector, has none. Use an estimator with hidden units"
    )
    with pytest.raises(TypeError, match=sentence):
        FilterDisplay.from_estimator(detector)
    classifier = EnergyClassifier(3, n_iter=1, random_state=0).fit(BITS, LABELS)
    with pytest.raises(TypeError, match="Set generative_weight above 0"):
        EnergyGapDisplay.from_estimator(classifier, BITS, BITS)


@pytest.mark.parametrize("name", ["filters", "curve", "samples"])
def test_displays_of_several_axes_take_the_place_of_one(name, digits_like):
    figure, (left, right) = plt.subplots(1, 2)
    place = left.get_position()
    options = {"ax": left}
    display = {
        "filters": lambda: FilterDisplay.from_estimator(digits_like, (5, 1), **options),
        "curve": lambda: TrainingCurveDisplay.from_estimator(digits_like, **options),
        "samples": lambda: SampleDisplay.from_estimator(
            digits_like, BITS, features=[0, 1], **options
        ),
    }[name]()
    assert display.figure_ is figure
    assert not left.axison
    for ax in figure.axes:
        if ax not in (left, right):
            inside = ax.get_position()
            assert inside.x0 >= place.x0 - 1e-9
            assert inside.x1 <= right.get_position().x0
    loose = figure.add_axes([0, 0, 1, 1])
    with pytest.raises(ValueError, match="ax must be a subplot"):
        display.plot(loose)


@pytest.mark.parametrize("name", ["gap", "chains"])
def test_displays_of_one_axes_use_it(name, digits_like):
    figure, ax = plt.subplots()
    display = DISPLAYS[name](digits_like, BITS)
    assert display.plot(ax) is display
    assert (display.ax_, display.figure_) == (ax, figure)


# -- gap -----------------------------------------------------------------------------


def test_gap_equals_the_metric(digits_like):
    display = EnergyGapDisplay.from_estimator(
        digits_like, BITS[:40], BITS[40:], 1 - BITS[:5]
    )
    expected = energy_gap(digits_like, BITS[:40], BITS[40:])
    np.testing.assert_allclose((display.gap_, display.stderr_), expected)
    assert list(display.energies) == ["training", "held out", "anomalies"]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"gap {display.gap_:+.2f}" in texts[1]
    for line, energies in zip(display.means_, display.energies.values(), strict=True):
        np.testing.assert_allclose(line.get_xdata()[0], energies.mean())


def test_energies_far_away_count_in_the_last_bin():
    energies = {
        "training": np.linspace(0, 1, 20),
        "held out": np.linspace(0, 1, 30),
        "anomalies": np.array([0.5, 1e6]),
    }
    display = EnergyGapDisplay(energies=energies).plot()
    assert display.ax_.get_xlim()[1] < 10
    assert "last bin" in display.ax_.get_xlabel()
    assert display.gap_ == pytest.approx(0)
    one = EnergyGapDisplay(energies={"training": np.ones(1), "held out": np.ones(1)})
    assert np.isnan(one.plot().stderr_)


# -- filters -------------------------------------------------------------------------


def test_filters_are_sorted_pictures(digits_like):
    display = FilterDisplay.from_estimator(digits_like, shape=(5, 1))
    norms = np.linalg.norm(digits_like.components_, axis=1)
    assert list(display.order) == list(np.argsort(-norms))
    for image, unit in zip(display.filters_, display.order, strict=True):
        expected = digits_like.components_[unit].reshape(5, 1)
        np.testing.assert_array_equal(image.get_array(), expected)
        assert image.norm.vmin == -image.norm.vmax
    with pytest.raises(ValueError, match=r"shape must be .* with 5 pixels"):
        FilterDisplay.from_estimator(digits_like, shape=(2, 2))


def test_bars_have_the_names_of_units():
    model = RBMDensity(2, n_iter=2, random_state=0).fit(FRAME)
    display = FilterDisplay.from_estimator(model, n_bars=3)
    labels = [t.get_text() for t in display.ax_.get_yticklabels()]
    weights = model.components_[display.order[0]]
    largest = np.argsort(-np.abs(weights))[:3][::-1]
    assert labels == list(model.unit_names_[largest])
    widths = [bar.get_width() for bar in display.filters_[0]]
    np.testing.assert_allclose(widths, weights[largest])
    with pytest.raises(ValueError, match="names must be one for each of the"):
        FilterDisplay.from_estimator(model, names=["a"])
    with pytest.raises(ValueError, match="n_filters must be a whole number"):
        FilterDisplay.from_estimator(model, n_filters=0)


# -- chains --------------------------------------------------------------------------


def test_chains_have_the_diagnostics_of_their_traces(digits_like):
    display = ChainDisplay.from_estimator(
        digits_like, n_chains=3, n_steps=50, random_state=0
    )
    assert display.traces.shape == (50, 3)
    assert (display.rhat_, display.ess_) == (rhat(display.traces), ess(display.traces))
    assert f"R-hat {display.rhat_:.3f}" in display.ax_.get_title()
    again = ChainDisplay.from_estimator(
        digits_like, n_chains=3, n_steps=50, random_state=0
    )
    np.testing.assert_array_equal(display.traces, again.traces)


@heavy
@pytest.mark.parametrize("kind", ["bits", "pairwise"])
def test_chains_stay_in_the_distribution_of_the_model(kind):
    model, X = clone(FITS[kind][0]), BITS
    model.fit(X)
    rows = np.array(np.meshgrid(*[[0.0, 1.0]] * 5)).reshape(5, -1).T
    mean = np.exp(model.score_samples(rows)) @ model.energy_samples(rows)
    display = ChainDisplay.from_estimator(
        model, n_chains=50, n_steps=100, random_state=0
    )
    error = display.traces.std() / np.sqrt(display.ess_)
    assert abs(display.traces.mean() - mean) < 5 * error


def test_chains_start_at_rows(digits_like):
    display = ChainDisplay.from_estimator(digits_like, BITS[:4], n_steps=8)
    assert display.traces.shape == (8, 4)
    pairwise = clone(FITS["pairwise"][0]).fit(BITS)
    with pytest.raises(ValueError, match="X must be None for EnergyDensity"):
        ChainDisplay.from_estimator(pairwise, BITS)
    with pytest.raises(ValueError, match="n_steps must be a whole number, at least 8"):
        ChainDisplay.from_estimator(digits_like, n_steps=7)


# -- curves --------------------------------------------------------------------------


def test_curves_skip_what_was_not_measured():
    history = {
        "epoch": [1, 2, 3],
        "seconds": [0.1, 0.2, 0.4],
        "learning_rate": [0.1, 0.1, 0.0],
        "pseudo_log_likelihood": [-3.0, float("nan"), -1.0],
        "validation_score": [float("nan"), -2.0, -2.5],
    }
    display = TrainingCurveDisplay(history=history).plot(x="seconds")
    line = display.lines_["pseudo_log_likelihood"]
    np.testing.assert_array_equal(line.get_xydata(), [[0.1, -3], [0.4, -1]])
    line = display.lines_["validation_score"]
    np.testing.assert_array_equal(line.get_xydata(), [[0.2, -2], [0.4, -2.5]])
    line = display.lines_["learning_rate"]
    assert line.axes is display.rate_ax_
    assert display.ax_.get_ylabel() == "nats a row"
    assert TrainingCurveDisplay(history=history).plot(scores=["learning_rate"])
    with pytest.raises(ValueError, match="x must be 'epoch' or 'seconds'"):
        display.plot(x="steps")
    with pytest.raises(ValueError, match=r"scores has \['accuracy'\]"):
        display.plot(scores=["accuracy"])


# -- samples -------------------------------------------------------------------------


def test_pictures_are_tiled(digits_like):
    display = SampleDisplay.from_estimator(
        digits_like, BITS, 6, shape=(5, 1), random_state=0
    )
    pictures = display.axes_[0, 1].images[0].get_array()
    # Three columns of pictures and two rows, with a line between them.
    assert pictures.shape == (2 * 6 - 1, 3 * 2 - 1)
    draws = display.draws.to_numpy()
    np.testing.assert_array_equal(pictures[:5, 2], draws[1])
    np.testing.assert_array_equal(pictures[6:, 0], draws[3])
    assert pictures.mask[5].all()
    assert pictures.mask[:, 1].all()
    with pytest.raises(ValueError, match=r"shape must be .* with 5 pixels"):
        SampleDisplay.from_estimator(digits_like, BITS, shape=(2, 3))


def test_scatter_matrix_of_columns():
    model = RBMDensity(2, n_iter=2, random_state=0).fit(FRAME)
    display = SampleDisplay.from_estimator(
        model, FRAME, 23, features=["real", "category"], random_state=0
    )
    assert display.axes_.shape == (2, 2)
    pd.testing.assert_index_equal(display.rows.columns, display.draws.columns)
    rows, draws = display.axes_[1, 0].collections
    np.testing.assert_allclose(rows.get_offsets()[:, 0], display.rows["real"])
    np.testing.assert_allclose(draws.get_offsets()[:, 0], display.draws["real"])
    codes = display.rows["category"].cat.codes
    assert np.abs(rows.get_offsets()[:, 1] - codes).max() <= 0.2
    shares = [bar.get_height() for bar in display.axes_[1, 1].patches[:3]]
    expected = display.rows["category"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(shares, expected)
    with pytest.raises(ValueError, match="features names the column 'age'"):
        SampleDisplay.from_estimator(model, FRAME, features=["age"])
    with pytest.raises(
        ValueError, match="n_samples must be a whole number, at least 1"
    ):
        SampleDisplay.from_estimator(model, FRAME, 0)


@heavy
@pytest.mark.parametrize(
    "display", [d for d in skebm.inspection.__all__ if d[0].isupper()]
)
def test_examples(display):
    module = sys.modules[getattr(skebm.inspection, display).__module__]
    with warnings.catch_warnings(action="ignore"):
        result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# -- matplotlib ----------------------------------------------------------------------


def test_missing_matplotlib(monkeypatch, digits_like):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in DISPLAYS.values():
        with pytest.raises(ImportError, match=r"Display\.from_estimator requires"):
            draw(digits_like, BITS)
    with pytest.raises(ImportError, match=r"ChainDisplay\.plot requires matplotlib"):
        ChainDisplay(traces=np.ones((8, 1))).plot()
