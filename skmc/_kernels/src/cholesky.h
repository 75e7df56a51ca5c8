/* Cholesky factorisation G = R' R of an n x n matrix and solves with R.
 *
 * Rows of R are stored without their diagonal, whose inverses are in `inverse`,
 * and with zeros left of it within the vector: then every loop below runs over
 * whole vectors. The columns past n must be zero on entry and stay so. */

/* Returns 0 if a pivot is not positive (or NaN). Only the upper triangle of
 * gram is read; it is overwritten. */
static int factorise(int64_t n, REAL *gram, int64_t ld, REAL *inverse)
{
    for (int64_t i = 0; i < n; i += TILE_ROWS) {
        int64_t first = i / LANES * LANES;
        tile_strip(ld - first, i, gram + i, ld, gram + first, ld,
                   gram + i * ld + first, ld, -1);
        int64_t end = i + TILE_ROWS < n ? i + TILE_ROWS : n;
        for (int64_t k = i; k < end; k++) {
            REAL *row = gram + k * ld;
            if (!(row[k] > 0))
                return 0;
            inverse[k] = 1 / REAL_SQRT(row[k]);
            int64_t j = k / LANES * LANES;
            store(row + j, keep_above(load(row + j) * inverse[k], k - j));
            for (j += LANES; j < ld; j += LANES)
                store(row + j, load(row + j) * inverse[k]);
            for (int64_t m = k + 1; m < end; m++)
                for (j = k / LANES * LANES; j < ld; j += LANES) {
                    REAL *to = gram + m * ld + j;
                    store(to, load(to) - load(row + j) * row[m]);
                }
        }
    }
    return 1;
}

/* x := R^-1 x; x is padded to ld, with zeros past n. */
static void solve_upper(int64_t n, const REAL *factor, int64_t ld, const REAL *inverse, REAL *x)
{
    for (int64_t k = n - 1; k >= 0; k--) {
        const REAL *row = factor + k * ld;
        vec sum = {0};
        for (int64_t j = k / LANES * LANES; j < ld; j += LANES)
            sum += load(row + j) * load(x + j);
        x[k] = (x[k] - sum_lanes(sum)) * inverse[k];
    }
}

/* x := (R' R)^-1 x; x is padded to ld, with zeros past n. */
static void solve(int64_t n, const REAL *factor, int64_t ld, const REAL *inverse, REAL *x)
{
    for (int64_t k = 0; k < n; k++) {
        const REAL *row = factor + k * ld;
        REAL x_k = x[k] *= inverse[k];
        for (int64_t j = k / LANES * LANES; j < ld; j += LANES)
            store(x + j, load(x + j) - load(row + j) * x_k);
    }
    solve_upper(n, factor, ld, inverse, x);
}

/* Z := R'^-1 Z for `width` right-hand sides, the columns of Z (width a multiple
 * of LANES); Z has padded(n) rows, of which those past n are scratch. */
static void solve_many(int64_t n, const REAL *factor, int64_t ld, const REAL *inverse,
                       int64_t width, REAL *z, int64_t ldz)
{
    for (int64_t i = 0; i < n; i += TILE_ROWS) {
        tile_strip(width, i, factor + i, ld, z, ldz, z + i * ldz, ldz, -1);
        int64_t end = i + TILE_ROWS < n ? i + TILE_ROWS : n;
        for (int64_t k = i; k < end; k++)
            for (int64_t j = 0; j < width; j += LANES) {
                vec z_k = load(z + k * ldz + j) * inverse[k];
                store(z + k * ldz + j, z_k);
                for (int64_t m = k + 1; m < end; m++) {
                    REAL *to = z + m * ldz + j;
                    store(to, load(to) - z_k * factor[k * ld + m]);
                }
            }
    }
}
