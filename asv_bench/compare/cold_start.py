"""Time of the first use of skebm in a fresh environment, and in the process after it.

    python asv_bench/compare/cold_start.py [--runs 3] [--table]

Four lines, each in processes of its own: the first one has an empty compiler cache, the
second one finds what the first has compiled. Each time stands there twice: with the
import of skebm, most of which is that of NumPy, scikit-learn and numba, and without it.
`--table` prints where the seconds go: the time of each function that is compiled,
without that of the functions that it calls.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from numba.core.event import Listener, register

# What a process does; `skebm` is imported there.
_DIGITS = """
import numpy as np
from sklearn.datasets import load_digits
digits = load_digits()
X = (digits.data > 7).astype(np.float32)
"""
_FRAME = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(0)
X = pd.DataFrame({
    "size": rng.normal(size=500),
    "color": pd.Categorical(rng.choice(["red", "green", "blue"], 500)),
    "is_old": rng.random(500) < 0.3,
    "visits": rng.poisson(3.0, 500),
})
"""
_LINES = {
    "RBMDensity, digits of 0 and 1": (
        _DIGITS,
        "skebm.RBMDensity(n_iter=1, random_state=0).fit(X).score_samples(X)",
    ),
    "EnergyClassifier, digits": (
        _DIGITS,
        "skebm.EnergyClassifier(n_iter=1, random_state=0).fit(X, digits.target)"
        ".predict(X)",
    ),
    "EBMAnomalyDetector, digits": (
        _DIGITS,
        "skebm.EBMAnomalyDetector(n_iter=1, random_state=0).fit(X).score_samples(X)",
    ),
    "RBMDensity, a frame of four kinds": (
        _FRAME,
        "skebm.RBMDensity(n_iter=1, random_state=0).fit(X).score_samples(X)",
    ),
}
_CLOCK = """
import time
import warnings
warnings.simplefilter("ignore")
clocks = time.perf_counter, time.process_time
started = [clock() for clock in clocks]
import skebm
imported = [clock() for clock in clocks]
{data}
prepared = [clock() for clock in clocks]
{use}
used = [clock() - start for clock, start in zip(clocks, prepared)]
print(*(i - s + u for i, s, u in zip(imported, started, used)), *used)
"""


class Compilations(Listener):
    """A listener for the events ``numba:compile``: seconds without those inside."""

    def __init__(self):
        self.open, self.rows = [], []

    def on_start(self, event):
        """Begin to count."""
        self.open.append([time.process_time(), 0.0])

    def on_end(self, event):
        """Note what it took."""
        now = time.process_time()
        start, inside = self.open.pop()
        if self.open:
            self.open[-1][1] += now - start
        function = event.data["dispatcher"].py_func
        name = f"{function.__module__}.{function.__qualname__}"
        self.rows.append((now - start - inside, name, str(event.data["args"])))

    def print(self, n_rows=40):
        """Print the longest ones, and how many there are."""
        total = sum(row[0] for row in self.rows)
        print(f"{total:8.2f} s of processor in {len(self.rows)} functions")
        for seconds, name, types in sorted(self.rows, reverse=True)[:n_rows]:
            print(f"{seconds:8.2f} {name}  {types[:60]}")


def seconds(data, use, cache):
    """Return seconds of one process, by the clock and of the processor.

    Two of them are with the import of skebm, and two without it.
    """
    code = _CLOCK.format(data=data, use=use)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(word) for word in done.stdout.split()[-4:]]


def print_times(n_runs):
    """Print medians over several empty caches."""
    print(f"seconds, median of {n_runs}; clock and processor", end="; ")
    print("with the import of skebm, and without it")
    for name, (data, use) in _LINES.items():
        times = []
        for _ in range(n_runs):
            with tempfile.TemporaryDirectory() as cache:
                times.append([seconds(data, use, cache) for _ in range(2)])
        print(name)
        for process, row in zip(
            ("first", "second"), np.median(times, axis=0), strict=True
        ):
            print(f"    {process:8s}" + "".join(f"{value:8.2f}" for value in row))


def print_table(name):
    """Use one line in this process, and print what was compiled."""
    compilations = Compilations()
    register("numba:compile", compilations)
    data, use = _LINES[name]
    exec(data + "import skebm\n" + use, {})
    print(name)
    compilations.print()


def main():
    """Print the times, or the table of one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--line", type=int, default=0, help="the line of the table")
    arguments = parser.parse_args()
    if not arguments.table:
        print_times(arguments.runs)
        return
    name = list(_LINES)[arguments.line]
    if "NUMBA_CACHE_DIR" in os.environ:
        print_table(name)
        return
    with tempfile.TemporaryDirectory() as cache:  # numba reads it when it is imported
        command = [sys.executable, __file__, "--table", "--line", str(arguments.line)]
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
