"""The import directions and sizes that the developer guide promises."""

import ast
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import skebm
from skebm.utils._addresses import KERNEL

ROOT = Path(skebm.__file__).parent
FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
IDS = [str(path) for path in FILES]

every_file = pytest.mark.parametrize("path", FILES, ids=IDS)

# Which parts a part may import, besides itself.
_MODEL = {"utils", "layers", "energies"}
_LEARNED = _MODEL | {"samplers", "inference", "objectives", "optimizers", "penalties"}
ALLOWED = {
    "utils": set(),
    "layers": {"utils"},
    "tables": {"utils", "layers"},
    "energies": {"utils", "layers"},
    "samplers": _MODEL,
    "inference": _MODEL | {"samplers"},
    "objectives": _MODEL | {"samplers", "inference"},
    "optimizers": {"utils"},
    "penalties": {"utils"},
    "preprocessing": {"utils"},
    "updates": _LEARNED,
    "checkpoints": set(),
    "training": _LEARNED | {"updates", "checkpoints"},
    "partition": _LEARNED | {"training"},
    "metrics": {"utils"},
    "model_selection": {"utils", "tables"},
    "monitoring": _LEARNED | {"training", "metrics"},
    "planning": _LEARNED | {"training", "monitoring"},
    # Of fitted estimators it uses public attributes only.
    "inspection": {"utils", "tables", "samplers", "inference", "metrics"},
    "testing": {"utils", "energies", "samplers"},
    "persistence": set(),  # it walks over the modules by their names
    "callbacks": {"utils", "estimators", "persistence"},
}
FREE = {"estimators", "compat", "dask", "__init__"}  # the top of the tree
# Files that are made of their neighbours: a stage after a stage, a choice between them,
# or a special case.
NEIGHBOURS = {
    "dask/anomaly.py": {"density"},
    "energies/images/pretrained.py": {"ridge"},
    "energies/hybrid_recipe.py": {"hybrid"},
    "energies/images/binary_recipe.py": {"ising"},
    "energies/ratings/both.py": {"neighbours", "rbm"},
    "energies/multi_label.py": {"label_couplings", "rbm"},
    "energies/rbm/class_rbm.py": {"rbm"},
    "energies/rbm/label_rbm.py": {"class_rbm"},
    "energies/rbm/parameters.py": {"rbm"},
    "energies/rbm/recipe.py": {"class_rbm", "rbm"},
    "energies/replicated_softmax/recipe.py": {"replicated_softmax"},
    "energies/robust/experts.py": {
        *("balanced", "ellipse", "labelled", "local", "neighbours", "tails"),
    },
    "estimators/anomaly.py": {"density", "experts"},
    "estimators/imputer.py": {"density"},
    "inference/conditionals.py": {"completion"},
    "monitoring/epochs.py": {"plateau"},
    "planning/growth.py": {"plan"},
    "objectives/conditional.py": {"losses"},
    "layers/mixed.py": {"categorical", "columns", "normals", "tree"},
    "partition/auto.py": {"ais", "exact", "trajectory"},
    "tables/bit_images.py": {"images"},
    "tables/column.py": {"arrays", "kinds"},
    "tables/declaration.py": {"kinds"},
    "tables/encoding.py": {"kinds"},
    "tables/reservoir.py": {"frames"},
    "tables/structured.py": {"labels"},
    "tables/documents.py": {"arrays"},
    "tables/frames.py": {"arrays", "kinds"},
    "tables/partial.py": {"frames"},
    "tables/table.py": {"column", "declaration", "frames", "kinds", "observed"},
}


@cache
def tree(path):
    return ast.parse((ROOT / path).read_text())


def part_of(path):
    return path.parts[0].removesuffix(".py")


def imports(path):
    """Return the modules that a file imports, with the names it takes from them."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found += [(node.module, alias.name) for alias in node.names]
    return found


def own_imports(path):
    """Return the parts of skebm's dotted names that a file imports."""
    dotted = []
    for module, name in imports(path):
        if module.split(".")[0] != "skebm":
            continue
        parts = module.split(".")[1:]
        inside = ROOT.joinpath(*parts, name or "")
        if name and (
            not parts or inside.with_suffix(".py").exists() or inside.is_dir()
        ):
            parts = [*parts, name]
        dotted.append((parts, name))
    return dotted


@every_file
def test_imports_run_one_way(path):
    part = part_of(path)
    if part in FREE:
        return
    for parts, name in own_imports(path):
        if parts == [] or parts[0] == "__version__":
            continue
        allowed = ALLOWED[part] | {part}
        assert parts[0] in allowed, f"{path} imports {name} of skebm.{'.'.join(parts)}"


