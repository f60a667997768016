"""What the distribution declares, and what an import brings."""

import ast
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
# Imported only where a plot, a progress bar or a file of TensorBoard is asked for, or
# where rows come from it.
OPTIONAL = {"skops", "matplotlib", "rich", "tensorboardX", "polars", "pyarrow", "pyod"}
OPTIONAL |= {"cloudpickle", "dask", "distributed"}


def requirements(lines):
    """Return the bounds of packages by their names."""
    pairs = (re.fullmatch(r"([\w-]+) ?(.*)", line).groups() for line in lines)
    return {name: bounds.replace(" ", "") for name, bounds in pairs}


def test_import_is_light():
    code = "import sys, skebm; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, check=True, text=True)
    loaded = loaded.stdout.split()
    assert "skebm.estimators.documents" in loaded
    names = [f"sklearn.{name}" for name in HEAVY] + ["matplotlib", "polars"]
    assert not [name for name in names if name in loaded]


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
