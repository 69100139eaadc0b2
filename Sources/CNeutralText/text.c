#include "text.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char bytes[] = {
#embed "../../Data/neutral-fit.txt"
};

const unsigned char *profs_neutral_text(size_t *count) {
  *count = sizeof bytes;
  return bytes;
}
