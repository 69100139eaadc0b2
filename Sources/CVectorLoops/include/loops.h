#ifndef PROFS_LOOPS_H
#define PROFS_LOOPS_H

#include <stdint.h>

// Loops of attention in the widest registers that the processor has: in C, where one source is compiled for several kinds of
// registers and chosen from when the program runs. `width` is how many floats a register holds: 4, on x86-64 also 8 (AVX2 with
// FMA) and 16 (AVX-512), and at most profs_vector_width(). Strides are in floats.

/// The most floats that a register of this processor holds.
int64_t profs_vector_width(void);

/// c[row, column] (+)= Σᵢ a[row · a_row + i · a_inner] · b[i · b_row + column], over `rows`, `columns` and `inner` values of i.
///
/// Nothing is copied into another order first, which is most of a library's work where `inner` or `rows` is small.
void profs_products(int64_t width, int64_t rows, int64_t columns, int64_t inner, const float *a, int64_t a_row,
                    int64_t a_inner, const float *b, int64_t b_row, float *c, int64_t c_row, int accumulate);

/// columns[i, row] = scale · rows[row, i] for `count` rows of `depth` floats; zero for further rows up to `lanes`, a multiple of
/// `width`, which is also how many floats a row of the result has.
void profs_scaled_columns(int64_t width, const float *rows, int64_t stride, int64_t count, int64_t depth, float scale,
                          int64_t lanes, float *columns);

/// scores[row] = scale · Σᵢ rows[row, i] · x[i], for `count` rows of `depth` floats.
void profs_scaled_dots(int64_t width, const float *rows, int64_t stride, int64_t count, int64_t depth, const float *x,
                       float scale, float *scores);

/// Turns each column of `[count, lanes]` scores into e^(score − the column's maximum), and writes 1 / its sum to `inverse`.
///
/// Column l takes part in rows l + low ..< l + high; the others become zero. Where `cap` is not 0, scores s are first pressed
/// under it, cap · tanh(s / cap). A column that takes part in no row holds anything.
void profs_softmax_columns(int64_t width, float *scores, int64_t count, int64_t lanes, int64_t low, int64_t high, float cap,
                           float *inverse);

/// Columns of a head's state that the gated delta rule goes through at a time: few enough for them to stay in a core's first-level
/// cache from one row to the next.
#define PROFS_DELTA_COLUMNS 32

/// What the gated delta rule is given of one head, a row after another: queries and keys `[rows, depth]`, values
/// `[rows, columns]`, and each row's decay a and rate b.
typedef struct {
  const float *queries, *keys, *values, *decays, *rates;
  int64_t key_row, value_row, gate_row;
} profs_delta_rows;

/// The same, for gradients.
typedef struct {
  float *queries, *keys, *values, *decays, *rates;
  int64_t key_row, value_row, gate_row;
} profs_delta_gradients;

/// S ← a S + b k (v − a Sᵀk)ᵀ and o = Sᵀq for one row after another, of at most PROFS_DELTA_COLUMNS columns of the state.
///
/// `state` is `[depth, PROFS_DELTA_COLUMNS]`; `before`, where it is not null, gets it as it was before each row.
void profs_delta_rule(int64_t width, int64_t rows, int64_t depth, int64_t columns, const profs_delta_rows *in, float *state,
                      float *before, float *outputs, int64_t output_row);

/// The gradient of that, from the last row to the first. Those of queries, keys, decays and rates are added, those of values
/// written; `state_gradient`, that of the state after the last row, becomes that of the state before the first. `scratch` has
/// room for `depth` · (2 · PROFS_DELTA_COLUMNS + 1) floats.
void profs_delta_gradient(int64_t width, int64_t rows, int64_t depth, int64_t columns, const profs_delta_rows *in,
                          const float *before, const float *output_gradient, int64_t output_row, float *state_gradient,
                          float *scratch, const profs_delta_gradients *out);

/// Defines `name`: eˣ in each lane, relative error below 2·10⁻⁷; x is clamped to [−87.3, 88.3], so the result is finite and positive.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ by a polynomial of degree 6 (the coefficients of Cephes' `expf`), 2ⁿ by writing the
/// exponent bits. Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
#define PROFS_DEFINE_EXPONENTIAL(name, lanes, places)                  \
  static inline __attribute__((always_inline)) lanes name(lanes x) {   \
    x = x < -87.3f ? (lanes)-87.3f : x;                                \
    x = x > 88.3f ? (lanes)88.3f : x;                                  \
    const lanes magic = 12582912.0f;                                   \
    const lanes shifted = x * 1.44269504f + magic, n = shifted - magic; \
    const lanes r = x - n * 0.693359375f + n * 2.1219444e-4f;          \
    lanes p = 1.98756915e-4f;                                          \
    p = p * r + 1.39819995e-3f;                                        \
    p = p * r + 8.3334519e-3f;                                         \
    p = p * r + 4.1665796e-2f;                                         \
    p = p * r + 1.66666655e-1f;                                        \
    p = p * r + 5.0000001e-1f;                                         \
    p = p * r * r + r + 1.0f;                                          \
    return (lanes)((places)p + ((places)shifted << 23));               \
  }

/// Sixteen floats, in Swift SIMD16<Float>, and as many integers.
typedef float profs_sixteen __attribute__((ext_vector_type(16)));
typedef int32_t profs_sixteen_places __attribute__((ext_vector_type(16)));

/// eˣ in each of sixteen lanes, for loops in Swift.
PROFS_DEFINE_EXPONENTIAL(profs_exponential, profs_sixteen, profs_sixteen_places)

#endif
