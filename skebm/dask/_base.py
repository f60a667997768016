"""What the estimators for collections of Dask have in common."""

import inspect
from functools import partial, wraps
from numbers import Integral

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask import delayed
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skebm.dask._cluster import Lost, find_client, workers_of
from skebm.dask._parts import Parts, as_rows, computed, is_collection, rows_of
from skebm.dask._rows import DaskRows
from skebm.estimators._base import fit_hooks
from skebm.tables import FirstRows

_PRIVATE = "client", "n_shards", "updates_per_round"
# A docstring has the mark where the parameters stand that are about the cluster.
_MARK = "{cluster}"
_PARAMETERS = """\
client : distributed.Client, default=None
        The client of the cluster. None takes the default client. It is no parameter in
        the sense of scikit-learn: :func:`sklearn.base.clone` hands it on, but it is not
        stored.
    n_shards : int, default=None
        In how many shards the rows are divided. None takes the number of workers.
    updates_per_round : int, default=None
        Updates of a shard between two averages. None takes 70 over the number of the
        other shards and over the factor of their steps, which is at most 4. More
        updates a round take fewer messages, and may learn less."""


class OnCluster:
    """A client beside the parameters of an estimator, and methods that are lazy.

    A client is not a parameter: it can be neither copied nor stored. ``clone`` hands it
    on, and ``pickle`` leaves it out.
    """

    client = n_shards = updates_per_round = None
    # Names of lazy methods, and what returns their results for no rows.
    _lazy = {}

    def __init_subclass__(cls, local=None, **options):
        super().__init_subclass__(**options)
        if local is None:
            return
        cls._local_class = local
        if cls.__doc__:
            cls.__doc__ = cls.__doc__.replace(_MARK, _PARAMETERS)

        def __init__(self, *args, **params):  # noqa: N807
            for name in _PRIVATE:
                setattr(self, name, params.pop(name, None))
            local.__init__(self, *args, **params)

        __init__.__signature__ = inspect.signature(local.__init__)
        cls.__init__ = __init__
        for name in cls._lazy:
            setattr(cls, name, _lazily(name, getattr(local, name)))

    def __sklearn_clone__(self):
        other = BaseEstimator.__sklearn_clone__(self)
        return self._shared_with(other)

    def _shared_with(self, other):
        """Give another estimator the client and how it is used, and return it."""
        for name in _PRIVATE:
            setattr(other, name, getattr(self, name))
        return other

    def __getstate__(self):
        return _without(super().__getstate__())

    def to_local(self):
        """Return the ordinary estimator with the same parameters and attributes."""
        local = self._local_class(**self.get_params(deep=False))
        vars(local).update(_without(vars(self)))
        return local

    def _read(self, X):
        _refuse_collection(X)
        return super()._read(X)

    def _check_rows(self, X, *facts, **options):
        _refuse_collection(X)
        return super()._check_rows(X, *facts, **options)

    def _ready(self, name):
        """Compute what the workers would have to compute again for each partition."""

    def _cluster(self):
        """Return the client, the number of shards, and what notices lost workers."""
        client = find_client(self.client)
        for name in _PRIVATE[1:]:
            value = getattr(self, name)
            if not (value is None or (isinstance(value, Integral) and value >= 1)):
                raise ValueError(
                    f"{name}={value!r} must be a whole number of at least 1, or None."
                )
        n_shards = self.n_shards or len(workers_of(client))
        return client, n_shards, Lost(client)


