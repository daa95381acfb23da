#include "CRC32Fold.h"

#if defined(__x86_64__)
#include <immintrin.h>

bool mlrepo_crc32_fold_runs_here(void) {
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

// Powers of x modulo the polynomial, bits reflected: V. Gopal and others, Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction, Intel, 2009, with that of ISO-HDLC. Lower half first.
//   over four blocks: x^(4*128+32), x^(4*128-32); over one: x^(128+32), x^(128-32); to 64 bits: x^64
#define OVER_FOUR _mm_set_epi64x(0x1c6e41596, 0x154442bd4)
#define OVER_ONE _mm_set_epi64x(0x0ccaa009e, 0x1751997d0)
#define TO_64_BITS _mm_set_epi64x(0, 0x163cd6124)
//   the polynomial, and the floor of x^64 by it
#define POLYNOMIAL _mm_set_epi64x(0x1f7011641, 0x1db710641)

// What stands before another block, moved on to it.
__attribute__((target("pclmul,sse4.1"), always_inline))
static inline __m128i moved(__m128i block, __m128i by, __m128i onto) {
    __m128i low = _mm_clmulepi64_si128(block, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(block, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

__attribute__((target("pclmul,sse4.1")))
uint32_t mlrepo_crc32_fold(uint32_t checksum, const void *bytes, size_t count) {
    if (count < 64 || count % 16 != 0) __builtin_trap();
    const __m128i *next = bytes, *end = next + count / 16;
    // Four blocks at a time: a multiplication takes longer than the next one waits.
    __m128i a = _mm_xor_si128(_mm_loadu_si128(next), _mm_cvtsi32_si128((int)~checksum));
    __m128i b = _mm_loadu_si128(next + 1), c = _mm_loadu_si128(next + 2), d = _mm_loadu_si128(next + 3);
    next += 4;
    while (end - next >= 4) {
        a = moved(a, OVER_FOUR, _mm_loadu_si128(next));
        b = moved(b, OVER_FOUR, _mm_loadu_si128(next + 1));
        c = moved(c, OVER_FOUR, _mm_loadu_si128(next + 2));
        d = moved(d, OVER_FOUR, _mm_loadu_si128(next + 3));
        next += 4;
    }
    b = moved(a, OVER_ONE, b);
    c = moved(b, OVER_ONE, c);
    d = moved(c, OVER_ONE, d);
    while (next < end) d = moved(d, OVER_ONE, _mm_loadu_si128(next++));
    // 128 bits become 96, then 64, then 32 (Barrett's reduction).
    const __m128i evenWords = _mm_setr_epi32(-1, 0, -1, 0);
    __m128i rest = _mm_xor_si128(_mm_srli_si128(d, 8), _mm_clmulepi64_si128(d, OVER_ONE, 0x10));
    rest = _mm_xor_si128(
        _mm_srli_si128(rest, 4), _mm_clmulepi64_si128(_mm_and_si128(rest, evenWords), TO_64_BITS, 0x00));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(rest, evenWords), POLYNOMIAL, 0x10);
    __m128i product = _mm_clmulepi64_si128(_mm_and_si128(quotient, evenWords), POLYNOMIAL, 0x00);
    return ~(uint32_t)_mm_extract_epi32(_mm_xor_si128(rest, product), 1);
}

#else

bool mlrepo_crc32_fold_runs_here(void) { return false; }
uint32_t mlrepo_crc32_fold(uint32_t checksum, const void *bytes, size_t count) { __builtin_trap(); }

#endif
