/* The rows with the largest inner products, found in 8-bit integers and proved in doubles.
 *
 * A row x is kept as integers c with x = s (c + e), a query q likewise as t (g + f). Then
 *
 *     x.q = s t (c.g + e.q/t + c.f),   |e.q/t + c.f| <= |e| |q/t| + |c| |f|
 *
 * by Cauchy and Schwarz. The integer product c.g is quick. A row can only be among the k best if
 * c.g plus this bound, and a little for the rounding of floats, reaches the k-th best score so
 * far, divided by s t; each row that does is scored in doubles. So the answer is the one that
 * scoring every row so would give, for any data; only the speed depends on it.
 *
 * The norms |e| and |c| enter by their maximum over blocks of rows. Of equal scores the lower row
 * wins. Values are expected to be finite and below 1e17, as the caller checks.
 */
#if defined(__GNUC__) && !defined(__clang__)
/* This pass of GCC's spills the sums of the kernels to memory in their innermost loop. */
#pragma GCC optimize("no-tree-pre")
#endif

#include "scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER)
#define EXPORT __declspec(dllexport)
#define PREFETCH(p) ((void)(p))
#else
#define EXPORT __attribute__((visibility("default")))
#define PREFETCH(p) __builtin_prefetch(p)
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define WITH_X86 1
#elif defined(__GNUC__) && defined(__aarch64__)
#define WITH_NEON 1
#endif

/* Below this scale a product could underflow, and relative errors would mean nothing. */
#define SMALLEST_SCALE 1e-12f
#define UNIT 5.9604644775390625e-08 /* half a unit in the last place of 1 */

/* In doubles, which hold each product exactly, so that near ties are decided rightly. */
static double product(const float *a, const float *b, int64_t dim) {
    double sums[8] = {0}, total = 0;
    int64_t i = 0;
    for (; i + 8 <= dim; i += 8)
        for (int j = 0; j < 8; j++) sums[j] += (double)a[i + j] * (double)b[i + j];
    for (; i < dim; i++) total += (double)a[i] * (double)b[i];
    for (int width = 4; width; width /= 2)
        for (int j = 0; j < width; j++) sums[j] += sums[j + width];
    return total + sums[0];
}

/* ---- the best so far ---- */

static int worse(Hit a, Hit b) { return a.score < b.score || (a.score == b.score && a.row > b.row); }

