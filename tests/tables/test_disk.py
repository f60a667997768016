import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skebm.tables import disk
from skebm.tables.disk import DiskLabels, RowsOnDisk, _labels, _passes, _stream, opened
from skebm.tables.disk._mapped import MappedRows
from skebm.tables.disk._spilled import SpilledRows
from skebm.utils._parallel import ahead
from skebm.utils._random import Random


def shrink(monkeypatch):
    """Leave rows on disk, however few they are, in tiny blocks and buffers."""
    monkeypatch.setattr(disk, "LARGEST_LOADED", 0)
    monkeypatch.setattr(_passes, "_BLOCK_CELLS", 17 * 5)
    monkeypatch.setattr(_stream, "_RUN_BYTES", 60)
    monkeypatch.setattr(_stream, "_BUFFER_BYTES", 2000)


def mapped(X, folder, mode="r"):
    path = folder / "rows.npy"
    np.save(path, X)
    return np.load(path, mmap_mode=mode)


VIEWS = {
    "all": np.s_[:],
    "later rows": np.s_[3:],
    "every second row": np.s_[::2],
    "some columns": np.s_[:, 1:4],
    "every second column": np.s_[:, ::2],
    "one column": np.s_[:, 2:3],
    "both": np.s_[5:60:3, 1:],
    "from the end": np.s_[::-1],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
@pytest.mark.parametrize("dtype", ["u1", "?", ">f4", "<f8"])
def test_a_view_of_a_map_is_read_from_its_file(view, dtype, tmp_path, rng):
    X = mapped(rng.integers(0, 2, (61, 5)).astype(dtype), tmp_path)[view]
    source = MappedRows(X)
    assert (source._file is None) == (view == np.s_[::-1])
    for lo, hi in ((0, 1), (3, 17), (0, len(X)), (len(X) - 1, len(X))):
        rows = source.read(lo, hi)
        np.testing.assert_array_equal(rows, X[lo:hi])
        assert rows.dtype.isnative
        assert rows.flags.c_contiguous


def test_maps_that_no_file_shows_are_read_themselves(tmp_path, rng):
    X = mapped(rng.normal(size=(31, 3)), tmp_path, "c")
    X[5] = 7.0  # only in memory
    np.testing.assert_array_equal(MappedRows(X).read(4, 7), X[4:7])
    before = np.array(X)
    by_columns = mapped(np.asfortranarray(before), tmp_path)
    np.testing.assert_array_equal(MappedRows(by_columns).read(4, 7), before[4:7])
    # The file has been replaced by another one since.
    replaced = mapped(rng.normal(size=(31, 3)), tmp_path)
    before = np.array(replaced)
    np.save(tmp_path / "other.npy", X)
    (tmp_path / "other.npy").replace(tmp_path / "rows.npy")
    np.testing.assert_array_equal(MappedRows(replaced).read(0, 31), before)


def test_a_file_that_ends_early_is_a_sentence(tmp_path, rng):
    source = MappedRows(mapped(rng.normal(size=(31, 3)), tmp_path))
    with (tmp_path / "rows.npy").open("r+b") as file:
        file.truncate(400)
    with pytest.raises(ValueError, match="ends before its last row"):
        source.read(20, 31)


def test_few_rows_are_loaded_and_many_are_not(tmp_path, monkeypatch):
    X = mapped(np.zeros((61, 5), np.uint8), tmp_path)
    assert opened(X)[1] is None
    monkeypatch.setattr(disk, "LARGEST_LOADED", 61 * 5 * 4)
    assert opened(X)[1] is None
    monkeypatch.setattr(disk, "LARGEST_LOADED", 61 * 5 * 4 - 1)
    assert opened(X)[1].shape == (61, 5)
    assert opened(np.array(X))[1] is None  # in memory already
    assert opened(X[:, 0])[1] is None  # scikit-learn refuses it


class Numbers:
    """Rows that tell their own position."""

    def __init__(self, n_rows, n_features=4):
        self.shape, self.dtype = (n_rows, n_features), np.dtype(np.float32)

    def read(self, lo, hi):
        rows = np.arange(lo, hi, dtype=self.dtype)
        return np.repeat(rows[:, None], self.shape[1], axis=1)


def streamed(n_rows, monkeypatch, run=5, buffer=40):
    row_bytes = 4 * 4
    monkeypatch.setattr(_stream, "_RUN_BYTES", run * row_bytes)
    monkeypatch.setattr(_stream, "_BUFFER_BYTES", buffer * row_bytes)
    sampled = np.arange(0, n_rows, 3)
    return RowsOnDisk(Numbers(n_rows), lambda X: X + 1000, sampled, float(n_rows))


def test_every_row_is_in_one_buffer(monkeypatch):
    rows, orders = streamed(203, monkeypatch), []
    for epoch in range(2):
        buffers = list(rows.buffers(Random(epoch), 10))
        assert len(buffers) == 5
        for buffer in buffers:
            np.testing.assert_array_equal(buffer.numbers[:, 0], buffer.positions)
            assert buffer.shape == (len(buffer.positions), 4)
        orders.append(np.concatenate([b.positions for b in buffers]))
        np.testing.assert_array_equal(np.sort(orders[-1]), np.arange(203))
    assert (orders[0] != orders[1]).any()


def test_rows_of_a_buffer_come_from_everywhere(monkeypatch):
    """A buffer has about the same share of each tenth of the file."""
    rows = streamed(10_000, monkeypatch, run=5, buffer=1000)
    for buffer in rows.buffers(Random(3), 10):
        counts = np.bincount(buffer.positions // 1000, minlength=10)
        # 20 of 200 runs on average, with a standard deviation of 4.2.
        assert np.abs(counts - 100).max() < 4.5 * 5 * 4.2


def test_a_buffer_has_two_minibatches(monkeypatch):
    sizes = [b.shape[0] for b in streamed(203, monkeypatch).buffers(Random(0), 50)]
    assert len(sizes) == 2
    assert min(sizes) > 95


def test_rows_that_are_held_out_are_not_read(monkeypatch):
    rows = streamed(203, monkeypatch)
    held_out, kept = np.array([2, 40]), np.setdiff1d(np.arange(68), [2, 40])
    rest = rows.without(held_out, kept)
    assert rest.shape == (201, 4)
    np.testing.assert_allclose(rest.mass, 201)
    seen = np.concatenate([b.positions for b in rest.buffers(Random(0), 10)])
    np.testing.assert_array_equal(np.sort(seen), np.setdiff1d(np.arange(203), [6, 120]))
    np.testing.assert_array_equal(rest.sampled, 3 * kept)


def test_buffers_turn_into_units_when_rows_are_taken(monkeypatch):
    (buffer,) = streamed(13, monkeypatch).buffers(Random(0), 10)
    batches = [np.array([3, 1]), np.array([7, 8, 2])]
    units, numbers = buffer.unpacked(batches)
    for batch, where in zip(batches, numbers, strict=True):
        np.testing.assert_array_equal(units[where], buffer[batch])
        np.testing.assert_array_equal(units[where][:, 0], batch + 1000)


def test_labels_stand_behind_the_units_of_their_rows(monkeypatch):
    """Also in buffers of rows from many places, of which some are held out."""
    labels = DiskLabels.of(np.arange(203) % 7, Numbers(203), None)
    rows = replace(streamed(203, monkeypatch), behind=labels.behind)
    rows = rows.without(np.array([2, 40]), np.setdiff1d(np.arange(68), [2, 40]))
    for buffer in rows.buffers(Random(0), 10):
        batches = [np.array([3, 1]), np.array([7, 8, 2])]
        units, where = buffer.unpacked(batches)
        for x in (buffer[batches[1]], units[where[1]], buffer[slice(None)]):
            assert x.shape[1] == 4 + 7
            positions = x[:, 0].astype(int) - 1000
            np.testing.assert_array_equal(x[:, 4:].argmax(axis=1), positions % 7)
            np.testing.assert_array_equal(x[:, 4:].sum(axis=1), 1)


def test_the_next_item_is_computed_meanwhile():
    begun = {k: threading.Event() for k in range(4)}

    def work(k):
        begun[k].set()
        return 10 * k

    found = []
    for k, value in enumerate(ahead(work, range(4))):
        if k < 3:
            assert begun[k + 1].wait(10)
        found.append(value)
    assert found == [0, 10, 20, 30]
    assert list(ahead(work, [])) == []


def test_an_error_of_the_next_item_is_raised_in_its_turn():
    def work(k):
        if k == 1:
            raise ValueError("The disk is gone.")
        return k

    items = ahead(work, range(3))
    assert next(items) == 0
    with pytest.raises(ValueError, match="gone"):
        next(items)


def test_spilled_rows(tmp_path, monkeypatch, rng):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    X = rng.integers(0, 9, (61, 3))
    source = SpilledRows(X.shape, np.uint8)
    for block in np.split(X.astype(float), [7, 30]):
        source.write(block)
    np.testing.assert_array_equal(source.written().read(5, 40), X[5:40])
    with pytest.raises(OSError, match="for which there is no room in"):
        SpilledRows((2**60, 3), np.uint8)


def write(folder, *frames):
    for k, frame in enumerate(frames):
        frame.to_parquet(folder / f"{k}.parquet")


def test_parts_of_a_dataset(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"x": np.arange(50.0), "job": list("abcde") * 10})
    empty = frame.iloc[:0]
    write(tmp_path, frame.iloc[:20], empty, frame.iloc[20:], empty)
    pd.testing.assert_frame_equal(opened(tmp_path)[0], frame)
    monkeypatch.setattr(disk, "LARGEST_LOADED", 0)
    source = opened(str(tmp_path))[1]
    blocks = list(source.blocks(7))
    assert max(map(len, blocks)) == 7
    pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), frame)
    assert source.shape == (50, 2)


