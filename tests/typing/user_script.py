"""What a user may write. A type checker finds no error here."""

import numpy as np
import pandas as pd

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.energies import RBMRecipe

bits = np.random.default_rng(0).integers(0, 2, (50, 4)).astype(float)
labels = np.arange(50) % 2
frame = pd.DataFrame(bits, columns=["a", "b", "c", "d"]).astype({"a": bool})
rows = [[2.5, 1.5], [0.5, None]] * 20

rbm = RBMDensity(n_components=3, n_iter=2, l2="auto", random_state=0)
rbm = rbm.fit(bits, sample_weight=np.ones(50)).partial_fit(bits)
total: float = rbm.score(bits) + rbm.score_samples(frame.to_numpy(float)).sum()
draws = rbm.sample(5, random_state=np.random.RandomState(0))
shape = rbm.components_.shape, rbm.n_components, rbm.log_partition_.value
rbm.fit_transform(bits)
rbm.set_params(n_iter=3)

RBMDensity(visible={"a": "bernoulli"}, n_iter=1).fit(frame).posterior_mean(frame)
RBMDensity(visible="categorical", n_iter=1).fit(np.array([["a", "b"]] * 9, object))
detector = EBMAnomalyDetector("rbm", contamination=0.1, n_iter=1).fit(bits)
flagged = bits[detector.predict(bits) < 0], detector.offset_, len(detector.history_)
classifier = EnergyClassifier(4, generative_weight=0.5, n_iter=1).fit(bits, labels)
best = classifier.classes_[classifier.predict_proba(bits).argmax(axis=1)]
filled = EnergyImputer(n_iter=1).fit(rows).transform(rows)
density = EnergyDensity(RBMRecipe(3), n_iter=1).fit(bits).energy_samples(bits)
documents = DocumentDensity(words="multinomial", n_iter=1).fit(bits + 1)
perplexity: float = documents.perplexity(bits)
