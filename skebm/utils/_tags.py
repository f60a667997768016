"""Tags of the input of estimators."""

from sklearn.utils import get_tags


def mark_tables(tags, density=None):
    """Say that rows may hold categories and text, if those of the density may.

    Parameters
    ----------
    tags : Tags
    density : estimator, default=None
        The density that reads the rows. None is one that takes any table.
    """
    inner = None if density is None else get_tags(density).input_tags
    tags.input_tags.categorical = inner is None or inner.categorical
    tags.input_tags.string = inner is None or inner.string