def test_whole_numbers_and_floats_are_one_type(tmp_path):
    pytest.importorskip("pyarrow")
    write(tmp_path, pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [0.5, None]}))
    assert opened(tmp_path)[0]["x"].tolist()[:3] == [1.0, 2.0, 0.5]


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"x": ["a", "b"], "y": [1, 2]}, "Column 'x' of X is .* but .*string in"),
        ({"x": [1, 2]}, "has no column 'y', which other files"),
        ({"x": [1, 2], "y": [1, 2], "z": [1, 2]}, "has no column 'z'"),
    ],
)
def test_files_that_do_not_go_together(second, sentence, tmp_path):
    pytest.importorskip("pyarrow")
    write(tmp_path, pd.DataFrame({"x": [1, 2], "y": [3, 4]}), pd.DataFrame(second))
    with pytest.raises(ValueError, match=sentence):
        opened(tmp_path)


def test_paths_that_cannot_be_read(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        opened(tmp_path / "nothing.parquet")
    with pytest.raises(ValueError, match="has no files"):
        opened(tmp_path)
    (tmp_path / "text.parquet").write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match="could not be read as a parquet file"):
        opened(tmp_path / "text.parquet")
    write(tmp_path, pd.DataFrame({"x": []}))
    (tmp_path / "text.parquet").unlink()
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        opened(tmp_path)


