"""A transformer of images that looks for the image of lowest energy."""

from numbers import Integral, Real

from sklearn.base import TransformerMixin

from skebm.energies import Summary
from skebm.energies.images import IMAGE_ENERGIES, photographs
from skebm.estimators._base import EnergyEstimator, fit_hooks, store
from skebm.estimators._restoration import RestorationMixin
from skebm.objectives import IMAGE_OBJECTIVES
from skebm.planning import make_plan
from skebm.tables import TrainingRows, check_weight, patches_of
from skebm.training import Training
from skebm.utils._going_on import defining, whole
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import HasMethods, Interval, StrOptions, fit_context
from skebm.utils._types import Automatic, Seed, Spec
from skebm.utils._validation import refuse_pieces, resolve


class EnergyDenoiser(RestorationMixin, TransformerMixin, EnergyEstimator):
    """Restores images: noise, scratches, blur, by the image of lowest energy.

    ``fit`` learns from clean images an energy, which is low for images that look like
    them. ``transform`` returns for each noisy image the minimum of the energy and of
    the square of the noise that it leaves. The methods :meth:`energy_samples` and
    :meth:`energy_map` say how natural an image is, and each neighbourhood of it.

    Images are arrays (n_samples, height, width), with a last axis of 3 for colour, or
    lists of arrays of any heights and widths. Pixels are uint8, uint16, or floats from
    0 to 1, and restored images are of the same dtype. Colours become brightness and two
    differences of colours, which are restored on their own.

    Parameters
    ----------
    energy : {"ridge", "experts", "rbm", "binary"} or recipe, default="ridge"
        ``"ridge"`` has learned potentials of learned filters [1]_, so bounded that the
        restored image is the only minimum. ``RidgeRecipe(convex=True)`` is convex on
        its own; see :class:`skebm.energies.images.RidgeRecipe`. ``"experts"`` is a
        field of experts, whose potentials are those of Student's t. ``"rbm"`` sums the
        free energies of all patches by a Gaussian RBM, which ``energy_.rbm`` is; see
        :class:`skebm.energies.images.PatchRBM`. These two are not convex.

        ``"binary"`` is for images of two values, such as scans: bool, 0 and 1, or 0 and
        the largest value of an unsigned dtype. It is an Ising grid, whose lowest energy
        a minimum cut finds exactly; see :class:`skebm.energies.images.BinaryRecipe`. It
        is learned without minibatches. So of the other parameters it uses ``sigma``,
        ``n_jobs``, ``random_state`` and ``verbose``, and it refuses ``max_time``,
        ``early_stopping`` and ``warm_start``.
    sigma : float, array-like of shape (n_samples,) or "auto", default="auto"
        Standard deviation of the noise of the images of ``transform``, in units of
        their pixels: for uint8, 25 is much. With ``energy="binary"`` it is the share of
        flipped pixels, below 0.5. ``"auto"`` estimates it for each image.
    objective : {"bilevel", "denoising"} or objective, default="bilevel"
        ``"bilevel"`` learns what restores best [2]_, for any noise from 5 to 55 of 255;
        see :class:`skebm.objectives.Bilevel`. ``"denoising"`` is denoising score
        matching, whose updates cost a tenth, and which restores worse by decibels.
    optimizer : {"auto", "sgd", "adam"} or optimizer, default="auto"
        ``"auto"`` is Adam.
    learning_rate : float or "auto", default="auto"
    schedule : {"linear", "constant"}, default="linear"
        ``"linear"`` lets the learning rate fall to 0 during the second half.
    batch_size : int or "auto", default=16
        Number of patches of an update.
    n_iter : int or "auto", default="auto"
        Number of passes over the patches. ``"auto"`` makes about 2,000 updates, which
        take ten minutes or so.
    max_time : float, default=None
        Seconds after which the training ends. The learning rate falls in time for that.
    average : float in [0, 1), default=0.99
        Decay of the average of the parameters, which is the result.
    patch_size : int, default=40
        Height and width of the patches that are learned from.
    max_patches : int, default=20000
        Largest number of patches. They cover the images without overlap.
    gradient_tol : float, default=5e-3
        A restoration ends where the root of the mean square of the gradient is below
        this share of ``sigma``.
    max_iter : int, default=1000
        Largest number of iterations of a restoration.
    early_stopping : bool, default=False
        Whether to hold out patches, and to stop when they are not restored better.
    validation_fraction : float in (0, 1), default=0.1
    n_iter_no_change : int, default=5
    tol : float, default=1e-4
        Least gain of early stopping, in decibels.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the energy of the last one.
    n_jobs : int, default=None
        Number of threads. None takes all cores.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    energy_ : Ridge, Experts, PatchRBM or GridIsing
        The energy. ``energy_.potentials(responses)`` are the potentials of filters.
    filters_ : ndarray of shape (n_filters, size, size), float32
        The filters, but not of ``energy="binary"``.
    history_ : dict of str to list
        One entry an epoch. ``psnr`` is the mean peak signal-to-noise ratio of some
        restored patches at all levels of noise, in decibels. It is empty for
        ``energy="binary"``.
    n_iter_ : int
        Number of epochs.

    See Also
    --------
    EnergyImputer : Missing cells of tables.

    References
    ----------
    .. [1] A. Goujon, S. Neumayer, M. Unser. "Learning weakly convex regularizers for
       convergent image-reconstruction algorithms". SIAM Journal on Imaging Sciences 17
       (2024).
    .. [2] Y. Chen, R. Ranftl, T. Pock. "Insights into analysis operator learning: from
       patch-based sparse models to higher order MRFs". IEEE Transactions on Image
       Processing 23 (2014).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import EnergyDenoiser
    >>> from skebm.energies.images import RidgeRecipe
    >>> digits = load_digits().images / 16
    >>> recipe = RidgeRecipe(n_filters=8, filter_size=3)
    >>> options = {"patch_size": 8, "n_iter": 2, "random_state": 0}
    >>> denoiser = EnergyDenoiser(recipe, sigma=0.1, **options)
    >>> denoiser.fit(digits[:200]).transform(digits[200:203]).shape
    (3, 8, 8)
    """

    _parameter_constraints: dict = {
        **{
            name: EnergyEstimator._parameter_constraints[name]
            for name in (
                *("objective", "optimizer", "learning_rate", "schedule", "batch_size"),
                *("n_iter", "max_time", "average", "early_stopping", "tol"),
                *("validation_fraction", "n_iter_no_change", "warm_start", "n_jobs"),
                *("random_state", "verbose"),
            )
        },
        "energy": [str, HasMethods(["build"])],
        "sigma": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "patch_size": [Interval(Integral, 8, None, closed="left")],
        "max_patches": [Interval(Integral, 1, None, closed="left")],
        "gradient_tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }
    # An energy of images has no chains, no weights that are shrunk, and no log Z.
    l1 = l2 = l1b = sparsity_cost = 0.0
    sparsity_target, partition = 0.1, "auto"

    def __init__(
        self,
        energy: Spec = "ridge",
        *,
        sigma: float | Automatic = "auto",
        objective: Spec = "bilevel",
        optimizer: Spec = "auto",
        learning_rate: float | Automatic = "auto",
        schedule: str = "linear",
        batch_size: int | Automatic = 16,
        n_iter: int | Automatic = "auto",
        max_time: float | None = None,
        average: float = 0.99,
        patch_size: int = 40,
        max_patches: int = 20_000,
        gradient_tol: float = 5e-3,
        max_iter: int = 1000,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ):
        store(self, locals())

    @classmethod
    def pretrained(cls, **params):
        """Return a fitted estimator, which has learned from photographs.

        The photographs are in the public domain, or their licence allows it; the file
        of the parameters names them. With ``warm_start=True``, :meth:`fit` goes on from
        there.

        Parameters
        ----------
        **params
            Parameters of the estimator, without ``energy``.

        Returns
        -------
        EnergyDenoiser

        Examples
        --------
        >>> from sklearn.datasets import load_sample_image
        >>> from skebm import EnergyDenoiser
        >>> photograph = load_sample_image("china.jpg")[100:164, 100:180]
        >>> denoiser = EnergyDenoiser.pretrained(sigma=10)
        >>> denoiser.transform([photograph])[0].shape
        (64, 80, 3)
        """
        self = cls(**params)
        energy, random = photographs(), Random.from_state(self.random_state)
        self._summary = Summary(1, None, None, energy.dtype.name)
        plan = make_plan(self, energy, None, 1, n_iter=1)
        self._training = Training.start(energy, plan, random)
        for name, value in self._fitted_attributes(self._training).items():
            setattr(self, name, value)
        self._defining, self.history_ = defining(self), {}
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the energy of clean images.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, 3]), or list of ndarray
        y : Ignored
        sample_weight : array-like of shape (n,), default=None
            How many images each image counts for. ``energy="binary"`` takes none.

        Returns
        -------
        self : EnergyDenoiser
            The fitted estimator.
        """
        if hasattr(self._recipe(), "learn"):
            return self._learn(X, sample_weight)
        return self._fit(X, None, sample_weight)

    def _learn(self, X, sample_weight):
        """Learn an energy that needs no training loop."""
        refuse_pieces(self, sample_weight)
        recipe, hooks = self._recipe(), fit_hooks(X, None, None)
        with whole(self, "history_"):
            planes = self._read(X, energy=recipe).brightness
            context = self._init_callback_context(max_subtasks=0)
            context.call_on_fit_task_begin(estimator=self, **hooks)
            report = print if self.verbose else None
            with use_threads(self.n_jobs):
                random = Random.from_state(self.random_state)
                energy = recipe.learn(planes, random, report)
            vars(self).pop("_training", None)
            attributes = recipe.attributes(energy, None)
            fitted = {"energy_": energy, "_energy": energy, "n_iter_": 1, **attributes}
            vars(self).update(fitted, history_={})
            context.call_on_fit_task_end(estimator=self, **hooks)
        return self

    def _training_rows(self, X, y, sample_weight, go_on, is_stream):
        planes = self._read(X, energy=self._recipe()).brightness
        patches, sources = patches_of(planes, self.patch_size, self.max_patches)
        hooks = fit_hooks(X, None, sample_weight)
        weight = check_weight(sample_weight, X)
        if weight is not None:
            patches, weight = patches[weight[sources] > 0], weight[sources]
            weight = weight[weight > 0]
        return TrainingRows(patches, weight, None, hooks, go_on, False)

    def _summarised(self, rows):
        return Summary.of(rows.units.reshape(len(rows.units), -1), None)

    def _recipe(self):
        return resolve(self.energy, IMAGE_ENERGIES, "energy")

    def _objective(self):
        return resolve(self.objective, IMAGE_OBJECTIVES, "objective")

    def _partition(self):
        return None

    def _log_partition(self, energy, training):
        return None

    def _fitted_attributes(self, training):
        attributes = super()._fitted_attributes(training)
        del attributes["log_partition_"]
        return {**attributes, "energy_": attributes["_energy"]}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
