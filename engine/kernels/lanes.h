/* Several numbers at a time, as many as the processor takes, and the same to the bit on every machine.

   Knows: additions, multiplications and fused multiply-adds, which IEEE 754 defines to the bit, functions made
   of them, sums over sixteen lanes in one order. Does not know: models. Needs -ffp-contract=off. */

#ifndef MOYOU_LANES
#define MOYOU_LANES

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include <immintrin.h>
#define W 16 /* numbers in a register */
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define W 8
#elif defined(__aarch64__)
#include <arm_neon.h>
#define W 4
#else
#error "other processors need a part of their own here"
#endif

#define PARTS (16 / W)
#define EACH(p) for (int p = 0; p < PARTS; p++)
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * W), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(4 * W), aligned(4)));
typedef struct {
    vec p[PARTS];
} lanes; /* sixteen sums side by side */

INLINE vec load(const float *p) { return *(const vec *)p; }
INLINE void store(float *p, vec x) { *(vec *)p = x; }

#if W == 16
INLINE vec all(float x) { return (vec)_mm512_set1_ps(x); }
INLINE vec fma_of(vec a, vec b, vec c) { return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE vec larger(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE void bytes(int8_t *out, ivec n) { _mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8((__m512i)n)); }
#elif W == 8
INLINE vec all(float x) { return (vec)_mm256_set1_ps(x); }
INLINE vec fma_of(vec a, vec b, vec c) { return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE void bytes(int8_t *out, ivec n) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)n), _mm256_extracti128_si256((__m256i)n, 1));
    _mm_storel_epi64((__m128i *)out, _mm_packs_epi16(words, words));
}
#else
INLINE vec all(float x) { return (vec)vdupq_n_f32(x); }
INLINE vec fma_of(vec a, vec b, vec c) {
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
INLINE vec larger(vec a, vec b) { /* b where one of them is no number, as elsewhere */
    return (vec)vbslq_f32(vcgtq_f32((float32x4_t)a, (float32x4_t)b), (float32x4_t)a, (float32x4_t)b);
}
INLINE vec smaller(vec a, vec b) {
    return (vec)vbslq_f32(vcltq_f32((float32x4_t)a, (float32x4_t)b), (float32x4_t)a, (float32x4_t)b);
}
INLINE void bytes(int8_t *out, ivec n) {
    for (int j = 0; j < W; j++) out[j] = (int8_t)n[j];
}
#endif

INLINE lanes none(void) {
    lanes found;
    EACH(p) found.p[p] = all(0.0f);
    return found;
}

/* The sum of two times sixteen lanes, in one order everywhere. */
INLINE float sum(lanes a, lanes b) {
    float t[16];
    EACH(p) store(t + p * W, a.p[p] + b.p[p]);
    for (int i = 0; i < 8; i++) t[i] += t[i + 8];
    for (int i = 0; i < 4; i++) t[i] += t[i + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
}
INLINE float largest(vec x) {
    float most = x[0];
    for (int i = 1; i < W; i++) most = x[i] > most ? x[i] : most;
    return most;
}

/* e^x: 2^n times a polynomial of what is left (Cephes' expf); 0 below -87, x at most 88. */
INLINE vec exp_of(vec x) {
    vec bounded = larger(x, all(-87.0f));
    vec t = fma_of(bounded, all(1.44269504088896341f), all(12582912.0f));
    vec n = t - all(12582912.0f);
    vec r = fma_of(n, all(-0.693359375f), bounded);
    r = fma_of(n, all(2.12194440e-4f), r);
    vec p = fma_of(r, all(1.9875691500e-4f), all(1.3981999507e-3f));
    p = fma_of(p, r, all(8.3334519073e-3f));
    p = fma_of(p, r, all(4.1665795894e-2f));
    p = fma_of(p, r, all(1.6666665459e-1f));
    p = fma_of(p, r, all(5.0000001201e-1f));
    p = fma_of(p, r * r, r + all(1.0f));
    ivec raised = (ivec)p + ((ivec)t << 23);
#if W == 16
    __mmask16 counts = _mm512_cmp_ps_mask((__m512)x, (__m512)all(-87.0f), _CMP_GE_OQ);
    return (vec)_mm512_maskz_mov_ps(counts, (__m512)raised);
#else
    return (vec)(raised & (x >= all(-87.0f)));
#endif
}

/* ln x for x > 0 and normal (Cephes' logf). */
INLINE vec log_of(vec x) {
    ivec bits = (ivec)x;
    ivec e = ((bits >> 23) & 255) - 126;
    vec m = (vec)((bits & 0x007fffff) | 0x3f000000);
    ivec low = m < all(0.707106781186547524f);
    e += low;
    m = m + (vec)(low & (ivec)m) - all(1.0f);
    vec n = __builtin_convertvector(e, vec), z = m * m;
    vec p = fma_of(m, all(7.0376836292e-2f), all(-1.1514610310e-1f));
    p = fma_of(p, m, all(1.1676998740e-1f));
    p = fma_of(p, m, all(-1.2420140846e-1f));
    p = fma_of(p, m, all(1.4249322787e-1f));
    p = fma_of(p, m, all(-1.6668057665e-1f));
    p = fma_of(p, m, all(2.0000714765e-1f));
    p = fma_of(p, m, all(-2.4999993993e-1f));
    p = fma_of(p, m, all(3.3333331174e-1f));
    p = p * m * z;
    p = fma_of(n, all(-2.12194440e-4f), p);
    p = fma_of(z, all(-0.5f), p);
    return fma_of(n, all(0.693359375f), m + p);
}
INLINE vec sigmoid_of(vec x) { return all(1.0f) / (all(1.0f) + exp_of(smaller(-x, all(87.0f)))); }
INLINE vec tanh_of(vec x) {
    vec twice = larger(smaller(x + x, all(40.0f)), all(-40.0f));
    return all(1.0f) - all(2.0f) / (exp_of(twice) + all(1.0f));
}

/* Numbers in [-1, 1] as whole ones of 1/127, ties to even. */
INLINE void whole_of(int8_t *out, vec x) {
    bytes(out, (ivec)fma_of(x, all(127.0f), all(12582912.0f)) - 0x4b400000);
}

#endif
