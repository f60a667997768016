"""A type checker knows the names and types of the public interface."""

import ast
import inspect
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import skebm
from skebm.utils import _types
from tests.models import heavy

ROOT = Path(__file__).parents[1]
SCRIPT = (ROOT / "tests" / "typing" / "user_script.py").read_text()
# What a user may get wrong: a part of the good script, and what is written instead. The
# checker knows nothing of the results of a wrong call, so these have their own script.
CALLS = {
    "parameter": ("n_components=3", "n_component=3"),
    "parameter of the classifier": ("generative_weight", "generativ_weight"),
    "parameter of the detector": ("contamination=", "contaminaton="),
    "parameter of the imputer": ("EnergyImputer(n_iter", "EnergyImputer(n_epochs"),
    "parameter of documents": ("words=", "word="),
    "parameter of an energy": ("RBMRecipe(3), n_iter", "RBMRecipe(3), niter"),
    "argument of fit": ("sample_weight=", "weight="),
}
USES = {
    "type of a parameter": ("0.5, n_iter=1", '0.5, n_iter="a"'),
    "argument of sample": ("random_state=np.", "seed=np."),
    "method": ("rbm.score(bits)", "rbm.scor(bits)"),
    "attribute": ("rbm.components_", "rbm.component_"),
    "type of a result": ("perplexity: float", "perplexity: str"),
}


def errors(script, folder):
    """Return the lines in which the type checker finds an error, with the messages."""
    (folder / "script.py").write_text(script)
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath"]
    command += [sys.executable, "--project", str(folder), "--level", "error"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return {
        found["range"]["start"]["line"]: found["message"]
        for found in json.loads(run.stdout)["generalDiagnostics"]
    }


@heavy
def test_good_script_has_no_errors_and_runs(tmp_path):
    assert errors(SCRIPT, tmp_path) == {}
    with warnings.catch_warnings(action="ignore"):
        exec(SCRIPT, {})


@heavy
@pytest.mark.parametrize("mistakes", [CALLS, USES], ids=["calls", "uses"])
def test_each_mistake_is_an_error(mistakes, tmp_path):
    """Several in one script, at their lines: the checker takes seconds to start."""
    script, places = SCRIPT, {}
    for kind, (right, wrong) in mistakes.items():
        assert script.count(right) == 1, kind
        places[kind] = script[: script.index(right)].count("\n")
        script = script.replace(right, wrong)
    found = errors(script, tmp_path)
    assert [kind for kind, line in places.items() if line not in found] == []


def test_package_is_marked_as_typed():
    assert (Path(skebm.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("name", skebm.__all__)
def test_parameters_and_attributes_are_declared(name):
    """As annotations, since estimators set both by their names."""
    cls = getattr(skebm, name)
    parameters = inspect.signature(cls.__init__).parameters
    assert all(
        p.annotation is not p.empty for k, p in parameters.items() if k != "self"
    )
    section = cls.__doc__.partition("    Attributes\n")[2].partition(
        "    References\n"
    )[0]
    section = section.partition("    Examples\n")[0]
    names = re.findall(r"^    ((?:\w+_, )*\w+_) : ", section, re.MULTILINE)
    attributes = {word for line in names for word in line.split(", ")}
    assert len(attributes) > 3
    tree = ast.parse(Path(_types.__file__).read_text())
    declared = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert not (set(parameters) - {"self"} | attributes) - declared
