/* Products of rows and weights: whole numbers of 8 bits, exact in any order, and float32 in one order.

   Knows: how weights are packed into panels, tiles of rows that share a reading of them. Does not know: models. */

#ifndef MOYOU_PRODUCTS
#define MOYOU_PRODUCTS

#include "lanes.h"

/* PANEL: outputs side by side in memory. GROUP: rows that share a reading of the weights. TILE rows times SIDE
   registers of outputs are summed at a time, as many as the processor has registers for. */
enum { PANEL = 64, GROUP = 36, SIDE = 4, TILE = W == 8 ? 2 : 6 };

/* The same code once for each number of rows, so that sums stay in registers. */
#if W == 8
#define BY_ROWS(rows, WORK) \
    do { \
        if (rows == 1) { enum { R = 1 }; WORK; } \
        else { enum { R = 2 }; WORK; } \
    } while (0)
#else
#define BY_ROWS(rows, WORK) \
    do { \
        if (rows == 1) { enum { R = 1 }; WORK; } \
        else if (rows == 2) { enum { R = 2 }; WORK; } \
        else if (rows == 3) { enum { R = 3 }; WORK; } \
        else if (rows == 4) { enum { R = 4 }; WORK; } \
        else if (rows == 5) { enum { R = 5 }; WORK; } \
        else { enum { R = 6 }; WORK; } \
    } while (0)
#endif

typedef struct {
    const uint8_t *weight; /* (outputs / PANEL, depth / 4, PANEL, 4), each 64 more than it stands for */
    const float *scale;    /* (outputs,) */
    const float *bias;     /* (outputs,) or nothing */
    int64_t outputs, depth;
} product;

typedef struct {
    const float *weight; /* (outputs / PANEL, depth, PANEL) */
    const float *bias;   /* (outputs,) */
    int64_t outputs, depth;
} dense;

INLINE ivec dots(ivec sums, const uint8_t *w, int32_t x) { /* W outputs, 4 numbers of each */
#if W == 16 && defined(__AVX512VNNI__)
    return (ivec)_mm512_dpbusd_epi32((__m512i)sums, _mm512_loadu_si512(w), _mm512_set1_epi32(x));
#elif W == 16
    __m512i pairs = _mm512_maddubs_epi16(_mm512_loadu_si512(w), _mm512_set1_epi32(x));
    return sums + (ivec)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#elif W == 8 && defined(__AVXVNNI__)
    __m256i eight = _mm256_loadu_si256((const __m256i *)w);
    return (ivec)_mm256_dpbusd_avx_epi32((__m256i)sums, eight, _mm256_set1_epi32(x));
#elif W == 8
    __m256i pairs = _mm256_maddubs_epi16(_mm256_loadu_si256((const __m256i *)w), _mm256_set1_epi32(x));
    return sums + (ivec)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(__ARM_FEATURE_DOTPROD)
    int8x16_t four = vreinterpretq_s8_s32(vdupq_n_s32(x)); /* weights are at most 127: signed all the same */
    return (ivec)vdotq_s32((int32x4_t)sums, vreinterpretq_s8_u8(vld1q_u8(w)), four);
#else
    const int8_t *four = (const int8_t *)&x;
    for (int o = 0; o < W; o++)
        for (int k = 0; k < 4; k++) sums[o] += (int32_t)w[4 * o + k] * four[k];
    return sums;
#endif
}

