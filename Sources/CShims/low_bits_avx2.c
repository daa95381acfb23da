#include "low_bits_avx2.h"

#include "low_bits_put.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WITH_AVX2 __attribute__((target("avx2")))

// Eight values, each in 32 bits, of which two neighbours share 64 bits.
typedef struct {
    // The numbers of low bits, and masks of them.
    __m256i width, mask;
    // Of the first of two neighbours, and of both together, in 64 bits.
    __m256i first, both;
} Eight;

// The numbers of low bits of 64 groups, sixteen in each.
typedef struct {
    __m128i part[4];
} Widths;

WITH_AVX2 static inline Widths load_widths(const uint8_t *widths) {
    Widths all;
    for (int i = 0; i < 4; i++) all.part[i] = _mm_loadu_si128((const __m128i *)(widths + 16 * i));
    return all;
}

// BMI2 would gather and spread bits by one instruction; on some processors that one takes as long as a hundred others.
WITH_AVX2 static inline Eight widths_of(Widths widths, const uint8_t *groups) {
    __m128i group = _mm_and_si128(_mm_loadl_epi64((const __m128i *)groups), _mm_set1_epi8(63));
    __m128i width = _mm_setzero_si128();
    for (int i = 0; i < 4; i++) {
        // A shuffle gives zero where the highest bit is set: for all groups but these sixteen.
        __m128i place = _mm_adds_epu8(_mm_sub_epi8(group, _mm_set1_epi8((char)(16 * i))), _mm_set1_epi8(0x70));
        width = _mm_or_si128(width, _mm_shuffle_epi8(widths.part[i], place));
    }
    Eight eight;
    eight.width = _mm256_cvtepu8_epi32(width);
    eight.mask = _mm256_sub_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), eight.width), _mm256_set1_epi32(1));
    eight.first = _mm256_and_si256(eight.width, _mm256_set1_epi64x(0xffffffff));
    eight.both = _mm256_add_epi64(eight.first, _mm256_srli_epi64(eight.width, 32));
    return eight;
}

WITH_AVX2 static inline void write_symbols(__m256i value, __m256i width, uint8_t *symbols) {
    __m256i symbol = _mm256_min_epu32(_mm256_srlv_epi32(value, width), _mm256_set1_epi32(255));
    __m256i words = _mm256_packus_epi32(symbol, symbol);
    __m256i packed = _mm256_packus_epi16(words, words);
    uint32_t halves[2] = {
        (uint32_t)_mm256_cvtsi256_si32(packed), (uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(packed, 1))};
    memcpy(symbols, halves, 8);
}

// The low bits of each two neighbours behind each other, and how many these are.
WITH_AVX2 static inline void gather(__m256i value, Eight eight, uint64_t parts[4], uint64_t counts[4]) {
    __m256i low = _mm256_and_si256(value, eight.mask);
    __m256i first = _mm256_and_si256(low, _mm256_set1_epi64x(0xffffffff));
    __m256i second = _mm256_sllv_epi64(_mm256_srli_epi64(low, 32), eight.first);
    _mm256_storeu_si256((__m256i *)parts, _mm256_or_si256(first, second));
    _mm256_storeu_si256((__m256i *)counts, eight.both);
}

// The low bits of eight values. A window of 64 bits has those of two neighbours, or of four where `per_window` says so.
WITH_AVX2 static inline __attribute__((always_inline)) __m256i spread(
    Eight eight, const uint8_t *bytes, size_t *offset, int per_window) {
    uint64_t counts[4], windows[4];
    _mm256_storeu_si256((__m256i *)counts, eight.both);
    for (int pair = 0; pair < 4; pair++) {
        windows[pair] = per_window == 4 && pair % 2 ? windows[pair - 1] >> counts[pair - 1] : get_bits(bytes, *offset);
        if (per_window == 2) *offset += counts[pair];
        if (per_window == 4 && pair % 2) *offset += counts[pair - 1] + counts[pair];
    }
    __m256i window = _mm256_set_epi64x(
        (long long)windows[3], (long long)windows[2], (long long)windows[1], (long long)windows[0]);
    __m256i second = _mm256_slli_epi64(_mm256_srlv_epi64(window, eight.first), 32);
    return _mm256_and_si256(_mm256_blend_epi32(window, second, 0xaa), eight.mask);
}

