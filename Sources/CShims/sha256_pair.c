#include "SHA256Pair.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

// K of FIPS 180-4, 4.2.2.
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

bool mlrepo_sha256_pair_runs_here(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

__attribute__((target("sha,ssse3,sse4.1"))) void mlrepo_sha256_pair(
    uint32_t (*first)[8], const void *firstBlocks, uint32_t (*second)[8], const void *secondBlocks, size_t count) {
    // Each sha256rnds2 of a stream waits for the one before, for longer (4 cycles) than the processor needs until it
    // can begin another (2 or 3), which the second stream makes use of.
    enum { streams = 2 };
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    uint32_t *states[streams] = {*first, *second};
    const char *blocks[streams] = {firstBlocks, secondBlocks};
    // The instructions want the words as ABEF and CDGH, the first in the highest lane.
    __m128i abef[streams], cdgh[streams];
#pragma GCC unroll 2
    for (int s = 0; s < streams; s++) {
        const __m128i dcba = _mm_loadu_si128((const __m128i *)states[s]);
        const __m128i hgfe = _mm_loadu_si128((const __m128i *)(states[s] + 4));
        const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
        abef[s] = _mm_alignr_epi8(cdab, efgh, 8);
        cdgh[s] = _mm_blend_epi16(efgh, cdab, 0xf0);
    }

    for (; count != 0; count--) {
        __m128i abefBefore[streams], cdghBefore[streams];
        // The last 16 words of the message schedule; words 4g to 4g + 3 are in element g % 4.
        __m128i w[streams][4];
#pragma GCC unroll 2
        for (int s = 0; s < streams; s++) {
            abefBefore[s] = abef[s];
            cdghBefore[s] = cdgh[s];
        }
#pragma GCC unroll 16
        for (int g = 0; g < 16; g++) {
            const __m128i k = _mm_load_si128((const __m128i *)(constants + 4 * g));
            const int now = g & 3, next = (g + 1) & 3, before = (g + 3) & 3;
#pragma GCC unroll 2
            for (int s = 0; s < streams; s++) {
                if (g < 4) w[s][g] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks[s] + 16 * g)), swap);
                const __m128i wk = _mm_add_epi32(w[s][now], k);
                cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], wk);
                if (g >= 3 && g < 15) {
                    // Word t is sigma1(t - 2) + (t - 7) + what msg1 left of t - 15 and t - 16 two groups ago.
                    const __m128i seventh = _mm_alignr_epi8(w[s][now], w[s][before], 4);
                    w[s][next] = _mm_sha256msg2_epu32(_mm_add_epi32(w[s][next], seventh), w[s][now]);
                }
                abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(wk, 0x0e));
                if (g >= 1 && g < 13) w[s][before] = _mm_sha256msg1_epu32(w[s][before], w[s][now]);
            }
        }
#pragma GCC unroll 2
        for (int s = 0; s < streams; s++) {
            abef[s] = _mm_add_epi32(abef[s], abefBefore[s]);
            cdgh[s] = _mm_add_epi32(cdgh[s], cdghBefore[s]);
            blocks[s] += 64;
        }
    }

#pragma GCC unroll 2
    for (int s = 0; s < streams; s++) {
        const __m128i feba = _mm_shuffle_epi32(abef[s], 0x1b), dchg = _mm_shuffle_epi32(cdgh[s], 0xb1);
        _mm_storeu_si128((__m128i *)states[s], _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i *)(states[s] + 4), _mm_alignr_epi8(dchg, feba, 8));
    }
}

#else

bool mlrepo_sha256_pair_runs_here(void) { return false; }

void mlrepo_sha256_pair(
    uint32_t (*first)[8], const void *firstBlocks, uint32_t (*second)[8], const void *secondBlocks, size_t count) {
    __builtin_trap();
}

#endif
