/* Body of kernels_float.c and kernels_double.c. All functions are static: the
 * translation unit exports nothing but its kernel_set. */
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "simd.h"
#include "tile.h"
#include "cholesky.h"
#include "rows.h"
#include "ridge.h"
#include "entries.h"
#include "scatter.h"

#define JOIN_(isa, element) skmc_##isa##_##element
#define JOIN(isa, element) JOIN_(isa, element)

extern const kernel_set JOIN(ISA_NAME, ELEMENT_NAME);

const kernel_set JOIN(ISA_NAME, ELEMENT_NAME) = {
    ridge_rows, leave_one_out_rows, entries_rows, entries_pairs, spmm_rows,
    spmm_columns, transpose_rows, bucket_entries,
};
