#ifndef MLREPO_RANGE_CODER_AVX2_H
#define MLREPO_RANGE_CODER_AVX2_H

#include <stddef.h>
#include <stdint.h>

// As mlrepo_range_decode and mlrepo_range_encode, by AVX2.
const uint16_t *mlrepo_range_decode_avx2(
    const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols, uint32_t *states,
    size_t state_count, const uint16_t *words);

uint16_t *mlrepo_range_encode_avx2(
    const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models, const uint8_t *symbols, size_t count,
    uint16_t *end, uint32_t *states, size_t state_count);

#endif
