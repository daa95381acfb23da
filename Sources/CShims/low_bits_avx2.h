#ifndef MLREPO_LOW_BITS_AVX2_H
#define MLREPO_LOW_BITS_AVX2_H

#include <stddef.h>
#include <stdint.h>

// As the functions of LowBits.h, by AVX2.
size_t mlrepo_low_bits_split_16_avx2(
    const uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols, uint8_t *bytes,
    size_t offset);
size_t mlrepo_low_bits_split_32_avx2(
    const uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, uint8_t *symbols, uint8_t *bytes,
    size_t offset);
size_t mlrepo_low_bits_join_16_avx2(
    uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes, size_t offset);
size_t mlrepo_low_bits_join_32_avx2(
    uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths, const uint8_t *bytes, size_t offset);

#endif
