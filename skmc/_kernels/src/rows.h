/* From one row of the sparse matrix to a dense least-squares problem.
 *
 * Weights enter as their square roots on both sides. The intercept c of
 *     sum_t w_t (y_t - c a_t - f_t.u)^2 + kappa c^2
 * is projected out: with means over the row, m = sum w a f / s, s = sum w a^2,
 * and y_m likewise, c = q (y_m - m.u), q = s / (s + kappa). The Gram matrix of the
 * rest is sum w f f' - q s m m', that of the regressors f_t - p a_t m with
 * 2 p - p^2 = q, i.e. p = q / (1 + sqrt(1 - q)), and so for the targets. Subtracting
 * p m before forming the Gram matrix, at the price of reading the factors twice,
 * stays accurate where a rank-one downdate afterwards would cancel: when the mean
 * of f is large beside its spread. */

/* Rows that are asked for ahead of their use, where the factors exceed the
 * second-level cache by far. */
enum { AHEAD = 32, CACHED_BYTES = 1 << 20 };

/* Entries up to which to look ahead: `known`, or none in n_rows of factors that
 * are cached. */
INLINE int64_t horizon(int64_t n_rows, int64_t rank, int64_t known)
{
    return n_rows * rank * (int64_t)sizeof(REAL) > CACHED_BYTES ? known : 0;
}

INLINE void prefetch_row(const REAL *row, int64_t rank)
{
    for (int64_t j = 0; j < rank; j += 64 / (int64_t)sizeof(REAL))
        prefetch(row + j);
    prefetch(row + rank - 1);
}

/* out[t] = u . v_k, k = indices[t], for begin <= t < end; entries up to `known`
 * are looked at ahead. */
INLINE void dots_of_row(const REAL *u, vec u_tail, const REAL *right, const REAL *right_end,
                        int64_t rank, const int32_t *indices, int64_t begin, int64_t end,
                        int64_t known, REAL *out)
{
    for (int64_t t = begin; t < end; t += LANES) {
        int64_t left = end - t < LANES ? end - t : LANES;
        for (int64_t p = 0; p < left && t + AHEAD + p < known; p++)
            prefetch_row(right + indices[t + AHEAD + p] * rank, rank);
        if (4 * left <= 3 * LANES) {
            for (int64_t p = 0; p < left; p++)
                out[t + p] = dot(u, u_tail, right + indices[t + p] * rank, right_end, rank);
            continue;
        }
        const REAL *rows[LANES];
        UNROLL
        for (int p = 0; p < LANES; p++)
            rows[p] = right + indices[t + (p < left ? p : 0)] * rank;
        vec sums = dots(u, u_tail, rows, right_end, rank);
        if (left == LANES)
            store_loose(out + t, sums);
        else
            store_tail(out + t, left, sums);
    }
}

typedef struct {
    const kernel_args *args;
    const REAL *values, *weights, *factors, *factors_end, *penalty, *penalty_scale, *design,
        *shift, *shift_scale;
    int64_t rank, ld; /* ld: padded rank */
    int64_t block;    /* rows of the panel filled at a time; a multiple of PAD */
    int64_t n_loose;  /* penalties far below the largest */
    int centred, refine;
    double mass, target_mean; /* s, p y_m */
    double lift;              /* q / p */
    REAL *mean;               /* p m */
    REAL *panel;              /* gathered regressors, ld apart */
    REAL *turned;             /* the panel transposed, or other square scratch */
    REAL *gram, *inverse;     /* Gram matrix, then its Cholesky factor */
    REAL *target, *root, *pull; /* per entry of the panel: target, sqrt(w), sqrt(w) a */
    REAL *u, *diagonal;
    REAL *own_penalty; /* of the row, where rows have their own */
    void *memory;
} workspace;

/* A panel of about 16 KiB leaves room in a first-level cache of 32 KiB for the
 * part of the Gram matrix in use; beyond rank 128 the second level serves. */
static int64_t panel_block(int64_t ld)
{
    int64_t rows = 16384 / (ld * (int64_t)sizeof(REAL)) / PAD * PAD;
    return rows < 32 ? 32 : rows > 256 ? 256 : rows;
}

static REAL *carve(REAL **next, int64_t n)
{
    REAL *p = *next;
    *next += padded(n);
    return p;
}

