"""Methods of `_peers.py` that are programs of their own: LIBMF, R and Spark."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# Run as a script, the module of the base class is called so; importing it again would copy it.
Method = sys.modules["__main__"].Method


class Libmf(Method):
    """`mf-train` reads text and writes its model, which is no fit.

    It runs with one iteration and with as many more as are asked for: the difference is measured.
    """

    imports_late = False

    def load(self, data):
        self.train, self.test = (find(name) for name in ("mf-train", "mf-predict"))
        self.folder = Path(tempfile.mkdtemp(dir=os.environ.get("PEERS_FOLDER")))
        self.data = self.folder / "train"
        triplets = [data[name] for name in ("rows", "cols", "values")]
        write_text(self.data, *triplets)

    def run(self, iterations):
        """CPU and wall seconds, and peak memory in bytes."""
        options = {"-f": 0, "-s": self.threads, "-t": iterations} | self.settings
        words = [str(word) for item in options.items() for word in item]
        model = str(self.folder / "model")
        start = time.perf_counter()
        process = subprocess.Popen(
            [self.train, *words, str(self.data), model], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"mf-train ended with status {status}")
        unit = 1 if sys.platform == "darwin" else 1024
        seconds = np.array([usage.ru_utime + usage.ru_stime, time.perf_counter() - start])
        return seconds, usage.ru_maxrss * unit

    def fit(self):
        first = np.median([self.run(1)[0] for _ in range(3)], axis=0)
        seconds, peak = self.run(1 + self.iterations)
        cpu, wall = (seconds - first).tolist()
        return {"cpu": cpu, "wall": wall, "added": None, "peak": peak / 1e6}

    def predict(self, rows, cols):
        asked, answer = self.folder / "test", self.folder / "answer"
        write_text(asked, rows, cols, np.ones(rows.size))
        model = self.folder / "model"
        subprocess.run([self.test, asked, model, answer], check=True, stdout=subprocess.DEVNULL)
        return np.loadtxt(answer)

    def version(self):
        return "-"


class RSoftImpute(Method):
    """The package softImpute of R, measured by R itself."""

    imports_late = False

    def load(self, data):
        self.program = find("Rscript")
        code = 'cat(as.character(packageVersion("softImpute")))'
        asked = subprocess.run([self.program, "-e", code], capture_output=True, text=True)
        if asked.returncode:
            raise FileNotFoundError("there is no R package named softImpute")
        self.number = asked.stdout
        self.folder = Path(tempfile.mkdtemp(dir=os.environ.get("PEERS_FOLDER")))
        if "X" in data:
            self.shape = data["X"].shape
            data["X"].T.tofile(self.folder / "x")
        else:
            # biScale fails where a row or a column is empty: these are left out, and predicted by
            # the mean offset.
            self.sizes = data["shape"]
            self.kept = []
            for name in ("rows", "cols"):
                kept, codes = np.unique(data[name], return_inverse=True)
                (codes + 1).astype(np.int32).tofile(self.folder / name)
                self.kept.append(kept)
            self.shape = tuple(kept.size for kept in self.kept)
            data["values"].astype(np.float64).tofile(self.folder / "values")

    def fit(self):
        settings = dict(self.settings)
        lam = settings.pop("lam", self.lam)
        words = [self.folder, *self.shape, settings["rank"], lam, self.iterations]
        script = Path(__file__).with_name("_peers_soft_impute.R")
        command = [self.program, script, *words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().removesuffix("Execution halted").splitlines()
            raise RuntimeError(" ".join(lines[-2:]))
        return json.loads(done.stdout.splitlines()[-1])

    def factors(self):
        """Row and column factors, with offsets of rows and columns if it was centred."""
        U, V, row, column = (
            np.fromfile(self.folder / name) for name in ("u", "v", "row", "column")
        )
        n, m = self.shape
        return U.reshape(-1, n).T, V.reshape(-1, m).T, row, column

    def predict(self, rows, cols):
        U, V, *offsets = self.factors()
        row, column = (
            spread(x, kept, size, x.mean())
            for x, kept, size in zip(offsets, self.kept, self.sizes, strict=True)
        )
        U = spread(U, self.kept[0], self.sizes[0])
        V = spread(V, self.kept[1], self.sizes[1])
        return row[rows] + column[cols] + np.einsum("ij,ij->i", U[rows], V[cols])

    def low_rank(self):
        U, V, _, _ = self.factors()
        return U @ V.T

    def version(self):
        return self.number


class SparkALS(Method):
    """ALS of Spark in a Java virtual machine, whose time and memory are measured."""

    package = "pyspark"
    imports_late = False

    def load(self, data):
        from pyspark.ml.recommendation import ALS
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder.master(f"local[{self.threads}]")
            .config("spark.driver.memory", self.settings.pop("memory", "8g"))
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", 2 * self.threads)
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        self.session = session
        self.pid = int(session._jvm.java.lang.ProcessHandle.current().pid())
        folder = Path(tempfile.mkdtemp(dir=os.environ.get("PEERS_FOLDER")))
        write_text(folder / "train", data["rows"], data["cols"], data["values"])
        self.folder, self.schema = folder, "user int, item int, rating float"
        self.table = self.read("train").repartition(2 * self.threads).cache()
        self.table.count()
        self.model = ALS(
            maxIter=self.iterations, userCol="user", itemCol="item", seed=0, **self.settings
        )
        self.mean, self.shape = float(data["values"].mean()), data["shape"]

    def read(self, name):
        return self.session.read.csv(str(self.folder / name), sep=" ", schema=self.schema)

    def fit(self):
        self.model = self.model.fit(self.table)

    def predict(self, rows, cols):
        U, V = (
            self.spread(table.collect(), int(size))
            for table, size in zip(
                (self.model.userFactors, self.model.itemFactors), self.shape, strict=True
            )
        )
        predicted = np.einsum("ij,ij->i", U[rows], V[cols])
        return np.where(predicted == 0, self.mean, predicted)

    @staticmethod
    def spread(table, size):
        F = np.zeros((size, len(table[0]["features"])))
        F[[line["id"] for line in table]] = [line["features"] for line in table]
        return F


def find(program):
    """Path of a program, from the environment or the search path."""
    folder = os.environ.get("PEERS_PROGRAMS", "")
    found = shutil.which(program, path=folder) or shutil.which(program)
    if not found:
        raise FileNotFoundError(f"no program named {program}")
    return found


def spread(x, kept, size, fill=0.0):
    """Lines of x at the places that they were kept from."""
    result = np.full((int(size), *x.shape[1:]), fill)
    result[kept] = x
    return result


def write_text(path, rows, cols, values):
    with path.open("w") as file:
        for start in range(0, rows.size, 1 << 18):
            part = slice(start, start + (1 << 18))
            columns = (x[part].tolist() for x in (rows, cols, values))
            file.writelines(f"{i} {j} {x:g}\n" for i, j, x in zip(*columns, strict=True))


PROGRAMS = {"libmf": Libmf, "r_soft_impute": RSoftImpute, "spark": SparkALS}
