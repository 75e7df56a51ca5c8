"""Tasks of `bench_peers.py`: what all methods are given, and what each of them is set to."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import train_test_split

from skmc.datasets import load_movielens, make_low_rank, make_ratings


@dataclass
class Entrant:
    """A method with its settings.

    Parameters
    ----------
    label : str
        What the table calls it.
    method : str
        Its key in `_peers.METHODS`.
    settings : dict
        Handed to the method.
    counts : tuple of int
        Numbers of iterations to try, each in a fit of its own.
    """

    label: str
    method: str
    settings: dict
    counts: tuple = ()


@dataclass
class Task:
    """Data and who runs on them."""

    title: str
    arrays: dict
    entrants: list = field(default_factory=list)
    lam: float | None = None


# Fits in which an iteration is slow: around where the held-out error is lowest.
EXACT = (4, 8, 12)
FEW = (1, 2, 3, 4, 6, 8, 12, 16)
MANY = (*FEW, 24, 32)
SLOW = (12, 32)
MORE = (*MANY, 48, 64, 96, 128, 192, 256, 384, 512)


def rating_entrants(rank):
    """Methods for ratings, each with the penalty that is best for its own kind of objective.

    They are the best of grids by hand on a random tenth of MovieLens 1M at rank 64, with as many
    iterations as suit them. skmc, one penalty for all rows, 14 to 30: 24; one that grows with the
    root of the entries, 12 to 34: 17; columns on scales of their own do no better.
    cmfrec, one penalty for all rows, 12 to 30: 25; one that grows with the entries of a row, 0.03
    to 0.1: 0.07. LIBMF, 0.03 to 0.07 at rates 0.05 to 0.2: 0.055 at 0.1 has the lowest error, at
    0.2 it is the fastest to reach those of the others; ratings centred first are worse. Surprise,
    0.05 to 0.1 at rates 0.01 and 0.02: 0.05 at 0.01. softImpute has the objective of skmc, Spark
    the penalty that grows.
    """
    ours = {"rank": rank, "center": "both", "scale": False}
    shared = {"k": rank, "use_float": True}
    fixed = {**shared, "lambda_": 25.0}
    counted = {**shared, "lambda_": 0.07, "scale_lam": True}
    # By default CG ends with an exact iteration, which costs as much as eight of its own.
    quick = {"use_cg": True, "finalize_chol": False}
    slow, fast = {"-k": rank, "-l2": 0.055, "-r": 0.1}, {"-k": rank, "-l2": 0.055, "-r": 0.2}
    return [
        Entrant(
            "skmc ALSCompleter", "skmc_als", {**ours, "alpha": 17.0, "penalty_power": 0.5}, FEW
        ),
        Entrant("skmc ALSCompleter, one penalty", "skmc_als", {**ours, "alpha": 24.0}, FEW),
        Entrant("cmfrec ALS Cholesky", "cmfrec", {**fixed, "use_cg": False}, EXACT),
        Entrant("cmfrec ALS Cholesky, scale_lam", "cmfrec", {**counted, "use_cg": False}, EXACT),
        Entrant("cmfrec ALS CG", "cmfrec", {**fixed, **quick}, MANY),
        Entrant("cmfrec ALS CG, scale_lam", "cmfrec", {**counted, **quick}, MANY),
        Entrant("LIBMF SGD", "libmf", slow, MANY),
        Entrant("LIBMF SGD, higher rate", "libmf", fast, MANY),
        Entrant(
            "Surprise SVD",
            "surprise",
            {"n_factors": rank, "lr_all": 0.01, "reg_all": 0.05},
            (16, 24, 32),
        ),
        Entrant("R softImpute, biScale", "r_soft_impute", {"rank": rank, "lam": 24.0}, (16, 32)),
        Entrant("Spark ALS", "spark", {"rank": rank, "regParam": 0.07}, (8,)),
        Entrant("implicit ALS CG (implicit feedback)", "implicit", {"factors": rank}, (8,)),
    ]


def table_entrants(largest, *, small):
    """Methods for the nuclear-norm problem of tables; the others on small ones alone."""
    slow = MORE if small else SLOW
    bounded = {"k": largest, "use_cg": False}
    found = [
        Entrant("skmc SoftImputeCompleter", "skmc_soft_impute", {}, FEW),
        Entrant("skmc ALSCompleter", "skmc_als", {"rank": largest}, MORE),
        Entrant("R softImpute, als", "r_soft_impute", {"rank": largest}, MORE),
        Entrant("fancyimpute SoftImpute", "fancyimpute", {}, slow),
        Entrant("fancyimpute, max_rank", "fancyimpute", {"max_rank": largest}, MORE),
    ]
    if small:
        quick = {"name": "IterativeImputer", "n_nearest_features": 20, "max_iter": 3}
        found += [
            Entrant("cmfrec ALS Cholesky", "cmfrec", bounded, MORE),
            Entrant("cmfrec ALS CG", "cmfrec", {**bounded, "use_cg": True}, MORE),
            Entrant("SimpleImputer", "imputer", {"name": "SimpleImputer"}, (1,)),
            Entrant("KNNImputer", "imputer", {"name": "KNNImputer"}, (1,)),
            Entrant(
                "IterativeImputer, 20 features, 3 rounds",
                "imputer",
                {**quick, "random_state": 0},
                (1,),
            ),
        ]
    return found


def movielens_task(path, rank, seed):
    data = load_movielens(path)
    codes = [np.unique(ids, return_inverse=True)[1] for ids in data.coordinates.T]
    return ratings_task(*codes, data.ratings, rank, seed, "MovieLens")


def synthetic_task(shape, n_ratings, rank, seed):
    X = make_ratings(*shape, n_ratings, random_state=0).X.tocoo()
    return ratings_task(*X.coords, X.data, rank, seed, "synthetic ratings")


def ratings_task(rows, cols, values, rank, seed, name):
    """A random tenth held out; single precision, rows sorted."""
    shape = np.array([rows.max() + 1, cols.max() + 1])
    train, test = train_test_split(np.arange(values.size), test_size=0.1, random_state=seed)
    train = train[np.lexsort((cols[train], rows[train]))]
    title = (
        f"{name}: {values.size} ratings, {shape[0]} x {shape[1]}, a tenth held out (seed {seed}), "
        f"rank {rank}, single precision where the method has it"
    )
    arrays = {"shape": shape}
    for part, chosen in (("", train), ("test_", test)):
        arrays[part + "rows"] = rows[chosen].astype(np.int32)
        arrays[part + "cols"] = cols[chosen].astype(np.int32)
        arrays[part + "values"] = values[chosen].astype(np.float32)
    return Task(title, arrays, rating_entrants(rank))


def table_task(shape, rank, observed, *, small=True):
    """A table with noise; the penalty is about the largest singular value of its noise."""
    noise = 0.1
    data = make_low_rank(*shape, rank, observed=observed, noise=noise, random_state=0)
    lam = round(noise * np.sqrt(observed) * (np.sqrt(shape[0]) + np.sqrt(shape[1])), 1)
    largest = 2 * rank
    title = (
        f"table {shape[0]} x {shape[1]}, rank {rank}, noise {noise}, {1 - observed:.0%} missing; "
        f"lambda {lam}, not centred, not scaled, ranks bounded by {largest} where a bound is needed"
    )
    arrays = {"X": data.X, "truth": data.truth}
    return Task(title, arrays, table_entrants(largest, small=small), float(lam))
