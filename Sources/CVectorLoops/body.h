// The loops for registers of WIDTH floats, of which ROWS · 2 sums, two operands and a factor are held at a time.
// LOW_HALVES and HIGH_HALVES are the places of two registers' first and last halves, taken in turn.

typedef float NAME(lanes) __attribute__((ext_vector_type(WIDTH), aligned(4)));
typedef int32_t NAME(places) __attribute__((ext_vector_type(WIDTH), aligned(4)));
#define LANES NAME(lanes)
#define LOAD(address) (*(const LANES *)(address))
#define STORE(address, value) (*(LANES *)(address) = (value))

// Sums of `rows` rows by `vectors` registers; both are constants wherever it is inlined.
INLINE void NAME(tile)(const int rows, const int vectors, int64_t inner, const float *a, int64_t a_row, int64_t a_inner,
                       const float *b, int64_t b_row, float *c, int64_t c_row, int accumulate) {
  LANES sums[ROWS][2];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sums[row][v] = accumulate ? LOAD(c + row * c_row + v * WIDTH) : (LANES)0;
  }
  // Four rows a pointer, which the compiler must not take for multiples of one another: it would find each row's place by adding
  // to that of the row before, and the sums would wait for that.
  const float *fours[(ROWS + 3) / 4];
  int64_t third = 3 * a_row;
  __asm__("" : "+r"(third));
#pragma clang loop unroll(full)
  for (int four = 0; 4 * four < rows; four++) {
    fours[four] = a + 4 * four * a_row;
    __asm__("" : "+r"(fours[four]));
  }
  for (; inner > 0; inner--, b += b_row) {
    LANES right[2];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) right[v] = LOAD(b + v * WIDTH);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      const LANES left = fours[row / 4][row % 4 == 3 ? third : row % 4 * a_row];
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sums[row][v] += left * right[v];
    }
#pragma clang loop unroll(full)
    for (int four = 0; 4 * four < rows; four++) fours[four] += a_inner;
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) STORE(c + row * c_row + v * WIDTH, sums[row][v]);
  }
}

#define TILE(rows, vectors)                                                                                              \
  static void NAME(tile_##rows##_##vectors)(int64_t inner, const float *a, int64_t a_row, int64_t a_inner, const float *b, \
                                            int64_t b_row, float *c, int64_t c_row, int accumulate) {                    \
    NAME(tile)(rows, vectors, inner, a, a_row, a_inner, b, b_row, c, c_row, accumulate);                                 \
  }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
#if ROWS > 6
TILES(7) TILES(8) TILES(9) TILES(10) TILES(11) TILES(12)
#endif
#define CHOICE(rows) {NAME(tile_##rows##_1), NAME(tile_##rows##_2)}
typedef void (*NAME(tile_function))(int64_t, const float *, int64_t, int64_t, const float *, int64_t, float *, int64_t, int);
static const NAME(tile_function) NAME(tiles)[ROWS][2] = {
    CHOICE(1), CHOICE(2), CHOICE(3), CHOICE(4), CHOICE(5), CHOICE(6),
#if ROWS > 6
    CHOICE(7), CHOICE(8), CHOICE(9), CHOICE(10), CHOICE(11), CHOICE(12),
#endif
};

static void NAME(products)(int64_t rows, int64_t columns, int64_t inner, const float *a, int64_t a_row, int64_t a_inner,
                           const float *b, int64_t b_row, float *c, int64_t c_row, int accumulate) {
  // Pieces of like size: one row at the end would leave most of the sums' registers empty.
  const int64_t pieces = (rows + ROWS - 1) / ROWS;
  for (int64_t piece = 0; piece < pieces; piece++) {
    const int64_t first = rows * piece / pieces, count = rows * (piece + 1) / pieces - first;
    const float *left = a + first * a_row;
    float *result = c + first * c_row;
    int64_t column = 0;
    while (column + WIDTH <= columns) {
      const int two = column + 2 * WIDTH <= columns;
      NAME(tiles)[count - 1][two](inner, left, a_row, a_inner, b + column, b_row, result + column, c_row, accumulate);
      column += two ? 2 * WIDTH : WIDTH;
    }
    for (; column < columns; column++) {
      for (int64_t row = 0; row < count; row++) {
        float sum = accumulate ? result[row * c_row + column] : 0;
        for (int64_t i = 0; i < inner; i++) sum += left[row * a_row + i * a_inner] * b[i * b_row + column];
        result[row * c_row + column] = sum;
      }
    }
  }
}

