/* Entries and residuals of u_i . v_k on a pattern, and sparse times dense. */

static int entries_rows(const kernel_args *args)
{
    const REAL *values = args->values, *shift = args->shift;
    const REAL *shift_scale = args->shift_scale;
    const REAL *left = args->left, *right = args->factors;
    int64_t rank = args->rank, whole = rank / LANES * LANES;
    const REAL *left_end = left + args->n_left * rank;
    const REAL *right_end = right + args->n_factors * rank;
    const int32_t *indices = args->indices;
    int64_t known = horizon(args->n_factors, args->rank, args->indptr[args->stop]);
    REAL *out = args->out;
    for (int64_t i = args->start; i < args->stop; i++) {
        const REAL *u = left + i * rank;
        int64_t begin = args->indptr[i], end = args->indptr[i + 1];
        if (rank == 1 && values && !shift) {
            /* `values` may be `out`. */
            for (int64_t t = begin; t < end; t++)
                out[t] = values[t] - u[0] * right[indices[t]];
            continue;
        }
        if (rank == 1) {
            for (int64_t t = begin; t < end; t++)
                out[t] = u[0] * right[indices[t]];
        } else {
            vec u_tail = load_tail(u + whole, rank - whole, left_end);
            dots_of_row(u, u_tail, right, right_end, rank, indices, begin, end, known, out);
        }
        REAL scale = shift_scale ? shift_scale[i] : 1;
        if (shift)
            for (int64_t t = begin; t < end; t++)
                out[t] += scale * shift[indices[t]];
        if (values)
            for (int64_t t = begin; t < end; t++)
                out[t] = values[t] - out[t];
    }
    return 0;
}

static int entries_pairs(const kernel_args *args)
{
    const REAL *left = args->left, *right = args->factors;
    int64_t rank = args->rank, whole = rank / LANES * LANES, stop = args->stop;
    int64_t known = horizon(args->n_left + args->n_factors, rank, stop);
    const REAL *left_end = left + args->n_left * rank;
    const REAL *right_end = right + args->n_factors * rank;
    REAL *out = args->out;
    for (int64_t t = args->start; t < stop; t++) {
        const REAL *u = left + args->pair_rows[t] * rank;
        if (t + AHEAD < known) {
            prefetch_row(left + args->pair_rows[t + AHEAD] * rank, rank);
            prefetch_row(right + args->pair_cols[t + AHEAD] * rank, rank);
        }
        vec u_tail = load_tail(u + whole, rank - whole, left_end);
        out[t] = dot(u, u_tail, right + args->pair_cols[t] * rank, right_end, rank);
    }
    return 0;
}

static int spmm_rows(const kernel_args *args)
{
    const REAL *data = args->values, *right = args->factors;
    const REAL *right_end = right + args->n_factors * args->rank;
    int64_t known = horizon(args->n_factors, args->rank, args->indptr[args->stop]);
    for (int64_t i = args->start; i < args->stop; i++) {
        int64_t begin = args->indptr[i], n = args->indptr[i + 1] - begin;
        REAL *out = (REAL *)args->out + i * args->rank;
        memset(out, 0, (size_t)args->rank * sizeof(REAL));
        add_rows(n, known - begin, args->indices + begin, data ? data + begin : NULL, right,
                 right_end, args->rank, out);
    }
    return 0;
}
