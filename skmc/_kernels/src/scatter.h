/* From the row view to columns: products with the transpose, and the column view.
 *
 * All take part of the columns, so that threads share the work without writing to
 * the same place, and go through the rows in order, so that the result does not
 * depend on the parts. */

/* The first entry of a row from `begin` to `end` whose column is at least k. */
INLINE int64_t first_at(const int32_t *indices, int64_t begin, int64_t end, int64_t k)
{
    while (begin < end) {
        int64_t middle = begin + (end - begin) / 2;
        if (indices[middle] < k)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Entries [begin, end) of row i in the columns [first, last). */
INLINE void part_of_row(const kernel_args *args, int64_t i, int64_t *begin, int64_t *end)
{
    *begin = args->indptr[i];
    *end = args->indptr[i + 1];
    if (args->first_column > 0)
        *begin = first_at(args->indices, *begin, *end, args->first_column);
    if (args->last_column < args->n_columns)
        *end = first_at(args->indices, *begin, *end, args->last_column);
}

INLINE void scatter_strip(int n_vecs, int64_t n, const int32_t *index, const REAL *coefficient,
                          const REAL *from, int64_t rank, REAL *out)
{
    vec v[4];
    UNROLL
    for (int k = 0; k < n_vecs; k++)
        v[k] = load_loose(from + k * LANES);
    for (int64_t t = 0; t < n; t++) {
        REAL *to = out + index[t] * rank;
        REAL c = coefficient ? coefficient[t] : 1;
        UNROLL
        for (int k = 0; k < n_vecs; k++)
            store_loose(to + k * LANES, load_loose(to + k * LANES) + v[k] * c);
    }
}

/* out[index[t]] += coefficient[t] * from. */
static void scatter_row(int64_t n, const int32_t *index, const REAL *coefficient,
                        const REAL *from, int64_t rank, REAL *out)
{
    int64_t j = 0;
    for (; j + 4 * LANES <= rank; j += 4 * LANES)
        scatter_strip(4, n, index, coefficient, from + j, rank, out + j);
    for (; j + LANES <= rank; j += LANES)
        scatter_strip(1, n, index, coefficient, from + j, rank, out + j);
    if (j == rank)
        return;
    for (int64_t t = 0; t < n; t++) {
        REAL *to = out + index[t] * rank;
        REAL c = coefficient ? coefficient[t] : 1;
        for (int64_t k = j; k < rank; k++)
            to[k] += c * from[k];
    }
}

static int spmm_columns(const kernel_args *args)
{
    const REAL *data = args->values, *left = args->left;
    for (int64_t i = args->start; i < args->stop; i++) {
        int64_t begin, end;
        part_of_row(args, i, &begin, &end);
        scatter_row(end - begin, args->indices + begin, data ? data + begin : NULL,
                    left + i * args->rank, args->rank, args->out);
    }
    return 0;
}

static int transpose_rows(const kernel_args *args)
{
    const REAL *values = args->values, *weights = args->weights;
    REAL *out = args->out, *out_weights = args->out_weights;
    int64_t *next = args->next;
    for (int64_t i = args->start; i < args->stop; i++) {
        int64_t begin, end;
        part_of_row(args, i, &begin, &end);
        for (int64_t t = begin; t < end; t++) {
            int64_t to = next[args->indices[t]]++;
            if (args->out_indices)
                args->out_indices[to] = (int32_t)i;
            if (values)
                out[to] = values[t];
            if (weights)
                out_weights[to] = weights[t];
        }
    }
    return 0;
}

static int bucket_entries(const kernel_args *args)
{
    const REAL *values = args->values, *weights = args->weights;
    REAL *out = args->out, *out_weights = args->out_weights;
    for (int64_t t = args->start; t < args->stop; t++) {
        int64_t to = args->next[args->lines[t]]++;
        args->out_indices[to] = args->indices[t];
        out[to] = values[t];
        if (weights)
            out_weights[to] = weights[t];
    }
    return 0;
}
