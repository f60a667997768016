"""The gradient of the likelihood: positive minus negative phase."""

from skebm.utils._parallel import start_blocks


class Contrast:
    """The members of an energy that make the gradient of the likelihood."""

    def start_phase(self, x, weight=None):
        """Begin a phase of the gradient at rows, on another thread if one is free.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_features)
        weight : ndarray of shape (n,), default=None
            None gives all rows the same weight, with sum 1.

        Returns
        -------
        job
            ``result()`` waits, and returns the phase that :meth:`contrast` takes.
        """
        return start_blocks(lambda _: self.grad(x, weight), x.shape[0], 0)

    def start_chain_phase(self, chains, weight=None):
        """Begin a phase of the gradient at chains; see :meth:`start_phase`."""
        return self.start_phase(self.configurations(chains), weight)

    def contrast(self, positive, negative, offsets=None):
        """Return the gradient of -log p: positive minus negative phase.

        Parameters
        ----------
        positive, negative
            Results of :meth:`start_phase` or :meth:`start_chain_phase`.
        offsets : object, default=None
            Offsets of the centered gradient, for an energy that has one.
        """
        (data,), (model,) = positive, negative
        return {name: data[name] - model[name] for name in data}

    def precondition(self, gradient):
        """Return the gradient by name in the metric in which steps are taken."""
        return gradient

    def initial_offsets(self):
        """Return the offsets of the centered gradient; None if it has no offsets."""
        return None

    def offset_targets(self, positive):
        """Return the targets of the offsets, from the positive phase."""
        return None
