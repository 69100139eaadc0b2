// bf16 matrix multiplication through oneDNN, with the differences between its 2.x and 3.x C APIs
// kept in shim.c. Where oneDNN is absent (macOS), every call answers PROFS_GEMM_UNAVAILABLE.
#ifndef PROFS_ONEDNN_SHIM_H
#define PROFS_ONEDNN_SHIM_H
#include <stdint.h>

#define PROFS_GEMM_UNAVAILABLE (-1)

/// Whether this processor multiplies bf16 in hardware (AVX-512 BF16 or AMX).
int profs_bf16_is_native(void);

/// The linked oneDNN's version, as major * 10000 + minor * 100 + patch; 0 without oneDNN.
int profs_onednn_version(void);

/// C = A · B, or C += A · B where `accumulate` is not 0.
/// A is [m, k] bf16 with rows `lda` apart; B is [k, n] bf16 with element (i, j) at i * b_row + j * b_column;
/// C is [m, n] f32 with rows `ldc` apart; all strides in elements. Sums are kept in f32.
/// Answers 0, a dnnl_status_t, or PROFS_GEMM_UNAVAILABLE.
int profs_gemm_bf16(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t lda, const uint16_t *b,
                    int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate);

#endif
