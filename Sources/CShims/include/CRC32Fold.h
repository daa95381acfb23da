#ifndef MLREPO_CRC32_FOLD_H
#define MLREPO_CRC32_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In C for the carry-less multiplication of x86 (PCLMULQDQ): Swift has no intrinsics.

// Whether this processor has the instructions of mlrepo_crc32_fold. Does not change while a process runs.
bool mlrepo_crc32_fold_runs_here(void);

// Continues a CRC-32 (ISO-HDLC, that of zlib) by `count` bytes, a multiple of 16 and at least 64, at any alignment. Traps where
// mlrepo_crc32_fold_runs_here is false.
uint32_t mlrepo_crc32_fold(uint32_t checksum, const void *bytes, size_t count);

#endif