/* At most TILE rows times one panel, into out[r][0 .. PANEL); `most`: the largest that each row got so far. */
INLINE void tile(const uint8_t *w, const float *scale, const float *bias, const int8_t *const *x,
                 int64_t depth, int rows, float *const *out, vec *most) {
    for (int o = 0; o < PANEL; o += SIDE * W) {
        ivec sums[TILE][SIDE];
        for (int r = 0; r < rows; r++)
            for (int b = 0; b < SIDE; b++) sums[r][b] = (ivec){0};
        for (int64_t k = 0; k < depth; k += 4)
            for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, x[r] + k, 4);
                for (int b = 0; b < SIDE; b++)
                    sums[r][b] = dots(sums[r][b], w + PANEL * k + 4 * (o + b * W), four);
            }
        for (int r = 0; r < rows; r++) {
            int32_t much = 0; /* weights are 64 more than they stand for */
            for (int64_t k = 0; k < depth; k++) much += x[r][k];
            for (int b = 0; b < SIDE; b++) {
                int at = o + b * W;
                vec y = __builtin_convertvector(sums[r][b] - 64 * much, vec) * load(scale + at);
                if (bias) y += load(bias + at);
                if (most) most[r] = larger(most[r], y);
                store(out[r] + at, y);
            }
        }
    }
}

static __attribute__((unused)) void multiply(const product *p, const int8_t *const *x, int64_t count, float *const *out, vec *most) {
    for (int64_t panel = 0; panel < p->outputs / PANEL; panel++) {
        const uint8_t *w = p->weight + panel * PANEL * p->depth;
        const float *scale = p->scale + panel * PANEL, *bias = p->bias ? p->bias + panel * PANEL : 0;
        for (int64_t start = 0; start < count; start += TILE) {
            float *to[TILE];
            int64_t rows = count - start < TILE ? count - start : TILE;
            for (int64_t r = 0; r < rows; r++) to[r] = out[start + r] + panel * PANEL;
            const int8_t *const *from = x + start;
            vec *best = most ? most + start : 0;
            BY_ROWS(rows, tile(w, scale, bias, from, p->depth, R, to, best));
        }
    }
}

/* At most TILE rows of float32 times one panel; each sum goes from where it starts through the depth in order. */
INLINE void dense_tile(const float *w, const float *const *start, const float *const *x, int64_t depth,
                       int rows, float *const *out) {
    for (int o = 0; o < PANEL; o += SIDE * W) {
        vec sums[TILE][SIDE];
        for (int r = 0; r < rows; r++)
            for (int b = 0; b < SIDE; b++) sums[r][b] = load(start[r] + o + b * W);
        for (int64_t k = 0; k < depth; k++)
            for (int r = 0; r < rows; r++)
                for (int b = 0; b < SIDE; b++)
                    sums[r][b] = fma_of(all(x[r][k]), load(w + PANEL * k + o + b * W), sums[r][b]);
        for (int r = 0; r < rows; r++)
            for (int b = 0; b < SIDE; b++) store(out[r] + o + b * W, sums[r][b]);
    }
}

/* Rows x (count, depth) and what is added to each, `start` (count, outputs) or nothing: the bias. */
static void dense_rows(const dense *p, const float *const *x, const float *const *start, int64_t count,
                       float *const *out) {
    for (int64_t panel = 0; panel < p->outputs / PANEL; panel++) {
        const float *w = p->weight + panel * PANEL * p->depth;
        for (int64_t first = 0; first < count; first += TILE) {
            const float *from[TILE];
            float *to[TILE];
            int64_t rows = count - first < TILE ? count - first : TILE;
            for (int64_t r = 0; r < rows; r++) {
                from[r] = (start ? start[first + r] : p->bias) + panel * PANEL;
                to[r] = out[first + r] + panel * PANEL;
            }
            BY_ROWS(rows, dense_tile(w, from, x + first, p->depth, R, to));
        }
    }
}

/* x (count, depth) → out (count, outputs), rows side by side. */
static void dense_multiply(const dense *p, const float *x, int64_t count, float *out) {
    for (int64_t first = 0; first < count; first += GROUP) {
        const float *from[GROUP];
        float *to[GROUP];
        int64_t rows = count - first < GROUP ? count - first : GROUP;
        for (int64_t r = 0; r < rows; r++) {
            from[r] = x + (first + r) * p->depth;
            to[r] = out + (first + r) * p->outputs;
        }
        dense_rows(p, from, 0, rows, to);
    }
}

#endif