# -- labels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.arange(203, dtype=np.int8) % 5,
        np.array(["one", "two", "three"])[np.arange(203) % 3],
        np.array(["a", "b"], dtype=object)[np.arange(203) % 2],
        np.arange(203) % 2 == 0,
        np.repeat([7, 3, 9], [100, 60, 43]),
        pd.Series(pd.Categorical(list("ab") * 101 + ["c"])),
        [float(k % 7) for k in range(203)],
        -np.ones(203) + 2 * (np.arange(203) % 2),  # -1 and 1 are two classes
    ],
    ids=["int8", "str", "object", "bool", "sorted", "categorical", "list", "signs"],
)
def test_labels_are_numbered_in_one_pass(y, monkeypatch):
    monkeypatch.setattr(_labels, "_BLOCK_ROWS", 17)
    weight = np.arange(203) % 3.0
    labels = DiskLabels.of(y, Numbers(203), weight)
    classes, numbers = np.unique(np.asarray(y), return_inverse=True)
    np.testing.assert_array_equal(labels.classes, classes)
    assert labels.classes.dtype == classes.dtype
    np.testing.assert_array_equal(labels.numbers, numbers)
    assert labels.numbers.dtype == np.uint8
    np.testing.assert_allclose(labels.masses, np.bincount(numbers, weight))
    np.testing.assert_array_equal(labels.at([5, 100]), np.asarray(y)[[5, 100]])
    units = labels.behind(np.zeros((2, 3), np.float32), np.array([5, 100]))
    assert units.dtype == np.float32
    np.testing.assert_array_equal(units[:, 3:].argmax(axis=1), numbers[[5, 100]])


