/* Products of rows and weights: whole numbers of 8 bits, exact in any order, and float32 in one order.

   Knows: how weights are packed into panels, tiles of rows that share a reading of them. Does not know: models. */

#ifndef MOYOU_PRODUCTS
#define MOYOU_PRODUCTS

#include "lanes.h"

enum { PANEL = 64, TILE = 6, GROUP = 64 }; /* GROUP: rows that share a reading of the weights */

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

INLINE i16 dots(i16 sums, const uint8_t *w, int32_t x) { /* 16 outputs, 4 numbers of each */
#if defined(__AVX512VNNI__)
    return (i16)_mm512_dpbusd_epi32((__m512i)sums, _mm512_loadu_si512(w), _mm512_set1_epi32(x));
#elif defined(__AVX2__)
    union { i16 v; __m256i h[2]; } s = {sums};
    for (int i = 0; i < 2; i++) {
        __m256i pairs =
            _mm256_maddubs_epi16(_mm256_loadu_si256((const __m256i *)(w + 32 * i)), _mm256_set1_epi32(x));
        s.h[i] = _mm256_add_epi32(s.h[i], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    return s.v;
#else
    const int8_t *four = (const int8_t *)&x;
    for (int o = 0; o < 16; o++)
        for (int k = 0; k < 4; k++) sums[o] += (int32_t)w[4 * o + k] * four[k];
    return sums;
#endif
}

/* At most TILE rows times one panel, into out[r][0 .. PANEL); `most`: the largest that each row got so far. */
INLINE void tile(const uint8_t *w, const float *scale, const float *bias, const int8_t *const *x,
                 int64_t depth, int rows, float *const *out, v16 *most) {
    i16 sums[TILE][4];
    for (int r = 0; r < rows; r++)
        for (int b = 0; b < 4; b++) sums[r][b] = (i16){0};
    for (int64_t k = 0; k < depth; k += 4)
        for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, x[r] + k, 4);
            for (int b = 0; b < 4; b++) sums[r][b] = dots(sums[r][b], w + 64 * (k + b), four);
        }
    for (int r = 0; r < rows; r++) {
        int32_t much = 0; /* weights are 64 more than they stand for */
        for (int64_t k = 0; k < depth; k++) much += x[r][k];
        for (int b = 0; b < 4; b++) {
            v16 y = __builtin_convertvector(sums[r][b] - 64 * much, v16) * load(scale + 16 * b);
            if (bias) y += load(bias + 16 * b);
            if (most) most[r] = larger(most[r], y);
            store(out[r] + 16 * b, y);
        }
    }
}

static __attribute__((unused)) void multiply(const product *p, const int8_t *const *x, int64_t count, float *const *out, v16 *most) {
    for (int64_t panel = 0; panel < p->outputs / PANEL; panel++) {
        const uint8_t *w = p->weight + panel * PANEL * p->depth;
        const float *scale = p->scale + panel * PANEL, *bias = p->bias ? p->bias + panel * PANEL : 0;
        for (int64_t start = 0; start < count; start += TILE) {
            float *to[TILE];
            int64_t rows = count - start < TILE ? count - start : TILE;
            for (int64_t r = 0; r < rows; r++) to[r] = out[start + r] + panel * PANEL;
            const int8_t *const *from = x + start;
            v16 *best = most ? most + start : 0;
            switch (rows) {
            case 1: tile(w, scale, bias, from, p->depth, 1, to, best); break;
            case 2: tile(w, scale, bias, from, p->depth, 2, to, best); break;
            case 3: tile(w, scale, bias, from, p->depth, 3, to, best); break;
            case 4: tile(w, scale, bias, from, p->depth, 4, to, best); break;
            case 5: tile(w, scale, bias, from, p->depth, 5, to, best); break;
            default: tile(w, scale, bias, from, p->depth, TILE, to, best);
            }
        }
    }
}

/* At most TILE rows of float32 times one panel; each sum goes from where it starts through the depth in order. */
INLINE void dense_tile(const float *w, const float *const *start, const float *const *x, int64_t depth,
                       int rows, float *const *out) {
    v16 sums[TILE][4];
    for (int r = 0; r < rows; r++)
        for (int b = 0; b < 4; b++) sums[r][b] = load(start[r] + 16 * b);
    for (int64_t k = 0; k < depth; k++)
        for (int r = 0; r < rows; r++)
            for (int b = 0; b < 4; b++)
                sums[r][b] = fma16(all(x[r][k]), load(w + PANEL * k + 16 * b), sums[r][b]);
    for (int r = 0; r < rows; r++)
        for (int b = 0; b < 4; b++) store(out[r] + 16 * b, sums[r][b]);
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
            switch (rows) {
            case 1: dense_tile(w, from, x + first, p->depth, 1, to); break;
            case 2: dense_tile(w, from, x + first, p->depth, 2, to); break;
            case 3: dense_tile(w, from, x + first, p->depth, 3, to); break;
            case 4: dense_tile(w, from, x + first, p->depth, 4, to); break;
            case 5: dense_tile(w, from, x + first, p->depth, 5, to); break;
            default: dense_tile(w, from, x + first, p->depth, TILE, to);
            }
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
