#ifndef MLREPO_LOW_BITS_H
#define MLREPO_LOW_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "RangeCoder.h"

// Values of 16 or 32 bits taken apart into the bits above a group's number of low bits and these, and put together again, for
// processors with AVX2, or AVX-512 (F, BW, VL) and BMI2, whose PEXT and PDEP gather and spread bits: Swift has no name for them.
// What they read and write is that of Sources/Coding/LowBits.swift, which does the same without them.

// The best that this processor, and the system, have the instructions for.
mlrepo_kernel mlrepo_low_bits_kernel(void);

// Splits `count` values, a multiple of 32: widths[g] low bits of a value of group g, of which there are 64, go to bit `offset` of
// `bytes` and on; what is above them becomes a symbol, 255 where it is more. The bits of the byte at `offset` from there on are 0;
// 16 bytes more than are written can be. Returns the next bit.
size_t mlrepo_low_bits_split_16(
    mlrepo_kernel kernel, const uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    uint8_t *symbols, uint8_t *bytes, size_t offset);
size_t mlrepo_low_bits_split_32(
    mlrepo_kernel kernel, const uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    uint8_t *symbols, uint8_t *bytes, size_t offset);

// Shifts each of `count` heads, a multiple of 32, up and puts its low bits from `offset` on behind it. 16 bytes more than are used
// can be read. Returns the next bit.
size_t mlrepo_low_bits_join_16(
    mlrepo_kernel kernel, uint16_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    const uint8_t *bytes, size_t offset);
size_t mlrepo_low_bits_join_32(
    mlrepo_kernel kernel, uint32_t *values, const uint8_t *groups, size_t count, const uint8_t *widths,
    const uint8_t *bytes, size_t offset);

// The same where all groups have `width` low bits, of which there are 1 to 25. Only for processors that have AVX2.
size_t mlrepo_low_bits_join_even_16(
    uint16_t *values, size_t count, unsigned width, const uint8_t *bytes, size_t offset);
size_t mlrepo_low_bits_join_even_32(
    uint32_t *values, size_t count, unsigned width, const uint8_t *bytes, size_t offset);

// Whether any of `count` groups, each less than 64, is one of those that are marked by something else than 0. The same.
int mlrepo_has_marked(const uint8_t *groups, size_t count, const uint8_t *marks);

#endif
