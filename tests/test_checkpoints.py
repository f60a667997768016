"""Checkpoints of fits, and fits that go on from them.

A kill is simulated by a copy of the file that a fit has written at some moment.
"""

import json
import os
import signal
import time
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.callbacks import Checkpoint, resume
from skebm.checkpoints import Place
from skebm.objectives import PCD
from skebm.utils import _files, _record
from skebm.utils._clock import Clock
from skebm.utils._fingerprint import fingerprint
from tests.fits import BITS, FRAME, HOLES, LABELS, REALS, WORDS
from tests.interrupts import same

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.*does not support callbacks",
)
pytest.importorskip("skops")

_RNG = np.random.default_rng(3)
MANY = (_RNG.random((211, 7)) < 0.4).astype(np.float32)
COPIES = np.tile(np.repeat(BITS[:, :1], 3, axis=1), (17, 1))
SMALL = {"n_iter": 2, "random_state": 0}


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "run.skebm")


@pytest.fixture
def copies(monkeypatch):
    """All files that have been written, by their paths and bytes."""
    found = []

    def write(path, parts):
        found.append((path, b"".join(parts)))
        _files.write_whole(path, [found[-1][1]])

    monkeypatch.setattr(_record, "write_whole", write)
    return found


def bits(model):
    """Return all that a fit should end in, interrupted or not."""
    model = getattr(model, "density_", model)
    training = model._training
    history = {k: v for k, v in model.history_.items() if k != "seconds"}
    state = training.objective_state, training.optimizer_state
    best = training.best.params
    return training.energy.params, best, numbers(state), history, training.n_epochs


def numbers(state):
    """Return the numbers and arrays in a state of any type."""
    if isinstance(state, np.ndarray | np.generic | float | int | str | None):
        return [state]
    if isinstance(state, tuple | list):
        parts = state
    else:
        parts = getattr(state, "__dict__", {}) if not isinstance(state, dict) else state
        parts = parts.values()
    return [number for part in parts for number in numbers(part)]


