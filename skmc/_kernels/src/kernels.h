/* Interface between the Cython wrappers and the compiled kernels.
 *
 * The kernels are compiled once per instruction set and element type; each
 * copy exports one `kernel_set`, and dispatch.c picks among them at run time.
 */
#ifndef SKMC_KERNELS_H
#define SKMC_KERNELS_H

#include <stdint.h>

/* Arguments of every kernel. `void *` stands for arrays of the element type
 * (float or double); optional arrays are NULL. Row i of the sparse matrix has
 * the entries indptr[i] <= t < indptr[i + 1]. */
typedef struct {
    int64_t start, stop; /* rows (entries for entries_pairs, bucket_entries) [start, stop) */
    int64_t rank;        /* columns of the factors */
    int64_t n_scaled;    /* the first of them, whose penalty is scaled */
    int64_t n_factors;   /* rows of `factors` */
    int64_t n_left;      /* rows of `left` */
    int64_t n_columns, first_column, last_column; /* columns [first, last) of all */
    int intercept;
    double intercept_penalty;
    const int64_t *indptr;
    const int32_t *indices;
    const int64_t *pair_rows, *pair_cols;
    const int32_t *lines; /* of entries in any order */
    int64_t *next;        /* where the next entry of each line goes */
    const void *values, *weights;
    const void *factors, *left;
    const void *penalty, *penalty_scale, *design, *shift, *shift_scale;
    void *out, *out_intercept, *out_weights, *draw;
    int32_t *out_indices;
    double *out_value;
} kernel_args;

/* Returns 0, or -1 when scratch memory cannot be allocated. */
typedef int (*kernel)(const kernel_args *);

typedef struct {
    kernel ridge_rows, leave_one_out_rows, entries_rows, entries_pairs, spmm_rows;
    kernel spmm_columns, transpose_rows, bucket_entries;
} kernel_set;

enum { SKMC_FLOAT = 0, SKMC_DOUBLE = 1 };

/* Instruction sets this processor can run, slowest first; NULL past the end. */
const char *skmc_isa_name(int which);
int skmc_isa_active(void);
void skmc_isa_select(int which);

/* The kernels of the active instruction set for SKMC_FLOAT or SKMC_DOUBLE. */
const kernel_set *skmc_kernels(int element);

#endif
