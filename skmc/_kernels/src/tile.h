/* The one matrix product of this package: C += sign * A' B in register tiles.
 *
 * Gram matrices, the trailing updates of the Cholesky factorisation and the
 * triangular solves with many right-hand sides are all of this form. */

/* c is TILE_ROWS x n_vecs vectors; a and b have `depth` rows. */
INLINE void tile(int n_vecs, int64_t depth, const REAL *RESTRICT a, int64_t lda,
                 const REAL *RESTRICT b, int64_t ldb, REAL *c, int64_t ldc, REAL sign)
{
    vec sum[TILE_ROWS][TILE_VECS];
    UNROLL
    for (int m = 0; m < TILE_ROWS; m++)
        UNROLL
        for (int v = 0; v < n_vecs; v++)
            sum[m][v] = (vec){0};
    for (int64_t k = 0; k < depth; k++) {
        vec right[TILE_VECS];
        UNROLL
        for (int v = 0; v < n_vecs; v++)
            right[v] = load(b + v * LANES);
        UNROLL
        for (int m = 0; m < TILE_ROWS; m++)
            UNROLL
            for (int v = 0; v < n_vecs; v++)
                sum[m][v] += right[v] * a[m];
        a += lda;
        b += ldb;
    }
    UNROLL
    for (int m = 0; m < TILE_ROWS; m++)
        UNROLL
        for (int v = 0; v < n_vecs; v++) {
            REAL *to = c + m * ldc + v * LANES;
            store(to, load(to) + sum[m][v] * sign);
        }
}

/* TILE_ROWS rows of c, columns [0, width), width a multiple of LANES. */
static void tile_strip(int64_t width, int64_t depth, const REAL *a, int64_t lda,
                       const REAL *b, int64_t ldb, REAL *c, int64_t ldc, REAL sign)
{
    while (width > 0) {
        /* 4 vectors are faster as 2 + 2 than as 3 + 1. */
        int64_t left = width / LANES;
        int n_vecs = left == 4 ? 2 : left < TILE_VECS ? (int)left : TILE_VECS;
        if (n_vecs == 1)
            tile(1, depth, a, lda, b, ldb, c, ldc, sign);
        else if (n_vecs == 2)
            tile(2, depth, a, lda, b, ldb, c, ldc, sign);
        else
            tile(TILE_VECS, depth, a, lda, b, ldb, c, ldc, sign);
        b += n_vecs * LANES;
        c += n_vecs * LANES;
        width -= n_vecs * LANES;
    }
}

/* Upper triangle of gram += panel' panel; panel is depth x n, padded to ld. */
static void add_gram(int64_t n, int64_t depth, const REAL *panel, int64_t ld, REAL *gram)
{
    for (int64_t i = 0; i < n; i += TILE_ROWS) {
        int64_t j = i / LANES * LANES;
        tile_strip(padded(n) - j, depth, panel + i, ld, panel + j, ld,
                   gram + i * ld + j, ld, 1);
    }
}
