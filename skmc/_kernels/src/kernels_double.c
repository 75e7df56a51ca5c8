/* The kernels for arrays of double. */
#include <float.h>
#include <math.h>
#include <stdint.h>

#define REAL double
#define REAL_BYTES 8
#define REAL_INT int64_t
#define REAL_EPS DBL_EPSILON
#define REAL_TINY DBL_MIN
#define REAL_SQRT sqrt
#define PENALTY_FLOOR 1e-10 /* see ridge.h */
#define ELEMENT_NAME double

#include "template.h"
