#include "CFuzzer.h"

#include <stdlib.h>

// Of compiler-rt's libFuzzer, see its FuzzerInterface.h.
__attribute__((weak)) int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*read)(const uint8_t *, size_t));
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t limit);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t limit, unsigned seed);

static fuzzer_alter_t alter_one;

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t limit, unsigned seed) {
  return alter_one(data, size, limit, seed);
}

bool fuzzer_is_linked(void) { return LLVMFuzzerRunDriver && LLVMFuzzerMutate; }

void fuzzer_run(int argc, char **argv, fuzzer_alter_t alter, int (*read)(const uint8_t *, size_t)) {
  alter_one = alter;
  exit(LLVMFuzzerRunDriver(&argc, &argv, read));
}

size_t fuzzer_mutate(uint8_t *data, size_t size, size_t limit) { return LLVMFuzzerMutate(data, size, limit); }
