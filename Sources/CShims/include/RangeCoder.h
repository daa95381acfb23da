#ifndef MLREPO_RANGE_CODER_H
#define MLREPO_RANGE_CODER_H

#include <stddef.h>
#include <stdint.h>

// Range coding of symbols by 32 or 64 states at a time, for processors with AVX2 or AVX-512 (F, BW, VL), of which Swift has no gather,
// shuffle, expand and compress instructions. The stream is that of Sources/Coding/RangeCoder.swift, which does the same without them.

typedef enum {
    mlrepo_no_kernel = 0,
    mlrepo_avx2 = 1,
    mlrepo_avx512 = 2,
} mlrepo_kernel;

// The best of those that this processor, and the system, have the instructions for.
mlrepo_kernel mlrepo_range_coder_kernel(void);

// Decodes `count` symbols, a multiple of the number of states: the symbol at i by the model that models[i] names and the state i
// modulo that number, which is 32 or 64.
// `table` has 4,096 entries for each model; at least `count` words can be read from `words` on. Returns the next word.
const uint16_t *mlrepo_range_decode(
    mlrepo_kernel kernel, const uint32_t *table, const uint8_t *models, size_t count, uint8_t *symbols,
    uint32_t *states, size_t state_count, const uint16_t *words);

// Encodes the same backwards. `reciprocals` and `steps` have 256 entries for each model; at least `count` words can be written
// before `end`, and what stands there is lost. Returns where they begin.
uint16_t *mlrepo_range_encode(
    mlrepo_kernel kernel, const uint32_t *reciprocals, const uint32_t *steps, const uint8_t *models,
    const uint8_t *symbols, size_t count, uint16_t *end, uint32_t *states, size_t state_count);

#endif
