"""The files of TensorBoard."""

import sys

import pytest

from skebm.inspection import write_tensorboard

HISTORY = {
    "epoch": [1, 2, 3],
    "seconds": [0.1, 0.2, 0.3],
    "learning_rate": [0.5, 0.5, 0.25],
    "pseudo_log_likelihood": [-3.0, float("nan"), -1.0],
}
MISSING = "tensorboardX, the writer of the extra `tensorboard`, is not installed"


def test_curves_are_written_without_nan(tmp_path):
    writer = pytest.importorskip("tensorboardX", reason=MISSING)
    written = []

    class Writer(writer.SummaryWriter):
        def add_scalar(self, *arguments):
            written.append(arguments)
            super().add_scalar(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "SummaryWriter", Writer)
        write_tensorboard(HISTORY, tmp_path / "fit")
    assert written == [
        *[("learning_rate", rate, k + 1) for k, rate in enumerate([0.5, 0.5, 0.25])],
        ("pseudo_log_likelihood", -3.0, 1),
        ("pseudo_log_likelihood", -1.0, 3),
    ]
    (file,) = (tmp_path / "fit").iterdir()
    assert b"pseudo_log_likelihood" in file.read_bytes()


@pytest.mark.parametrize("history", [[], {"loss": [1.0]}], ids=str)
def test_wrong_history(history, tmp_path):
    pytest.importorskip("tensorboardX", reason=MISSING)
    with pytest.raises(TypeError, match="history must be the `history_`"):
        write_tensorboard(history, tmp_path)


def test_missing_writer(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="Install it with `pip install"):
        write_tensorboard(HISTORY, tmp_path)
