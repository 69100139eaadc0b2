#include "weights.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char bytes[] = {
#embed "scorer.safetensors"
};

const unsigned char *profs_scorer_weights(size_t *count) {
  *count = sizeof bytes;
  return bytes;
}