static int open_workspace(workspace *ws, const kernel_args *args)
{
    memset(ws, 0, sizeof *ws);
    ws->args = args;
    ws->values = args->values;
    ws->weights = args->weights;
    ws->factors = args->factors;
    ws->penalty = args->penalty;
    ws->penalty_scale = args->penalty_scale;
    ws->design = args->design;
    ws->shift = args->shift;
    ws->shift_scale = args->shift_scale;
    ws->factors_end = ws->factors + args->n_factors * args->rank;
    ws->rank = args->rank;
    ws->centred = args->intercept;
    int64_t ld = ws->ld = padded(args->rank);
    ws->block = panel_block(ld);
    /* The dual form holds as many as `rank` rows in the panel at once. */
    int64_t longest = ws->block > ld ? ws->block : ld;
    size_t size = (size_t)(2 * longest * ld + ld * ld + 5 * ld + 3 * longest);
    /* 64: the widest vector; everything carved starts at a multiple of one. */
    ws->memory = calloc(size * sizeof(REAL) + 64, 1);
    if (!ws->memory)
        return -1;
    REAL *next = (REAL *)(((uintptr_t)ws->memory + 63) / 64 * 64);
    ws->panel = carve(&next, longest * ld);
    ws->turned = carve(&next, longest * ld);
    ws->gram = carve(&next, ld * ld);
    ws->mean = carve(&next, ld);
    ws->inverse = carve(&next, ld);
    ws->u = carve(&next, ld);
    ws->diagonal = carve(&next, ld);
    ws->own_penalty = carve(&next, ld);
    ws->target = carve(&next, longest);
    ws->root = carve(&next, longest);
    ws->pull = carve(&next, longest);
    return 0;
}

static void close_workspace(workspace *ws) { free(ws->memory); }

static void clear(REAL *p, int64_t n) { memset(p, 0, (size_t)n * sizeof(REAL)); }

/* out[0:rank] += sum_t coefficient[t] * rows[index[t]] for t < n, columns [j, j +
 * n_vecs vectors). The sums stay in registers. Elements of index
 * up to `known` are looked at ahead. */
INLINE void add_rows_strip(int n_vecs, int plain, int64_t j, int64_t n, int64_t known,
                           const int32_t *index, const REAL *coefficient, const REAL *rows,
                           int64_t rank, REAL *out)
{
    vec sum[4];
    UNROLL
    for (int v = 0; v < n_vecs; v++)
        sum[v] = load_loose(out + j + v * LANES);
    for (int64_t t = 0; t < n; t++) {
        const REAL *row = rows + index[t] * rank + j;
        REAL c = plain ? 1 : coefficient[t];
        if (j == 0 && t + AHEAD < known)
            prefetch_row(rows + index[t + AHEAD] * rank, rank);
        UNROLL
        for (int v = 0; v < n_vecs; v++)
            sum[v] += load_loose(row + v * LANES) * c;
    }
    UNROLL
    for (int v = 0; v < n_vecs; v++)
        store_loose(out + j + v * LANES, sum[v]);
}

INLINE void add_rows_as(int plain, int64_t n, int64_t known, const int32_t *index,
                        const REAL *coefficient, const REAL *rows, const REAL *rows_end,
                        int64_t rank, REAL *out)
{
    int64_t j = 0;
    for (; j + 4 * LANES <= rank; j += 4 * LANES)
        add_rows_strip(4, plain, j, n, known, index, coefficient, rows, rank, out);
    for (; j + LANES <= rank; j += LANES)
        add_rows_strip(1, plain, j, n, known, index, coefficient, rows, rank, out);
    int64_t tail = rank - j;
    if (tail == 0)
        return;
    vec sum = load_tail(out + j, tail, out + rank);
    for (int64_t t = 0; t < n; t++) {
        if (j == 0 && t + AHEAD < known)
            prefetch_row(rows + index[t + AHEAD] * rank, rank);
        sum += load_tail(rows + index[t] * rank + j, tail, rows_end) * (plain ? 1 : coefficient[t]);
    }
    store_tail(out + j, tail, sum);
}

/* The same for all columns; coefficient NULL stands for ones. */
static void add_rows(int64_t n, int64_t known, const int32_t *index, const REAL *coefficient,
                     const REAL *rows, const REAL *rows_end, int64_t rank, REAL *out)
{
    if (coefficient)
        add_rows_as(0, n, known, index, coefficient, rows, rows_end, rank, out);
    else
        add_rows_as(1, n, known, index, coefficient, rows, rows_end, rank, out);
}

/* values[t] less the shift of its row and column. */
INLINE REAL shifted(const REAL *values, const REAL *shift, const REAL *shift_scale,
                    const int32_t *indices, int64_t row, int64_t t)
{
    if (!shift)
        return values[t];
    REAL scale = shift_scale ? shift_scale[row] : 1;
    return values[t] - scale * shift[indices[t]];
}

INLINE REAL row_target(const workspace *ws, int64_t row, int64_t t)
{
    return shifted(ws->values, ws->shift, ws->shift_scale, ws->args->indices, row, t);
}

