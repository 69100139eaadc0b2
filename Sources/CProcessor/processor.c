#include "processor.h"

// In C, whose targets are compiled for every processor of the kind.
int profs_processor_suffices(void) {
#ifdef PROFS_NEEDS_V3
  return __builtin_cpu_supports("x86-64-v3") != 0;
#else
  return 1;
#endif
}
