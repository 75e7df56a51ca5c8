"""The interface of src/kernels.h."""
from libc.stdint cimport int32_t, int64_t

cdef extern from "kernels.h" nogil:
    enum:
        SKMC_FLOAT, SKMC_DOUBLE
    ctypedef struct kernel_args:
        int64_t start, stop, rank, n_scaled, n_factors, n_left, n_columns, first_column, last_column
        int intercept
        double intercept_penalty
        const int64_t *indptr
        const int32_t *indices
        const int64_t *pair_rows
        const int64_t *pair_cols
        const int32_t *lines
        int64_t *next
        const void *values
        const void *weights
        const void *factors
        const void *left
        const void *penalty
        const void *penalty_scale
        const void *design
        const void *shift
        const void *shift_scale
        void *out
        void *out_intercept
        void *out_weights
        void *draw
        int32_t *out_indices
        double *out_value
    ctypedef int (*kernel)(const kernel_args *)
    ctypedef struct kernel_set:
        kernel ridge_rows, leave_one_out_rows, entries_rows, entries_pairs, spmm_rows
        kernel spmm_columns, transpose_rows, bucket_entries
    const char *skmc_isa_name(int which)
    int skmc_isa_active()
    void skmc_isa_select(int which)
    const kernel_set *skmc_kernels(int element)