/* Sets mass, target_mean and mean for an intercept, or makes them void. */
static void find_means(workspace *ws, int64_t row)
{
    const kernel_args *args = ws->args;
    int64_t begin = args->indptr[row], end = args->indptr[row + 1];
    ws->mass = ws->target_mean = ws->lift = 0;
    clear(ws->mean, ws->rank);
    if (!ws->centred)
        return;
    for (int64_t t = begin; t < end; t++) {
        double a = ws->design ? ws->design[args->indices[t]] : 1;
        double w = ws->weights ? ws->weights[t] : 1;
        ws->mass += w * a * a;
        ws->target_mean += w * a * row_target(ws, row, t);
    }
    if (ws->mass == 0) /* design zero on the row: nothing to project */
        return;
    double drawn = args->intercept_penalty / (ws->mass + args->intercept_penalty);
    ws->lift = 1 + sqrt(drawn);
    double part = (1 - drawn) / ws->lift;
    ws->target_mean *= part / ws->mass;
    for (int64_t from = begin; from < end; from += ws->block) {
        int64_t n = end - from < ws->block ? end - from : ws->block;
        for (int64_t p = 0; p < n; p++) {
            int64_t t = from + p;
            double a = ws->design ? ws->design[args->indices[t]] : 1;
            double w = ws->weights ? ws->weights[t] : 1;
            ws->pull[p] = (REAL)(part * w * a / ws->mass);
        }
        add_rows(n, horizon(args->n_factors, ws->rank, end - from), args->indices + from,
                 ws->pull, ws->factors, ws->factors_end, ws->rank, ws->mean);
    }
}

INLINE void gather_factors(workspace *ws, const int32_t *index, int64_t n, int64_t known,
                           int plain)
{
    int64_t rank = ws->rank, ld = ws->ld, whole = rank / LANES * LANES;
    for (int64_t p = 0; p < n; p++) {
        const REAL *from = ws->factors + index[p] * rank;
        if (p + AHEAD < known)
            prefetch_row(ws->factors + index[p + AHEAD] * rank, rank);
        REAL *to = ws->panel + p * ld;
        REAL root = ws->root[p], pull = ws->pull[p];
        for (int64_t j = 0; j < whole; j += LANES) {
            vec v = load_loose(from + j);
            if (!plain)
                v = v * root - load(ws->mean + j) * pull;
            store(to + j, v);
        }
        if (whole < rank) {
            vec v = load_tail(from + whole, rank - whole, ws->factors_end);
            if (!plain)
                v = v * root - load(ws->mean + whole) * pull;
            store(to + whole, v);
        }
    }
}

/* Fills panel, target, root and pull with n entries of a row from entry `from`. */
static void gather(workspace *ws, int64_t row, int64_t from, int64_t n)
{
    const int32_t *index = ws->args->indices + from;
    int64_t known = ws->args->indptr[ws->args->stop] - from;
    known = horizon(ws->args->n_factors, ws->rank, known);
    for (int64_t p = 0; p < n; p++) {
        REAL root = ws->weights ? REAL_SQRT(ws->weights[from + p]) : 1;
        REAL a = ws->design ? ws->design[index[p]] : 1;
        REAL y = row_target(ws, row, from + p);
        ws->root[p] = root;
        ws->pull[p] = root * a;
        ws->target[p] = ws->centred ? root * (y - a * (REAL)ws->target_mean) : root * y;
    }
    if (ws->weights || ws->centred)
        gather_factors(ws, index, n, known, 0);
    else
        gather_factors(ws, index, n, known, 1);
}

/* x[0:ld] += panel' c for the first n rows of the panel. */
static void add_panel_rows(const workspace *ws, int64_t n, const REAL *c, REAL *x)
{
    for (int64_t j = 0; j < ws->ld; j += LANES) {
        const REAL *p = ws->panel + j;
        vec sum = load(x + j);
        for (int64_t t = 0; t < n; t++, p += ws->ld)
            sum += load(p) * c[t];
        store(x + j, sum);
    }
}

/* turned[k][t] = panel[t][k] with ld_t between its rows, zero for n <= t < ld_t. */
static void turn_panel(const workspace *ws, int64_t n, int64_t ld_t)
{
    for (int64_t t = 0; t < n; t++)
        for (int64_t k = 0; k < ws->ld; k++)
            ws->turned[k * ld_t + t] = ws->panel[t * ws->ld + k];
    for (int64_t k = 0; k < ws->ld; k++)
        for (int64_t t = n; t < ld_t; t++)
            ws->turned[k * ld_t + t] = 0;
}