INLINE LANES NAME(low)(LANES x, LANES y) { return __builtin_shufflevector(x, y, LOW_HALVES); }
INLINE LANES NAME(high)(LANES x, LANES y) { return __builtin_shufflevector(x, y, HIGH_HALVES); }

static void NAME(scaled_columns)(const float *rows, int64_t stride, int64_t count, int64_t depth, float scale,
                                 int64_t lanes, float *columns) {
  for (int64_t first = 0; first < lanes; first += WIDTH) {
    int64_t i = 0;
    for (; i + WIDTH <= depth; i += WIDTH) {
      LANES x[WIDTH], y[WIDTH];
#pragma clang loop unroll(full)
      for (int row = 0; row < WIDTH; row++) {
        x[row] = 0;
        if (first + row < count) x[row] = LOAD(rows + (first + row) * stride + i) * scale;
      }
      // Taking halves in turn as often as the width can be halved exchanges rows and columns.
#pragma clang loop unroll(full)
      for (int halves = WIDTH; halves > 1; halves /= 2) {
#pragma clang loop unroll(full)
        for (int row = 0; row < WIDTH / 2; row++) {
          y[2 * row] = NAME(low)(x[row], x[row + WIDTH / 2]);
          y[2 * row + 1] = NAME(high)(x[row], x[row + WIDTH / 2]);
        }
#pragma clang loop unroll(full)
        for (int row = 0; row < WIDTH; row++) x[row] = y[row];
      }
#pragma clang loop unroll(full)
      for (int row = 0; row < WIDTH; row++) STORE(columns + (i + row) * lanes + first, x[row]);
    }
    for (; i < depth; i++) {
      for (int64_t row = first; row < first + WIDTH; row++)
        columns[i * lanes + row] = row < count ? rows[row * stride + i] * scale : 0;
    }
  }
}

static void NAME(scaled_dots)(const float *rows, int64_t stride, int64_t count, int64_t depth, const float *x, float scale,
                              float *scores) {
  for (int64_t first = 0; first < count; first += WIDTH) {
    const float *row[WIDTH];
    LANES sums[WIDTH];
    for (int k = 0; k < WIDTH; k++) {
      // Beyond the last row, that row again: its sums are not written.
      row[k] = rows + (first + k < count ? first + k : count - 1) * stride;
      sums[k] = 0;
    }
    int64_t i = 0;
    for (; i + WIDTH <= depth; i += WIDTH) {
      const LANES factor = LOAD(x + i);
#pragma clang loop unroll(full)
      for (int k = 0; k < WIDTH; k++) sums[k] += LOAD(row[k] + i) * factor;
    }
    // Each step adds halves of registers and puts those of two rows in turn, until one register holds every row's sum.
#pragma clang loop unroll(full)
    for (int half = WIDTH / 2; half > 0; half /= 2) {
#pragma clang loop unroll(full)
      for (int k = 0; k < half; k++) sums[k] = NAME(low)(sums[k], sums[k + half]) + NAME(high)(sums[k], sums[k + half]);
    }
    for (int k = 0; k < WIDTH && first + k < count; k++) {
      float sum = sums[0][k];
      for (int64_t j = i; j < depth; j++) sum += row[k][j] * x[j];
      scores[first + k] = sum * scale;
    }
  }
}

PROFS_DEFINE_EXPONENTIAL(NAME(exponential), LANES, NAME(places))

INLINE void NAME(softmax)(const int vectors, float *scores, int64_t count, int64_t low, int64_t high, float cap,
                          float *inverse) {
  const int64_t lanes = vectors * WIDTH;
  NAME(places) lane[2];
  LANES largest[2], sums[2];
  for (int v = 0; v < vectors; v++) {
    for (int k = 0; k < WIDTH; k++) lane[v][k] = v * WIDTH + k;
    largest[v] = -__builtin_inff();
    sums[v] = 0;
  }
// The columns that take part in `row`: those from row − high + 1 to row − low.
#define BOUND(place) ((int32_t)((place) < -1 ? -1 : (place) > lanes ? lanes : (place)))
#define SEES(v, row) ((lane[v] > BOUND((row) - high)) & (lane[v] <= BOUND((row) - low)))
#define ALL_SEE(row) ((row) < high && (row) - low >= lanes - 1)
  if (cap != 0) {
    for (int64_t i = 0; i < count * lanes; i += WIDTH) {
      const LANES doubled = LOAD(scores + i) * (2 / cap);
      STORE(scores + i, cap * (1 - 2 / (NAME(exponential)(doubled) + 1)));
    }
  }
  for (int64_t row = 0; row < count; row++) {
    float *x = scores + row * lanes;
    if (!ALL_SEE(row)) {
      for (int v = 0; v < vectors; v++)
        STORE(x + v * WIDTH, SEES(v, row) ? LOAD(x + v * WIDTH) : (LANES)-__builtin_inff());
    }
    for (int v = 0; v < vectors; v++) {
      const LANES value = LOAD(x + v * WIDTH);
      largest[v] = value > largest[v] ? value : largest[v];
    }
  }
  // Sums of sums: one long sum would lose digits over many keys.
  for (int64_t first = 0; first < count; first += 64) {
    LANES part[2] = {0, 0};
    for (int64_t row = first; row < first + 64 && row < count; row++) {
      float *x = scores + row * lanes;
      for (int v = 0; v < vectors; v++) {
        LANES value = NAME(exponential)(LOAD(x + v * WIDTH) - largest[v]);
        if (!ALL_SEE(row)) value = SEES(v, row) ? value : (LANES)0;
        STORE(x + v * WIDTH, value);
        part[v] += value;
      }
    }
    for (int v = 0; v < vectors; v++) sums[v] += part[v];
  }
  for (int v = 0; v < vectors; v++) STORE(inverse + v * WIDTH, 1 / sums[v]);
#undef BOUND
#undef SEES
#undef ALL_SEE
}

