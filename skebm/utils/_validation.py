"""Lookup of parts by name, and checks of what a part needs of an energy."""

from sklearn.base import clone


def resolve(part, registry, what):
    """Return a new spec for a parameter that takes a name or a spec.

    Parameters
    ----------
    part : str or spec
        A name makes a spec with its defaults. A spec is cloned.
    registry : dict of str to class
        The known names.
    what : str
        Name of the parameter, for the error message.

    Returns
    -------
    spec

    Raises
    ------
    ValueError
        If the name is unknown. The message lists the known names.
    """
    if not isinstance(part, str):
        return clone(part)
    return lookup(part, registry, what)()


def lookup(name, registry, what):
    """Return the entry of ``registry`` under ``name``.

    Raises
    ------
    ValueError
        If there is no such entry. The message lists the known names.
    """
    try:
        return registry[name]
    except KeyError:
        known = ", ".join(repr(key) for key in registry)
        raise ValueError(f"{what}={name!r} is not known. Known: {known}.") from None


def require(energy, consumer, remedy):
    """Raise an error if the energy lacks a capability that the consumer requires.

    Parameters
    ----------
    energy : energy
    consumer : spec with ``requires``
        The sampler, objective or partition method that is to be used. ``requires`` has
        the names of the attributes of the energy that it uses.
    remedy : str
        Sentence that tells the user what to do, for the error message.

    Raises
    ------
    TypeError
        If an attribute is missing.
    """
    for capability in consumer.requires:
        if not hasattr(energy, capability):
            raise TypeError(
                f"{type(consumer).__name__} needs an energy with {capability}; "
                f"{getattr(energy, '_label', type(energy).__name__)} has none. {remedy}"
            )
