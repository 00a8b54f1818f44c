/* How people write numbers and names, and lists that were typed, pasted or scanned hold them. Pure. */
#pragma once
#include "vault/base/arena.h"

/* The text as its format would have it, for a value of a leaked list: of numbers (formats resident_id, mobile, phone,
 * credit_code, document, and of "token") letters and digits alone, without what stands between them in groups, without
 * +86 or 0 before a mobile number; of dates eight digits, from 1994年6月6日 too; of names no blank beside a Chinese
 * character, and one kind of point. Whatever it does not understand it gives back as it is. In the arena, or the text
 * itself; empty where the arena is full. */
bytes leak_spelling(arena *mem, const char *format, bytes text);