static void NAME(softmax_columns)(float *scores, int64_t count, int64_t lanes, int64_t low, int64_t high, float cap,
                                  float *inverse) {
  if (lanes == WIDTH) return NAME(softmax)(1, scores, count, low, high, cap, inverse);
  NAME(softmax)(2, scores, count, low, high, cap, inverse);
}

// The gated delta rule for DELTA_COLUMNS columns of one head's state, `[depth, DELTA_COLUMNS]`.
#define DELTA_VECTORS (DELTA_COLUMNS / WIDTH)

// Copies `count` floats and fills up with zeros.
INLINE void NAME(columns_of)(const float *source, int64_t count, float *columns) {
  for (int64_t i = 0; i < DELTA_COLUMNS; i++) columns[i] = i < count ? source[i] : 0;
}

static void NAME(delta_rule)(int64_t rows, int64_t depth, int64_t columns, const profs_delta_rows *in, float *state,
                             float *before, float *outputs, int64_t output_row) {
  for (int64_t t = 0; t < rows; t++) {
    const float *k = in->keys + t * in->key_row, *q = in->queries + t * in->key_row;
    const float decay = in->decays[t * in->gate_row], rate = in->rates[t * in->gate_row];
    float value[DELTA_COLUMNS], output[DELTA_COLUMNS];
    NAME(columns_of)(in->values + t * in->value_row, columns, value);
    if (before) __builtin_memcpy(before + t * depth * DELTA_COLUMNS, state, depth * DELTA_COLUMNS * sizeof(float));
    // Two sums of each column: one would wait for itself.
    LANES found[2][DELTA_VECTORS], change[DELTA_VECTORS], answer[2][DELTA_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < DELTA_VECTORS; v++) found[0][v] = found[1][v] = answer[0][v] = answer[1][v] = 0;
    for (int64_t i = 0; i < depth; i += 2) {
#pragma clang loop unroll(full)
      for (int half = 0; half < 2; half++) {
        if (i + half == depth) break;
        const LANES key = k[i + half];
#pragma clang loop unroll(full)
        for (int v = 0; v < DELTA_VECTORS; v++) {
          float *at = state + (i + half) * DELTA_COLUMNS + v * WIDTH;
          const LANES s = LOAD(at) * decay;
          STORE(at, s);
          found[half][v] += key * s;
        }
      }
    }
#pragma clang loop unroll(full)
    for (int v = 0; v < DELTA_VECTORS; v++) change[v] = rate * (LOAD(value + v * WIDTH) - found[0][v] - found[1][v]);
    for (int64_t i = 0; i < depth; i += 2) {
#pragma clang loop unroll(full)
      for (int half = 0; half < 2; half++) {
        if (i + half == depth) break;
        const LANES key = k[i + half], query = q[i + half];
#pragma clang loop unroll(full)
        for (int v = 0; v < DELTA_VECTORS; v++) {
          float *at = state + (i + half) * DELTA_COLUMNS + v * WIDTH;
          const LANES s = LOAD(at) + key * change[v];
          STORE(at, s);
          answer[half][v] += query * s;
        }
      }
    }
#pragma clang loop unroll(full)
    for (int v = 0; v < DELTA_VECTORS; v++) STORE(output + v * WIDTH, answer[0][v] + answer[1][v]);
    for (int64_t j = 0; j < columns; j++) outputs[t * output_row + j] = output[j];
  }
}

