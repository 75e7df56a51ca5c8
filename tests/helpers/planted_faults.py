"""Faults that the tests must catch: each changes one text of one source file."""

from dataclasses import dataclass

C = "skmc/_kernels/src/"
PYX = "skmc/_kernels/_core.pyx"


@dataclass(frozen=True)
class Fault:
    """A fault: `old`, found exactly once in the file, becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple = ("tests/kernels/test_kernels.py", "tests/kernels/test_blocks.py")

    def plant(self, folder):
        """Put the fault into the tree in a folder; returns what takes it out again."""
        path = folder / self.file
        text = path.read_text()
        path.write_text(self.planted(text))
        return lambda: path.write_text(text)

    def planted(self, text):
        """The text of the file with the fault in it."""
        if text.count(self.old) != 1:
            raise LookupError(
                f"{self.name}: {self.file} has {text.count(self.old)} times the text {self.old!r}, "
                "which must be there once. Write the fault anew for the source as it is."
            )
        return text.replace(self.old, self.new)


def _in_kernels(file, *faults):
    return [Fault(name, file, old, new) for name, old, new in faults]


def _in_python(tests, *faults):
    return [Fault(name, f"skmc/{file}", old, new, tests) for name, file, old, new in faults]


KERNELS = [
    *_in_kernels(
        C + "ridge.h",
        ("primal-stale-gram", "    clear(ws->gram, ld * ld);\n", ""),
        ("primal-last-entry", "add_gram(rank, n, ws->panel", "add_gram(rank, n - 1, ws->panel"),
        ("primal-floor-without-trace", "k, floor);\n    if (!factorise(rank",
         "k, 1);\n    if (!factorise(rank"),
        ("primal-not-refined", "        refine_primal(ws, row);", "        ;"),
        ("primal-refined-the-wrong-way", "step[k] -= ws->penalty[k] * ws->u[k]",
         "step[k] += ws->penalty[k] * ws->u[k]"),
        ("primal-no-second-try", "floor < 1; floor *= 32", "floor <= PENALTY_FLOOR; floor *= 32"),
        ("primal-value-without-penalty", "value += (double)ws->penalty[k]",
         "value += 0 * (double)ws->penalty[k]"),
        ("primal-stale-failure", "ws.u[k] = (REAL)NAN;", ";"),
        ("dual-stale-u", "    clear(ws->u, ld);\n    add_panel_rows(ws, d, ws->target",
         "    add_panel_rows(ws, d, ws->target"),
        ("dual-stale-target", "    clear(ws->target + d, ld_t - d);\n", ""),
        ("dual-penalty-without-root", "1 / REAL_SQRT(floored(ws, k, floor))",
         "1 / floored(ws, k, floor)"),
        ("dual-no-identity", "ws->gram[t * ld_t + t] += 1;", ";"),
        ("dual-refined-in-full", "step[t] -= share * ws->target[t]",
         "step[t] -= ws->target[t]"),
        ("draw-sign", "ws->u[k] + (found == SOLVED", "ws->u[k] - (found == SOLVED"),
        ("draw-prior-without-root", "step[k] / REAL_SQRT(ws->penalty[k])",
         "step[k] / ws->penalty[k]"),
        ("draw-of-the-dual", "if (ws->args->draw)", "if (0)"),
        ("draw-row", "(REAL *)args->draw + i * ws.rank",
         "(REAL *)args->draw + (i - args->start) * ws.rank"),
        ("leave-one-out-weight", "/ (slack * ws->root[t]);\n    }\n}\n\n/* The same",
         "/ slack;\n    }\n}\n\n/* The same"),
        ("leave-one-out-dual-off-by-one", "for (int64_t k = t; k < d; k++)",
         "for (int64_t k = t + 1; k < d; k++)"),
        ("leave-one-out-block", "leave_out_primal(&ws, i, from, n, out + from)",
         "leave_out_primal(&ws, i, from, n, out + begin)"),
        ("leave-one-out-shift", "found == FLAT ? row_target(&ws, i, t)",
         "found == FLAT ? ws.values[t]"),
        ("leave-one-out-scaled", "k < ws->args->n_scaled", "k <= ws->args->n_scaled"),
    ),
    *_in_kernels(
        C + "rows.h",
        ("ridge-weight-of-target", "a * (REAL)ws->target_mean) : root * y",
         "a * (REAL)ws->target_mean) : y"),
        ("ridge-shift-sign", "return values[t] - scale * shift",
         "return values[t] + scale * shift"),
        ("ridge-intercept-penalty", "ws->lift = 1 + sqrt(drawn)", "ws->lift = 1 + drawn"),
        ("ridge-intercept-design", "(REAL)(part * w * a / ws->mass)",
         "(REAL)(part * w / ws->mass)"),
        ("dual-stale-padding", "ws->turned[k * ld_t + t] = 0;", ";"),
        ("spmm-rows-tail-weight", "rows_end) * (plain ? 1 : coefficient[t]);", "rows_end);"),
        ("entries-rows-last-lane", "(p < left ? p : 0)", "(p < left - 1 ? p : 0)"),
    ),
    *_in_kernels(
        C + "entries.h",
        ("entries-rows-scale", "shift_scale[i] : 1", "shift_scale[0] : 1"),
        ("entries-rows-sign", "out[t] = values[t] - out[t]", "out[t] = out[t] - values[t]"),
        ("entries-rows-rank-one", "            for (int64_t t = begin; t < end; t++)\n"
         "                out[t] = u[0] * right[indices[t]];",
         "            for (int64_t t = begin; t < end; t++)\n"
         "                out[t] = u[0] * right[t];"),
        ("entries-rows-in-place", "rank == 1 && values && !shift", "0"),
        ("entries-pairs-column", "dot(u, u_tail, right + args->pair_cols[t]",
         "dot(u, u_tail, right + args->pair_rows[t]"),
        ("entries-pairs-stale-tail", "vec u_tail = load_tail(u + whole, rank - whole, left_end);\n"
         "        out[t] = dot",
         "vec u_tail = load_tail(left + whole, rank - whole, left_end);\n        out[t] = dot"),
        ("entries-pairs-place", "out[t] = dot(u, u_tail, right + args",
         "out[t - args->start] = dot(u, u_tail, right + args"),
        ("spmm-rows-stale-out", "        memset(out, 0, (size_t)args->rank * sizeof(REAL));\n", ""),
        ("spmm-rows-data", "data ? data + begin : NULL, right", "NULL, right"),
        ("spmm-rows-place", "(REAL *)args->out + i * args->rank;\n        memset",
         "(REAL *)args->out + (i - args->start) * args->rank;\n        memset"),
    ),
    *_in_kernels(
        C + "scatter.h",
        ("spmm-columns-overwrites", "to[k] += c * from[k];", "to[k] = c * from[k];"),
        ("spmm-columns-first", "if (indices[middle] < k)", "if (indices[middle] <= k)"),
        ("spmm-columns-row", "left + i * args->rank", "left + (i - args->start) * args->rank"),
        ("spmm-columns-last", "*end, args->last_column);", "*end, args->last_column - 1);"),
        ("transpose-rows-row", "(int32_t)i;", "(int32_t)(i - args->start);"),
        ("transpose-rows-last", "for (int64_t t = begin; t < end; t++) {\n            int64_t to",
         "for (int64_t t = begin; t < end - 1; t++) {\n            int64_t to"),
        ("transpose-rows-weights", "                out_weights[to] = weights[t];",
         "                out_weights[to] = values[t];"),
        ("bucket-entries-label", "args->out_indices[to] = args->indices[t];",
         "args->out_indices[to] = args->lines[t];"),
        ("bucket-entries-first", "for (int64_t t = args->start; t < args->stop; t++) {\n"
         "        int64_t to",
         "for (int64_t t = args->start + 1; t < args->stop; t++) {\n        int64_t to"),
        ("bucket-entries-stuck", "args->next[args->lines[t]]++", "args->next[args->lines[t]]"),
        ("bucket-entries-weights",
         "        if (weights)\n            out_weights[to] = weights[t];\n"
         "    }",
         "        if (weights)\n            out_weights[to] = 1;\n    }"),
    ),
    *_in_kernels(
        C + "cholesky.h",
        ("cholesky-pivot", "return 0;\n            inverse", "row[k] = 1;\n            inverse"),
        ("cholesky-within-tile", "for (int64_t m = k + 1; m < end; m++)\n                for (j =",
         "for (int64_t m = k + 1; m < end - 1; m++)\n                for (j ="),
        ("cholesky-solve-sign", "store(x + j, load(x + j) - load(row + j) * x_k)",
         "store(x + j, load(x + j) + load(row + j) * x_k)"),
        ("cholesky-solve-first", "for (int64_t k = n - 1; k >= 0; k--)",
         "for (int64_t k = n - 1; k > 0; k--)"),
        ("cholesky-many-transposed", "z_k * factor[k * ld + m]", "z_k * factor[m * ld + k]"),
    ),
    *_in_kernels(
        C + "tile.h",
        ("tile-depth", "for (int64_t k = 0; k < depth; k++) {",
         "for (int64_t k = 1; k < depth; k++) {"),
        ("tile-sign", "sum[m][v] * sign", "sum[m][v]"),
        ("tile-stride", "b += n_vecs * LANES;", "b += LANES;"),
        ("tile-triangle", "int64_t j = i / LANES * LANES;",
         "int64_t j = padded(i + 1) - PAD + LANES;"),
    ),
    *_in_kernels(
        PYX,
        ("wrapper-scaled", "args.n_scaled = rank", "args.n_scaled = rank - 1"),
        ("wrapper-free-intercept", "args.intercept = intercept_penalty is not None",
         "args.intercept = bool(intercept_penalty)"),
        ("wrapper-entries", "indptr[start] >= 0 and indptr[stop] <= indices.shape[0]",
         "indptr[start] >= 0"),
        ("wrapper-short", 'require(x.shape[0] >= size, f"{name} is too short")', "pass"),
        ("wrapper-draw", "draw.shape[0] >= stop and draw.shape[1] == rank", "True"),
        ("wrapper-pairs", "stop <= min(rows.shape[0], cols.shape[0])", "stop <= rows.shape[0]"),
        ("wrapper-columns", "0 <= first <= last <= n_columns", "0 <= first <= last"),
    ),
]  # fmt: skip

BAYES = ("tests/bayes",)
FOLD_IN = ("tests/test_fit.py", "tests/test_score.py", "tests/solvers/test_penalty_power.py")
OFFSETS = ("tests/test_offsets.py", "tests/test_problem.py")
PYTHON = [
    *_in_python(
        BAYES,
        ("gibbs-noise-counted-twice", "_bayes/_gibbs.py", "noise_shape + 0.5 * counts",
         "noise_shape + counts"),
        ("gibbs-row-offset-sign", "_bayes/_gibbs.py", "level += U[:, model.rank]",
         "level -= U[:, model.rank]"),
        ("gibbs-stale-rows", "_bayes/_gibbs.py", "self._draw_columns(U, column_law",
         "self._draw_columns(s.U, column_law"),
        ("gibbs-unscaled-normals", "_bayes/_gibbs.py",
         "normals /= np.sqrt(precision).astype(normals.dtype)[:, None]", "pass"),
        ("law-strength-without-root", "_bayes/_normal_wishart.py",
         "rng.standard_normal(q) / np.sqrt(strength)", "rng.standard_normal(q) / strength"),
        ("law-degrees-of-freedom", "_bayes/_normal_wishart.py", "dof - np.arange(q)",
         "dof - 1 - np.arange(q)"),
        ("law-mean-not-shrunk", "_bayes/_normal_wishart.py", "mean = n / (strength + n) * middle",
         "mean = middle"),
    ),
    *_in_python(
        FOLD_IN,
        ("fold-in-counts-the-entry", "_fold_in.py", "(learned)[:, 0] - left_out, 0)",
         "(learned)[:, 0], 0)"),
        ("fold-in-unweighted-counts", "_fold_in.py",
         "observed.weight_matmul(learned)[:, 0]",
         "observed.row_counts.astype(observed.dtype)"),
        ("fold-in-same-ridge", "_fold_in.py", "penalty_scale=self._multiples(observed)",
         "penalty_scale=None"),
        ("fold-in-unlearned-columns", "_fold_in.py",
         "design = None if self.row_penalty is None else self.learned", "design = None"),
        ("fold-in-entry-units", "_fold_in.py", "z = z * self.scale[j]", "z = z * self.scale[0]"),
    ),
    *_in_python(
        OFFSETS,
        ("offsets-not-scaled-by-rows", "_offsets.py",
         "design = None if self.row_scale is None else self.design", "design = None"),
        ("offsets-right-side", "_offsets.py", "- design * centred", "- centred"),
        ("offsets-operator", "_offsets.py", "diagonal * b - design * observed",
         "diagonal * b - observed"),
        ("offsets-penalty", "_offsets.py",
         "self.row_weight + observed.dtype.type(self.row_penalty)",
         "self.row_weight"),
        ("offsets-weight-without-square", "_offsets.py", "(self.design**2)[:, None]",
         "self.design[:, None]"),
        ("gradient-without-weights", "_problem.py",
         "entries = observed.weighted(self.residual(factors).entries)",
         "entries = self.residual(factors).entries"),
        ("gradient-without-multiples", "_problem.py",
         "(1 if multiples is None else multiples[:, None])",
         "1"),
    ),
]  # fmt: skip
FAULTS = KERNELS + PYTHON
