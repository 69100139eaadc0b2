// Data/neutral-fit.txt, the neutral text that fits are protected by, as part of the executable.
#ifndef PROFS_NEUTRAL_TEXT_H
#define PROFS_NEUTRAL_TEXT_H
#include <stddef.h>

// The first byte of UTF-8 text; their number goes to `count`.
const unsigned char *profs_neutral_text(size_t *count);
#endif
