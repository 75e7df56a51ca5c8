"""skmc beside other packages: held-out error, objective, CPU seconds and memory, in one run.

    python benchmarks/bench_peers.py ratings --movielens ~/ml-1m.zip --picture ratings.png
    python benchmarks/bench_peers.py ratings --synthetic 6040 3706 1000209
    python benchmarks/bench_peers.py tables
    python benchmarks/bench_peers.py --judged movielens --movielens ~/ml-1m.zip

Every fit runs in a process of its own, with 1, 2, 3, 4, 6, 8, ... iterations. CPU seconds (user and
system, all threads) and added memory are those of the fit: neither import nor reading the data
counts, nor what packages import in their first fit, which is a small one before. Packages that are
not installed are left out; those in other environments are found by `--python
cmfrec=/path/to/python`, the programs of LIBMF on the search path or by `--programs`.

Ratings: each method is shown at its lowest held-out error, and at the fewest iterations with which
it is as good as the lowest of the first one. Tables: the same nuclear-norm problem for all, at the
fewest iterations that bring its objective within 1e-4 of the lowest that any method has found.
"""

import argparse
import signal
import tempfile
from pathlib import Path

from _common import print_machine, quiet
from _peers_data import movielens_task, synthetic_task, table_task
from _peers_run import Runner, best_error, first_within

# Of objectives, relative; and of errors.
CLOSE = 1e-4
ROUNDING = 0.5e-4
TABLES = {"small": ((2000, 200), 10, 0.7), "large": ((20000, 500), 20, 0.5)}
LONG_TAILED = (70_000, 10_000, 10_000_000)


def tasks(arguments):
    """Tasks that were asked for, one after the other, as they are large."""
    if arguments.judged == "ratings10m" or arguments.synthetic:
        *shape, n_ratings = arguments.synthetic or LONG_TAILED
        task = synthetic_task(shape, n_ratings, arguments.rank, arguments.seed)
        if arguments.judged:
            # An iteration costs the same with either kind of penalty.
            growing = {"scale_lam", "penalty_power"}
            task.entrants = [x for x in task.entrants if not growing & set(x.settings)]
        yield task
    elif arguments.judged == "movielens" or arguments.kind == "ratings":
        if not arguments.movielens:
            raise SystemExit("say where your copy of MovieLens is: --movielens PATH")
        yield movielens_task(arguments.movielens, arguments.rank, arguments.seed)
    else:
        for name in arguments.sizes:
            yield table_task(*TABLES[name], small=name == "small")


def show_progress(entrant, result):
    kind = "objective" if "objective" in result else "rmse"
    value = f"{kind} {result[kind]:.7g}, " if kind in result else ""
    print(f"  {entrant.label}, {result['iterations']}: {value}{result['cpu']:.3f} s", flush=True)


def why(entrant, reason):
    """Sentence about a method without figures."""
    if "absent" in reason:
        return f"{entrant.label}: not installed ({reason['absent']})"
    if "over" in reason:
        return f"{entrant.label}: over {reason['over']:g} s"
    return f"{entrant.label}: failed ({reason['failed']})"


def run(task, runner, arguments):
    """Curves of the methods of a task by label, and what became of the others."""
    curves, notes = {}, []
    for entrant in task.entrants:
        if arguments.methods and entrant.method not in arguments.methods:
            continue
        show = show_progress if arguments.progress else lambda *_: None
        found, reason = runner.curve(entrant, show)
        if found:
            curves[entrant.label] = (entrant, found)
        if reason:
            ending = f" with {len(found)} counts of iterations done" if found else ""
            notes.append(why(entrant, reason) + ending)
    return curves, notes


def choose_ratings(curves, target):
    """Rows: each method at its best, and where it is as good as the first."""
    rated = [curve for _, curve in curves.values() if "rmse" in curve[0]]
    if target is None and rated:
        target = best_error(rated[0])["rmse"]
    for entrant, curve in curves.values():
        if "rmse" not in curve[0]:
            yield entrant, curve[-1], "no ratings"
            continue
        best = best_error(curve)
        reached = first_within(curve, "rmse", target + ROUNDING)
        if reached is not None and reached is not best:
            yield entrant, reached, f"RMSE {target:.4f}"
        yield entrant, best, "best" + ("" if reached else ", not the target")


def choose_tables(curves):
    """Rows: each method where its objective is close to the lowest found."""
    lowest = min(x["objective"] for _, curve in curves.values() for x in curve if "objective" in x)
    for entrant, curve in curves.values():
        if "objective" not in curve[0]:
            yield entrant, curve[-1], "another problem"
            continue
        reached = first_within(curve, "objective", lowest * (1.0 + CLOSE))
        least = min(curve, key=lambda x: x["objective"])
        gap = least["objective"] / lowest - 1
        yield entrant, reached or least, "reached" if reached else f"not reached: {gap:.1e} above"


def cell(value, form):
    return "-" if value is None else format(value, form)


