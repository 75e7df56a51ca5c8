/* Choice of the instruction set at run time, so that one wheel serves all. */
#include "kernels.h"

#include <stddef.h>

extern const kernel_set skmc_baseline_float, skmc_baseline_double;
#ifdef HAVE_X86_ISAS
extern const kernel_set skmc_avx2_float, skmc_avx2_double;
extern const kernel_set skmc_avx512_float, skmc_avx512_double;
#endif

typedef struct {
    const char *name;
    const kernel_set *kernels[2];
} isa;

static const isa isas[] = {
    {"baseline", {&skmc_baseline_float, &skmc_baseline_double}},
#ifdef HAVE_X86_ISAS
    {"avx2", {&skmc_avx2_float, &skmc_avx2_double}},
    {"avx512", {&skmc_avx512_float, &skmc_avx512_double}},
#endif
};

/* Each set contains the ones before it, hence a count describes them all. */
static int count_supported(void)
{
#ifdef HAVE_X86_ISAS
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 1;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw"))
        return 2;
    return 3;
#else
    return 1;
#endif
}

static int active = 0;

const char *skmc_isa_name(int which)
{
    return which >= 0 && which < count_supported() ? isas[which].name : NULL;
}

int skmc_isa_active(void) { return active; }

void skmc_isa_select(int which) { active = which; }

const kernel_set *skmc_kernels(int element) { return isas[active].kernels[element]; }
