#include "loops.h"

#define JOINED(name, width) name##_##width
#define EXPANDED(name, width) JOINED(name, width)
// The name of what is compiled once for each width.
#define NAME(name) EXPANDED(name, WIDTH)
#define INLINE static inline __attribute__((always_inline))
#define DELTA_COLUMNS PROFS_DELTA_COLUMNS

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#define WIDTH 16
#define ROWS 12
#define LOW_HALVES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#include "body.h"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define WIDTH 8
#define ROWS 6
#define LOW_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#include "body.h"
#pragma clang attribute pop
#endif

#define WIDTH 4
#if defined(__aarch64__)
#define ROWS 12
#else
#define ROWS 6
#endif
#define LOW_HALVES 0, 4, 1, 5
#define HIGH_HALVES 2, 6, 3, 7
#include "body.h"

int64_t profs_vector_width(void) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 4;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl")
             ? 16
             : 8;
#else
  return 4;
#endif
}

#if defined(__x86_64__)
#define CHOOSE(name, ...)                          \
  switch (width) {                                 \
    case 16: return JOINED(name, 16)(__VA_ARGS__); \
    case 8: return JOINED(name, 8)(__VA_ARGS__);   \
    default: return JOINED(name, 4)(__VA_ARGS__);  \
  }
#else
#define CHOOSE(name, ...) return JOINED(name, 4)(__VA_ARGS__);
#endif

void profs_products(int64_t width, int64_t rows, int64_t columns, int64_t inner, const float *a, int64_t a_row,
                    int64_t a_inner, const float *b, int64_t b_row, float *c, int64_t c_row, int accumulate) {
  CHOOSE(products, rows, columns, inner, a, a_row, a_inner, b, b_row, c, c_row, accumulate)
}

void profs_scaled_columns(int64_t width, const float *rows, int64_t stride, int64_t count, int64_t depth, float scale,
                          int64_t lanes, float *columns) {
  CHOOSE(scaled_columns, rows, stride, count, depth, scale, lanes, columns)
}

void profs_scaled_dots(int64_t width, const float *rows, int64_t stride, int64_t count, int64_t depth, const float *x,
                       float scale, float *scores) {
  CHOOSE(scaled_dots, rows, stride, count, depth, x, scale, scores)
}

void profs_softmax_columns(int64_t width, float *scores, int64_t count, int64_t lanes, int64_t low, int64_t high, float cap,
                           float *inverse) {
  CHOOSE(softmax_columns, scores, count, lanes, low, high, cap, inverse)
}

void profs_delta_rule(int64_t width, int64_t rows, int64_t depth, int64_t columns, const profs_delta_rows *in, float *state,
                      float *before, float *outputs, int64_t output_row) {
  CHOOSE(delta_rule, rows, depth, columns, in, state, before, outputs, output_row)
}

void profs_delta_gradient(int64_t width, int64_t rows, int64_t depth, int64_t columns, const profs_delta_rows *in,
                          const float *before, const float *output_gradient, int64_t output_row, float *state_gradient,
                          float *scratch, const profs_delta_gradients *out) {
  CHOOSE(delta_gradient, rows, depth, columns, in, before, output_gradient, output_row, state_gradient, scratch, out)
}
