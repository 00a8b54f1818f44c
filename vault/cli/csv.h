/* Rows of a text file, found in bytes before anything is decoded: in UTF-8 and in GB18030 alike no byte of a longer
 * character is a line break, a quote or one of the delimiters. CSV as RFC 4180, strictly: a quote opens a field only at
 * its beginning, and behind a closing quote stands a delimiter or the end of the line. A record that breaks this costs
 * the line that it begins in, and reading goes on with the next line: a stray quote does not swallow its neighbours.
 * (libcsv was looked at: it tells no positions, stops for good at a wrong quote and keeps a record of any length.) */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/bytes.h"

enum { ROW_MAX = 65536, COLUMNS_MAX = 256 };

typedef enum frame_end {
    FRAME_MORE,   /* goes on behind the bytes given */
    FRAME_ROW,    /* a row */
    FRAME_BROKEN, /* a quote is wrong: the frame is the first line */
    FRAME_LONG,   /* over ROW_MAX bytes: the frame is what was seen of it, without its line break */
} frame_end;
typedef struct frame {
    frame_end end;
    size_t len;   /* with its line break */
    size_t body;  /* without */
    size_t lines; /* line breaks in it */
} frame;
/* The first row of `data`; `last`: nothing comes behind it. LF and CR LF end a line. */
frame csv_frame(bytes data, char delimiter, bool last);
frame line_frame(bytes data, bool last); /* the same for one row a line */

/* Takes apart a row that csv_frame has found (decoded since): the fields' texts, unescaped in place and NUL-terminated
 * (text[len] is written too), in out. Returns how many there are; those past cap are counted only. */
size_t csv_split(char **out, size_t cap, char *text, size_t len, char delimiter);

/* Appends a field, quoted where it must be, and what stands behind it (a delimiter or '\n'). */
void csv_put(writer *w, bytes text, char delimiter, char behind);