INLINE float NAME(sum)(LANES x) {
  float sum = 0;
  for (int k = 0; k < WIDTH; k++) sum += x[k];
  return sum;
}

// With S the state before a row, s = a S, d = b (v - s'k), S' = s + k d', o = S''q: from do and dS' to all that they depend on.
static void NAME(delta_gradient)(int64_t rows, int64_t depth, int64_t columns, const profs_delta_rows *in,
                                 const float *before, const float *output_gradient, int64_t output_row,
                                 float *state_gradient, float *scratch, const profs_delta_gradients *out) {
  float *after = scratch, *decayed = scratch + depth * DELTA_COLUMNS, *dots = decayed + depth * DELTA_COLUMNS;
  for (int64_t t = rows - 1; t >= 0; t--) {
    const float *k = in->keys + t * in->key_row, *q = in->queries + t * in->key_row;
    const float decay = in->decays[t * in->gate_row], rate = in->rates[t * in->gate_row];
    const float *state = before + t * depth * DELTA_COLUMNS;
    float value[DELTA_COLUMNS], answered[DELTA_COLUMNS], change[DELTA_COLUMNS], found_gradient[DELTA_COLUMNS];
    NAME(columns_of)(in->values + t * in->value_row, columns, value);
    NAME(columns_of)(output_gradient + t * output_row, columns, answered);
    LANES found[DELTA_VECTORS], change_gradient[DELTA_VECTORS];
    for (int v = 0; v < DELTA_VECTORS; v++) found[v] = change_gradient[v] = 0;
    for (int64_t i = 0; i < depth; i++) {
      for (int v = 0; v < DELTA_VECTORS; v++) {
        const LANES s = LOAD(state + i * DELTA_COLUMNS + v * WIDTH) * decay;
        STORE(decayed + i * DELTA_COLUMNS + v * WIDTH, s);
        found[v] += k[i] * s;
      }
    }
    for (int v = 0; v < DELTA_VECTORS; v++) STORE(change + v * WIDTH, rate * (LOAD(value + v * WIDTH) - found[v]));
    for (int64_t i = 0; i < depth; i++) {
      for (int v = 0; v < DELTA_VECTORS; v++) {
        const int64_t at = i * DELTA_COLUMNS + v * WIDTH;
        STORE(after + at, LOAD(decayed + at) + k[i] * LOAD(change + v * WIDTH));
        const LANES gradient = LOAD(state_gradient + at) + q[i] * LOAD(answered + v * WIDTH);
        STORE(state_gradient + at, gradient);
        change_gradient[v] += k[i] * gradient;
      }
    }
    LANES rate_gradient = 0, decay_gradient = 0;
    for (int v = 0; v < DELTA_VECTORS; v++) {
      rate_gradient += change_gradient[v] * (LOAD(value + v * WIDTH) - found[v]);
      STORE(found_gradient + v * WIDTH, -rate * change_gradient[v]);
    }
    for (int64_t j = 0; j < columns; j++) out->values[t * out->value_row + j] = -found_gradient[j];
    NAME(scaled_dots)(after, DELTA_COLUMNS, depth, DELTA_COLUMNS, answered, 1, dots);
    for (int64_t i = 0; i < depth; i++) out->queries[t * out->key_row + i] += dots[i];
    NAME(scaled_dots)(state_gradient, DELTA_COLUMNS, depth, DELTA_COLUMNS, change, 1, dots);
    for (int64_t i = 0; i < depth; i++) out->keys[t * out->key_row + i] += dots[i];
    NAME(scaled_dots)(decayed, DELTA_COLUMNS, depth, DELTA_COLUMNS, found_gradient, 1, dots);
    for (int64_t i = 0; i < depth; i++) out->keys[t * out->key_row + i] += dots[i];
    for (int64_t i = 0; i < depth; i++) {
      for (int v = 0; v < DELTA_VECTORS; v++) {
        const int64_t at = i * DELTA_COLUMNS + v * WIDTH;
        const LANES gradient = LOAD(state_gradient + at) + k[i] * LOAD(found_gradient + v * WIDTH);
        decay_gradient += gradient * LOAD(state + at);
        STORE(state_gradient + at, gradient * decay);
      }
    }
    out->decays[t * out->gate_row] += NAME(sum)(decay_gradient);
    out->rates[t * out->gate_row] += NAME(sum)(rate_gradient);
  }
}

#undef DELTA_VECTORS
#undef LANES
#undef LOAD
#undef STORE
#undef TILE
#undef TILES
#undef CHOICE
#undef WIDTH
#undef ROWS
#undef LOW_HALVES
#undef HIGH_HALVES
