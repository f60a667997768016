"""Run many random cases: ``python -m tests.fuzz --cases 1000 --seed 0``."""

import argparse
import faulthandler
import traceback
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import islice, repeat

from tests.fuzz.cases import NAMES, draw
from tests.fuzz.judge import LIMIT, run

# Seeds that a process runs at a time.
_CHUNK = 50
# Wall seconds after which a case that cannot be interrupted ends the process.
_HANGS = 300


def of_seed(seed, limit=LIMIT, names=NAMES):
    """Return the estimator's name, and the verdict, method, words and place at the end.

    A case whose calls all end right counts by its last call.
    """
    faulthandler.dump_traceback_later(_HANGS, exit=True)
    case = draw(seed, names)
    last = run(case, limit)[-1]
    faulthandler.cancel_dump_traceback_later()
    return case.name, last.verdict, last.call.method, last.words, last.place, last.right


def of_seeds(seeds, limit, names):
    """Return the endings of several seeds."""
    return [(seed, *of_seed(seed, limit, names)) for seed in seeds]


def endings(first, n_cases, jobs, limit, names):
    """Yield the endings of ``n_cases`` seeds from ``first`` on."""
    seeds = iter(range(first, first + n_cases))
    chunks = list(iter(lambda: list(islice(seeds, _CHUNK)), []))
    if jobs == 1:
        for chunk in chunks:
            for seed in chunk:
                yield (seed, *of_seed(seed, limit, names))
        return
    with ProcessPoolExecutor(jobs) as pool:
        for ends in pool.map(of_seeds, chunks, repeat(limit), repeat(names)):
            yield from ends


def show(seed, names):
    """Run one case, and print each call with its ending and its traceback."""
    case = draw(seed, names)
    print(case)
    X = next((c.arguments["X"] for c in case.calls if "X" in c.arguments), None)
    print(f"\nThe first table:\n{X!r}\n")
    for ending in run(case):
        print(f"{ending.verdict}: {ending.call}\n    {ending.words} {ending.place}")
    if ending.error is not None:
        traceback.print_exception(ending.error)


def summary(*arguments):
    """Run cases and print their verdicts; return the number of failures."""
    table, failures = Counter(), defaultdict(list)
    for seed, name, verdict, method, words, place, right in endings(*arguments):
        table[name, verdict] += 1
        if not right:
            failures[verdict, place].append(seed)
            text = f"{seed} {name}.{method}: {verdict}: {words[:200]} [{place}]"
            print(text, flush=True)
    verdicts = sorted({verdict for _, verdict in table})
    print("\n" + " ".join(f"{word:>12}" for word in ["", *verdicts]))
    for name in sorted({name for name, _ in table}):
        counts = " ".join(f"{table[name, verdict]:12}" for verdict in verdicts)
        print(f"{name[:12]:>12} {counts}")
    for (verdict, place), seeds in sorted(failures.items(), key=lambda e: -len(e[1])):
        print(f"{len(seeds):5} {verdict} [{place}]: seeds {seeds[:8]}")
    return sum(map(len, failures.values()))


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of CPU")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--show", action="store_true", help="run one seed, and tell")
    options = parser.parse_args()
    if options.show:
        show(options.seed, options.only)
        return 0
    arguments = options.seed, options.cases, options.jobs, options.limit
    return int(summary(*arguments, options.only) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