@every_file
def test_displays_use_public_attributes(path):
    if part_of(path) != "inspection":
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            is_own = getattr(node.value, "id", "") in ("self", "cls")
            is_own |= node.attr in ("__name__", "__cause__", "_replace")
            assert is_own, f"{path}:{node.lineno} reads .{node.attr}"


@every_file
def test_files_of_a_folder_do_not_import_each_other(path):
    if len(path.parts) == 1 or path.name == "__init__.py":
        return
    folder = list(path.parent.parts)
    if folder == ["utils"]:  # all of it is shared
        return
    for parts, name in own_imports(path):
        if parts[: len(folder)] != folder:
            continue
        inside = parts[len(folder) :]
        assert inside, f"{path} imports {name} of its own folder's __init__"
        shared = inside[0].startswith("_")
        shared |= inside[0] in NEIGHBOURS.get(str(path), ())
        assert shared, f"{path} imports {name} of its neighbour {inside[0]}"


@every_file
def test_private_names_of_scikit_learn_have_one_door(path):
    if path == Path("utils/_sklearn.py"):
        return
    for module, name in imports(path):
        if module.split(".")[0] == "sklearn":
            private = [p for p in [*module.split("."), name or ""] if p.startswith("_")]
            assert not private, f"{path} imports {private} of scikit-learn"


@every_file
def test_randomness_has_one_source(path):
    if path == Path("utils/_random.py"):
        return
    for module, name in imports(path):
        words = [*module.split("."), name]
        assert words[0] != "random", f"{path} imports {module}"
        assert words[:2] != ["numpy", "random"], f"{path} imports {module}"
        assert name not in ("check_random_state", "default_rng"), f"{path}: {name}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr == "random":
            owner = getattr(node.value, "id", "")
            assert owner not in ("np", "numpy"), f"{path}:{node.lineno} uses np.random"


@every_file
def test_threads_have_one_source(path):
    if path == Path("utils/_parallel.py"):
        return
    is_limit = path == Path("utils/_blas.py")
    for module, name in imports(path):
        words = module.split(".")
        assert words[0] not in ("concurrent", "multiprocessing"), path
        assert words[0] != "threadpoolctl" or is_limit, path
        if words[0] == "threading":
            may_lock = is_limit or path == Path("utils/_lazy.py")
            lock = may_lock and name == "Lock"
            lock |= name in ("current_thread", "main_thread")  # they only ask
            assert lock, f"{path} imports {name} of threading"


def is_kernel(node, *kinds):
    return isinstance(node, ast.FunctionDef) and any(
        kind in ast.unparse(decorator)
        for decorator in node.decorator_list
        for kind in (kinds or ("njit",))
    )


@every_file
def test_kernels_call_only_functions_of_their_own_file(path):
    """An edit of a callee in another file would leave a stale cached caller.

    Those named ``fill_...``, and what phases are made of, are meant for others:
    conftest.py drops such callers.
    """
    defined = {n.name for n in ast.walk(tree(path)) if is_kernel(n, "jit", "intrinsic")}
    assert KERNEL["cache"], "kernels are not cached"
    assert KERNEL["nogil"], "kernels hold the lock"
    known = {"abs", "float", "int", "len", "max", "min", "range"}
    known |= defined | {"take", "take_next", "meet", "call", "call_part"}
    known |= {"Inputs", "Stream", "Rows", "Place", "LabelPlace"}  # records
    for kernel in filter(is_kernel, ast.walk(tree(path))):
        options = ast.unparse(kernel.decorator_list[0])
        is_usual = options.endswith(("**KERNEL)", "**INNER)", "**BORROWS)"))
        assert is_usual, f"{path}: {kernel.name} has not the options of all kernels"
        for node in ast.walk(ast.Module(kernel.body, [])):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = node.func.id
                is_known = called in known or called.startswith("fill_")
                assert is_known, f"{path}: kernel {kernel.name} calls {called}"


def doc_lines(path):
    """Return the lines of a file that belong to docstrings."""
    lines = set()
    kinds = ast.Module, ast.ClassDef, ast.FunctionDef
    for node in ast.walk(tree(path)):
        if isinstance(node, kinds) and ast.get_docstring(node):
            text = node.body[0]
            lines |= set(range(text.lineno, text.end_lineno + 1))
    return lines


