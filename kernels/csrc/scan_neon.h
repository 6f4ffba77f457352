/* 64-bit Arm with the dot product instructions (Armv8.2 and later). Included by scan.c. */
#include <arm_neon.h>

#if defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
static int has_dotprod(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#elif defined(__APPLE__)
static int has_dotprod(void) { return 1; }
#else
static int has_dotprod(void) { return 0; }
#endif

#if defined(__clang__)
#define DOTPROD __attribute__((target("dotprod")))
#else
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#endif
#define INLINE static inline __attribute__((always_inline))

/* One group, in four quarters, against `width` queries, a constant. */
DOTPROD INLINE void tile_neon(const Scan *scan, const Chunk *chunk, int64_t row, Query *queries,
                              const int width) {
    const uint8_t *codes = chunk->codes + row * scan->quads * 4;
    const uint8x16_t middle = vdupq_n_u8(128);
    int32x4_t sums[4][4];
    for (int q = 0; q < width; q++)
        for (int part = 0; part < 4; part++) sums[part][q] = vdupq_n_s32(0);
    for (int64_t j = 0; j < scan->quads; j++) {
        int8x16_t rows[4];
        /* These instructions multiply signed by signed, so the 128 goes again. */
        for (int part = 0; part < 4; part++)
            rows[part] =
                vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes + j * 64 + part * 16), middle));
        for (int q = 0; q < width; q++) {
            int32_t quad;
            memcpy(&quad, queries[q].codes + j * 4, 4);
            int8x16_t wide = vreinterpretq_s8_s32(vdupq_n_s32(quad));
            for (int part = 0; part < 4; part++)
                sums[part][q] = vdotq_s32(sums[part][q], rows[part], wide);
        }
    }
    for (int part = 0; part < 4; part++) {
        float32x4_t inverse = vld1q_f32(chunk->inverse + row + part * 4);
        for (int q = 0; q < width; q++) {
            float32x4_t least = vfmaq_n_f32(vdupq_n_f32(-queries[q].slack), inverse, queries[q].cut);
            uint32x4_t reached = vcgeq_f32(vcvtq_f32_s32(sums[part][q]), least);
            if (__builtin_expect(vmaxvq_u32(reached) == 0, 1)) continue;
            uint32_t lanes[4];
            vst1q_u32(lanes, reached);
            for (int r = 0; r < 4; r++)
                if (lanes[r]) shortlist_offer(scan, chunk, row + part * 4 + r, queries + q);
        }
    }
}

DOTPROD static void kernel_neon(const Scan *scan, const Chunk *chunk, int64_t start,
                                int64_t groups, Query *queries, int64_t count) {
    int64_t q = 0, end = start + groups * LANES;
    for (; q + 4 <= count; q += 4)
        for (int64_t row = start; row < end; row += LANES)
            tile_neon(scan, chunk, row, queries + q, 4);
    for (; q < count; q++)
        for (int64_t row = start; row < end; row += LANES)
            tile_neon(scan, chunk, row, queries + q, 1);
}
