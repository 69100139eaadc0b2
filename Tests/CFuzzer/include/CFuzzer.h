#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether libFuzzer is linked, as Scripts/fuzz.sh links it.
bool fuzzer_is_linked(void);

/// Alters `size` bytes, which may grow to `limit`, by the seed; answers how many they are then.
typedef size_t (*fuzzer_alter_t)(uint8_t *_Nonnull data, size_t size, size_t limit, unsigned seed);

/// Reads what `alter` makes until the time that the arguments give is over, and ends the process.
void fuzzer_run(int argc, char *_Nullable *_Nonnull argv, fuzzer_alter_t _Nonnull alter,
                int (*_Nonnull read)(const uint8_t *_Nullable data, size_t size));

/// libFuzzer's own alteration.
size_t fuzzer_mutate(uint8_t *_Nonnull data, size_t size, size_t limit);