def test_labels_of_a_model_that_goes_on():
    known = np.array([2, 5, 7])
    labels = DiskLabels.of([5, 2, 5], Numbers(3), None, known)
    assert labels.numbers.tolist() == [1, 0, 1]
    assert labels.masses.tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="labels that fit has not seen"):
        DiskLabels.of([5, 2, 3], Numbers(3), None, known)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        ([0, 1], "X has 3 rows, but y has 2"),
        ([0, 1, -1], "rows without a label"),
        (np.array(["a", None, "b"], dtype=object), "rows without a label"),
        ([0.0, 1.0, np.nan], "Input y contains NaN"),
        ([0.5, 1.5, 0.1], "continuous"),
        (np.eye(3), "several labels for each row"),
    ],
)
def test_labels_that_cannot_be_learned_from_disk(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        DiskLabels.of(y, Numbers(3), None)


def test_balanced_classes_weigh_the_same():
    y = np.repeat([0, 1, 2], [1, 2, 6])
    labels = DiskLabels.of(y, Numbers(9), None)
    np.testing.assert_allclose(
        labels.weights("balanced", None), 3 / np.array([1, 2, 6])[y]
    )
    weight = np.arange(1.0, 10)
    found = labels.weights({0: 2.0, 1: 1.0, 2: 0.5}, weight)
    np.testing.assert_allclose(found, np.array([2, 1, 0.5])[y] * weight)


# -- fingerprints --------------------------------------------------------------------


def test_fingerprints_of_files(tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    frame = pd.DataFrame({"x": np.arange(50.0), "job": list("abcde") * 10})

    def found(*frames):
        for path in tmp_path.glob("*.parquet"):
            path.unlink()
        write(tmp_path, *frames)
        return disk.identified(tmp_path).fingerprint()

    parts = frame[:20], frame[20:]
    prints = [found(*parts), found(*parts[::-1]), found(frame), found(frame[::-1])]
    prints.append(found(frame[:20], frame[20:].assign(x=1.0)))
    prints.append(found(*[part.rename(columns={"x": "y"}) for part in parts]))
    assert len(set(prints)) == len(prints)
    assert found(*parts) == prints[0]
    (tmp_path / "1.parquet").rename(tmp_path / "2.parquet")
    assert disk.identified(str(tmp_path)).fingerprint() == prints[0]
    table = dataset.dataset(tmp_path).to_table()
    in_memory = [disk.identified(dataset.dataset(t)) for t in (table, table[:49])]
    assert len({rows.fingerprint() for rows in in_memory}) == 2
    X = np.zeros(3)
    assert disk.identified(X) is X


def test_fingerprints_look_everywhere_in_a_file(tmp_path, monkeypatch):
    """A byte in any of the runs makes another one, and other bytes do not."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("skebm.tables.disk._parquet._RUN_BYTES", 64)
    monkeypatch.setattr("skebm.tables.disk._parquet._RUNS", 8)
    write(tmp_path, pd.DataFrame({"x": np.random.default_rng(0).normal(size=500)}))
    path = tmp_path / "0.parquet"
    data, expected = path.read_bytes(), disk.identified(path).fingerprint()
    step = len(data) // 8
    for place, is_read in [(3 * step + 5, True), (3 * step + 70, False)]:
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert (disk.identified(path).fingerprint() != expected) == is_read
