/* x86: AVX-512 with VNNI, and AVX2. Included by scan.c. */
#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni,fma")))
#define AVX2 __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline))
/* Without this GCC keeps the sums in memory. */
#define UNROLL _Pragma("GCC unroll 8")

static int has_vnni(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vnni");
}

static int has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static inline int32_t quad_at(const int8_t *codes, int64_t place) {
    int32_t quad;
    memcpy(&quad, codes + place * 4, 4);
    return quad;
}

/* Offer the rows whose bits are set; `masks` holds `width` of them for each part of `size` rows. */
static __attribute__((noinline)) void offer_all(const Scan *scan, const Chunk *chunk, int64_t row,
                                                const uint16_t *masks, int parts, int size,
                                                int width, Query *queries) {
    for (int part = 0; part < parts; part++)
        for (int q = 0; q < width; q++)
            for (uint32_t mask = masks[part * width + q]; mask; mask &= mask - 1)
                shortlist_offer(scan, chunk, row + part * size + __builtin_ctz(mask), queries + q);
}

/* `height` groups of rows against `width` queries, both constants, all sums in registers. */
VNNI INLINE void tile_vnni(const Scan *scan, const Chunk *chunk, int64_t row, Query *queries,
                           const int height, const int width) {
    const int64_t quads = scan->quads;
    const uint8_t *codes = chunk->codes + row * quads * 4;
    __m512i sums[GROUPS][6];
    UNROLL
    for (int q = 0; q < width; q++)
        UNROLL
        for (int g = 0; g < height; g++) sums[g][q] = _mm512_set1_epi32(-queries[q].offset);
    for (int64_t j = 0; j < quads; j++) {
        __m512i rows[GROUPS];
        UNROLL
        for (int g = 0; g < height; g++)
            rows[g] = _mm512_loadu_si512(codes + (g * quads + j) * 64);
        UNROLL
        for (int q = 0; q < width; q++) {
            __m512i quad = _mm512_set1_epi32(quad_at(queries[q].codes, j));
            UNROLL
            for (int g = 0; g < height; g++)
                sums[g][q] = _mm512_dpbusd_epi32(sums[g][q], rows[g], quad);
        }
    }
    uint16_t masks[GROUPS * 6];
    unsigned any = 0;
    UNROLL
    for (int g = 0; g < height; g++) {
        __m512 inverse = _mm512_loadu_ps(chunk->inverse + row + g * LANES);
        UNROLL
        for (int q = 0; q < width; q++) {
            __m512 least = _mm512_fmsub_ps(_mm512_set1_ps(queries[q].cut), inverse,
                                           _mm512_set1_ps(queries[q].slack));
            masks[g * width + q] =
                _mm512_cmp_ps_mask(_mm512_cvtepi32_ps(sums[g][q]), least, _CMP_GE_OQ);
            any |= masks[g * width + q];
        }
    }
    if (__builtin_expect(any != 0, 0))
        offer_all(scan, chunk, row, masks, height, LANES, width, queries);
}

VNNI static void kernel_vnni(const Scan *scan, const Chunk *chunk, int64_t start, int64_t groups,
                             Query *queries, int64_t count) {
    int64_t q = 0, end = start + groups * LANES;
    for (; q + 6 <= count; q += 6)
        for (int64_t row = start; row < end; row += GROUPS * LANES)
            tile_vnni(scan, chunk, row, queries + q, GROUPS, 6);
    for (; q + 2 <= count; q += 2)
        for (int64_t row = start; row < end; row += GROUPS * LANES)
            tile_vnni(scan, chunk, row, queries + q, GROUPS, 2);
    /* One query alone waits for memory, which is fastest where it is read in order. */
    if (q < count)
        for (int64_t row = start; row < end; row += LANES)
            tile_vnni(scan, chunk, row, queries + q, 1, 1);
}

/* One group, in two halves, against `width` queries. */
AVX2 INLINE void tile_avx2(const Scan *scan, const Chunk *chunk, int64_t row, Query *queries,
                           const int width) {
    const uint8_t *codes = chunk->codes + row * scan->quads * 4;
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[2][4];
    UNROLL
    for (int q = 0; q < width; q++)
        sums[0][q] = sums[1][q] = _mm256_set1_epi32(-queries[q].offset);
    for (int64_t j = 0; j < scan->quads; j++) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(codes + j * 64));
        __m256i high = _mm256_loadu_si256((const __m256i *)(codes + j * 64 + 32));
        UNROLL
        for (int q = 0; q < width; q++) {
            __m256i quad = _mm256_set1_epi32(quad_at(queries[q].codes, j));
            __m256i left = _mm256_madd_epi16(_mm256_maddubs_epi16(low, quad), ones);
            __m256i right = _mm256_madd_epi16(_mm256_maddubs_epi16(high, quad), ones);
            sums[0][q] = _mm256_add_epi32(sums[0][q], left);
            sums[1][q] = _mm256_add_epi32(sums[1][q], right);
        }
    }
    uint16_t masks[2 * 4];
    unsigned any = 0;
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m256 inverse = _mm256_loadu_ps(chunk->inverse + row + half * 8);
        UNROLL
        for (int q = 0; q < width; q++) {
            __m256 least = _mm256_fmsub_ps(_mm256_set1_ps(queries[q].cut), inverse,
                                           _mm256_set1_ps(queries[q].slack));
            __m256 reached = _mm256_cmp_ps(_mm256_cvtepi32_ps(sums[half][q]), least, _CMP_GE_OQ);
            masks[half * width + q] = (uint16_t)_mm256_movemask_ps(reached);
            any |= masks[half * width + q];
        }
    }
    if (__builtin_expect(any != 0, 0))
        offer_all(scan, chunk, row, masks, 2, 8, width, queries);
}

AVX2 static void kernel_avx2(const Scan *scan, const Chunk *chunk, int64_t start, int64_t groups,
                             Query *queries, int64_t count) {
    int64_t q = 0, end = start + groups * LANES;
    for (; q + 4 <= count; q += 4)
        for (int64_t row = start; row < end; row += LANES)
            tile_avx2(scan, chunk, row, queries + q, 4);
    for (; q < count; q++)
        for (int64_t row = start; row < end; row += LANES)
            tile_avx2(scan, chunk, row, queries + q, 1);
}
