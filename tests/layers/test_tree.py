import numpy as np
import pytest
from scipy import sparse, special

from skebm.layers import Bernoulli, Categorical, Columns, Count, Spin, Tree
from skebm.layers._chow_liu import count_rows
from skebm.layers._forest import States
from skebm.testing import check_layer
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import all_states, heavy, random_layer

SIZES = [2, 2, 3, 5, 2, 2, 3, 4]
# Two trees and the isolated variable 0, in no special order.
EDGES = [(3, 2), (4, 3), (3, 7), (6, 1), (5, 1)]


def random_tree(base, edges, seed=7, scale=1.0):
    rng = np.random.default_rng(seed)
    sizes = States(base).sizes
    n = sum(sizes[a] * sizes[b] for a, b in edges)
    return Tree(base, edges, scale * rng.normal(size=n).astype(base.bias.dtype))


def mixed_base(dtype=np.float64, seed=3):
    """Return variables of 2, 2, 3, 5, 2, 2, 3 and 4 values."""
    rng = np.random.default_rng(seed)
    bias, shape = rng.normal(size=14).astype(dtype), 0.3 * rng.normal(size=3)
    layers = [
        Spin(bias[:2]),
        Categorical(bias[2:10], [3, 5]),
        Bernoulli(bias[10:11]),
        Count(bias[11:], shape.astype(dtype), [1, 2, 3]),
    ]
    return Columns(layers)


def mixed_tree(dtype=np.float64):
    return random_tree(mixed_base(dtype), EDGES)


def positions(layer, x):
    """Return the number of the state of each variable, by comparing all values."""
    out = np.empty((len(x), layer.n_variables), int)
    for variable in range(layer.n_variables):
        columns, values, _ = layer.alternatives(variable, 0.0, 0.0)
        out[:, variable] = (x[:, None, columns] == values).all(axis=2).argmax(axis=1)
    return out


