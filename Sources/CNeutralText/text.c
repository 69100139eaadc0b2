#include "text.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char fit[] = {
#embed "../../Data/neutral-fit.txt"
};
static const unsigned char measured[] = {
#embed "../../Data/neutral.txt"
};

const unsigned char *profs_neutral_text(size_t *count) {
  *count = sizeof fit;
  return fit;
}

const unsigned char *profs_measured_text(size_t *count) {
  *count = sizeof measured;
  return measured;
}
