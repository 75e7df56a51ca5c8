/* Ridge least squares, one small problem per row.
 *
 * Rows with more entries than factors are solved by the normal equations
 * (G + D) u = b with G = sum g g', others in the dual form, which is smaller:
 * with g scaled by D^-1/2, (g g' + I) z = y and u = D^-1/2 g' z.
 *
 * Penalties below PENALTY_FLOOR * trace(G) / rank are raised to it, so that a
 * zero penalty never fails and gives the minimum-norm solution. Directions that
 * the regressors do not see come out as rounding errors over the floor, hence it
 * is far above REAL_EPS: 1e-10 leaves errors of about 1e-4 in them in double
 * precision; 1e-5 only keeps them bounded in single. ridge_rows removes most of
 * the bias in the other directions by a second step, see refine_primal. Should a
 * pivot fail all the same, the row is solved again with a floor 32 times as high. */

typedef enum { SOLVED, FLAT, NOT_POSITIVE, NOT_FINITE } outcome;

/* Number of penalties so small beside the largest that scaling by D^-1/2 would
 * cost more than half the digits. */
static int64_t count_loose(const workspace *ws)
{
    double most = 0;
    int64_t n = 0;
    for (int64_t k = 0; k < ws->rank; k++)
        most = ws->penalty[k] > most ? ws->penalty[k] : most;
    for (int64_t k = 0; k < ws->rank; k++)
        n += ws->penalty[k] < most * sqrt(REAL_EPS);
    return n;
}

/* Loose coordinates that the entries determine are left to the normal
 * equations, which need no scaling. */
static int is_dual(const workspace *ws, int64_t d)
{
    if (ws->args->draw) /* a draw takes the Cholesky factor of G + D */
        return 0;
    int settled = ws->n_loose > 0 && ws->n_loose <= d - ws->centred;
    return d <= ws->rank && !settled;
}

/* Classifies a row by the trace of its Gram matrix. FLAT: no usable variation,
 * that is zero, or with an intercept what rounding leaves of equal regressors. */
static outcome check_trace(const workspace *ws, double trace)
{
    if (!(trace - trace == 0))
        return NOT_FINITE;
    double raw = trace;
    for (int64_t k = 0; k < ws->rank && ws->centred; k++)
        raw += ws->mass * ws->mean[k] * ws->mean[k];
    double rounding = 64 * REAL_EPS;
    if (ws->centred && trace <= rounding * rounding * raw)
        return FLAT;
    return trace * PENALTY_FLOOR <= REAL_TINY * (double)ws->rank ? FLAT : SOLVED;
}

INLINE REAL floored(const workspace *ws, int64_t k, double floor)
{
    return ws->penalty[k] > floor ? ws->penalty[k] : (REAL)floor;
}

/* The share of the penalties that was asked for: 1 unless all are floored. */
static double asked_share(const workspace *ws, double floor)
{
    double share = 0;
    for (int64_t k = 0; k < ws->rank && share < 1; k++)
        share = ws->penalty[k] > share * floor ? ws->penalty[k] / floor : share;
    return share < 1 ? share : 1;
}

static int floor_matters(const workspace *ws, double floor)
{
    for (int64_t k = 0; k < ws->rank; k++)
        if (ws->penalty[k] < floor)
            return 1;
    return 0;
}

/* Where the floor matters, a second step from the residuals of the first, with
 * the penalties that were asked for, squares the relative error it causes. */
static void refine_primal(workspace *ws, int64_t row)
{
    int64_t begin = ws->args->indptr[row], end = ws->args->indptr[row + 1];
    int64_t rank = ws->rank, ld = ws->ld;
    REAL *step = ws->diagonal;
    clear(step, ld);
    for (int64_t from = begin; from < end; from += ws->block) {
        int64_t n = end - from < ws->block ? end - from : ws->block;
        gather(ws, row, from, n);
        for (int64_t t = 0; t < n; t++)
            ws->target[t] -= dot_padded(ws->panel + t * ld, ws->u, ld);
        add_panel_rows(ws, n, ws->target, step);
    }
    for (int64_t k = 0; k < rank; k++)
        step[k] -= ws->penalty[k] * ws->u[k];
    solve(rank, ws->gram, ld, ws->inverse, step);
    for (int64_t k = 0; k < rank; k++)
        ws->u[k] += step[k];
}

