/* Files under way: made beside the place that they will have, locked as long as they are worked on, so that what a
 * killed process has left is told from what another one is just writing. */
#pragma once

/* A new file of mode 0600 to write and read, locked until its descriptor (and each that was made of it) is closed. The
 * path ends in "XXXXXX", which gets a name of its own. Below 0: errno says why. */
int draft_open(char *path);
/* Removes the drafts of this path (with its X) that nobody has open. Of drafts alone should such a name be: whatever
 * else has it goes, too. */
void drafts_sweep(const char *path);