def split_tables(tree):
    """Return the tables of all edges."""
    sizes = States(tree.base).sizes
    shapes = [(sizes[a], sizes[b]) for a, b in tree.edges]
    parts = np.split(tree.tables, np.cumsum([a * b for a, b in shapes])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def naive_energy(tree, x):
    energy, numbers = tree.base.energy(x), positions(tree, x)
    for (a, b), table in zip(tree.edges, split_tables(tree), strict=True):
        energy = energy - table[numbers[:, a], numbers[:, b]]
    return energy


def chain(n_units, dtype=np.float64):
    base = random_layer("bernoulli", n_units, np.random.default_rng(5), dtype)
    return random_tree(base, [(k + 1, k) for k in range(n_units - 1)])


# -- the contract ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(dtype):
    bits = random_layer("bernoulli", 5, np.random.default_rng(5), dtype)
    blocks = random_layer("blocks", 5, np.random.default_rng(5), dtype)
    for tree in (
        chain(7, dtype),
        random_tree(bits, [(0, 1), (3, 4)]),
        random_tree(bits, []),
        random_tree(blocks, [(1, 0)]),
        random_tree(
            random_layer("categorical", 3, np.random.default_rng(5), dtype), []
        ),
    ):
        check_layer(tree)


@heavy
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract_of_mixed_variables(dtype):
    check_layer(mixed_tree(dtype))


def test_energy_equals_the_naive_one():
    tree = mixed_tree()
    x = all_states(tree)
    np.testing.assert_allclose(tree.energy(x), naive_energy(tree, x))
    # A row of blocks of rows is dense for a moment only.
    energy = chain(13).energy(sparse.csr_array(np.eye(13)[[*range(13)] * 29]))
    np.testing.assert_allclose(energy[:13], naive_energy(chain(13), np.eye(13)))
    np.testing.assert_allclose(energy[-13:], energy[:13])


def test_energy_is_linear_between_the_values_of_each_unit(rng):
    tree = random_tree(Columns([Bernoulli(np.zeros(3)), Spin(np.zeros(1))]), [(1, 3)])
    x = rng.uniform(size=(5, 4))
    share = np.stack([1 - x[:, 1], x[:, 1]]), np.stack([1 - x[:, 3], 1 + x[:, 3]]) / 2
    expected = -np.einsum("an,bn,ab->n", *share, tree.tables.reshape(2, 2))
    np.testing.assert_allclose(tree.energy(x), expected)
    weight = rng.uniform(size=5)
    pairs = np.einsum("n,an,bn->ab", weight, *share)
    np.testing.assert_allclose(tree.grad(x, weight)["tables"], -pairs.ravel())


def test_gradients_of_sparse_rows(rng):
    tree, weight = chain(11), rng.uniform(size=601)
    x = tree.sample(np.zeros((601, 11)), Random(2))
    desired, actual = tree.grad(x, weight), tree.grad(sparse.csr_array(x), weight)
    for name, value in desired.items():
        np.testing.assert_allclose(actual[name], value)


def test_draws_have_the_distribution():
    tree, n = chain(5), 5003
    inputs = np.linspace(-1, 1, 5)[None]
    x = tree.sample(np.repeat(inputs, n, axis=0), Random(3))
    number = (x @ 2 ** np.arange(5)).astype(int)
    states = all_states(tree)
    p = special.softmax(states @ inputs[0] - naive_energy(tree, states))
    counts = np.bincount(number, minlength=32)
    np.testing.assert_array_equal(states @ 2 ** np.arange(5), np.arange(32))
    assert (np.abs(counts - n * p) < 5 * np.sqrt(n * p * (1 - p)) + 1).all()


def test_a_hub_of_many_variables_does_not_underflow():
    base = random_layer("spin", 1009, np.random.default_rng(5))
    tree = random_tree(base, [(0, k) for k in range(1, 1009)], scale=5.0)
    inputs = np.random.default_rng(2).normal(size=(3, 1009))
    field = inputs + base.bias
    value, rows = np.array([-1.0, 1.0]), split_tables(tree)
    total = field[:, :1] * value
    for k, table in enumerate(rows, 1):
        total += special.logsumexp(field[:, k, None, None] * value + table, axis=2)
    np.testing.assert_allclose(tree.cgf(inputs), special.logsumexp(total, axis=1))
    expected = special.softmax(total, axis=1) @ value
    np.testing.assert_allclose(tree.mean(inputs)[:, 0], expected, atol=1e-12)


def test_contradictions_of_hundreds_of_nats():
    tree = Tree(Bernoulli(np.zeros(2)), [(0, 1)], np.array([300.0, 0.0, 0.0, 300.0]))
    inputs = np.array([[250.0, -250.0], [250.0, -251.0]])
    expected = [np.log(2) + 300, 301 - 1 + np.log1p(np.exp(-1))]
    np.testing.assert_allclose(tree.cgf(inputs), expected)
    np.testing.assert_allclose(tree.mean(inputs)[1], special.expit([-1, -1]))
    np.testing.assert_array_equal(tree.mode(inputs)[1], 0)


@heavy
def test_threads_and_blocks_do_not_change_anything():
    tree, n = mixed_tree(np.float32), 20011
    inputs = np.random.default_rng(2).normal(size=(n, tree.n_units)).astype(np.float32)
    weight = np.ones(n, np.float32)
    results = []
    for n_jobs in (1, 2):
        with use_threads(n_jobs):
            gradient = tree.cgf_grad(inputs, weight)
            results.append(
                [
                    *(tree.cgf(inputs), tree.mean(inputs), tree.mode(inputs)),
                    *(tree.sample(inputs, Random(1)), *gradient.values()),
                ]
            )
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    for rows in (slice(0, 1), slice(17, 20), slice(5003, 5020)):
        one = tree.sample(inputs[rows], Random(1).rows(rows.start))
        np.testing.assert_array_equal(one, results[0][3][rows])
        np.testing.assert_array_equal(tree.cgf(inputs[rows]), results[0][0][rows])


def test_copies():
    tree, other = mixed_tree(), random_tree(mixed_base(seed=11), EDGES, seed=13)
    x = all_states(tree)[::7]
    half = tree.interpolate(other, 0.3).energy(x)
    np.testing.assert_allclose(half, 0.7 * tree.energy(x) + 0.3 * other.energy(x))
    zeros = tree.zeros(tree.n_units, np.float32)
    assert all(value.dtype == np.float32 for value in zeros.params.values())
    assert not zeros.tables.any()
    np.testing.assert_array_equal(zeros.edges, tree.edges)
    single = tree.astype(np.float32)
    assert single.sample(x[:3].astype(np.float32), Random(1)).dtype == np.float32
    names = "base.0.bias", "base.1.bias", "base.2.bias", "base.3.bias"
    assert tree.bias_names == names
    assert chain(3).bias_names == ("base.bias",)
    twin = tree.replace(**tree.params)
    assert all(twin.params[name] is value for name, value in tree.params.items())
    moments = tree.from_moments(x.mean(axis=0), x.var(axis=0), 10**9)
    mean = moments.mean(np.zeros((1, tree.n_units)))[0]
    np.testing.assert_allclose(mean, x.mean(axis=0), atol=1e-6)
    assert "n_edges=5" in repr(tree)


def test_graph():
    tree = mixed_tree()
    states = all_states(tree)
    numbers, p = positions(tree, states), special.softmax(-tree.energy(states))
    assert {edge[:2] for edge in tree.graph} == set(EDGES)
    assert sorted(tree.graph, key=lambda edge: -edge[2]) == tree.graph
    for a, b, nats in tree.graph:
        two = np.zeros((SIZES[a], SIZES[b]))
        np.add.at(two, (numbers[:, a], numbers[:, b]), p)
        apart = np.outer(two.sum(axis=1), two.sum(axis=0))
        np.testing.assert_allclose(nats, (two * np.log(two / apart)).sum())
    assert random_tree(Bernoulli(np.zeros(2)), []).graph == []


def test_wrong_arguments_are_refused():
    base = Bernoulli(np.zeros(3))
    with pytest.raises(ValueError, match="have a cycle"):
        Tree(base, [(0, 1), (1, 2), (2, 0)], np.zeros(12))
    with pytest.raises(ValueError, match="have a cycle"):
        Tree(base, [(0, 1), (1, 0)], np.zeros(8))
    with pytest.raises(ValueError, match="have a cycle"):
        Tree(base, [(1, 1)], np.zeros(4))
    with pytest.raises(ValueError, match="from 0 to 2"):
        Tree(base, [(0, 3)], np.zeros(4))
    with pytest.raises(ValueError, match=r"shape \(n_edges, 2\)"):
        Tree(base, [0, 1], np.zeros(4))
    with pytest.raises(ValueError, match="one entry for each pair"):
        Tree(base, [(0, 1)], np.zeros(5))
    with pytest.raises(ValueError, match="finitely many values"):
        Tree(random_layer("gaussian", 3, np.random.default_rng(1)), [], np.zeros(0))
    with pytest.raises(TypeError, match="Use cgf"):
        chain(3).cgfs(np.zeros((1, 3)))


# -- learning --------------------------------------------------------------------------


def drawn_rows(n=3001, scale=2.0):
    tree = random_tree(mixed_base().zeros(14), EDGES, scale=scale)
    return tree.sample(np.zeros((n, tree.n_units)), Random(5))


def at_marginals(x):
    mean, variance = np.nanmean(x, axis=0), np.nanvar(x, axis=0)
    return mixed_base().from_moments(mean, variance, len(x))


def hide(x, variables, share=0.3):
    holes = Random(9).uniform((len(x), variables.max() + 1)) < share
    return np.where(holes[:, variables], np.nan, x)


@pytest.mark.parametrize("has_holes", [False, True])
def test_counts_equal_the_naive_ones(has_holes, rng):
    x, base = drawn_rows(101), mixed_base()
    states = States(base)
    observed = np.ones((101, 8), bool)
    if has_holes:
        x = hide(x, base.variables)
        observed = ~np.isnan(x[:, states.firsts])
    weight = rng.uniform(size=101)
    numbers = positions(base, np.nan_to_num(x))
    shares = np.zeros((101, states.n_states))
    np.put_along_axis(shares, states.starts[:-1] + numbers, 1.0, axis=1)
    shares *= np.repeat(observed, states.sizes, axis=1)
    counts = count_rows(states, x, weight)
    np.testing.assert_allclose(counts.one, weight @ shares, atol=1e-9)
    two = shares.T @ (weight[:, None] * shares)
    np.testing.assert_allclose(counts.two, two, atol=1e-9)
    total = np.repeat(weight @ observed, states.sizes)
    np.testing.assert_allclose(counts.total, total)
    plain = count_rows(states, x)
    np.testing.assert_array_equal(plain.two, shares.T @ shares)


@pytest.mark.parametrize("has_holes", [False, True])
def test_the_forest_of_the_rows_is_found(has_holes):
    x = drawn_rows()
    base = at_marginals(x)
    if has_holes:
        x = hide(x, base.variables)
    tree = Tree.from_rows(base, x)
    found = {tuple(sorted(edge)) for edge in tree.edges.tolist()}
    assert {tuple(sorted(edge)) for edge in EDGES} <= found


def test_the_tree_has_the_smoothed_distribution():
    x = drawn_rows()
    tree = Tree.from_rows(at_marginals(x), x, smoothing=3.0)
    states, edges = all_states(tree), tree.edges
    p = special.softmax(-tree.energy(states))
    numbers, drawn = positions(tree, states), positions(tree, x)
    ones = []
    for k, size in enumerate(SIZES):
        counts = np.bincount(drawn[:, k], minlength=size)
        ones.append((counts + 1 / size) / (len(x) + 1))
        actual = np.bincount(numbers[:, k], p, size)
        if k in edges:
            np.testing.assert_allclose(actual, ones[k], rtol=1e-9)
    for a, b in edges:
        shape = SIZES[a], SIZES[b]
        number = drawn[:, a] * shape[1] + drawn[:, b]
        two = np.bincount(number, minlength=np.prod(shape)).reshape(shape)
        two = (two + 3 * np.outer(ones[a], ones[b])) / (len(x) + 3)
        for _ in range(50):
            two *= (ones[a] / two.sum(axis=1))[:, None]
            two *= ones[b] / two.sum(axis=0)
        number = numbers[:, a] * shape[1] + numbers[:, b]
        actual = np.bincount(number, p, np.prod(shape)).reshape(shape)
        np.testing.assert_allclose(actual, two, rtol=1e-8)


def test_weights_are_repetitions():
    x = drawn_rows(211)
    times = np.arange(211) % 3
    base = at_marginals(x)
    one = Tree.from_rows(base, x, times.astype(float))
    two = Tree.from_rows(base, np.repeat(x, times, axis=0))
    np.testing.assert_array_equal(one.edges, two.edges)
    for name, value in one.params.items():
        np.testing.assert_allclose(value, two.params[name], atol=1e-9)


def test_sparse_rows_give_the_same_tree():
    tree = random_tree(Bernoulli(np.full(53, -4.0)), [(k, k + 1) for k in range(52)])
    x = tree.sample(np.zeros((1009, 53)), Random(1))
    base = Bernoulli.from_moments(x.mean(axis=0), None, len(x))
    dense, csr = Tree.from_rows(base, x), Tree.from_rows(base, sparse.csr_array(x))
    np.testing.assert_array_equal(dense.edges, csr.edges)
    np.testing.assert_allclose(dense.tables, csr.tables)


def test_independent_columns_are_hardly_joined(rng):
    x = (rng.uniform(size=(1009, 23)) < 0.3).astype(np.float32)
    base = Bernoulli.from_moments(x.mean(axis=0), None, len(x)).astype(np.float32)
    tree = Tree.from_rows(base, x)
    assert tree.tables.dtype == np.float32
    held_out = (rng.uniform(size=(5003, 23)) < 0.3).astype(np.float32)
    zero = np.zeros((1, 23), np.float32)
    tree_nats = -tree.energy(held_out).mean() - tree.cgf(zero)[0]
    nats = -base.energy(held_out).mean() - base.cgf(zero)[0]
    assert tree_nats > nats - 0.05
    single = Tree.from_rows(Bernoulli(np.zeros(1)), x[:, :1].astype(float))
    assert single.edges.shape == (0, 2)