/* The same for z in `target` and g' z in u, with the targets y in `pull`. */
static void refine_dual(workspace *ws, int64_t d, int64_t ld_t, double floor)
{
    REAL share = (REAL)asked_share(ws, floor);
    REAL *step = ws->pull;
    for (int64_t t = 0; t < d; t++)
        step[t] -= share * ws->target[t] +
                   dot_padded(ws->panel + t * ws->ld, ws->u, ws->ld);
    clear(step + d, ld_t - d);
    solve(d, ws->gram, ld_t, ws->inverse, step);
    add_panel_rows(ws, d, step, ws->u);
}

/* Leaves u and the Cholesky factor of G + D. */
static outcome solve_primal(workspace *ws, int64_t row, double floor)
{
    int64_t begin = ws->args->indptr[row], end = ws->args->indptr[row + 1];
    int64_t rank = ws->rank, ld = ws->ld;
    clear(ws->gram, ld * ld);
    clear(ws->u, ld);
    for (int64_t from = begin; from < end; from += ws->block) {
        int64_t n = end - from < ws->block ? end - from : ws->block;
        gather(ws, row, from, n);
        add_gram(rank, n, ws->panel, ld, ws->gram);
        add_panel_rows(ws, n, ws->target, ws->u);
    }
    double trace = 0;
    for (int64_t k = 0; k < rank; k++)
        trace += ws->gram[k * ld + k];
    outcome found = check_trace(ws, trace);
    if (found != SOLVED)
        return found;
    floor *= trace / (double)rank;
    for (int64_t k = 0; k < rank; k++)
        ws->gram[k * ld + k] += floored(ws, k, floor);
    if (!factorise(rank, ws->gram, ld, ws->inverse))
        return NOT_POSITIVE;
    solve(rank, ws->gram, ld, ws->inverse, ws->u);
    if (ws->refine && floor_matters(ws, floor))
        refine_primal(ws, row);
    return SOLVED;
}

/* Leaves u, z in `target` and the Cholesky factor of g g' + I. */
static outcome solve_dual(workspace *ws, int64_t row, double floor)
{
    int64_t begin = ws->args->indptr[row];
    int64_t d = ws->args->indptr[row + 1] - begin;
    int64_t rank = ws->rank, ld = ws->ld, ld_t = padded(d);
    gather(ws, row, begin, d);
    double trace = 0;
    for (int64_t t = 0; t < d; t++)
        trace += dot_padded(ws->panel + t * ld, ws->panel + t * ld, ld);
    outcome found = check_trace(ws, trace);
    if (found != SOLVED)
        return found;
    floor *= trace / (double)rank;
    for (int64_t k = 0; k < rank; k++)
        ws->diagonal[k] = 1 / REAL_SQRT(floored(ws, k, floor));
    for (int64_t t = 0; t < d; t++)
        for (int64_t j = 0; j < ld; j += LANES) {
            REAL *to = ws->panel + t * ld + j;
            store(to, load(to) * load(ws->diagonal + j));
        }
    turn_panel(ws, d, ld_t);
    clear(ws->gram, ld_t * ld_t);
    add_gram(d, rank, ws->turned, ld_t, ws->gram);
    for (int64_t t = 0; t < d; t++)
        ws->gram[t * ld_t + t] += 1;
    if (!factorise(d, ws->gram, ld_t, ws->inverse))
        return NOT_POSITIVE;
    clear(ws->target + d, ld_t - d);
    memcpy(ws->pull, ws->target, (size_t)d * sizeof(REAL));
    solve(d, ws->gram, ld_t, ws->inverse, ws->target);
    clear(ws->u, ld);
    add_panel_rows(ws, d, ws->target, ws->u);
    if (ws->refine && floor_matters(ws, floor))
        refine_dual(ws, d, ld_t, floor);
    for (int64_t k = 0; k < rank; k++)
        ws->u[k] *= ws->diagonal[k];
    return SOLVED;
}

