#include "LowBits.h"

#include "low_bits_avx2.h"
#include "low_bits_put.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

mlrepo_kernel mlrepo_low_bits_kernel(void) {
    mlrepo_kernel kernel = mlrepo_range_coder_kernel();
    unsigned a, b, c, d;
    if (kernel != mlrepo_avx512 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return kernel;
    return b & bit_BMI2 ? mlrepo_avx512 : mlrepo_avx2;
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

WITH_AVX512 static inline size_t take_512(__m512i values, __m512i masks, uint8_t *bytes, size_t offset) {
    uint64_t value[8], mask[8];
    _mm512_storeu_si512(value, values);
    _mm512_storeu_si512(mask, masks);
    if (_mm512_test_epi64_mask(masks, masks) == 0) return offset;
    for (int i = 0; i < 8; i += 1)
        offset = put_bits(bytes, offset, _pext_u64(value[i], mask[i]), (unsigned)__builtin_popcountll(mask[i]));
    return offset;
}

WITH_AVX512 static inline __m512i give_512(__m512i masks, const uint8_t *bytes, size_t *offset) {
    uint64_t part[8], mask[8];
    if (_mm512_test_epi64_mask(masks, masks) == 0) return masks;
    _mm512_storeu_si512(mask, masks);
    for (int i = 0; i < 8; i += 1) {
        part[i] = _pdep_u64(get_bits(bytes, *offset), mask[i]);
        *offset += (size_t)__builtin_popcountll(mask[i]);
    }
    return _mm512_loadu_si512(part);
}

WITH_AVX512 static size_t split_16(
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

WITH_AVX512 static size_t split_32(
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

WITH_AVX512 static size_t join_16(
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

WITH_AVX512 static size_t join_32(
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

mlrepo_kernel mlrepo_low_bits_kernel(void) { return mlrepo_no_kernel; }

// Nobody calls them where there is no kernel.
#define split_16 mlrepo_low_bits_split_16_avx2
#define split_32 mlrepo_low_bits_split_32_avx2
#define join_16 mlrepo_low_bits_join_16_avx2
#define join_32 mlrepo_low_bits_join_32_avx2

#endif

size_t mlrepo_low_bits_split_16(
    mlrepo_kernel kernel, const uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    uint8_t *symbols, uint8_t *bytes, size_t offset) {
    return kernel == mlrepo_avx2 ? mlrepo_low_bits_split_16_avx2(values, groups, count, widths, symbols, bytes, offset)
                                 : split_16(values, groups, count, widths, symbols, bytes, offset);
}

size_t mlrepo_low_bits_split_32(
    mlrepo_kernel kernel, const uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    uint8_t *symbols, uint8_t *bytes, size_t offset) {
    return kernel == mlrepo_avx2 ? mlrepo_low_bits_split_32_avx2(values, groups, count, widths, symbols, bytes, offset)
                                 : split_32(values, groups, count, widths, symbols, bytes, offset);
}

size_t mlrepo_low_bits_join_16(
    mlrepo_kernel kernel, uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    const uint8_t *bytes, size_t offset) {
    return kernel == mlrepo_avx2 ? mlrepo_low_bits_join_16_avx2(values, groups, count, widths, bytes, offset)
                                 : join_16(values, groups, count, widths, bytes, offset);
}

size_t mlrepo_low_bits_join_32(
    mlrepo_kernel kernel, uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    const uint8_t *bytes, size_t offset) {
    return kernel == mlrepo_avx2 ? mlrepo_low_bits_join_32_avx2(values, groups, count, widths, bytes, offset)
                                 : join_32(values, groups, count, widths, bytes, offset);
}
