#include "vault/base/character.h"

#include <string.h>

uint32_t character_folded(bytes *rest)
{
    const uint8_t *at = rest->at;
    const size_t len = utf8_sequence(*rest);
    uint32_t c = len == 0 ? 0xfffd : len == 1 ? at[0] : at[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) c = c << 6 | (at[i] & 0x3f);
    const size_t step = len ? len : 1;
    *rest = bytes_of(at + step, rest->len - step);
    if (c == 0x3000 || c == 0xa0) return ' ';
    return c >= 0xff01 && c <= 0xff5e ? c - 0xfee0 : c;
}

bytes character_whole(bytes text)
{
    const bool has = text.len > 2 && character_is_digit(text.at[text.len - 3]) && text.at[text.len - 2] == '.' &&
                     text.at[text.len - 1] == '0';
    return has ? bytes_of(text.at, text.len - 2) : text;
}

bool character_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

bool character_is_letter(uint32_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool character_is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || (c >= 0x2000 && c <= 0x200f) || c == 0xfeff;
}

bool character_is_between(uint32_t c)
{
    const bool mark = c && c < 0x7f && strchr("-.()+/_='\"", (int)c); /* ="139..." */
    return mark || character_is_blank(c) || (c >= 0x2010 && c <= 0x2015) || c == 0x2018 || c == 0x2019 || c == 0x2212;
}

bool character_is_point(uint32_t c)
{
    return c == 0xb7 || c == '.' || c == 0x2022 || c == 0x2027 || c == 0x30fb || c == 0xff65 || c == 0x22c5;
}