static outcome solve_row(workspace *ws, int64_t row)
{
    int64_t d = ws->args->indptr[row + 1] - ws->args->indptr[row];
    if (ws->penalty_scale) {
        const REAL *penalty = ws->args->penalty;
        for (int64_t k = 0; k < ws->rank; k++)
            ws->own_penalty[k] =
                k < ws->args->n_scaled ? penalty[k] * ws->penalty_scale[row] : penalty[k];
        ws->penalty = ws->own_penalty;
    }
    find_means(ws, row);
    outcome found = d == 0 ? FLAT : NOT_POSITIVE;
    for (double floor = PENALTY_FLOOR; found == NOT_POSITIVE && floor < 1; floor *= 32)
        found = is_dual(ws, d) ? solve_dual(ws, row, floor) : solve_primal(ws, row, floor);
    if (found == FLAT)
        clear(ws->u, ws->ld);
    return found;
}

/* The objective at u and c, from the residuals: exact where they are small. */
static double row_value(const workspace *ws, int64_t row, double c)
{
    const kernel_args *args = ws->args;
    int64_t rank = ws->rank, whole = rank / LANES * LANES;
    int64_t begin = args->indptr[row], end = args->indptr[row + 1];
    vec u_tail = load(ws->u + (whole < rank ? whole : 0));
    double value = args->intercept_penalty * c * c;
    for (int64_t from = begin; from < end; from += ws->block) {
        int64_t n = end - from < ws->block ? end - from : ws->block;
        const int32_t *index = args->indices + from;
        dots_of_row(ws->u, u_tail, ws->factors, ws->factors_end, rank, index, 0, n,
                    horizon(args->n_factors, args->rank, end - from), ws->pull);
        for (int64_t p = 0; p < n; p++) {
            double a = ws->design ? ws->design[index[p]] : 1;
            double w = ws->weights ? ws->weights[from + p] : 1;
            double residual = row_target(ws, row, from + p) - c * a - ws->pull[p];
            value += w * residual * residual;
        }
    }
    for (int64_t k = 0; k < rank; k++)
        value += (double)ws->penalty[k] * ws->u[k] * ws->u[k];
    return value / 2;
}

/* From normals e to u + R^-1 e with R'R = G + D: a draw from N(u, (G + D)^-1) if
 * e is standard normal. A row without entries draws from its prior N(0, D^-1). */
static void draw_row(workspace *ws, outcome found, REAL *draw)
{
    int64_t rank = ws->rank;
    REAL *step = ws->diagonal;
    clear(step, ws->ld);
    memcpy(step, draw, (size_t)rank * sizeof(REAL));
    if (found == SOLVED)
        solve_upper(rank, ws->gram, ws->ld, ws->inverse, step);
    /* Of a row that cannot be solved u is NaN, and so is the draw. */
    for (int64_t k = 0; k < rank; k++)
        draw[k] = ws->u[k] + (found == SOLVED ? step[k] : step[k] / REAL_SQRT(ws->penalty[k]));
}