# Fits whose trainings hold all kinds of states.
KINDS = {
    "batches": (RBMDensity(5, batch_size=50, **SMALL), MANY),
    "adam": (RBMDensity(5, optimizer="adam", batch_size=50, **SMALL), MANY),
    "sparse": (RBMDensity(5, batch_size=50, **SMALL), csr_matrix(MANY)),
    "holes": (RBMDensity(3, batch_size=20, **SMALL), HOLES),
    "held out": (
        RBMDensity(
            9,
            n_iter=200,
            early_stopping=True,
            n_iter_no_change=1,
            tol=1.0,
            random_state=0,
        ),
        MANY,
    ),
    "settles": (
        RBMDensity(2, couplings="none", learning_rate=2.0, random_state=0),
        COPIES,
    ),
    "rolls back": (
        RBMDensity(9, n_iter=9, learning_rate=300.0, random_state=0, couplings="none"),
        REALS,
    ),
    "trajectory": (
        RBMDensity(5, batch_size=20, objective=PCD(sampler="trajectory"), **SMALL),
        MANY,
    ),
    "hybrid": (EnergyDensity(batch_size=20, **SMALL), REALS),
    "mala": (
        EnergyDensity("quadratic", objective="pcd", kernel="mala", **SMALL),
        REALS,
    ),
    "size by rows": (RBMDensity("auto", **SMALL), MANY),
    "classes": (EnergyClassifier(3, **SMALL), BITS, LABELS),
    "imputer": (EnergyImputer(n_components=3, **SMALL), HOLES),
    "detector": (EBMAnomalyDetector("rbm", n_components=3, **SMALL), FRAME),
    "documents": (DocumentDensity(3, **SMALL), WORDS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_fit_ends_in_the_same_bits(kind, copies, path):
    model, *arguments = KINDS[kind]
    expected = bits(clone(model).fit(*arguments))
    is_long = kind in ("settles", "held out")
    facts = {"every": 20, "unit": "epochs"} if is_long else {"every": 0}
    whole = clone(model).set_callbacks(Checkpoint(path, **facts)).fit(*arguments)
    assert same(bits(whole), expected)
    n = len(copies)
    for _, data in [copies[k] for k in sorted({n // 3, 2 * n // 3})]:
        Path(path).write_bytes(data)
        assert same(bits(resume(path).fit(*arguments)), expected)


@pytest.mark.parametrize("rows", [MANY, np.tile(HOLES, (3, 1))], ids=["all", "holes"])
def test_rows_on_disk(rows, copies, path, tmp_path, monkeypatch):
    """A fit in several buffers goes on in any of them."""
    monkeypatch.setattr("skebm.tables.disk.LARGEST_LOADED", 0)
    monkeypatch.setattr("skebm.tables.disk._stream._RUN_BYTES", 100)
    monkeypatch.setattr("skebm.tables.disk._stream._BUFFER_BYTES", rows.nbytes // 3)
    np.save(tmp_path / "rows.npy", rows)
    X = np.load(tmp_path / "rows.npy", mmap_mode="r")
    model = RBMDensity(3, batch_size=20, couplings="none", **SMALL)
    expected = bits(clone(model).fit(X))
    clone(model).set_callbacks(Checkpoint(path, every=0)).fit(X)
    for _, data in copies[3::4]:
        Path(path).write_bytes(data)
        assert same(bits(resume(path).fit(X)), expected)


def test_labelled_files(copies, path, tmp_path, monkeypatch):
    """The path says nothing of the rows, and the bytes of the files do."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("skebm.tables.disk.LARGEST_LOADED", 0)
    frame = pd.DataFrame(MANY, columns=list("abcdefg"))
    frame = frame.assign(y=np.arange(211) % 3)
    (folder := tmp_path / "rows").mkdir()
    frame.to_parquet(folder / "rows.parquet")
    model = EnergyClassifier(3, batch_size=20, **SMALL)
    expected = bits(clone(model).fit(folder, "y"))
    clone(model).set_callbacks(Checkpoint(path, every=0)).fit(str(folder), "y")
    (other := folder / "renamed.parquet").write_bytes(
        (folder / "rows.parquet").read_bytes()
    )
    for _, data in copies[3::8]:
        Path(path).write_bytes(data)
        assert same(bits(resume(path).fit(other, "y")), expected)
    frame.loc[100, "a"] = 1 - frame.loc[100, "a"]
    frame.to_parquet(other)
    with pytest.raises(ValueError, match="files that have not been changed"):
        resume(path).fit(other, "y")


def test_kinds_do_what_they_are_named_for():
    rolled = clone(KINDS["rolls back"][0]).fit(REALS)
    assert rolled._training.rate_factor < 1
    settled = clone(KINDS["settles"][0]).fit(COPIES)
    assert settled.n_iter_ < 100
    held_out = clone(KINDS["held out"][0]).fit(MANY)
    assert held_out.n_iter_ < 200


def test_resumed_fit_starts_where_the_file_ends(copies, path, monkeypatch):
    model = RBMDensity(5, batch_size=20, **SMALL)
    model.set_callbacks(Checkpoint(path, every=0)).fit(MANY)
    n_written = len(copies)
    Path(path).write_bytes(copies[-2][1])
    copies.clear()
    again = resume(path)
    again._skl_callbacks[0].every = 0
    again.fit(MANY)
    assert 1 <= len(copies) <= 3 < n_written
    # Of a fit that had ended nothing is left to do.
    copies.clear()
    assert same(bits(resume(path).fit(MANY)), bits(model))
    assert copies == []


@pytest.mark.parametrize("state", [None, np.random.RandomState(5)])
def test_random_state_without_a_number(state, copies, path):
    model = RBMDensity(3, n_iter=3, random_state=state)
    expected = bits(model.set_callbacks(Checkpoint(path, every=0)).fit(BITS))
    for _, data in copies[::2]:
        Path(path).write_bytes(data)
        assert same(bits(resume(path).fit(BITS)), expected)


def test_warm_start(copies, path):
    def begun():
        return RBMDensity(3, warm_start=True, batch_size=30, **SMALL).fit(BITS)

    expected = bits(begun().fit(BITS))
    begun().set_callbacks(Checkpoint(path, every=0)).fit(BITS)
    for _, data in copies[::2]:
        Path(path).write_bytes(data)
        again = resume(path)
        assert again.n_iter_ == 2
        assert same(bits(again.fit(BITS)), expected)


def test_piece_of_a_stream_writes_nothing(path):
    model = RBMDensity(3, random_state=0).set_callbacks(Checkpoint(path, every=0))
    model.partial_fit(BITS)
    assert not os.path.exists(path)


def test_epochs_between_checkpoints(copies, path):
    checkpoint = Checkpoint(path, every=2, unit="epochs")
    model = RBMDensity(3, n_iter=7, batch_size=20, random_state=0)
    model.set_callbacks(checkpoint).fit(BITS)
    assert len(copies) == 4  # after 2, 4 and 6 epochs, and at the end
    Path(path).write_bytes(copies[1][1])
    assert same(bits(resume(path).fit(BITS)), bits(model))


def test_seconds_between_checkpoints(copies, path):
    model = RBMDensity(3, n_iter=3, random_state=0)
    model.set_callbacks(Checkpoint(path, every=1000)).fit(BITS)
    assert len(copies) == 1


def test_time_that_is_spent_counts():
    class Known:
        def next(self):
            facts = {"epoch": 3, "batch": 2, "n_iter": 8, "seconds": 900.0}
            energy = {"params": {}, "average": {}, "count": 0, "epochs": {}}
            names = "objective_state", "optimizer_state", "n_epochs", "n_rollbacks"
            others = "rate_factor", "is_last", "strength", "diverged", "finished"
            rest = dict.fromkeys([*names, *others, "good"])
            return {**facts, **energy, **rest, "is_over": False}

    class Empty:
        class energy:  # noqa: N801
            params = {}

        class average:  # noqa: N801
            params = {}

    clock = Clock(10, 1000.0)
    place = Place(Empty(), clock, None, None, Known())
    assert not place.take_up()
    assert (place.epoch, clock.n_iter) == (3, 8)
    assert 0.9 <= clock.progress(0) < 0.95
    assert [place.first_batch(k) for k in (3, 3, 4)] == [2, 0, 0]


def test_time_that_sizes_took_counts(path, copies, monkeypatch):
    model = RBMDensity("auto", **SMALL).set_callbacks(Checkpoint(path, every=0))
    late = SimpleNamespace(perf_counter=lambda: time.perf_counter() + 900)
    with monkeypatch.context() as patch:
        patch.setattr("skebm.checkpoints.time", late)
        assert (model.fit(MANY).capacity_path_["seconds"] < 900).all()
    assert (resume(path).fit(MANY).capacity_path_["seconds"] > 900).all()


# -- what a fit inside another one does ----------------------------------------------


def test_pipeline(copies, path):
    model = Pipeline([("bits", "passthrough"), ("rbm", RBMDensity(3, **SMALL))])
    expected = bits(clone(model).fit(BITS)[-1])
    clone(model).set_callbacks(Checkpoint(path, every=0)).fit(BITS)
    Path(path).write_bytes(copies[1][1])
    again = resume(path)
    assert isinstance(again, Pipeline)
    assert same(bits(again.fit(BITS)[-1]), expected)


def test_pipeline_of_two_models_needs_two_files(tmp_path, path):
    steps = [("one", RBMDensity(3, **SMALL)), ("two", RBMDensity(2, **SMALL))]
    model = Pipeline(steps)
    with pytest.raises(ValueError, match=r"Pipeline fits more than one.*\{fit\}"):
        clone(model).set_callbacks(Checkpoint(path)).fit(BITS)
    names = Checkpoint(tmp_path / "{fit}.part")
    expected = bits(clone(model).set_callbacks(names).fit(BITS)[-1])
    files = sorted(tmp_path.glob("*.part"))
    assert len(files) == 2
    assert same(bits(resume(files[0]).fit(BITS)[-1]), expected)


def test_search_writes_a_file_for_each_fit(tmp_path, copies):
    search = GridSearchCV(RBMDensity(3, **SMALL), {"n_components": [1, 2]}, cv=2)
    one = clone(search).set_callbacks(Checkpoint(tmp_path / "one.skebm"))
    with pytest.raises(ValueError, match="GridSearchCV fits more than one model"):
        one.fit(BITS)
    each = Checkpoint(tmp_path / "{fit}.skebm", every=1e6, resume=True)
    first = clone(search).set_callbacks(each).fit(BITS)
    assert len(list(tmp_path.glob("*.skebm"))) == len(copies) == 5  # with the refit
    copies.clear()
    again = clone(search).set_callbacks(each).fit(BITS)
    assert copies == []
    assert same(bits(again.best_estimator_), bits(first.best_estimator_))


def test_other_fit_in_the_same_file(path, copies, monkeypatch):
    class Writes:
        """Another process, which writes the file in the middle of the fit."""

        max_propagation_depth, n = None, 0

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            self.n += 1
            if self.n == 2:
                clone(model).set_callbacks(Checkpoint(path)).fit(BITS)

    model = RBMDensity(3, **SMALL)
    both = clone(model).set_callbacks(Checkpoint(path, every=0), Writes())
    both.set_params(n_iter=4)
    with pytest.warns(RuntimeWarning, match=r"Another fit has written .*\{fit\}"):
        both.fit(BITS)
    assert resume(path).n_iter == 2
    assert both.n_iter_ == 4


# -- bad input -----------------------------------------------------------------------


@pytest.fixture
def written(path):
    RBMDensity(3, **SMALL).set_callbacks(Checkpoint(path)).fit(BITS)
    return path


@pytest.mark.parametrize("place", ["no/folder/run.skebm", "", "locked/run.skebm"])
def test_path_that_cannot_be_written(place, tmp_path, monkeypatch):
    def locked(path, *parts):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "locked").mkdir()
    if place.startswith("locked"):  # for root nothing is locked
        monkeypatch.setattr(_files, "_write", locked)
    model = RBMDensity(3, **SMALL).set_callbacks(Checkpoint(tmp_path / place))
    with pytest.raises(OSError, match=r"is a folder\. Name|cannot be written: "):
        model.fit(BITS)
    assert not hasattr(model, "components_")


def test_full_disk_keeps_the_file(path, monkeypatch):
    n_calls = 0
    write = _files._write

    def fails_later(path, *parts):
        nonlocal n_calls
        n_calls += 1
        if 3 < n_calls < 7:  # the first is a trial
            write(path, b"half of")
            raise OSError(28, "No space left on device")
        write(path, *parts)

    monkeypatch.setattr(_files, "_write", fails_later)
    model = RBMDensity(3, n_iter=9, random_state=0)
    expected = bits(clone(model).fit(BITS))
    with pytest.warns(RuntimeWarning, match="No space left on device.*goes on") as seen:
        model.set_callbacks(Checkpoint(path, every=0)).fit(BITS)
    assert len(seen) == 1
    assert n_calls >= 7
    assert same(bits(model), expected)
    assert os.listdir(os.path.dirname(path)) == ["run.skebm"]
    assert same(bits(resume(path).fit(BITS)), expected)


def test_other_fits_are_refused(written):
    with pytest.raises(ValueError, match="a fit to other rows"):
        resume(written).fit(1 - BITS)
    with pytest.raises(ValueError, match="a fit to other rows"):
        resume(written).fit(BITS, sample_weight=np.arange(len(BITS)))
    with pytest.raises(ValueError, match="n_iter=2, and n_iter is 3 now"):
        resume(written).set_params(n_iter=3).fit(BITS)
    checkpoint = Checkpoint(written, resume=True)
    with pytest.raises(ValueError, match="of RBMDensity, and not of EnergyDensity"):
        EnergyDensity(**SMALL).set_callbacks(checkpoint).fit(BITS)
    # These do not change the result.
    resume(written).set_params(n_jobs=2, verbose=1).fit(BITS)


def test_file_that_is_not_there(path):
    with pytest.raises(FileNotFoundError, match="There is no checkpoint"):
        resume(path)
    model = RBMDensity(3, **SMALL).set_callbacks(Checkpoint(path, resume=True))
    assert os.path.exists(model.fit(BITS)._skl_callbacks[0].path)


def test_damaged_files(written, rng):
    data = Path(written).read_bytes()
    damaged = [b"", b"text", data[:-100], data[: len(data) // 2]]
    for k in rng.integers(0, len(data), 30):
        flipped = bytearray(data)
        flipped[k] ^= 0xFF
        damaged.append(bytes(flipped))
    n_refused, record = 0, _record.Record.read(written)
    for other in damaged:
        Path(written).write_bytes(other)
        try:
            # The dates of the archive and the like may change unnoticed.
            assert _record.Record.read(written) == record
        except ValueError as error:
            n_refused += "is damaged, or is not a checkpoint" in str(error)
    assert n_refused > 20
    Path(written).write_bytes(data[:-100])
    with pytest.raises(ValueError, match=r"run\.skebm' is damaged"):
        resume(written)


def test_newer_file(written):
    with zipfile.ZipFile(written) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    facts = json.loads(parts["checkpoint.json"])
    parts["checkpoint.json"] = json.dumps(facts | {"format": 99, "skebm": "98.0"})
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match=r"by version 98\.0 of skebm in format 99"):
        resume(written)


def test_wrong_parameters(path):
    for every in (-1, "epoch", None, np.nan, True):
        with pytest.raises(ValueError, match="every must be"):
            Checkpoint(path, every=every)
    with pytest.raises(ValueError, match="unit must be 'seconds' or 'epochs'"):
        Checkpoint(path, unit="minutes")
    two = Checkpoint(path), Checkpoint(path)
    with pytest.raises(ValueError, match="A fit takes one Checkpoint"):
        RBMDensity().set_callbacks(*two).fit(BITS)


class Valley:
    """An energy of a user's own."""

    def __init__(self, center=None):
        self.center = np.zeros(3) if center is None else center

    @property
    def params(self):
        return {"center": self.center}

    def energy(self, x):
        return 0.5 * ((x - self.center) ** 2).sum(axis=1)

    def grad(self, x, weight):
        weight = np.ones(len(x)) if weight is None else weight
        return {"center": -weight @ (x - self.center)}

    def replace(self, params):
        return Valley(**params)


def test_what_cannot_be_stored_is_refused_at_once(path):
    class Inside(Valley):
        pass

    model = EnergyDensity(Inside(), **SMALL)
    with pytest.raises(ValueError, match="A Checkpoint cannot store"):
        model.set_callbacks(Checkpoint(path)).fit(REALS)


def test_types_of_the_user_have_to_be_trusted(path):
    options = {"objective": "nce", "visible": "gaussian", "reference": "auto", **SMALL}
    model = EnergyDensity(Valley(), **options)
    model.set_callbacks(Checkpoint(path)).fit(REALS)
    with pytest.raises(
        ValueError, match=r"trusted=\['tests.test_checkpoints.Valley'\]"
    ):
        resume(path)
    name = f"{__name__}.Valley"
    again = resume(path, trusted=[name]).fit(REALS)
    assert same(bits(again), bits(model))


def test_reference_that_comes_out_differently(path, copies):
    def model(seed):
        mixture = GaussianMixture(
            5, init_params="random", max_iter=1, random_state=seed
        )
        return EnergyDensity("mlp", reference=mixture, **SMALL)

    with warnings.catch_warnings(action="ignore"):
        expected = model(0).set_callbacks(Checkpoint(path, every=0)).fit(REALS)
        Path(path).write_bytes(copies[1][1])
        assert same(bits(resume(path).fit(REALS)), bits(expected))
        copies.clear()
        model(None).set_callbacks(Checkpoint(path, every=0)).fit(REALS)
        Path(path).write_bytes(copies[1][1])
        with pytest.raises(ValueError, match="If a density is given as the reference"):
            resume(path).fit(REALS)


# -- Ctrl-C and kill -9 --------------------------------------------------------------


class Interrupts:
    """Presses Ctrl-C at the end of the second epoch."""

    max_propagation_depth, n = None, 0

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context):
        self.n += 1
        if self.n == 2:
            raise KeyboardInterrupt


def test_ctrl_c_leaves_a_file_to_go_on_from(path):
    model = RBMDensity(3, n_iter=5, random_state=0)
    expected = bits(clone(model).fit(BITS))
    model.set_callbacks(Checkpoint(path, every=0), Interrupts())
    with pytest.raises(KeyboardInterrupt):
        model.fit(BITS)
    assert model.n_iter_ == 1
    assert same(bits(resume(path).fit(BITS)), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_kill(path):
    model = RBMDensity(3, n_iter=60, batch_size=20, random_state=0)
    expected = bits(clone(model).fit(BITS))
    process = os.fork()
    if not process:
        model.set_callbacks(Checkpoint(path, every=0)).fit(BITS)
        os._exit(0)
    limit = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < limit:
        time.sleep(1e-3)
    time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    assert same(bits(resume(path).fit(BITS)), expected)


def test_what_killed_writers_have_left_is_removed(path):
    others = [f"{path}.part", f"{path}.0123456g.part", f"{path}2.01234567.part"]
    for place in (*others, f"{path}.01234567.part"):
        Path(place).write_bytes(b"half of")
    model = RBMDensity(3, **SMALL)
    model.set_callbacks(Checkpoint(path, every=0)).fit(BITS)
    folder = os.path.dirname(path)
    expected = sorted([path, *others])
    assert sorted(os.path.join(folder, name) for name in os.listdir(folder)) == expected
    Path(f"{path}.89abcdef.part").write_bytes(b"half of")
    resume(path).fit(BITS)
    assert sorted(os.path.join(folder, name) for name in os.listdir(folder)) == expected


# -- fingerprints --------------------------------------------------------------------


def test_fingerprints_tell_rows_apart():
    rows = [BITS, 1 - BITS, BITS[::-1], BITS[:, ::-1], BITS.astype(np.float32)]
    rows += [csr_matrix(BITS), BITS.tolist(), FRAME, FRAME[::-1], FRAME.iloc[:, ::-1]]
    rows += [FRAME.rename(columns={"real": "other"}), FRAME.astype({"narrow": int})]
    rows += [FRAME.iloc[:, 0], np.array([["a", None]], dtype=object)]
    assert len({fingerprint(X) for X in rows}) == len(rows)
    assert fingerprint(BITS, None) != fingerprint(None, BITS)


def test_fingerprints_depend_on_values_alone():
    fortran = np.asfortranarray(BITS)
    sorted_twice = csr_matrix(BITS)
    sorted_twice.sort_indices()
    parts = pd.concat([FRAME.iloc[:, :3], FRAME.iloc[:, 3:]], axis=1)
    for a, b in [(BITS, fortran), (csr_matrix(BITS), sorted_twice), (FRAME, parts)]:
        assert fingerprint(a) == fingerprint(b)
    mixed = pd.DataFrame({"a": ["x", 1, None, (2, 3)]}, dtype=object)
    assert fingerprint(mixed) == fingerprint(mixed.copy(deep=True))


def test_fingerprints_of_many_rows_read_some(monkeypatch):
    monkeypatch.setattr("skebm.utils._fingerprint._MOST_BYTES", 800)
    X = np.zeros((1000, 1))
    assert fingerprint(X) != fingerprint(X + 1)
    X[1] = 1  # nine of ten rows are not read
    assert fingerprint(X) == fingerprint(np.zeros((1000, 1)))