static void sink(Hit *heap, int64_t size, int64_t place) {
    Hit moved = heap[place];
    for (;;) {
        int64_t child = 2 * place + 1;
        if (child >= size) break;
        if (child + 1 < size && worse(heap[child + 1], heap[child])) child++;
        if (!worse(heap[child], moved)) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = moved;
}

static void keep(Query *query, int64_t k, Hit hit) {
    Hit *heap = query->heap;
    if (query->found == k) {
        if (worse(heap[0], hit)) {
            heap[0] = hit;
            sink(heap, k, 0);
        }
        return;
    }
    int64_t place = query->found++;
    while (place && worse(hit, heap[(place - 1) / 2])) {
        heap[place] = heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    heap[place] = hit;
}

/* Score exactly what waits, and raise the cut. */
static void settle(const Scan *scan, Query *query) {
    for (int i = 0; i < query->waiting_count; i++) {
        Hit hit = {product(query->waiting[i], query->vector, scan->dim), query->waiting_rows[i]};
        keep(query, scan->k, hit);
    }
    query->waiting_count = 0;
    if (query->found == scan->k) query->cut = (float)(query->heap[0].score / query->scale);
}

static int is_denied(const Query *query, int64_t row) {
    int64_t low = 0, high = query->denials;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (query->denied[middle] < row) low = middle + 1;
        else high = middle;
    }
    return low < query->denials && query->denied[low] == row;
}

void shortlist_offer(const Scan *scan, const Chunk *chunk, int64_t row, Query *query) {
    int64_t number = chunk->first + row;
    if (row >= chunk->rows || (scan->hidden && scan->hidden[number])) return;
    if (query->denials && is_denied(query, number)) return;
    const float *vector = chunk->vectors + row * scan->dim;
    for (int64_t i = 0; i < scan->dim && i < 128; i += 16) PREFETCH(vector + i);
    query->waiting[query->waiting_count] = vector;
    query->waiting_rows[query->waiting_count++] = number;
    if (query->waiting_count == QUEUE) settle(scan, query);
}

/* ---- the integer products ---- */

static void kernel_plain(const Scan *scan, const Chunk *chunk, int64_t start, int64_t groups,
                         Query *queries, int64_t count) {
    for (int64_t q = 0; q < count; q++) {
        Query *query = queries + q;
        for (int64_t g = 0; g < groups; g++) {
            const uint8_t *codes = chunk->codes + (start + g * LANES) * scan->quads * 4;
            int32_t sums[LANES];
            for (int r = 0; r < LANES; r++) sums[r] = -query->offset;
            for (int64_t j = 0; j < scan->quads; j++)
                for (int r = 0; r < LANES; r++)
                    for (int i = 0; i < 4; i++)
                        sums[r] += codes[j * 64 + r * 4 + i] * query->codes[j * 4 + i];
            for (int r = 0; r < LANES; r++) {
                int64_t row = start + g * LANES + r;
                if ((float)sums[r] >= query->cut * chunk->inverse[row] - query->slack)
                    shortlist_offer(scan, chunk, row, query);
            }
        }
    }
}

#ifdef WITH_X86
#include "scan_x86.h"
#endif
#ifdef WITH_NEON
#include "scan_neon.h"
#endif

typedef struct {
    const char *name;
    Kernel *kernel;
    int largest;   /* the largest code of a query */
    int (*works)(void);
} Path;

static int always(void) { return 1; }

/* The fastest first. */
static const Path PATHS[] = {
#ifdef WITH_X86
    {"avx512-vnni", kernel_vnni, 127, has_vnni},
    /* Two products of 255 and 63 still fit in the 16 bits in which AVX2 adds them. */
    {"avx2", kernel_avx2, 63, has_avx2},
#endif
#ifdef WITH_NEON
    {"neon-dotprod", kernel_neon, 127, has_dotprod},
#endif
    {"plain", kernel_plain, 127, always},
};

EXPORT const char *shortlist_path(int place) {
    int seen = 0;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        if (PATHS[i].works() && seen++ == place) return PATHS[i].name;
    return NULL;
}

static const Path *path_named(const char *name) {
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        if (PATHS[i].works() && !strcmp(PATHS[i].name, name)) return PATHS + i;
    return NULL;
}

/* ---- packing ---- */

static float scale_of(const float *x, int64_t dim, float largest) {
    float tops[16] = {0}, top = 0;
    int64_t i = 0;
    for (; i + 16 <= dim; i += 16)
        for (int j = 0; j < 16; j++)
            tops[j] = fabsf(x[i + j]) > tops[j] ? fabsf(x[i + j]) : tops[j];
    for (; i < dim; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    for (int j = 0; j < 16; j++) top = tops[j] > top ? tops[j] : top;
    return top / largest > SMALLEST_SCALE ? top / largest : SMALLEST_SCALE;
}

/* Rounded up, so that a bound stays one. */
static float above(double value) { return (float)(value * (1 + 4 * UNIT)); }

/* To the nearest integer, in a way that is vectorised on any processor. */
static float rounded(float value) {
    const float big = 12582912.0f; /* 1.5 * 2^23: adding it leaves no room for fractions */
    return (value + big) - big;
}

/* The codes of a row, and the squared norms of the codes and of what they leave out. */
static void encode(const float *x, int64_t dim, float back, uint8_t *codes, double *norm,
                   double *error) {
    int32_t norms[16] = {0};
    float errors[16] = {0};
    int64_t i = 0;
    for (; i + 16 <= dim; i += 16)
        for (int j = 0; j < 16; j++) {
            float value = x[i + j] * back, code = rounded(value), rest = value - code;
            norms[j] += (int32_t)code * (int32_t)code;
            errors[j] += rest * rest;
            codes[i + j] = (uint8_t)((int32_t)code + 128);
        }
    for (; i < dim; i++) {
        float value = x[i] * back, code = rounded(value), rest = value - code;
        norms[i % 16] += (int32_t)code * (int32_t)code;
        errors[i % 16] += rest * rest;
        codes[i] = (uint8_t)((int32_t)code + 128);
    }
    *norm = *error = 0;
    for (int j = 0; j < 16; j++) {
        *norm += norms[j];
        *error += errors[j];
    }
    /* A float sum of so many terms may be that much too small. */
    *error *= 1 + (double)(dim / 16 + 4) * 2 * UNIT;
}

/* Write `count` rows behind the first `at` of a chunk. Bounds only ever grow, and lanes are
 * written once, so that a search over the rows before may go on meanwhile.
 * Returns 0, or 2 without memory. */
EXPORT int shortlist_pack(const float *x, int64_t count, int64_t dim, int64_t at, uint8_t *codes,
                          float *inverse, float *bounds) {
    int64_t quads = (dim + 3) / 4;
    uint8_t *encoded = malloc((size_t)quads * 4 + 1);
    if (!encoded) return 2;
    memset(encoded, 128, (size_t)quads * 4);
    for (int64_t n = 0; n < count; n++, x += dim) {
        int64_t row = at + n;
        uint8_t *group = codes + row / LANES * LANES * quads * 4 + row % LANES * 4;
        float back = 1 / scale_of(x, dim, 127);
        double norm, error;
        encode(x, dim, back, encoded, &norm, &error);
        for (int64_t j = 0; j < quads; j++) memcpy(group + j * 64, encoded + j * 4, 4);
        /* 1 / scale is itself rounded: x = s (c + e) holds for the s whose inverse is `back`,
         * and x * back was rounded once. */
        float far = above(sqrt(error) + 2 * UNIT * sqrt(norm)), wide = above(sqrt(norm));
        inverse[row] = back;
        float *bound = bounds + row / BLOCK * 2;
        if (far > bound[0]) bound[0] = far;
        if (wide > bound[1]) bound[1] = wide;
    }
    free(encoded);
    return 0;
}

/* ---- searching ---- */

static void prepare(Query *query, const float *vector, int64_t dim, int8_t *codes, float largest) {
    float scale = scale_of(vector, dim, largest), back = 1 / scale;
    double error = 0, norm = 0;
    int32_t sum = 0;
    for (int64_t i = 0; i < dim; i++) {
        float code = rounded(vector[i] * back);
        double exact = (double)vector[i] / (double)scale;
        codes[i] = (int8_t)code;
        sum += codes[i];
        norm += exact * exact;
        error += (exact - code) * (exact - code);
    }
    query->codes = codes;
    query->vector = vector;
    query->offset = 128 * sum;
    query->scale = scale;
    query->norm = sqrt(norm);
    query->error = sqrt(error);
    query->cut = -INFINITY;
}

/* By how much c.g may fall short of the score over s t, in one block. */
static float slack(const Query *query, const float *bounds) {
    double error = bounds[0], norm = bounds[1];
    double quantised = error * query->norm + norm * query->error;
    /* The rounding of the comparison, and of what underflows; more than enough. */
    double rounding = 64 * UNIT * (norm + error) * query->norm;
    return above(quantised + rounding + 1e-6);
}

static int best_first(const void *a, const void *b) {
    return worse(*(const Hit *)a, *(const Hit *)b) ? 1 : -1;
}

static void write_out(const Query *query, int64_t k, float *scores, int64_t *rows) {
    /* What is handed out are floats, and of equal ones the lower row comes first. */
    for (int64_t i = 0; i < query->found; i++) query->heap[i].score = (float)query->heap[i].score;
    qsort(query->heap, (size_t)query->found, sizeof(Hit), best_first);
    for (int64_t i = 0; i < k; i++) {
        int there = i < query->found;
        scores[i] = there ? (float)query->heap[i].score : -INFINITY;
        rows[i] = there ? query->heap[i].row : 0;
    }
}

static void scan_chunk(const Scan *scan, const Chunk *chunk, Kernel *kernel, Query *queries,
                       int64_t count) {
    /* So many groups that their codes stay in the first cache while all queries pass over them. */
    int64_t step = 16384 / (LANES * scan->quads * 4) / GROUPS * GROUPS;
    if (step < GROUPS) step = GROUPS;
    for (int64_t block = 0; block < chunk->rows; block += BLOCK) {
        int64_t rows = chunk->rows - block < BLOCK ? chunk->rows - block : BLOCK;
        int64_t groups = (rows + LANES * GROUPS - 1) / (LANES * GROUPS) * GROUPS;
        for (int64_t q = 0; q < count; q++)
            queries[q].slack = slack(queries + q, chunk->bounds + block / BLOCK * 2);
        for (int64_t g = 0; g < groups; g += step)
            kernel(scan, chunk, block + g * LANES, groups - g < step ? groups - g : step, queries,
                   count);
    }
}

/* Scores and rows [count][k] of the best rows of all chunks, best first; -INFINITY where there
 * are fewer. `denied` holds for query q the ascending rows offsets[q] to offsets[q + 1].
 * Returns 0; 1 for an unknown path, 2 without memory. */
EXPORT int shortlist_scan(const char *path, const Chunk *chunks, int64_t chunk_count, int64_t dim,
                          const float *vectors, int64_t count, int64_t k, const uint8_t *hidden,
                          const int64_t *offsets, const int64_t *denied, float *scores,
                          int64_t *rows) {
    const Path *chosen = path_named(path);
    if (!chosen) return 1;
    Scan scan = {hidden, dim, (dim + 3) / 4, k};
    Query *queries = calloc((size_t)count + 1, sizeof *queries);
    Hit *heaps = malloc(((size_t)(count * k) + 1) * sizeof *heaps);
    int8_t *codes = calloc((size_t)(count * scan.quads) * 4 + 1, 1);
    if (queries && heaps && codes) {
        for (int64_t q = 0; q < count; q++) {
            prepare(queries + q, vectors + q * dim, dim, codes + q * scan.quads * 4,
                    (float)chosen->largest);
            queries[q].heap = heaps + q * k;
            if (offsets) {
                queries[q].denied = denied + offsets[q];
                queries[q].denials = offsets[q + 1] - offsets[q];
            }
        }
        for (int64_t c = 0; c < chunk_count; c++)
            scan_chunk(&scan, chunks + c, chosen->kernel, queries, count);
        for (int64_t q = 0; q < count; q++) {
            settle(&scan, queries + q);
            write_out(queries + q, k, scores + q * k, rows + q * k);
        }
    }
    int failed = queries && heaps && codes ? 0 : 2;
    free(queries);
    free(heaps);
    free(codes);
    return failed;
}
