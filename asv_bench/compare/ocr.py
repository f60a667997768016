"""Letters of handwritten words: letter by letter, and with an energy of the whole word.

    SKEBM_DATA=... python asv_bench/compare/ocr.py

The set has 6,877 words, 52,152 letters of 16 x 8 bits, and ten folds of words. Each
fold is the test part once, and the other nine are the training part (`--train-on one`
trains on one fold and tests on the other nine). The figure is the share of wrong
letters. Both models of a pair see the same pixels, with the same energy of a letter and
the defaults of `EnergyClassifier`; `ClassChain` adds scores of letters in a row.
"""

import argparse
import time

import numpy as np
from _base import folder

from skebm import EnergyClassifier
from skebm.energies import ClassChain


def load():
    """Return pixels, letters, the word of each letter, and the fold of each letter."""
    with np.load(folder() / "ocr_words.npz") as data:
        lengths = data["word_length"]
        words = np.repeat(np.arange(len(lengths)), lengths)
        folds = np.repeat(data["word_fold"], lengths)
        return data["X"].astype(np.float32), data["y"], words, folds


def error(energy, is_chain, train, test, seed):
    """Return the share of wrong letters, and the seconds of the fit."""
    (X, y, words), (X_test, y_test, words_test) = train, test
    recipe = ClassChain(energy) if is_chain else energy
    groups = ({"groups": words}, {"groups": words_test}) if is_chain else ({}, {})
    model, start = EnergyClassifier(energy=recipe, random_state=seed), time.time()
    model.fit(X, y, **groups[0])
    seconds = time.time() - start
    return 1 - model.score(X_test, y_test, **groups[1]), seconds


def main():
    """Print the errors of each fold, their mean, and the ratio of the means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--energies", nargs="+", default=["linear", "mlp"])
    parser.add_argument("--train-on", choices=["nine", "one"], default="nine")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    X, y, words, folds = load()
    print("| energy | fold | letter by letter | whole words | s | s, words |")
    print("| --- | --- | --- | --- | --- | --- |")
    for energy in args.energies:
        table = []
        for fold in args.folds:
            inside = folds == fold
            parts = (inside, ~inside) if args.train_on == "one" else (~inside, inside)
            train, test = (tuple(a[rows] for a in (X, y, words)) for rows in parts)
            alone, chain = (
                error(energy, is_chain, train, test, args.seed)
                for is_chain in (False, True)
            )
            table.append([alone[0], chain[0], alone[1], chain[1]])
            figures = "{:.4f} | {:.4f} | {:.0f} | {:.0f}".format(*table[-1])
            print(f"| {energy} | {fold} | {figures} |", flush=True)
        mean, spread = np.mean(table, axis=0), np.std(table, axis=0)
        print(
            f"| {energy} | mean ± spread | {mean[0]:.4f} ± {spread[0]:.4f} | "
            f"{mean[1]:.4f} ± {spread[1]:.4f} | {mean[2]:.0f} | {mean[3]:.0f} |"
        )
        print(f"{energy}: whole words have {mean[1] / mean[0]:.3f} of the errors.")


if __name__ == "__main__":
    main()
