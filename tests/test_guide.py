"""The parts of the developer guide: put into place, checked and fitted."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skebm

DOC = Path(__file__).parents[1] / "doc"
PACKAGE = Path(skebm.__file__).parent

# What a reader does with each part, after its file and its entry are in place.
USES = {
    "layers/ternary.py": """
        from skebm import RBMDensity
        from skebm.energies import RBM
        from skebm.layers import LAYERS, Bernoulli
        from skebm.testing import check_energy, check_layer
        Ternary = LAYERS["ternary"]
        votes = Ternary(rng.normal(size=5), rng.normal(size=5))
        check_layer(votes)
        weights = rng.normal(size=(5, 3))
        check_energy(RBM(votes, Bernoulli.zeros(3), weights))
        check_energy(RBM(Bernoulli.zeros(3), votes, weights.T.copy()))
        X = rng.integers(-1, 2, (60, 5)).astype(float)
        model = RBMDensity(2, visible="ternary", n_iter=2, random_state=0).fit(X)
        assert np.isfinite(model.score(X))
        assert set(np.unique(model.sample(30, random_state=0))) <= {-1, 0, 1}
        for outside in (5.0, 0.5):
            try:
                model.score_samples(np.full((1, 5), outside))
            except ValueError as error:
                assert "column 0" in str(error)
            else:
                raise AssertionError("a value outside the domain has a score")
        hidden = RBMDensity(2, hidden="ternary", n_iter=2, random_state=0)
        assert np.isfinite(hidden.fit(X > 0).score(X > 0))
    """,
    "energies/mixture.py": """
        from skebm import EnergyDensity
        from skebm.energies.mixture import Mixture
        from skebm.layers import Bernoulli, Categorical, Columns
        from skebm.testing import check_energy
        mixed = Columns([Bernoulli(rng.normal(size=2)), Categorical(np.zeros(3))])
        for layer in Bernoulli(rng.normal(size=5)), Categorical(np.zeros(5)), mixed:
            weights = rng.normal(size=(5, 3))
            check_energy(Mixture(layer, weights, rng.normal(size=3), layer))
        model = EnergyDensity("mixture", n_iter=2, random_state=0).fit(BITS)
        assert np.isfinite(model.score(BITS))
        assert abs(model.group_probabilities_.sum() - 1) < 1e-6
    """,
    "samplers/barker.py": """
        from skebm import EnergyDensity
        from skebm.energies import RBM
        from skebm.layers import Bernoulli
        from skebm.samplers import SAMPLERS
        from skebm.testing import check_sampler
        weights = 0.3 * rng.normal(size=(3, 2))
        energy = RBM(Bernoulli(rng.normal(size=3)), Bernoulli.zeros(2), weights)
        check_sampler(SAMPLERS["barker"](), energy)
        model = EnergyDensity(kernel="barker", n_iter=2, random_state=0)
        assert np.isfinite(model.fit(BITS).score(BITS))
    """,
    "objectives/importance.py": """
        from skebm import RBMDensity
        from skebm.energies import RBM
        from skebm.layers import Bernoulli
        from skebm.objectives import OBJECTIVES
        from skebm.testing import check_objective
        weights = 0.3 * rng.normal(size=(3, 2))
        energy = RBM(Bernoulli(rng.normal(size=3)), Bernoulli.zeros(2), weights)
        check_objective(OBJECTIVES["importance"](), energy)
        model = RBMDensity(2, objective="importance", n_iter=2, random_state=0)
        assert np.isfinite(model.fit(BITS).score(BITS))
    """,
    "estimators/mixture_density.py": """
        from skebm.estimators.mixture_density import MixtureDensity
        model = MixtureDensity(3, n_iter=2, random_state=0).fit(BITS)
        assert np.isfinite(model.score(BITS))
        assert len(model.group_probabilities_) == 3
    """,
}
START = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
rng = np.random.default_rng(0)
BITS = rng.integers(0, 2, (60, 5)).astype(float)
"""


def files_and_entries():
    """Return where the guide puts each file, the file, and its entry."""
    guide = (DOC / "developer_guide.rst").read_text()
    places = re.finditer(
        r"``skebm/(\w+/\w+\.py)``[.:]?\s+\.\. literalinclude:: (\S+)"
        r"(?:\s+The entry, in ``skebm/(\S+)``:\s+\.\. code-block:: python\n"
        r"((?:\n|   .*\n)+))?",
        guide,
    )
    return {
        place: (DOC / source, registry, re.sub("(?m)^   ", "", entry or ""))
        for place, source, registry, entry in (match.groups() for match in places)
    }


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return a folder with a copy of the package in which all parts are in place."""
    root = tmp_path_factory.mktemp("guide")
    # With what was compiled, which stays valid: files keep their times.
    shutil.copytree(PACKAGE, root / "skebm")
    for place, (source, registry, entry) in files_and_entries().items():
        shutil.copy(source, root / "skebm" / place)
        if registry:
            with open(root / "skebm" / registry, "a") as file:
                file.write(entry)
    return root


def test_every_kind_of_part_has_a_file():
    assert files_and_entries().keys() == USES.keys()


def test_parts(package):
    """All in one process: to start one takes longer than to use a part."""
    uses = {name: re.sub("(?m)^        ", "", use) for name, use in USES.items()}
    code = f"""
import traceback
for name, use in {uses!r}.items():
    try:
        exec({START!r} + use, {{}})
    except Exception:
        print(name)
        traceback.print_exc(file=sys.stdout)
"""
    run = subprocess.run(
        [sys.executable, "-c", "import sys" + code],
        env={**os.environ, "PYTHONPATH": str(package)},
        cwd=package,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == ""
