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
    REAL *out = args->out;
    for (int64_t i = args->start; i < args->stop; i++) {
        const REAL *u = left + i * rank;
        vec u_tail = load_tail(u + whole, rank - whole, left_end);
        REAL scale = shift_scale ? shift_scale[i] : 1;
        for (int64_t t = args->indptr[i]; t < args->indptr[i + 1]; t++) {
            int64_t k = indices[t];
            REAL fit = dot(u, u_tail, right + k * rank, right_end, rank);
            if (shift)
                fit += scale * shift[k];
            out[t] = values ? values[t] - fit : fit;
        }
    }
    return 0;
}

static int entries_pairs(const kernel_args *args)
{
    const REAL *left = args->left, *right = args->factors;
    int64_t rank = args->rank, whole = rank / LANES * LANES;
    const REAL *left_end = left + args->n_left * rank;
    const REAL *right_end = right + args->n_factors * rank;
    REAL *out = args->out;
    for (int64_t t = args->start; t < args->stop; t++) {
        const REAL *u = left + args->pair_rows[t] * rank;
        vec u_tail = load_tail(u + whole, rank - whole, left_end);
        out[t] = dot(u, u_tail, right + args->pair_cols[t] * rank, right_end, rank);
    }
    return 0;
}

static int spmm_rows(const kernel_args *args)
{
    const REAL *data = args->values, *right = args->factors;
    const REAL *right_end = right + args->n_factors * args->rank;
    for (int64_t i = args->start; i < args->stop; i++) {
        int64_t begin = args->indptr[i], n = args->indptr[i + 1] - begin;
        REAL *out = (REAL *)args->out + i * args->rank;
        memset(out, 0, (size_t)args->rank * sizeof(REAL));
        add_rows(n, args->indices + begin, data + begin, right, right_end, args->rank, out);
    }
    return 0;
}
