/* Vectors of REAL through the GCC/Clang vector extensions. Other compilers get
 * vectors of one element, i.e. plain C, from the same code. */
#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif

/* PLAIN_C: to try on GCC what other compilers get. */
#if defined(__GNUC__) && !defined(PLAIN_C)
#define GNU_VECTORS
#endif

#ifdef GNU_VECTORS
#define RESTRICT __restrict__
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
typedef REAL vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef REAL loose_vec
    __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(sizeof(REAL))));
typedef REAL_INT int_vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
enum { LANES = VECTOR_BYTES / sizeof(REAL) };
#else
#define RESTRICT
#define INLINE static inline
#define UNROLL
typedef REAL vec;
typedef REAL loose_vec;
enum { LANES = 1 };
#endif

/* Register tile of TILE_ROWS x TILE_VECS vectors: as many accumulators as the
 * register file holds beside TILE_VECS operands and a broadcast (32 registers
 * with AVX-512 and NEON, otherwise 16). */
#if VECTOR_BYTES == 64
enum { TILE_ROWS = 8, TILE_VECS = 3 };
#elif VECTOR_BYTES == 32 || defined(__aarch64__)
enum { TILE_ROWS = 4, TILE_VECS = 3 };
#else
enum { TILE_ROWS = 4, TILE_VECS = 2 };
#endif

/* Leading dimensions are multiples of PAD, which both divide. */
enum { PAD = (int)LANES > (int)TILE_ROWS ? (int)LANES : (int)TILE_ROWS };

INLINE int64_t padded(int64_t n) { return (n + PAD - 1) / PAD * PAD; }

INLINE vec load(const REAL *p) { return *(const vec *)p; }
INLINE vec load_loose(const REAL *p) { return *(const loose_vec *)p; }
INLINE void store(REAL *p, vec v) { *(vec *)p = v; }
INLINE void store_loose(REAL *p, vec v) { *(loose_vec *)p = v; }

#ifdef GNU_VECTORS

INLINE int_vec lane_numbers(void)
{
    int_vec v;
    UNROLL
    for (int lane = 0; lane < LANES; lane++)
        v[lane] = (REAL_INT)lane;
    return v;
}

INLINE vec keep(vec v, int_vec mask) { return (vec)((int_vec)v & mask); }

/* Lanes below n, others zero (even where they hold NaN). */
INLINE vec keep_below(vec v, int64_t n)
{
    return keep(v, (int_vec)(lane_numbers() < (REAL_INT)n));
}

/* Lanes above n, others zero. */
INLINE vec keep_above(vec v, int64_t n)
{
    return keep(v, (int_vec)(lane_numbers() > (REAL_INT)n));
}

/* Sums of neighbouring lanes of a, then of b. */
#if defined(__clang__)
#if VECTOR_BYTES == 2 * REAL_BYTES
#define EVEN_LANES 0, 2
#define ODD_LANES 1, 3
#elif VECTOR_BYTES == 4 * REAL_BYTES
#define EVEN_LANES 0, 2, 4, 6
#define ODD_LANES 1, 3, 5, 7
#elif VECTOR_BYTES == 8 * REAL_BYTES
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#endif
INLINE vec pair_sums(vec a, vec b)
{
    return __builtin_shufflevector(a, b, EVEN_LANES) + __builtin_shufflevector(a, b, ODD_LANES);
}
#else
INLINE vec pair_sums(vec a, vec b)
{
    int_vec even = lane_numbers() * 2;
    return __builtin_shuffle(a, b, even) + __builtin_shuffle(a, b, even + 1);
}
#endif

INLINE void prefetch(const REAL *p) { __builtin_prefetch(p); }

#else

INLINE vec pair_sums(vec a, vec b) { (void)b; return a; }
INLINE void prefetch(const REAL *p) { (void)p; }

INLINE vec keep_below(vec v, int64_t n) { return n > 0 ? v : 0; }
INLINE vec keep_above(vec v, int64_t n) { return n < 0 ? v : 0; }

#endif

/* Sums of the lanes of LANES vectors, in place, the first vector. */
INLINE vec sum_each(vec *v)
{
    UNROLL
    for (int left = LANES; left > 1; left /= 2)
        UNROLL
        for (int p = 0; p < left / 2; p++)
            v[p] = pair_sums(v[2 * p], v[2 * p + 1]);
    return v[0];
}

INLINE REAL sum_lanes(vec v)
{
    UNROLL
    for (int left = LANES; left > 1; left /= 2)
        v = pair_sums(v, v);
    REAL part[LANES];
    memcpy(part, &v, sizeof v);
    return part[0];
}

/* The n < LANES elements at p, then zeros. `end` is the end of p's array: a
 * whole vector is read, and cut, wherever that stays inside. */
INLINE vec load_tail(const REAL *p, int64_t n, const REAL *end)
{
    if (end - p >= LANES)
        return keep_below(load_loose(p), n);
    REAL part[LANES] = {0};
    for (int64_t k = 0; k < n; k++)
        part[k] = p[k];
    return load_loose(part);
}

INLINE void store_tail(REAL *p, int64_t n, vec v)
{
    REAL part[LANES];
    store_loose(part, v);
    for (int64_t k = 0; k < n; k++)
        p[k] = part[k];
}

/* u . v; u_tail holds what is left of u after whole vectors, then zeros. The
 * order of the sums is that of `dots`. */
INLINE REAL dot(const REAL *u, vec u_tail, const REAL *v, const REAL *v_end, int64_t n)
{
    vec sum = {0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        sum += load_loose(u + j) * load_loose(v + j);
    if (j < n)
        sum += u_tail * load_tail(v + j, n - j, v_end);
    return sum_lanes(sum);
}

/* u . v_p for LANES vectors v_p of length n. As many sums at a time as there are
 * lanes: then the sums over lanes cost little more than two shuffles each. */
INLINE vec dots(const REAL *u, vec u_tail, const REAL *const *v, const REAL *v_end, int64_t n)
{
    vec sum[LANES];
    UNROLL
    for (int p = 0; p < LANES; p++)
        sum[p] = (vec){0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        vec u_j = load_loose(u + j);
        UNROLL
        for (int p = 0; p < LANES; p++)
            sum[p] += u_j * load_loose(v[p] + j);
    }
    if (j < n)
        UNROLL
        for (int p = 0; p < LANES; p++)
            sum[p] += u_tail * load_tail(v[p] + j, n - j, v_end);
    return sum_each(sum);
}

/* a . b of aligned vectors padded to a multiple of LANES. */
INLINE REAL dot_padded(const REAL *a, const REAL *b, int64_t n)
{
    vec sum = {0};
    for (int64_t j = 0; j < n; j += LANES)
        sum += load(a + j) * load(b + j);
    return sum_lanes(sum);
}
