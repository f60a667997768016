"""Shares of rows in minibatches."""


def shares(weight, rows, n_rows, mass_per_batch):
    """Return the share of each row in its minibatch, and the factor of the step.

    The step of a minibatch is proportional to its total weight. So a weight acts like a
    repetition of the row: exactly if one minibatch holds all rows, else in expectation.
    ``mass_per_batch`` is the mean of the total weight of a minibatch.
    """
    if weight is None:
        return None, n_rows / mass_per_batch
    batch_weight = weight[rows]
    mass = batch_weight.sum()
    return (batch_weight / mass if mass else batch_weight), mass / mass_per_batch
