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
MISTAKES = {"calls": CALLS, "uses": USES}


def with_mistakes(mistakes):
    """Return the script with these mistakes, and the line of each."""
    script, places = SCRIPT, {}
    for kind, (right, wrong) in mistakes.items():
        assert script.count(right) == 1, kind
        places[kind] = script[: script.index(right)].count("\n")
        script = script.replace(right, wrong)
    return script, places


def errors(scripts, folder):
    """Return the lines with an error of each script, by one run of the checker.

    It takes seconds to read the package and what it imports.
    """
    for name, script in scripts.items():
        (folder / f"{name}.py").write_text(script)
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath"]
    command += [sys.executable, "--project", str(folder), "--level", "error"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    lines = {name: {} for name in scripts}
    for found in json.loads(run.stdout)["generalDiagnostics"]:
        line = found["range"]["start"]["line"]
        lines[Path(found["file"]).stem][line] = found["message"]
    return lines


@heavy
def test_the_checker_finds_each_mistake_and_no_other(tmp_path):
    wrong = {name: with_mistakes(mistakes) for name, mistakes in MISTAKES.items()}
    scripts = {"good": SCRIPT} | {name: script for name, (script, _) in wrong.items()}
    found = errors(scripts, tmp_path)
    assert found["good"] == {}
    for name, (_, places) in wrong.items():
        missed = [kind for kind, line in places.items() if line not in found[name]]
        assert missed == []


@heavy
def test_the_good_script_runs():
    with warnings.catch_warnings(action="ignore"):
        exec(SCRIPT, {})


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