WITH_AVX2 size_t mlrepo_low_bits_split_16_avx2(
    const uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols, uint8_t *bytes,
    size_t offset) {
    uint64_t parts[4], counts[4];
    Widths all = load_widths(widths);
    for (size_t i = 0; i < count; i += 8) {
        Eight eight = widths_of(all, groups + i);
        __m256i value = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(values + i)));
        write_symbols(value, eight.width, symbols + i);
        gather(value, eight, parts, counts);
        // Of a value at most 15 bits are low ones, so that four have room in 64.
        for (int pair = 0; pair < 4; pair += 2) {
            uint64_t part = parts[pair] | parts[pair + 1] << counts[pair];
            offset = put_bits(bytes, offset, part, (unsigned)(counts[pair] + counts[pair + 1]));
        }
    }
    return offset;
}

WITH_AVX2 size_t mlrepo_low_bits_split_32_avx2(
    const uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols, uint8_t *bytes,
    size_t offset) {
    uint64_t parts[4], counts[4];
    Widths all = load_widths(widths);
    for (size_t i = 0; i < count; i += 8) {
        Eight eight = widths_of(all, groups + i);
        __m256i value = _mm256_loadu_si256((const __m256i *)(values + i));
        write_symbols(value, eight.width, symbols + i);
        gather(value, eight, parts, counts);
        for (int pair = 0; pair < 4; pair++) {
            offset = put_bits(bytes, offset, parts[pair], (unsigned)counts[pair]);
        }
    }
    return offset;
}

WITH_AVX2 size_t mlrepo_low_bits_join_16_avx2(
    uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes, size_t offset) {
    Widths all = load_widths(widths);
    for (size_t i = 0; i < count; i += 8) {
        Eight eight = widths_of(all, groups + i);
        __m256i head = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(values + i)));
        __m256i value = _mm256_or_si256(_mm256_sllv_epi32(head, eight.width), spread(eight, bytes, &offset, 4));
        value = _mm256_and_si256(value, _mm256_set1_epi32(0xffff));
        value = _mm256_permute4x64_epi64(_mm256_packus_epi32(value, value), 0x08);
        _mm_storeu_si128((__m128i *)(values + i), _mm256_castsi256_si128(value));
    }
    return offset;
}

WITH_AVX2 size_t mlrepo_low_bits_join_32_avx2(
    uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes, size_t offset) {
    Widths all = load_widths(widths);
    for (size_t i = 0; i < count; i += 8) {
        Eight eight = widths_of(all, groups + i);
        __m256i head = _mm256_loadu_si256((const __m256i *)(values + i));
        __m256i value = _mm256_or_si256(_mm256_sllv_epi32(head, eight.width), spread(eight, bytes, &offset, 2));
        _mm256_storeu_si256((__m256i *)(values + i), value);
    }
    return offset;
}

#else

#define NEVER_SPLIT(name, type)                                                                                     \
    size_t name(                                                                                                    \
        const type *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols,           \
        uint8_t *bytes, size_t offset) {                                                                            \
        (void)values, (void)groups, (void)count, (void)widths, (void)symbols, (void)bytes;                          \
        return offset;                                                                                              \
    }
#define NEVER_JOIN(name, type)                                                                                      \
    size_t name(                                                                                                    \
        type *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes,             \
        size_t offset) {                                                                                            \
        (void)values, (void)groups, (void)count, (void)widths, (void)bytes;                                         \
        return offset;                                                                                              \
    }
NEVER_SPLIT(mlrepo_low_bits_split_16_avx2, uint16_t)
NEVER_SPLIT(mlrepo_low_bits_split_32_avx2, uint32_t)
NEVER_JOIN(mlrepo_low_bits_join_16_avx2, uint16_t)
NEVER_JOIN(mlrepo_low_bits_join_32_avx2, uint32_t)

#endif
