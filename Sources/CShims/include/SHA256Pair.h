#ifndef MLREPO_SHA256_PAIR_H
#define MLREPO_SHA256_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In C for the SHA extensions of x86: Swift has no intrinsics.

// Whether this processor has the instructions of mlrepo_sha256_pair. Does not change while a process runs.
bool mlrepo_sha256_pair_runs_here(void);

// Advances two independent SHA-256 states by `count` blocks of 64 bytes each, in lock-step. The blocks may have any
// alignment and may overlap. A state is H0 to H7 of FIPS 180-4. Traps where mlrepo_sha256_pair_runs_here is false.
void mlrepo_sha256_pair(
    uint32_t (*first)[8], const void *firstBlocks, uint32_t (*second)[8], const void *secondBlocks, size_t count);

#endif
