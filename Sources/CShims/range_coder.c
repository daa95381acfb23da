#include "RangeCoder.h"
#include "range_coder_avx2.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

mlrepo_kernel mlrepo_range_coder_kernel(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_POPCNT)) return mlrepo_no_kernel;
    // The system keeps the registers: XMM and YMM, and the three parts of AVX-512.
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return mlrepo_no_kernel;
    if ((low & 0xe6) != 0xe6) return mlrepo_avx2;
    return (b & bit_AVX512F) && (b & bit_AVX512BW) && (b & bit_AVX512VL) ? mlrepo_avx512 : mlrepo_avx2;
}

#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,popcnt")))

WITH_AVX512 static inline __m512i decode_16(
    __m512i state, const uint32_t *table, const uint8_t *models, uint8_t *symbols, const uint16_t **words) {
    __m512i model = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)models));
    __m512i slot = _mm512_and_si512(state, _mm512_set1_epi32(4095));
    __m512i entry = _mm512_i32gather_epi32(_mm512_or_si512(_mm512_slli_epi32(model, 12), slot), table, 4);
    _mm_storeu_si128((__m128i *)symbols, _mm512_cvtepi32_epi8(entry));
    __m512i frequency = _mm512_add_epi32(_mm512_srli_epi32(entry, 20), _mm512_set1_epi32(1));
    __m512i offset = _mm512_and_si512(_mm512_srli_epi32(entry, 8), _mm512_set1_epi32(4095));
    state = _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32(state, 12)), offset);
    // Each state that fell below 2^15 takes the next word, in the order of the states.
    __mmask16 takes = _mm512_cmplt_epu32_mask(state, _mm512_set1_epi32(1 << 15));
    __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)*words));
    *words += __builtin_popcount(takes);
    return _mm512_mask_or_epi32(
        state, takes, _mm512_slli_epi32(state, 16), _mm512_maskz_expand_epi32(takes, next));
}

// The states stay in registers, and with twice as many the processor waits less for its caches.
WITH_AVX512 static const uint16_t *decode_32(
    const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols, uint32_t *states,
    const uint16_t *words) {
    __m512i a = _mm512_loadu_si512(states), b = _mm512_loadu_si512(states + 16);
    for (size_t i = 0; i < count; i += 32) {
        a = decode_16(a, table, models + i, symbols + i, &words);
        b = decode_16(b, table, models + i + 16, symbols + i + 16, &words);
    }
    _mm512_storeu_si512(states, a);
    _mm512_storeu_si512(states + 16, b);
    return words;
}

WITH_AVX512 static const uint16_t *decode_64(
    const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols, uint32_t *states,
    const uint16_t *words) {
    __m512i a = _mm512_loadu_si512(states), b = _mm512_loadu_si512(states + 16);
    __m512i c = _mm512_loadu_si512(states + 32), d = _mm512_loadu_si512(states + 48);
    for (size_t i = 0; i < count; i += 64) {
        a = decode_16(a, table, models + i, symbols + i, &words);
        b = decode_16(b, table, models + i + 16, symbols + i + 16, &words);
        c = decode_16(c, table, models + i + 32, symbols + i + 32, &words);
        d = decode_16(d, table, models + i + 48, symbols + i + 48, &words);
    }
    _mm512_storeu_si512(states, a);
    _mm512_storeu_si512(states + 16, b);
    _mm512_storeu_si512(states + 32, c);
    _mm512_storeu_si512(states + 48, d);
    return words;
}

const uint16_t *mlrepo_range_decode(
    mlrepo_kernel kernel, const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols,
    uint32_t *states, size_t state_count, const uint16_t *words) {
    if (kernel == mlrepo_avx2) {
        return mlrepo_range_decode_avx2(table, models, count, symbols, states, state_count, words);
    }
    return state_count == 64 ? decode_64(table, models, count, symbols, states, words)
                             : decode_32(table, models, count, symbols, states, words);
}

