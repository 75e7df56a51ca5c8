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

INLINE REAL sum_lanes(vec v)
{
    REAL part[LANES];
    memcpy(part, &v, sizeof v);
    UNROLL
    for (int half = LANES / 2; half > 0; half /= 2)
        UNROLL
        for (int lane = 0; lane < half; lane++)
            part[lane] += part[lane + half];
    return part[0];
}

#else

INLINE vec keep_below(vec v, int64_t n) { return n > 0 ? v : 0; }
INLINE vec keep_above(vec v, int64_t n) { return n < 0 ? v : 0; }
INLINE REAL sum_lanes(vec v) { return v; }

#endif

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

/* u . v; u_tail holds what is left of u after whole vectors, then zeros. */
INLINE REAL dot(const REAL *u, vec u_tail, const REAL *v, const REAL *v_end, int64_t n)
{
    vec even = {0}, odd = {0};
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) {
        even += load_loose(u + j) * load_loose(v + j);
        odd += load_loose(u + j + LANES) * load_loose(v + j + LANES);
    }
    for (; j + LANES <= n; j += LANES)
        even += load_loose(u + j) * load_loose(v + j);
    if (j < n)
        odd += u_tail * load_tail(v + j, n - j, v_end);
    return sum_lanes(even + odd);
}

/* a . b of aligned vectors padded to a multiple of LANES. */
INLINE REAL dot_padded(const REAL *a, const REAL *b, int64_t n)
{
    vec sum = {0};
    for (int64_t j = 0; j < n; j += LANES)
        sum += load(a + j) * load(b + j);
    return sum_lanes(sum);
}
