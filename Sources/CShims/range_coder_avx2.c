#include "range_coder_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define WITH_AVX2 __attribute__((target("avx2,popcnt")))

// Of the eight states that a bit each of a mask is for: which of the next words a state takes, and which state gives the word
// at a place, where the last place is the last word. AVX2 has no instructions that expand and compress.
#define BIT(mask, i) ((mask) >> (i) & 1)
#define BELOW(mask, i)                                                                                                \
    ((i > 0) * BIT(mask, 0) + (i > 1) * BIT(mask, 1) + (i > 2) * BIT(mask, 2) + (i > 3) * BIT(mask, 3) +              \
     (i > 4) * BIT(mask, 4) + (i > 5) * BIT(mask, 5) + (i > 6) * BIT(mask, 6) + (i > 7) * BIT(mask, 7))
#define IF_NTH(mask, n, i) (i) * (BIT(mask, i) && BELOW(mask, i) == (n))
#define NTH(mask, n)                                                                                                  \
    (IF_NTH(mask, n, 1) + IF_NTH(mask, n, 2) + IF_NTH(mask, n, 3) + IF_NTH(mask, n, 4) + IF_NTH(mask, n, 5) +         \
     IF_NTH(mask, n, 6) + IF_NTH(mask, n, 7))
#define FROM_END(mask, place) NTH(mask, (place) - 8 + BELOW(mask, 8))
#define TAKES(mask)                                                                                                   \
    {BELOW(mask, 0), BELOW(mask, 1), BELOW(mask, 2), BELOW(mask, 3),                                                  \
     BELOW(mask, 4), BELOW(mask, 5), BELOW(mask, 6), BELOW(mask, 7)}
#define GIVES(mask)                                                                                                   \
    {FROM_END(mask, 0), FROM_END(mask, 1), FROM_END(mask, 2), FROM_END(mask, 3),                                      \
     FROM_END(mask, 4), FROM_END(mask, 5), FROM_END(mask, 6), FROM_END(mask, 7)}
#define FOUR(row, mask) row(mask), row((mask) + 1), row((mask) + 2), row((mask) + 3)
#define SIXTEEN(row, mask) FOUR(row, mask), FOUR(row, (mask) + 4), FOUR(row, (mask) + 8), FOUR(row, (mask) + 12)
#define SIXTY_FOUR(row, mask)                                                                                         \
    SIXTEEN(row, mask), SIXTEEN(row, (mask) + 16), SIXTEEN(row, (mask) + 32), SIXTEEN(row, (mask) + 48)
#define ALL(row) SIXTY_FOUR(row, 0), SIXTY_FOUR(row, 64), SIXTY_FOUR(row, 128), SIXTY_FOUR(row, 192)

static const uint8_t takes_of[256][8] = {ALL(TAKES)};
static const uint8_t gives_of[256][8] = {ALL(GIVES)};

WITH_AVX2 static inline __m256i order(const uint8_t order[256][8], int mask) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)order[mask]));
}

WITH_AVX2 static inline __m256i wide(const uint8_t *bytes) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
}

WITH_AVX2 static inline __m256i decode_8(
    __m256i state, const uint32_t *table, const uint8_t *models, uint8_t *symbols, const uint16_t **words) {
    const __m256i low = _mm256_set1_epi32(4095);
    __m256i slot = _mm256_or_si256(_mm256_slli_epi32(wide(models), 12), _mm256_and_si256(state, low));
    __m256i entry = _mm256_i32gather_epi32((const int *)table, slot, 4);
    const __m256i first_bytes = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    __m256i bytes = _mm256_shuffle_epi8(entry, first_bytes);
    uint32_t halves[2] = {
        (uint32_t)_mm256_cvtsi256_si32(bytes), (uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1))};
    memcpy(symbols, halves, 8);
    __m256i frequency = _mm256_add_epi32(_mm256_srli_epi32(entry, 20), _mm256_set1_epi32(1));
    __m256i place = _mm256_and_si256(_mm256_srli_epi32(entry, 8), low);
    state = _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32(state, 12)), place);
    // Each state that fell below 2^15 takes the next word, in the order of the states. None has the highest bit.
    __m256i takes = _mm256_cmpgt_epi32(_mm256_set1_epi32(1 << 15), state);
    int mask = _mm256_movemask_ps(_mm256_castsi256_ps(takes));
    __m256i next = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)*words));
    *words += __builtin_popcount((unsigned)mask);
    next = _mm256_permutevar8x32_epi32(next, order(takes_of, mask));
    return _mm256_blendv_epi8(state, _mm256_or_si256(_mm256_slli_epi32(state, 16), next), takes);
}