WITH_AVX512 static inline __m512i encode_16(
    __m512i state, const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols,
    uint16_t **end) {
    __m512i model = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)models));
    __m512i symbol = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)symbols));
    __m512i index = _mm512_or_si512(_mm512_slli_epi32(model, 8), symbol);
    __m512i reciprocal = _mm512_i32gather_epi32(index, reciprocals, 4);
    __m512i step = _mm512_i32gather_epi32(index, steps, 4);
    __m512i rest = _mm512_and_si512(step, _mm512_set1_epi32(4095));
    __m512i shift = _mm512_and_si512(_mm512_srli_epi32(step, 12), _mm512_set1_epi32(15));
    __m512i bias = _mm512_srli_epi32(step, 16);
    __m512i limit = _mm512_slli_epi32(_mm512_sub_epi32(_mm512_set1_epi32(4096), rest), 19);
    // Each state that would grow beyond 2^31 gives a word, in the order of the states.
    __mmask16 gives = _mm512_cmpge_epu32_mask(state, limit);
    int count = __builtin_popcount(gives);
    *end -= count;
    _mm256_mask_storeu_epi16(
        *end, (__mmask16)((1u << count) - 1), _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(gives, state)));
    state = _mm512_mask_srli_epi32(state, gives, state, 16);
    // The upper halves of products of 32 by 32 bits, of the even states and of the odd ones.
    __m512i even = _mm512_srli_epi64(_mm512_mul_epu32(state, reciprocal), 32);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(state, 32), _mm512_srli_epi64(reciprocal, 32));
    __m512i quotient = _mm512_srlv_epi32(_mm512_mask_blend_epi32(0xaaaa, even, odd), shift);
    return _mm512_add_epi32(_mm512_add_epi32(state, bias), _mm512_mullo_epi32(quotient, rest));
}

WITH_AVX512 static uint16_t *encode_32(
    const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols, size_t count,
    uint16_t *end, uint32_t *states) {
    __m512i a = _mm512_loadu_si512(states), b = _mm512_loadu_si512(states + 16);
    for (size_t i = count; i > 0; i -= 32) {
        b = encode_16(b, reciprocals, steps, models + i - 16, symbols + i - 16, &end);
        a = encode_16(a, reciprocals, steps, models + i - 32, symbols + i - 32, &end);
    }
    _mm512_storeu_si512(states, a);
    _mm512_storeu_si512(states + 16, b);
    return end;
}

WITH_AVX512 static uint16_t *encode_64(
    const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols, size_t count,
    uint16_t *end, uint32_t *states) {
    __m512i a = _mm512_loadu_si512(states), b = _mm512_loadu_si512(states + 16);
    __m512i c = _mm512_loadu_si512(states + 32), d = _mm512_loadu_si512(states + 48);
    for (size_t i = count; i > 0; i -= 64) {
        d = encode_16(d, reciprocals, steps, models + i - 16, symbols + i - 16, &end);
        c = encode_16(c, reciprocals, steps, models + i - 32, symbols + i - 32, &end);
        b = encode_16(b, reciprocals, steps, models + i - 48, symbols + i - 48, &end);
        a = encode_16(a, reciprocals, steps, models + i - 64, symbols + i - 64, &end);
    }
    _mm512_storeu_si512(states, a);
    _mm512_storeu_si512(states + 16, b);
    _mm512_storeu_si512(states + 32, c);
    _mm512_storeu_si512(states + 48, d);
    return end;
}

uint16_t *mlrepo_range_encode(
    mlrepo_kernel kernel, const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models,
    const uint8_t *symbols, size_t count, uint16_t *end, uint32_t *states, size_t state_count) {
    if (kernel == mlrepo_avx2) {
        return mlrepo_range_encode_avx2(reciprocals, steps, models, symbols, count, end, states, state_count);
    }
    return state_count == 64 ? encode_64(reciprocals, steps, models, symbols, count, end, states)
                             : encode_32(reciprocals, steps, models, symbols, count, end, states);
}

#else

mlrepo_kernel mlrepo_range_coder_kernel(void) { return mlrepo_no_kernel; }

const uint16_t *mlrepo_range_decode(
    mlrepo_kernel kernel, const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols,
    uint32_t *states, size_t state_count, const uint16_t *words) {
    (void)kernel, (void)table, (void)models, (void)count, (void)symbols, (void)states, (void)state_count;
    return words;
}

uint16_t *mlrepo_range_encode(
    mlrepo_kernel kernel, const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models,
    const uint8_t *symbols, size_t count, uint16_t *end, uint32_t *states, size_t state_count) {
    (void)kernel, (void)reciprocals, (void)steps, (void)models, (void)symbols, (void)count, (void)states;
    (void)state_count;
    return end;
}

#endif
