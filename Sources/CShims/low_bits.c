#include "LowBits.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include "RangeCoder.h"

bool mlrepo_low_bits_run_here(void) {
    unsigned a, b, c, d;
    return mlrepo_range_coder_kernel() == mlrepo_avx512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2);
}

#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi2,popcnt")))

// The widths of 64 groups as words, for two-register permutations.
typedef struct {
    __m512i low, high;
} Widths;

WITH_AVX512 static inline Widths load_widths(const uint8_t *widths) {
    Widths both = {
        _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)widths)),
        _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(widths + 32)))};
    return both;
}

WITH_AVX512 static inline __m512i widths_of(Widths widths, const uint8_t *groups) {
    __m512i group = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)groups));
    return _mm512_permutex2var_epi16(widths.low, group, widths.high);
}

WITH_AVX512 static inline __m512i low_masks_16(__m512i width) {
    return _mm512_sub_epi16(_mm512_sllv_epi16(_mm512_set1_epi16(1), width), _mm512_set1_epi16(1));
}

WITH_AVX512 static inline __m512i low_masks_32(__m512i width) {
    return _mm512_sub_epi32(_mm512_sllv_epi32(_mm512_set1_epi32(1), width), _mm512_set1_epi32(1));
}

// Puts up to 64 bits behind what is there.
WITH_AVX512 static inline size_t put(uint8_t *bytes, size_t offset, uint64_t part, unsigned count) {
    uint8_t *place = bytes + (offset >> 3);
    unsigned shift = offset & 7;
    uint64_t first = *place | part << shift;
    memcpy(place, &first, 8);
    place[8] = (uint8_t)(part >> 1 >> (63 - shift));
    return offset + count;
}

WITH_AVX512 static inline uint64_t get(const uint8_t *bytes, size_t offset) {
    const uint8_t *place = bytes + (offset >> 3);
    unsigned shift = offset & 7;
    uint64_t first;
    memcpy(&first, place, 8);
    return first >> shift | (uint64_t)place[8] << 1 << (63 - shift);
}

WITH_AVX512 static inline size_t take_512(__m512i values, __m512i masks, uint8_t *bytes, size_t offset) {
    uint64_t value[8], mask[8];
    _mm512_storeu_si512(value, values);
    _mm512_storeu_si512(mask, masks);
    if (_mm512_test_epi64_mask(masks, masks) == 0) return offset;
    for (int i = 0; i < 8; i += 1)
        offset = put(bytes, offset, _pext_u64(value[i], mask[i]), (unsigned)__builtin_popcountll(mask[i]));
    return offset;
}

WITH_AVX512 static inline __m512i give_512(__m512i masks, const uint8_t *bytes, size_t *offset) {
    uint64_t part[8], mask[8];
    if (_mm512_test_epi64_mask(masks, masks) == 0) return masks;
    _mm512_storeu_si512(mask, masks);
    for (int i = 0; i < 8; i += 1) {
        part[i] = _pdep_u64(get(bytes, *offset), mask[i]);
        *offset += (size_t)__builtin_popcountll(mask[i]);
    }
    return _mm512_loadu_si512(part);
}

WITH_AVX512 size_t mlrepo_low_bits_split_16(
    const uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols, uint8_t *bytes,
    size_t offset) {
    Widths table = load_widths(widths);
    for (size_t i = 0; i < count; i += 32) {
        __m512i width = widths_of(table, groups + i);
        __m512i value = _mm512_loadu_si512(values + i);
        __m256i symbol = _mm512_cvtusepi16_epi8(_mm512_srlv_epi16(value, width));
        _mm256_storeu_si256((__m256i *)(symbols + i), symbol);
        offset = take_512(value, low_masks_16(width), bytes, offset);
    }
    return offset;
}

WITH_AVX512 size_t mlrepo_low_bits_split_32(
    const uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols, uint8_t *bytes,
    size_t offset) {
    Widths table = load_widths(widths);
    for (size_t i = 0; i < count; i += 32) {
        __m512i width = widths_of(table, groups + i);
        __m512i half[2] = {
            _mm512_cvtepu16_epi32(_mm512_castsi512_si256(width)),
            _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(width, 1))};
        for (int j = 0; j < 2; j += 1) {
            __m512i value = _mm512_loadu_si512(values + i + 16 * j);
            __m128i symbol = _mm512_cvtusepi32_epi8(_mm512_srlv_epi32(value, half[j]));
            _mm_storeu_si128((__m128i *)(symbols + i + 16 * j), symbol);
            offset = take_512(value, low_masks_32(half[j]), bytes, offset);
        }
    }
    return offset;
}

WITH_AVX512 size_t mlrepo_low_bits_join_16(
    uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes, size_t offset) {
    Widths table = load_widths(widths);
    for (size_t i = 0; i < count; i += 32) {
        __m512i width = widths_of(table, groups + i);
        __m512i part = give_512(low_masks_16(width), bytes, &offset);
        __m512i head = _mm512_sllv_epi16(_mm512_loadu_si512(values + i), width);
        _mm512_storeu_si512(values + i, _mm512_or_si512(head, part));
    }
    return offset;
}

WITH_AVX512 size_t mlrepo_low_bits_join_32(
    uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes, size_t offset) {
    Widths table = load_widths(widths);
    for (size_t i = 0; i < count; i += 32) {
        __m512i width = widths_of(table, groups + i);
        __m512i half[2] = {
            _mm512_cvtepu16_epi32(_mm512_castsi512_si256(width)),
            _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(width, 1))};
        for (int j = 0; j < 2; j += 1) {
            __m512i part = give_512(low_masks_32(half[j]), bytes, &offset);
            __m512i head = _mm512_sllv_epi32(_mm512_loadu_si512(values + i + 16 * j), half[j]);
            _mm512_storeu_si512(values + i + 16 * j, _mm512_or_si512(head, part));
        }
    }
    return offset;
}

#else

bool mlrepo_low_bits_run_here(void) { return false; }

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
NEVER_SPLIT(mlrepo_low_bits_split_16, uint16_t)
NEVER_SPLIT(mlrepo_low_bits_split_32, uint32_t)
NEVER_JOIN(mlrepo_low_bits_join_16, uint16_t)
NEVER_JOIN(mlrepo_low_bits_join_32, uint32_t)

#endif