class TrainsOnCluster(OnCluster):
    """An estimator that trains an energy on the rows of a collection."""

    def _fit(self, X, y, sample_weight, n_iter=None, **options):
        if not is_collection(X):
            y, sample_weight = computed(y), computed(sample_weight)
            return super()._fit(X, y, sample_weight, n_iter, **options)
        if n_iter is not None:
            raise ValueError(
                "partial_fit takes rows in memory. Call fit on the collection of Dask; "
                "warm_start=True goes on from the parameters of the last fit."
            )
        _refuse_groups(options.get("groups"))
        self._refuse_checkpoints()
        client, n_shards, lost = self._cluster()
        self._on = client, n_shards, lost
        try:
            super()._fit(X, y, sample_weight, **options)
        finally:
            del self._on
            if hasattr(self, "_training"):
                self._training.shards = ()
        lost.warn(stacklevel=4)
        return self

    def _refuse_checkpoints(self):
        callbacks = getattr(self, "_skl_callbacks", ())
        if any(hasattr(callback, "begin_fit") for callback in callbacks):
            raise ValueError(
                "Checkpoint keeps fits of rows in memory or on disk, and not fits on a "
                "cluster. Fit without it, or convert the collection to Parquet files "
                "and fit to these."
            )

    def _training_rows(self, X, y, sample_weight, go_on, is_stream, **options):
        if not is_collection(X):
            return super()._training_rows(
                X, y, sample_weight, go_on, is_stream, **options
            )
        client, n_shards, lost = self._on
        parts = Parts.of(client, X, y, sample_weight)
        first = client.submit(_head, parts.rows[0], pure=False).result()
        self._prepare(parts, go_on, first)
        by_columns = self._reads_columns(first) if not go_on else self._table.by_columns
        summary = parts.summary(self._kinds, by_columns)
        facts, sample = summary.facts, summary.sample.rows
        if isinstance(sample, np.ndarray):
            sample = as_rows(sample, "gaussian")
        witnesses = facts.witnesses(getattr(sample, "dtype", None))
        self._check_rows(self._named(witnesses, parts), reset=not go_on, summary=facts)
        sample = self._named(sample, parts)
        if not go_on:
            numbers = self._check_rows(sample)
            rows = FirstRows(*summary.stand_in(self._table, numbers), None)
            self._settled(rows, False, False)
            self._encoding = summary.refined(self._encoding, self._table)
        numbers = summary.sample.numbers
        labels = None if y is None else parts.labels_of(numbers)
        reader = self._reader()
        rows = super()._training_rows(
            sample, labels, summary.sample.weight, True, False, **options
        )
        on_cluster = DaskRows(
            parts, reader, numbers, n_shards, self.updates_per_round, lost
        )
        hooks = fit_hooks(X, y, sample_weight)
        return rows._replace(on_disk=on_cluster, go_on=go_on, hooks=hooks)

    def _prepare(self, parts, go_on, first):
        """Settle what depends on the labels."""

    def _named(self, rows, parts):
        """Return rows with the names of the columns of the collection, if it has."""
        if parts.names is None or isinstance(rows, pd.DataFrame):
            return rows
        return pd.DataFrame(rows, columns=parts.names)

    def _reader(self):
        """Return what reads rows on the workers as the estimator would here."""
        local = self._local_class(**self.get_params(deep=False))
        names = "_table", "_encoding", "n_features_in_", "feature_names_in_"
        names = (*names, "classes_", "_is_sparse", "_automatic_share", "_labels")
        state = {name: vars(self)[name] for name in names if name in vars(self)}
        vars(local).update(state)
        local.set_params(**self._params_of_reader())
        return partial(_read, local)

    def _params_of_reader(self):
        return {}


def _read(local, part, labels, weight):
    """Return the units and the weights of rows."""
    part = as_rows(part, "auto") if not hasattr(part, "iloc") else part
    rows = local._training_rows(part, labels, weight, True, False)
    return rows.units, rows.weight


def _head(part):
    return part[:1]


def _without(state):
    return {name: value for name, value in state.items() if name not in _PRIVATE}


def _refuse_collection(X):
    if is_collection(X):
        raise ValueError(
            "This method takes rows in memory, and X is a collection of Dask. Give it "
            "X.compute(), or each part of X: as by "
            "X.map_partitions(estimator.to_local().complete)."
        )


def _refuse_groups(groups):
    if groups is not None:
        raise ValueError(
            "groups are chains of rows, and a collection of Dask may cut them. Give "
            "EnergyClassifier the rows in memory, as X.compute()."
        )


def _lazily(name, method):
    """Return a method that is lazy for collections."""

    @wraps(method)
    def lazy(self, X, *args, **options):
        if not is_collection(X):
            return method(self, X, *args, **options)
        check_is_fitted(self)
        _refuse_groups(options.get("groups"))
        self._ready(name)
        empty = self._lazy[name](self, **options)
        # A worker does as many blocks at a time as it has threads.
        model = self.to_local().set_params(n_jobs=1)
        if name == "transform":
            is_frame = isinstance(empty, pd.DataFrame)
            model.set_output(transform="pandas" if is_frame else "default")
        of_block = partial(_of_block, name, empty, args, options)
        return _mapped(of_block, delayed(model, pure=False), rows_of(X), empty)

    return lazy


def _mapped(of_block, model, X, empty):
    """Return what a function says of each partition, which is like ``empty``."""
    if not isinstance(X, da.Array):
        return X.map_partitions(of_block, model, meta=empty)
    if isinstance(empty, pd.DataFrame):
        blocks = X.to_delayed().ravel()
        parts = [delayed(of_block, pure=False)(block, model) for block in blocks]
        return dd.from_delayed(parts, meta=empty, verify_meta=False)
    chunks = X.chunks[:1] + tuple((n,) for n in empty.shape[1:])
    drop, dtype = [] if empty.ndim == 2 else [1], empty.dtype
    facts = {"dtype": dtype, "chunks": chunks, "drop_axis": drop, "meta": empty}
    return X.map_blocks(of_block, model, **facts)


def _of_block(name, empty, args, options, block, model):
    """Return what a method says of the rows of a partition, which may have none."""
    if not block.shape[0]:
        return empty
    block = as_rows(block, "auto") if not hasattr(block, "iloc") else block
    result = getattr(model, name)(block, *args, **options)
    is_array = isinstance(empty, np.ndarray)
    return result.astype(empty.dtype, copy=False) if is_array else result
