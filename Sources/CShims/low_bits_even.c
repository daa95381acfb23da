#include "LowBits.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WITH_AVX2 __attribute__((target("avx2")))

// Where the low bits of eight values lie, which have as many each: eight of them are whole bytes, so that it is the same for the next eight.
typedef struct {
    __m256i bytes, shifts, mask;
    // The byte in which the fifth one's begin.
    size_t second;
} Places;

WITH_AVX2 static inline Places places_of(unsigned width, size_t offset) {
    uint8_t bytes[32];
    uint32_t shifts[8];
    Places places;
    places.second = ((offset & 7) + 4 * width) >> 3;
    for (size_t i = 0; i < 8; i++) {
        size_t bit = (offset & 7) + i * width;
        size_t first = (bit >> 3) - (i < 4 ? 0 : places.second);
        for (size_t j = 0; j < 4; j++) bytes[4 * i + j] = (uint8_t)(first + j);
        shifts[i] = bit & 7;
    }
    places.bytes = _mm256_loadu_si256((const __m256i *)bytes);
    places.shifts = _mm256_loadu_si256((const __m256i *)shifts);
    places.mask = _mm256_set1_epi32((1 << width) - 1);
    return places;
}

// The low bits of eight values, those of each in 32 bits. Of its last bytes 7 bits may be others', which leaves 25.
WITH_AVX2 static inline __m256i eight_at(const uint8_t *bytes, Places places) {
    __m128i first = _mm_loadu_si128((const __m128i *)bytes);
    __m128i second = _mm_loadu_si128((const __m128i *)(bytes + places.second));
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    return _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(both, places.bytes), places.shifts), places.mask);
}

WITH_AVX2 size_t mlrepo_low_bits_join_even_16(
    uint16_t *values, size_t count, unsigned width, const uint8_t *bytes, size_t offset) {
    Places places = places_of(width, offset);
    const uint8_t *next = bytes + (offset >> 3);
    for (size_t i = 0; i < count; i += 8, next += width) {
        __m256i part = eight_at(next, places);
        __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(part), _mm256_extracti128_si256(part, 1));
        __m128i head = _mm_slli_epi16(_mm_loadu_si128((const __m128i *)(values + i)), (int)width);
        _mm_storeu_si128((__m128i *)(values + i), _mm_or_si128(head, words));
    }
    return offset + count * width;
}

WITH_AVX2 size_t mlrepo_low_bits_join_even_32(
    uint32_t *values, size_t count, unsigned width, const uint8_t *bytes, size_t offset) {
    Places places = places_of(width, offset);
    const uint8_t *next = bytes + (offset >> 3);
    for (size_t i = 0; i < count; i += 8, next += width) {
        __m256i head = _mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)(values + i)), (int)width);
        _mm256_storeu_si256((__m256i *)(values + i), _mm256_or_si256(head, eight_at(next, places)));
    }
    return offset + count * width;
}

WITH_AVX2 int mlrepo_has_marked(const uint8_t *groups, size_t count, const uint8_t *marks) {
    __m256i part[4], found = _mm256_setzero_si256();
    size_t i = 0;
    for (int j = 0; j < 4; j++) {
        part[j] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(marks + 16 * j)));
    }
    for (; i + 32 <= count; i += 32) {
        __m256i group = _mm256_loadu_si256((const __m256i *)(groups + i));
        for (int j = 0; j < 4; j++) {
            // A shuffle gives zero where the highest bit is set: for all groups but these sixteen.
            __m256i place = _mm256_adds_epu8(
                _mm256_sub_epi8(group, _mm256_set1_epi8((char)(16 * j))), _mm256_set1_epi8(0x70));
            found = _mm256_or_si256(found, _mm256_shuffle_epi8(part[j], place));
        }
    }
    int any = !_mm256_testz_si256(found, found);
    for (; i < count; i++) any |= marks[groups[i] & 63] != 0;
    return any;
}

#else

// Nobody calls them where there is no kernel.
size_t mlrepo_low_bits_join_even_16(
    uint16_t *values, size_t count, unsigned width, const uint8_t *bytes, size_t offset) {
    (void)values, (void)count, (void)width, (void)bytes;
    return offset;
}
size_t mlrepo_low_bits_join_even_32(
    uint32_t *values, size_t count, unsigned width, const uint8_t *bytes, size_t offset) {
    (void)values, (void)count, (void)width, (void)bytes;
    return offset;
}
int mlrepo_has_marked(const uint8_t *groups, size_t count, const uint8_t *marks) {
    (void)groups, (void)count, (void)marks;
    return 0;
}

#endif
