// The weights of the built-in toxicity scorer, as the bytes of a safetensors file that is part of the executable.
#ifndef PROFS_SCORER_WEIGHTS_H
#define PROFS_SCORER_WEIGHTS_H
#include <stddef.h>

// The first byte; their number goes to `count`.
const unsigned char *profs_scorer_weights(size_t *count);
#endif
