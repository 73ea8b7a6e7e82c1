/* Sixteen numbers at a time, the same to the bit on every machine.

   Knows: additions, multiplications and fused multiply-adds, which IEEE 754 defines to the bit, and functions
   made of them; sums of lanes in one order. Does not know: models. Needs -ffp-contract=off. */

#ifndef MOYOU_LANES
#define MOYOU_LANES

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif
#if defined(__aarch64__)
#include <arm_neon.h>
#endif
#if !defined(__FMA__) && !defined(__aarch64__)
#error "without fused multiply-adds the other step is quicker"
#endif

typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4)));
#define INLINE static inline __attribute__((always_inline))

INLINE v16 all(float x) { return (v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE v16 load(const float *p) { return *(const v16 *)p; }
INLINE void store(float *p, v16 x) { *(v16 *)p = x; }

INLINE v16 fma16(v16 a, v16 b, v16 c) {
#if defined(__AVX512F__)
    return (v16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    union { v16 v; __m256 h[2]; } x = {a}, y = {b}, z = {c};
    z.h[0] = _mm256_fmadd_ps(x.h[0], y.h[0], z.h[0]);
    z.h[1] = _mm256_fmadd_ps(x.h[1], y.h[1], z.h[1]);
    return z.v;
#else
    union { v16 v; float32x4_t h[4]; } x = {a}, y = {b}, z = {c};
    for (int i = 0; i < 4; i++) z.h[i] = vfmaq_f32(z.h[i], x.h[i], y.h[i]);
    return z.v;
#endif
}

INLINE v16 chosen(i16 mask, v16 yes, v16 no) { return (v16)((mask & (i16)yes) | (~mask & (i16)no)); }
INLINE v16 larger(v16 a, v16 b) {
#if defined(__AVX512F__)
    return (v16)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return chosen(a > b, a, b);
#endif
}
INLINE v16 smaller(v16 a, v16 b) {
#if defined(__AVX512F__)
    return (v16)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return chosen(a < b, a, b);
#endif
}

/* Sums of lanes in one order everywhere. */
INLINE float sum(v16 x) {
    float t[16];
    store(t, x);
    for (int i = 0; i < 8; i++) t[i] += t[i + 8];
    for (int i = 0; i < 4; i++) t[i] += t[i + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
}
INLINE float largest(v16 x) {
    float t[16], most;
    store(t, x);
    most = t[0];
    for (int i = 1; i < 16; i++) most = t[i] > most ? t[i] : most;
    return most;
}

/* e^x: 2^n times a polynomial of what is left (Cephes' expf); 0 below -87, x at most 88. */
INLINE v16 exp16(v16 x) {
    v16 bounded = larger(x, all(-87.0f));
    v16 t = fma16(bounded, all(1.44269504088896341f), all(12582912.0f));
    v16 n = t - all(12582912.0f);
    v16 r = fma16(n, all(-0.693359375f), bounded);
    r = fma16(n, all(2.12194440e-4f), r);
    v16 p = fma16(r, all(1.9875691500e-4f), all(1.3981999507e-3f));
    p = fma16(p, r, all(8.3334519073e-3f));
    p = fma16(p, r, all(4.1665795894e-2f));
    p = fma16(p, r, all(1.6666665459e-1f));
    p = fma16(p, r, all(5.0000001201e-1f));
    p = fma16(p, r * r, r + all(1.0f));
    i16 raised = (i16)p + ((i16)t << 23);
#if defined(__AVX512F__)
    __mmask16 counts = _mm512_cmp_ps_mask((__m512)x, (__m512)all(-87.0f), _CMP_GE_OQ);
    return (v16)_mm512_maskz_mov_ps(counts, (__m512)raised);
#else
    return (v16)(raised & (x >= all(-87.0f)));
#endif
}

/* ln x for x > 0 and normal (Cephes' logf). */
INLINE v16 log16(v16 x) {
    i16 bits = (i16)x;
    i16 e = ((bits >> 23) & 255) - 126;
    v16 m = (v16)((bits & 0x007fffff) | 0x3f000000);
    i16 low = m < all(0.707106781186547524f);
    e += low;
    m = m + (v16)(low & (i16)m) - all(1.0f);
    v16 n = __builtin_convertvector(e, v16), z = m * m;
    v16 p = fma16(m, all(7.0376836292e-2f), all(-1.1514610310e-1f));
    p = fma16(p, m, all(1.1676998740e-1f));
    p = fma16(p, m, all(-1.2420140846e-1f));
    p = fma16(p, m, all(1.4249322787e-1f));
    p = fma16(p, m, all(-1.6668057665e-1f));
    p = fma16(p, m, all(2.0000714765e-1f));
    p = fma16(p, m, all(-2.4999993993e-1f));
    p = fma16(p, m, all(3.3333331174e-1f));
    p = p * m * z;
    p = fma16(n, all(-2.12194440e-4f), p);
    p = fma16(z, all(-0.5f), p);
    return fma16(n, all(0.693359375f), m + p);
}
INLINE float log1(float x) {
    float t[16];
    store(t, log16(all(x)));
    return t[0];
}
INLINE v16 sigmoid16(v16 x) {
    return all(1.0f) / (all(1.0f) + exp16(smaller(-x, all(87.0f))));
}
INLINE v16 tanh16(v16 x) {
    v16 twice = larger(smaller(x + x, all(40.0f)), all(-40.0f));
    return all(1.0f) - all(2.0f) / (exp16(twice) + all(1.0f));
}

/* Numbers in [-1, 1] as whole ones of 1/127, ties to even. */
INLINE void whole(int8_t *out, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i += 16) {
        v16 t = fma16(load(x + i), all(127.0f), all(12582912.0f));
        i16 n = (i16)t - 0x4b400000;
#if defined(__AVX512F__)
        _mm_storeu_si128((__m128i *)(out + i), _mm512_cvtepi32_epi8((__m512i)n));
#else
        for (int j = 0; j < 16; j++) out[i + j] = (int8_t)n[j];
#endif
    }
}

#endif
