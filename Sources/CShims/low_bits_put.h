#ifndef MLREPO_LOW_BITS_PUT_H
#define MLREPO_LOW_BITS_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Puts up to 64 bits behind what is there.
static inline size_t put_bits(uint8_t *bytes, size_t offset, uint64_t part, unsigned count) {
    uint8_t *place = bytes + (offset >> 3);
    unsigned shift = offset & 7;
    uint64_t first = *place | part << shift;
    memcpy(place, &first, 8);
    place[8] = (uint8_t)(part >> 1 >> (63 - shift));
    return offset + count;
}

// The next 64 bits.
static inline uint64_t get_bits(const uint8_t *bytes, size_t offset) {
    const uint8_t *place = bytes + (offset >> 3);
    unsigned shift = offset & 7;
    uint64_t first;
    memcpy(&first, place, 8);
    return first >> shift | (uint64_t)place[8] << 1 << (63 - shift);
}

#endif
