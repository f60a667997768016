"""What the distribution declares, and what an import brings."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

import skebm

ROOT = Path(__file__).parents[1]
PACKAGE = Path(skebm.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ADDRESS = "https://github.com/skebm/skebm"
# What `import skebm` must not bring: it takes long, and few methods need it.
HEAVY = ("linear_model", "svm", "ensemble", "neighbors", "impute", "decomposition")
UNWANTED = {*(f"sklearn.{name}" for name in HEAVY), "matplotlib", "polars"}
# Imported only where a plot, a progress bar or a file of TensorBoard is asked for, or
# where rows come from it.
OPTIONAL = {"skops", "matplotlib", "rich", "tensorboardX", "polars", "pyarrow", "pyod"}
OPTIONAL |= {"cloudpickle", "dask", "distributed"}


def requirements(lines):
    """Return the bounds of packages by their names."""
    pairs = (re.fullmatch(r"([\w-]+) ?(.*)", line).groups() for line in lines)
    return {name: bounds.replace(" ", "") for name, bounds in pairs}


@pytest.fixture(scope="module")
def loaded():
    """The modules after each of three imports, by one process for all of them."""
    # scikit-learn's callbacks load their progress bar, where that is installed.
    imports = ("sklearn.base, sklearn.callback, numba", "skebm", "skebm.inspection")
    code = "import json, sys"
    for names in imports:
        code += f"\nimport {names}\nprint(json.dumps([*sys.modules]))"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_import_is_light(loaded):
    before, after, _ = loaded
    assert "skebm.estimators.documents" in after
    assert not [name for name in after if name in UNWANTED]
    added = {name.split(".")[0] for name in after}
    added -= {name.split(".")[0] for name in before} | {"skebm"}
    assert not {name for name in added if name not in sys.stdlib_module_names}
    assert not {"matplotlib", "dask", "polars", "IPython", "torch"} & added


def test_matplotlib_is_imported_by_plots_only(loaded):
    assert "skebm.inspection" in loaded[-1]
    assert "matplotlib" not in loaded[-1]


def test_imports_are_declared():
    """Each package that a file imports stands among the dependencies."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.split(".")[0])
    found -= set(sys.stdlib_module_names) | OPTIONAL | {"skebm"}
    known = packages_distributions()
    declared = requirements(PROJECT["dependencies"])
    for package in found:
        assert {name.lower() for name in known[package]} & set(declared), package


def test_conda_recipe_has_the_same_dependencies():
    recipe = (ROOT / "conda" / "recipe" / "meta.yaml").read_text()
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    lines = [line.strip(" -") for line in run.splitlines()]
    found = requirements(line for line in lines if not line.startswith("python "))
    assert found == requirements(PROJECT["dependencies"])


def test_oldest_versions_are_the_lower_bounds():
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    oldest = dict(line.split("==") for line in lines if "==" in line)
    for name, bounds in requirements(PROJECT["dependencies"]).items():
        low = re.match(r">=([\d.]+)", bounds)[1]
        assert re.fullmatch(rf"{re.escape(low)}(\.0)*", oldest[name]), name


def test_numba_has_an_upper_bound():
    """Kernels use parts of numba that change: a new release is tried before."""
    bounds = requirements(PROJECT["dependencies"])["numba"]
    below = re.search(r"<([\d.]+)", bounds)[1]
    used = [int(n) for n in version("numba").split(".")[:2]]
    assert used < [int(n) for n in below.split(".")]


def test_addresses_and_citation():
    assert all(url.startswith(ADDRESS) for url in PROJECT["urls"].values())
    assert {"Homepage", "Source", "Issues"} <= set(PROJECT["urls"])
    text = (ROOT / "CITATION.cff").read_text()
    citation = dict(re.findall(r"^([\w-]+): *(.+)$", text, re.MULTILINE))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == PROJECT["version"] == skebm.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == ADDRESS
    assert {"message", "title"} <= set(citation)
    assert re.search(r"^authors:\n  - name: \S", text, re.MULTILINE)


@pytest.mark.parametrize("folder", ["tests", "doc", "examples", "asv_bench", "conda"])
def test_sources_are_packed_with(folder):
    """The continuous integration builds the archive and compares all names."""
    assert f"graft {folder}" in (ROOT / "MANIFEST.in").read_text().splitlines()
    assert (ROOT / folder).is_dir()
