"""Volatile days of the S&P 500: fitted up to 2006, scored from 2007 to 2023.

    SKEBM_DATA=... python asv_bench/compare/sp500.py [--validate] [--figure FILE]

A row is a day: its log-return, and its range, the log of high over low. The pipeline of
`WindowTransformer(width)` and the detector sees the days from 1983 to 2006, and scores
each day from 2007 on by the window that ends with it, so nothing looks ahead. A day is
flagged if its energy is above the 99.5 % quantile of the training days.

A day is positive if the standard deviation of the returns of its last 20 days is above
the 99 % quantile of the training days. That is another reading of the same prices, and
no truth of its own. The volatility lags: the first days of a crash are not positive.

With `--validate` the width is compared inside the training part: fitted up to 1995, and
scored from 1996 to 2006, with quantiles of the days up to 1995.
"""

import argparse

import numpy as np
from _base import folder
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from skebm import EBMAnomalyDetector
from skebm.preprocessing import WindowTransformer

DETECTORS = {"experts": EBMAnomalyDetector, "isolation forest": IsolationForest}
MONTHS = ["2008-10", "2020-03"]


def load():
    """Return dates, prices, rows of return and range, and the volatility of 20 days."""
    with np.load(folder() / "series" / "sp500_daily.npz") as data:
        date, close = data["date"].astype("datetime64[D]"), data["close"]
        spans = np.log(data["high"] / data["low"])
    returns = np.diff(np.log(close))
    volatility = np.full(len(returns), np.nan)
    volatility[19:] = np.lib.stride_tricks.sliding_window_view(returns, 20).std(axis=1)
    rows = np.column_stack([returns, spans[1:]])
    return date[1:], close[1:], rows, volatility


def fitted(name, width, rows, train, seed):
    """Return the energies of all days, and the threshold of the training days."""
    detector = DETECTORS[name](random_state=seed)
    model = make_pipeline(WindowTransformer(width), detector).fit(rows[train])
    energies = -model.score_samples(rows)
    return energies, np.quantile(energies[train], 0.995)


def compare(widths, seeds, train, test, data):
    """Print the figures of each width and detector."""
    date, _, rows, volatility = data
    positive = volatility > np.nanquantile(volatility[train], 0.99)
    months = [date.astype("datetime64[M]") == np.datetime64(m) for m in MONTHS]
    print(f"{test.sum()} days, {positive[test].sum()} of them positive")
    heads = ["AUROC", "AP", "flagged", "precision", "recall", "F1", *MONTHS]
    print(f"| width | model | {' | '.join(heads)} |")
    print("| --- " * (len(heads) + 2) + "|")
    for width in widths:
        for name in DETECTORS:
            table = []
            for seed in range(seeds):
                energies, threshold = fitted(name, width, rows, train, seed)
                flagged = (energies > threshold) & test
                hit = (flagged & positive).sum()
                precision, recall = hit / flagged.sum(), hit / positive[test].sum()
                table.append(
                    [
                        roc_auc_score(positive[test], energies[test]),
                        average_precision_score(positive[test], energies[test]),
                        flagged.sum(),
                        precision,
                        recall,
                        2 * precision * recall / (precision + recall),
                        *(flagged[month].sum() for month in months),
                    ]
                )
            mean, spread = np.mean(table, axis=0), np.std(table, axis=0)
            digits = [3, 3, 0, 3, 3, 3, 0, 0]
            cells = [
                f"{m:.{d}f} ({s:.{max(d, 1)}f})"
                for m, s, d in zip(mean, spread, digits, strict=True)
            ]
            print(f"| {width} | {name} | {' | '.join(cells)} |", flush=True)


def draw(path, width, train, test, data):
    """Draw the price, and the energies with their threshold, from 2007 on."""
    import matplotlib.pyplot as plt

    date, close, rows, _ = data
    energies, threshold = fitted("experts", width, rows, train, 0)
    flagged = (energies > threshold) & test
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(10, 5.5), layout="constrained")
    axes[0].semilogy(date[test], close[test], color="0.3", linewidth=0.8)
    axes[0].plot(date[flagged], close[flagged], ".", color="C3", label="flagged")
    axes[0].set(ylabel="S&P 500", title="Fitted to 1983 to 2006")
    axes[0].set_yticks([1000, 2000, 4000], ["1000", "2000", "4000"])
    axes[0].set_yticks([], minor=True)
    axes[0].legend(loc="upper left")
    axes[1].plot(date[test], energies[test], color="C0", linewidth=0.6)
    axes[1].axhline(threshold, color="C3", linewidth=1, label="99.5 % of training days")
    axes[1].set(ylabel=f"energy of the last {width} days (nats)")
    axes[1].legend(loc="upper left")
    fig.savefig(path)


def main():
    """Print the table, and draw the figure if there is a file for it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", type=int, nargs="+", default=[1, 5, 10, 20])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--figure")
    parser.add_argument("--figure-width", type=int, default=10)
    options = parser.parse_args()
    data = load()
    year = data[0].astype("datetime64[Y]").astype(int) + 1970
    last_train, last_test = (1995, 2006) if options.validate else (2006, 2023)
    train, test = year <= last_train, (year > last_train) & (year <= last_test)
    compare(options.widths, options.seeds, train, test, data)
    if options.figure:
        draw(options.figure, options.figure_width, train, test, data)


if __name__ == "__main__":
    main()