@every_file
def test_files_and_functions_are_short(path):
    """Up to 350 lines a file, and 45 a function without its docstring."""
    doc = doc_lines(path)
    n_lines = len((ROOT / path).read_text().splitlines())
    assert n_lines <= 350, f"{path} has {n_lines} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            lines = set(range(node.lineno, node.end_lineno + 1)) - doc
            assert len(lines) <= 45, f"{path}: {node.name} has {len(lines)} lines"


def test_estimators_are_thin():
    lengths = [len((ROOT / path).read_text().splitlines()) for path in FILES]
    assert np.median(lengths) < 140
    estimators = zip(FILES, lengths, strict=True)
    # The documentation of parameters and methods is more than half of it.
    n_lines = sum(n for path, n in estimators if part_of(path) == "estimators")
    assert n_lines <= 670 * len(skebm.__all__)


# Whoever stands above energies asks an energy, and does not look inside.
ABOVE = {
    *("samplers", "inference", "objectives", "optimizers", "penalties", "training"),
    "updates",
    *("partition", "monitoring", "planning", "estimators"),
}
INSIDE = {"weights", "hidden", "visible", "inputs", "coupling"}
VALUES = {"ndarray", "str", "list", "dict", "tuple", "slice", "Mapping", "DataFrame"}
VALUES |= {"Series", "KeyboardInterrupt", "Integral", "Rows", "LinearOperator"}


@every_file
def test_energies_are_not_looked_into_from_above(path):
    """``self.visible`` of an estimator is a parameter and not a layer."""
    if part_of(path) not in ABOVE:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr in INSIDE:
            owner = getattr(node.value, "id", "")
            is_estimator = part_of(path) == "estimators" and (
                owner == "self" or ast.unparse(node.value) == "self.density"
            )
            assert is_estimator, f"{path}:{node.lineno} reads .{node.attr}"


@every_file
def test_nobody_above_energies_asks_for_a_class(path):
    """Asking which concrete part an object is stands for a missing method."""
    if part_of(path) not in ABOVE:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            kinds = ast.walk(node.args[1])
            names = {getattr(kind, "id", getattr(kind, "attr", None)) for kind in kinds}
            unknown = names - VALUES - {None, "np", "pd"}
            assert not unknown, f"{path}:{node.lineno} asks for {unknown}"
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is):
            left = ast.unparse(node.left)
            is_type = isinstance(node.left, ast.Call) and left.startswith("type(")
            assert not is_type, f"{path}:{node.lineno}: {left} is ..."


@every_file
def test_public_functions_have_docstrings(path):
    body = tree(path).body
    if path.name != "__init__.py" or body:
        assert ast.get_docstring(tree(path)), f"{path} has no docstring"
    for node in body:
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        if named and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}: {node.name} has no docstring"


# Each `while` in order, by file, with what bounds it. A loop that numbers can keep from
# ending is a `for` with a limit.
WHILES = {
    "energies/_label_updates.py": ["the parts of a phase, which a counter gives out"],
    "energies/bursty/_tokens.py": ["the blocks of words", "the words of a block"],
    "energies/images/_min_cut.py": [
        "the pixels on the way to a root",
        "the pixels on the way to a root or to a stamp",
        "the pixels on the way to a stamp",
        "pixels become active when a tree changes, and the flow is bounded",
        "each turn sends flow, which is bounded",
        "orphans: distances to the root grow, or the tree shrinks",
    ],
    "energies/rbm/_flips.py": ["halvings of 32", "halvings of the number of sums"],
    "energies/rbm/_minibatches.py": ["the parts of a phase, which a counter gives out"],
    "layers/columns.py": ["the layers"],
    "samplers/growth.py": ["each rung is longer by a tenth and by a word"],
    "training.py": ["the epochs and the rollbacks, both limited"],
    "updates.py": ["the minibatches: a turn without one is the only one of its kind"],
    "utils/_going_on.py": ["the causes of an error"],
    "utils/_parallel.py": [
        "the parts of a job",
        "the parts that others have begun",
        "none: a daemon",
        "the parts of all jobs",
    ],
    "utils/_phases.py": ["the number of spins", "the parts that others have begun"],
    "utils/_products.py": ["the bits of a word"],
    "utils/_random.py": ["halvings of the number of categories"],
}


@every_file
def test_loops_end(path):
    loops = [node for node in ast.walk(tree(path)) if isinstance(node, ast.While)]
    bounds = WHILES.get(str(path), [])
    lines = [node.lineno for node in loops]
    assert len(loops) == len(bounds), f"{path}: loops at {lines}, bounds {bounds}"


def test_bounds_of_loops_have_files():
    assert set(WHILES) <= set(IDS)