def print_table(rows, kind):
    """Rows of (label, figures, remark) as a table in Markdown; ratios are to the first."""
    extra = ("objective", "rank") if kind == "tables" else ()
    names = ("method", "version", "iterations", "RMSE", *extra, "CPU s", "ratio", "wall s")
    names += ("s / iteration",) if kind == "ratings" else ()
    names += ("added MB", "peak MB", "at")
    print("| " + " | ".join(names) + " |\n|" + " --- |" * len(names))
    reference = rows[0][1]["cpu"]
    for label, x, remark in rows:
        cells = [label, x["version"], str(x["iterations"]), cell(x.get("rmse"), ".4f")]
        if extra:
            cells += [cell(x.get("objective"), ".8g"), cell(x.get("rank"), "d")]
        cells += [format(x["cpu"], ".3g"), format(x["cpu"] / reference, ".3g")]
        cells.append(format(x["wall"], ".3g"))
        if kind == "ratings":
            cells.append(cell(x.get("slope"), ".3g"))
        cells += [cell(x["added"], ".0f"), cell(x["peak"], ".0f"), remark]
        print("| " + " | ".join(cells) + " |", flush=True)


def slope(curve):
    """CPU seconds of an iteration, between the fits with the fewest and the most."""
    few, more = curve[0], curve[-1]
    if few is more:
        return None
    return (more["cpu"] - few["cpu"]) / (more["iterations"] - few["iterations"])


def draw(curves, task, path):
    """Held-out error against CPU seconds."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for label, (_, curve) in curves.items():
        points = [(x["cpu"], x["rmse"]) for x in curve if "rmse" in x]
        if points:
            style = "o-" if label.startswith("skmc") else ".--"
            axes.plot(*zip(*points, strict=True), style, label=label)
    axes.set(xscale="log", xlabel="CPU seconds of the fit", ylabel="held-out RMSE")
    if task.lam is not None:
        axes.set_yscale("log")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"\npicture: {path}")


def print_settings(task, curves, arguments):
    """What the figures depend on."""
    print(f"\n{task.title}; at most {arguments.threads} threads, BLAS {arguments.blas_threads}\n")
    for entrant, _ in curves.values():
        words = ", ".join(f"{key}={value}" for key, value in entrant.settings.items())
        print(f"- {entrant.label}: {words or 'defaults'}")
    print()


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("kind", nargs="?", choices=["ratings", "tables"], default="tables")
    add("--judged", choices=["movielens", "ratings10m", "tables"], help="a comparison of record")
    add("--movielens", help="your copy of a MovieLens data set")
    add("--synthetic", type=int, nargs=3, metavar=("USERS", "ITEMS", "RATINGS"))
    add("--sizes", nargs="+", choices=list(TABLES), default=list(TABLES), help="of tables")
    add("--rank", type=int, default=64, help="of ratings")
    add("--target", type=float, help="error that ratings have to reach")
    add("--seed", type=int, default=0, help="of the split of ratings")
    add("--methods", nargs="+", help="keys of the methods, all if not given")
    add("--python", action="append", default=[], metavar="METHOD=PATH", help="its interpreter")
    add("--programs", default="", help="folder of mf-train and mf-predict")
    add("--threads", type=int, default=2)
    add("--blas-threads", type=int, default=1)
    add("--timeout", type=float, default=600.0, help="seconds for a process")
    add("--repeats", type=int, help="of the fits in the table; 5 if judged, else 1")
    add("--counts", type=int, nargs="+", help="numbers of iterations for all methods")
    add("--picture", help="file for error against CPU seconds")
    add("--progress", action="store_true", help="a line for every fit")
    arguments = parser.parse_args()
    arguments.pythons = dict(item.split("=", 1) for item in arguments.python)
    if arguments.judged:
        arguments.kind = "tables" if arguments.judged == "tables" else "ratings"
    if arguments.judged == "ratings10m":
        # Time and memory of an iteration are what is asked, at counts which all can afford.
        arguments.counts = arguments.counts or [1, 3]
        arguments.methods = arguments.methods or ["skmc_als", "cmfrec", "implicit"]
    arguments.repeats = arguments.repeats or (5 if arguments.judged else 1)
    return arguments


def report(task, number, arguments):
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(
            task,
            Path(folder),
            arguments.pythons,
            arguments.programs,
            arguments.threads,
            arguments.blas_threads,
            arguments.timeout,
        )
        if arguments.counts:
            for entrant in task.entrants:
                entrant.counts = tuple(arguments.counts)
        curves, notes = run(task, runner, arguments)
        print_settings(task, curves, arguments)
        if curves:
            chosen = (
                choose_ratings(curves, arguments.target)
                if arguments.kind == "ratings"
                else choose_tables(curves)
            )
            rows = []
            for entrant, result, remark in chosen:
                figures = runner.repeated(entrant, result, arguments.repeats)
                figures["slope"] = slope(curves[entrant.label][1])
                rows.append((entrant.label, figures, remark))
            print_table(rows, arguments.kind)
            print(f"\nmedians of {arguments.repeats} fits, each in a process of its own")
    for note in notes:
        print(note)
    if arguments.picture and curves:
        path = Path(arguments.picture)
        draw(curves, task, path.with_stem(path.stem + (f"-{number}" if number else "")))


def stop(*_):
    raise SystemExit("stopped")


def main():
    arguments = parse()
    # Otherwise a fit in progress would go on alone.
    signal.signal(signal.SIGTERM, stop)
    quiet()
    print_machine()
    for number, task in enumerate(tasks(arguments)):
        report(task, number, arguments)


if __name__ == "__main__":
    main()
