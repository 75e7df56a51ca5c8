"""Default completers beside scikit-learn's imputers on a dense table of low rank.

2000 x 200, rank 5, noise of a tenth of the signal, 30 % missing.
"""

import argparse

from _common import cpu_seconds, print_machine, quiet, rmse
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank

REFERENCE = "SoftImputeCompleter()"


def methods(iterative):
    """Methods to compare, the reference first."""
    found = {
        REFERENCE: SoftImputeCompleter(),
        "ALSCompleter()": ALSCompleter(),
        "ProjectedGDCompleter(rank=5)": ProjectedGDCompleter(rank=5),
        "SimpleImputer()": SimpleImputer(),
        "KNNImputer()": KNNImputer(),
        "IterativeImputer(n_nearest_features=20, max_iter=3)": IterativeImputer(
            n_nearest_features=20, max_iter=3, random_state=0
        ),
    }
    if iterative:
        found["IterativeImputer()"] = IterativeImputer(random_state=0)
    return found | peers()


def peers():
    """Other packages, if they are installed."""
    found = {}
    try:
        from fancyimpute import SoftImpute

        found["fancyimpute.SoftImpute()"] = SoftImpute(verbose=False)
    except ImportError:
        pass
    try:
        from cmfrec import CMF_imputer

        found["cmfrec.CMF_imputer(k=10)"] = CMF_imputer(k=10, verbose=False)
    except ImportError:
        pass
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--iterative", action="store_true", help="IterativeImputer with its defaults: minutes"
    )
    arguments = parser.parse_args()
    quiet()
    data = make_low_rank(2000, 200, 5, observed=0.7, noise=0.1, random_state=0)
    missing = ~data.mask
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        print(f"\n{'':52}{'RMSE':>7}{'CPU s':>9}{'ratio':>9}")
        reference = None
        for name, method in methods(arguments.iterative).items():
            repeats = arguments.repeats if name != "IterativeImputer()" else 1
            seconds, completed = cpu_seconds(lambda m=method: m.fit_transform(data.X), repeats)
            reference = reference or seconds
            error = rmse((completed - data.truth)[missing])
            print(f"{name:52}{error:7.3f}{seconds:9.3f}{seconds / reference:9.3g}", flush=True)
    print(f"\nRMSE: missing entries against the noiseless truth. ratio: to {REFERENCE}.")


if __name__ == "__main__":
    main()
