/* The kernels for arrays of float. */
#include <float.h>
#include <math.h>
#include <stdint.h>

#define REAL float
#define REAL_BYTES 4
#define REAL_INT int32_t
#define REAL_EPS FLT_EPSILON
#define REAL_TINY FLT_MIN
#define REAL_SQRT sqrtf
#define PENALTY_FLOOR 1e-5f /* see ridge.h */
#define ELEMENT_NAME float

#include "template.h"