static int ridge_rows(const kernel_args *args)
{
    workspace ws;
    if (open_workspace(&ws, args))
        return -1;
    ws.refine = 1;
    ws.n_loose = count_loose(&ws);
    for (int64_t i = args->start; i < args->stop; i++) {
        REAL *out = (REAL *)args->out + i * ws.rank;
        outcome found = solve_row(&ws, i);
        int failed = found == NOT_POSITIVE || found == NOT_FINITE;
        if (failed)
            for (int64_t k = 0; k < ws.rank; k++)
                ws.u[k] = (REAL)NAN;
        memcpy(out, ws.u, (size_t)ws.rank * sizeof(REAL));
        if (args->draw)
            draw_row(&ws, found, (REAL *)args->draw + i * ws.rank);
        double c = failed ? NAN : ws.target_mean;
        for (int64_t k = 0; k < ws.rank && ws.centred; k++)
            c -= (double)ws.mean[k] * ws.u[k];
        c *= ws.lift;
        if (args->out_intercept)
            ((REAL *)args->out_intercept)[i] = (REAL)c;
        if (args->out_value)
            args->out_value[i] = row_value(&ws, i, c);
    }
    close_workspace(&ws);
    return 0;
}

/* Residuals without the entry itself, r_t / (1 - h_t), of n entries of a row
 * solved in the primal form; h_t = |R'^-1 g_t|^2. */
static void leave_out_primal(workspace *ws, int64_t row, int64_t from, int64_t n, REAL *out)
{
    int64_t rank = ws->rank, ld = ws->ld, ld_t = padded(n);
    gather(ws, row, from, n);
    turn_panel(ws, n, ld_t);
    for (int64_t j = 0; j < ld_t; j += LANES) {
        vec fit = {0};
        for (int64_t k = 0; k < rank; k++)
            fit += load(ws->turned + k * ld_t + j) * ws->u[k];
        store(ws->pull + j, fit);
    }
    solve_many(rank, ws->gram, ld, ws->inverse, ld_t, ws->turned, ld_t);
    for (int64_t t = 0; t < n; t++) {
        REAL slack = 1;
        for (int64_t k = 0; k < rank; k++)
            slack -= ws->turned[k * ld_t + t] * ws->turned[k * ld_t + t];
        if (slack < 4 * REAL_EPS)
            slack = 4 * REAL_EPS;
        out[t] = (ws->target[t] - ws->pull[t]) / (slack * ws->root[t]);
    }
}

/* The same in the dual form, where r_t = z_t and 1 - h_t is the diagonal of
 * (g g' + I)^-1: a sum of squares, hence no cancellation as h_t nears 1. */
static void leave_out_dual(workspace *ws, int64_t d, REAL *out)
{
    int64_t ld_t = padded(d);
    clear(ws->turned, ld_t * ld_t);
    for (int64_t t = 0; t < d; t++)
        ws->turned[t * ld_t + t] = 1;
    solve_many(d, ws->gram, ld_t, ws->inverse, ld_t, ws->turned, ld_t);
    for (int64_t t = 0; t < d; t++) {
        REAL slack = 0;
        for (int64_t k = t; k < d; k++)
            slack += ws->turned[k * ld_t + t] * ws->turned[k * ld_t + t];
        out[t] = ws->target[t] / (slack * ws->root[t]);
    }
}

static int leave_one_out_rows(const kernel_args *args)
{
    workspace ws;
    if (open_workspace(&ws, args))
        return -1;
    ws.n_loose = count_loose(&ws);
    for (int64_t i = args->start; i < args->stop; i++) {
        int64_t begin = args->indptr[i], end = args->indptr[i + 1];
        REAL *out = args->out;
        outcome found = end - begin > 1 ? solve_row(&ws, i) : FLAT;
        if (found != SOLVED) {
            for (int64_t t = begin; t < end; t++)
                out[t] = found == FLAT ? row_target(&ws, i, t) : (REAL)NAN;
        } else if (is_dual(&ws, end - begin)) {
            leave_out_dual(&ws, end - begin, out + begin);
        } else {
            for (int64_t from = begin; from < end; from += ws.block) {
                int64_t n = end - from < ws.block ? end - from : ws.block;
                leave_out_primal(&ws, i, from, n, out + from);
            }
        }
    }
    close_workspace(&ws);
    return 0;
}
