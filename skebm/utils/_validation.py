"""Names of parts, and what parts need of each other."""

from sklearn.base import clone


def resolve(part, registry, what):
    """Return the spec that ``part`` names, or a clone of the spec that it is.

    Parameters
    ----------
    part : str or spec
    registry : dict of str to class
    what : str
        The parameter's name, for the message.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    if not isinstance(part, str):
        return clone(part)
    return lookup(part, registry, what)()


def lookup(name, registry, what):
    """Return what ``registry`` holds under ``name``, or raise a sentence."""
    try:
        return registry[name]
    except KeyError:
        known = ", ".join(repr(key) for key in registry)
        raise ValueError(f"{what}={name!r} is not known. Known: {known}.") from None


def require(energy, consumer, remedy):
    """Raise a sentence if ``energy`` lacks a capability that ``consumer.requires``."""
    for capability in consumer.requires:
        if not hasattr(energy, capability):
            raise TypeError(
                f"{type(consumer).__name__} needs an energy with {capability}; "
                f"{getattr(energy, '_label', type(energy).__name__)} has none. {remedy}"
            )
