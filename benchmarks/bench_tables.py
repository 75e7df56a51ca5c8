"""Completers and scikit-learn's imputers on real tables: who comes nearest to what was hidden.

Four tables that scikit-learn ships, without their constant columns. 30 % of the entries are hidden,
others for each seed, and every method fills them in. The error is the root mean square over the
hidden entries in standard deviations of the complete columns: the mean of a column would have 1.
The rank of a method among the others is taken for each table and seed, and averaged. CPU seconds
are those of all four tables, the mean over the seeds.

The last two lines are no methods but marks to measure them by: what ridge regression and random
trees make of the same cells from all *other* columns of the complete table, fitted to other rows.
No method sees that much. Trees well ahead of ridge, as on the digits and on wine, mean clusters or
curves, which take many components: there a low-rank model is the wrong tool, or one to compare
with neighbours and trees. Where ridge is ahead of trees, it is the right one.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet, rmse
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.datasets import hide_entries

HIDDEN = 0.3
TABLES = {
    "breast cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
}
METHODS = {
    "SimpleImputer()": SimpleImputer(),
    "scaler, KNNImputer()": KNNImputer(),
    "scaler, IterativeImputer()": IterativeImputer(random_state=0),
    "ALSCompleter()": ALSCompleter(),
    'ALSCompleter(rank="auto")': ALSCompleter(rank="auto"),
    "ALSCompleterCV()": ALSCompleterCV(),
    'ProjectedGDCompleter(rank="auto")': ProjectedGDCompleter(rank="auto"),
    "SoftImputeCompleter()": SoftImputeCompleter(),
    "SoftImputeCompleterCV()": SoftImputeCompleterCV(),
}
MARKS = {
    "complete other columns, ridge": RidgeCV(np.geomspace(0.1, 1000, 9)),
    "complete other columns, trees": ExtraTreesRegressor(50, max_features=0.5, random_state=0),
}


def load(name):
    """The table in standard deviations of its columns, without the constant ones."""
    table = TABLES[name]().data
    table = table[:, table.std(axis=0) > 0]
    return (table - table.mean(axis=0)) / table.std(axis=0)


def complete(name, method, table):
    """The completed table, and CPU seconds."""
    start = time.process_time()
    if name.startswith("scaler"):
        # Completers have units of their own; these imputers do not.
        pipeline = make_pipeline(StandardScaler(), clone(method))
        completed = pipeline[0].inverse_transform(pipeline.fit_transform(table))
    else:
        completed = clone(method).fit_transform(table)
    return completed, time.process_time() - start


def run(truth, seeds):
    """Errors and CPU seconds of all methods, (methods, seeds), and where entries were hidden."""
    found, masks = np.empty((2, len(METHODS), seeds)), []
    for seed in range(seeds):
        table, hidden = hide_entries(truth, HIDDEN, random_state=seed)
        masks.append(hidden)
        for k, (name, method) in enumerate(METHODS.items()):
            completed, found[1, k, seed] = complete(name, method, table)
            found[0, k, seed] = rmse((completed - truth)[hidden])
    return *found, masks


def from_complete_columns(model, truth):
    """Each column from the complete other ones, in five folds of rows."""
    folds = KFold(5, shuffle=True, random_state=0)
    columns = range(truth.shape[1])
    predicted = [
        cross_val_predict(model, np.delete(truth, j, axis=1), truth[:, j], cv=folds)
        for j in columns
    ]
    return np.column_stack(predicted)


def print_table(errors, seconds, marks, shapes):
    names, sizes = ("".join(f"{text:>14}" for text in texts) for texts in (TABLES, shapes.values()))
    print(f"\n{'error':36}{names}{'rank':>7}{'CPU s':>8}\n{'':36}{sizes}")
    ranks = [1 + part.argsort(axis=0).argsort(axis=0) for part in errors.values()]
    rank = np.mean([part.mean(axis=1) for part in ranks], axis=0)
    total = sum(part.mean(axis=1) for part in seconds.values())
    for k, label in enumerate(METHODS):
        cells = "".join(f"{errors[name][k].mean():14.3f}" for name in TABLES)
        print(f"{label:36}{cells}{rank[k]:7.1f}{total[k]:8.2f}")
    for label in MARKS:
        print(f"{label:36}" + "".join(f"{marks[label, name]:14.3f}" for name in TABLES))
    if errors["wine"].shape[1] > 1:
        # What a seed does to all methods alike says nothing about their differences.
        apart = (part - part.mean(axis=0) for part in errors.values())
        spread = (np.median(part.std(axis=1, ddof=1)) for part in apart)
        print(f"{'varies between seeds by':36}" + "".join(f"{x:14.3f}" for x in spread))
    print(
        f"\nmeans of {errors['wine'].shape[1]} seeds; varies: standard deviation of the difference "
        "from the mean of all methods, median"
        "\ncomplete other columns: marks, no method sees so much; trees ahead of ridge: not linear"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    quiet()
    errors, seconds, marks, shapes = {}, {}, {}, {}
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        for name in TABLES:
            truth = load(name)
            shapes[name] = "{} x {}".format(*truth.shape)
            errors[name], seconds[name], masks = run(truth, arguments.seeds)
            for label, model in MARKS.items():
                predicted = from_complete_columns(model, truth)
                marks[label, name] = np.mean([rmse((predicted - truth)[m]) for m in masks])
    print_table(errors, seconds, marks, shapes)


if __name__ == "__main__":
    main()
