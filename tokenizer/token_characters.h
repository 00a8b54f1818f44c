/* Forty characters of a token and their five words of forty bits, for token_text.c alone. On processors that look up
 * sixteen characters at once (SSSE3: all of the last fifteen years) both ways take a third of the time; the others go
 * one by one. In a header, so that it becomes a part of its caller. */
#pragma once
#include "tokenizer/internal.h"

enum { TOKEN_WORDS = 5, TOKEN_CHARACTERS = 40, WORD_CHARACTERS = 8, VALUE_BITS = 5, VALUE_MAX = 31 };

/* Words of 40 bits as eight lower-case characters each. */
static inline void characters_write_plain(char *out, const uint64_t words[TOKEN_WORDS])
{
    for (size_t w = 0; w < TOKEN_WORDS; w++) {
        for (unsigned i = 0; i < WORD_CHARACTERS; i++)
            *out++ = bech32m_alphabet[words[w] >> (VALUE_BITS * (WORD_CHARACTERS - 1 - i)) & VALUE_MAX];
    }
}

/* False where a character is not one of the alphabet, or not in lower case. */
static inline bool characters_read_plain(uint64_t words[TOKEN_WORDS], const uint8_t *at)
{
    unsigned bad = 0;
    for (size_t w = 0; w < TOKEN_WORDS; w++) {
        words[w] = 0;
        for (unsigned i = 0; i < WORD_CHARACTERS; i++) {
            unsigned v = bech32m_values[*at++] - 1U;
            bad |= v;
            words[w] = words[w] << VALUE_BITS | (v & VALUE_MAX);
        }
    }
    return bad <= VALUE_MAX;
}

#ifdef __x86_64__
#include <tmmintrin.h>

#define WITH_SSSE3 __attribute__((target("ssse3")))

/* Values below 32 as characters: the low half of the alphabet, or the high one. */
WITH_SSSE3 static inline __m128i characters_of(__m128i values)
{
    const __m128i lower = _mm_loadu_si128((const __m128i *)bech32m_alphabet);
    const __m128i upper = _mm_loadu_si128((const __m128i *)(bech32m_alphabet + 16));
    __m128i a = _mm_shuffle_epi8(lower, values), b = _mm_shuffle_epi8(upper, values);
    __m128i high = _mm_cmpgt_epi8(values, _mm_set1_epi8(15));
    return _mm_xor_si128(a, _mm_and_si128(high, _mm_xor_si128(a, b)));
}

/* Two words of 40 bits as 16 values: each is halved three times, the upper half first. */
WITH_SSSE3 static inline __m128i values_of(uint64_t first, uint64_t second)
{
    __m128i v = _mm_set_epi64x((long long)second, (long long)first);
    v = _mm_or_si128(_mm_srli_epi64(v, 20), _mm_slli_epi64(_mm_and_si128(v, _mm_set1_epi64x(0xfffff)), 32));
    v = _mm_or_si128(_mm_srli_epi32(v, 10), _mm_slli_epi32(_mm_and_si128(v, _mm_set1_epi32(0x3ff)), 16));
    return _mm_or_si128(_mm_srli_epi16(v, 5), _mm_slli_epi16(_mm_and_si128(v, _mm_set1_epi16(31)), 8));
}

WITH_SSSE3 static inline void characters_write_fast(char *out, const uint64_t words[TOKEN_WORDS])
{
    _mm_storeu_si128((__m128i *)out, characters_of(values_of(words[0], words[1])));
    _mm_storeu_si128((__m128i *)(out + 16), characters_of(values_of(words[2], words[3])));
    _mm_storel_epi64((__m128i *)(out + 32), characters_of(values_of(words[4], 0)));
}

/* Of characters whose upper half is `upper`: their values plus 32, by the lower half; of others zero. */
WITH_SSSE3 static inline __m128i values_under(__m128i characters, char upper, __m128i table)
{
    __m128i place = _mm_xor_si128(characters, _mm_set1_epi8(upper));
    return _mm_shuffle_epi8(table, _mm_adds_epu8(place, _mm_set1_epi8(0x70))); /* 16 and more: the top bit is set */
}

/* Sixteen characters as values plus 32; a character outside of the alphabet gives zero. */
WITH_SSSE3 static inline __m128i marked_values(__m128i c)
{
    enum { M = 32 };
    const __m128i threes =
        _mm_setr_epi8(M + 15, 0, M + 10, M + 17, M + 21, M + 20, M + 26, M + 30, M + 7, M + 5, 0, 0, 0, 0, 0, 0);
    const __m128i sixes = _mm_setr_epi8(0, M + 29, 0, M + 24, M + 13, M + 25, M + 9, M + 8, M + 23, 0, M + 18, M + 22,
                                        M + 31, M + 27, M + 19, 0);
    const __m128i sevens =
        _mm_setr_epi8(M + 1, M + 0, M + 3, M + 16, M + 11, M + 28, M + 12, M + 14, M + 6, M + 4, M + 2, 0, 0, 0, 0, 0);
    __m128i a = values_under(c, 0x30, threes), b = values_under(c, 0x60, sixes), d = values_under(c, 0x70, sevens);
    return _mm_or_si128(a, _mm_or_si128(b, d));
}

/* Sixteen values as two words: neighbours are joined three times. */
WITH_SSSE3 static inline __m128i words_of(__m128i values)
{
    __m128i v = _mm_maddubs_epi16(values, _mm_set1_epi16(0x0120));
    v = _mm_madd_epi16(v, _mm_set1_epi32(0x00010400));
    return _mm_or_si128(_mm_mul_epu32(v, _mm_set1_epi64x(1 << 20)), _mm_srli_epi64(v, 32));
}

WITH_SSSE3 static inline bool characters_read_fast(uint64_t words[TOKEN_WORDS], const uint8_t *at)
{
    const __m128i values = _mm_set1_epi8(VALUE_MAX), mark = _mm_set1_epi8(32);
    __m128i a = marked_values(_mm_loadu_si128((const __m128i *)at));
    __m128i b = marked_values(_mm_loadu_si128((const __m128i *)(at + 16)));
    __m128i c = marked_values(_mm_loadu_si128((const __m128i *)(at + 24))); /* eight of them again */
    __m128i all = _mm_and_si128(_mm_and_si128(a, b), _mm_and_si128(c, mark));
    _mm_storeu_si128((__m128i *)words, words_of(_mm_and_si128(a, values)));
    _mm_storeu_si128((__m128i *)(words + 2), words_of(_mm_and_si128(b, values)));
    words[4] = (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(words_of(_mm_and_si128(c, values)), 8));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(all, mark)) == 0xffff;
}

static inline bool characters_fast(void)
{
    return __builtin_cpu_supports("ssse3");
}
#else
#define WITH_SSSE3
#define characters_write_fast characters_write_plain
#define characters_read_fast  characters_read_plain
static inline bool characters_fast(void)
{
    return false;
}
#endif