WITH_AVX2 static inline __m256i encode_8(
    __m256i state, const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols,
    uint16_t **end) {
    __m256i index = _mm256_or_si256(_mm256_slli_epi32(wide(models), 8), wide(symbols));
    __m256i reciprocal = _mm256_i32gather_epi32((const int *)reciprocals, index, 4);
    __m256i step = _mm256_i32gather_epi32((const int *)steps, index, 4);
    __m256i rest = _mm256_and_si256(step, _mm256_set1_epi32(4095));
    __m256i shift = _mm256_and_si256(_mm256_srli_epi32(step, 12), _mm256_set1_epi32(15));
    __m256i bias = _mm256_srli_epi32(step, 16);
    // Each state that would grow beyond 2^31 gives a word, in the order of the states. The limit may be 2^31 itself.
    __m256i limit = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_set1_epi32(4096), rest), 19);
    __m256i gives = _mm256_cmpgt_epi32(state, _mm256_sub_epi32(limit, _mm256_set1_epi32(1)));
    int mask = _mm256_movemask_ps(_mm256_castsi256_ps(gives));
    __m256i given = _mm256_permutevar8x32_epi32(state, order(gives_of, mask));
    given = _mm256_and_si256(given, _mm256_set1_epi32(0xffff));
    given = _mm256_permute4x64_epi64(_mm256_packus_epi32(given, given), 0x08);
    // What stands before the given words is written over by the next ones: every symbol has room for one.
    _mm_storeu_si128((__m128i *)(*end - 8), _mm256_castsi256_si128(given));
    *end -= __builtin_popcount((unsigned)mask);
    state = _mm256_blendv_epi8(state, _mm256_srli_epi32(state, 16), gives);
    // The upper halves of products of 32 by 32 bits, of the even states and of the odd ones.
    __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(state, reciprocal), 32);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(state, 32), _mm256_srli_epi64(reciprocal, 32));
    __m256i quotient = _mm256_srlv_epi32(_mm256_blend_epi32(even, odd, 0xaa), shift);
    return _mm256_add_epi32(_mm256_add_epi32(state, bias), _mm256_mullo_epi32(quotient, rest));
}

// The loops over vectors of states are unrolled, so that these stay in registers as far as there are any.
WITH_AVX2 static inline __attribute__((always_inline)) const uint16_t *decode_all(
    const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols, uint32_t *states, int vectors,
    const uint16_t *words) {
    __m256i state[8];
    for (int v = 0; v < vectors; v++) state[v] = _mm256_loadu_si256((const __m256i *)(states + 8 * v));
    for (size_t i = 0; i < count; i += 8 * (size_t)vectors) {
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            state[v] = decode_8(state[v], table, models + i + 8 * v, symbols + i + 8 * v, &words);
        }
    }
    for (int v = 0; v < vectors; v++) _mm256_storeu_si256((__m256i *)(states + 8 * v), state[v]);
    return words;
}

WITH_AVX2 static inline __attribute__((always_inline)) uint16_t *encode_all(
    const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols, size_t count,
    uint16_t *end, uint32_t *states, int vectors) {
    __m256i state[8];
    for (int v = 0; v < vectors; v++) state[v] = _mm256_loadu_si256((const __m256i *)(states + 8 * v));
    for (size_t i = count; i > 0; i -= 8 * (size_t)vectors) {
#pragma clang loop unroll(full)
        for (int v = vectors - 1; v >= 0; v--) {
            size_t at = i - 8 * (size_t)(vectors - v);
            state[v] = encode_8(state[v], reciprocals, steps, models + at, symbols + at, &end);
        }
    }
    for (int v = 0; v < vectors; v++) _mm256_storeu_si256((__m256i *)(states + 8 * v), state[v]);
    return end;
}

WITH_AVX2 const uint16_t *mlrepo_range_decode_avx2(
    const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols, uint32_t *states,
    size_t state_count, const uint16_t *words) {
    return state_count == 64 ? decode_all(table, models, count, symbols, states, 8, words)
                             : decode_all(table, models, count, symbols, states, 4, words);
}

WITH_AVX2 uint16_t *mlrepo_range_encode_avx2(
    const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols, size_t count,
    uint16_t *end, uint32_t *states, size_t state_count) {
    return state_count == 64 ? encode_all(reciprocals, steps, models, symbols, count, end, states, 8)
                             : encode_all(reciprocals, steps, models, symbols, count, end, states, 4);
}

#else

const uint16_t *mlrepo_range_decode_avx2(
    const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols, uint32_t *states,
    size_t state_count, const uint16_t *words) {
    (void)table, (void)models, (void)count, (void)symbols, (void)states, (void)state_count;
    return words;
}

uint16_t *mlrepo_range_encode_avx2(
    const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols, size_t count,
    uint16_t *end, uint32_t *states, size_t state_count) {
    (void)reciprocals, (void)steps, (void)models, (void)symbols, (void)count, (void)states, (void)state_count;
    return end;
}

#endif
