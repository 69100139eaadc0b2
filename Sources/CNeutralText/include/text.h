// Neutral texts as parts of the executable: Data/neutral-fit.txt, which fits are protected by, and Data/neutral.txt, on which
// edits are measured.
#ifndef PROFS_NEUTRAL_TEXT_H
#define PROFS_NEUTRAL_TEXT_H
#include <stddef.h>

// The first byte of UTF-8 text; their number goes to `count`.
const unsigned char *profs_neutral_text(size_t *count);
const unsigned char *profs_measured_text(size_t *count);
#endif
