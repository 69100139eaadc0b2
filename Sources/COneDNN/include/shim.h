// Matrix multiplication through oneDNN, with the differences between its 2.x and 3.x C APIs
// kept in shim.c. Where oneDNN is absent (macOS), every call answers PROFS_GEMM_UNAVAILABLE.
#ifndef PROFS_ONEDNN_SHIM_H
#define PROFS_ONEDNN_SHIM_H
#include <stdint.h>

#define PROFS_GEMM_UNAVAILABLE (-1)

/// Whether this processor multiplies bf16 in hardware (AVX-512 BF16 or AMX).
int profs_bf16_is_native(void);

/// The linked oneDNN's version, as major * 10000 + minor * 100 + patch; 0 without oneDNN.
int profs_onednn_version(void);

/// Type of a product's operands; its result is f32 in both.
typedef enum { PROFS_F32, PROFS_BF16 } profs_type;

/// C = A · B, or C += A · B where `accumulate` is not 0.
/// A is [m, k] with element (i, j) at i * a_row + j * a_column; B is [k, n], likewise, or, where both its strides are 0, as
/// profs_pack wrote it (then A's are k and 1 and `ldc` = n, or the product is slow); C is [m, n] f32 with rows `ldc` apart;
/// all strides in elements. Sums are f32.
/// Answers 0, a dnnl_status_t, or PROFS_GEMM_UNAVAILABLE.
int profs_gemm(profs_type type, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column,
               const void *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate);

/// C = op(A) · op(B), or C += op(A) · op(B) where `accumulate` is not 0, in f32: op(A) is [m, k], op(B) [k, n], each as it is
/// or, where its flag is not 0, the transpose of what is stored, with rows `lda` and `ldb` apart; C is [m, n] with rows
/// `ldc` apart.
/// For the products of a backward pass, few rows deep or wide: there it is faster than profs_gemm and OpenBLAS.
/// Answers as profs_gemm.
int profs_sgemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc, int accumulate);

/// Bytes that a [k, n] matrix takes as profs_pack writes it; 0 where packing is unavailable or brings nothing.
int64_t profs_packed_bytes(profs_type type, int64_t n, int64_t k);

/// Writes B, [k, n] with element (i, j) at i * b_row + j * b_column, in the order that products read fastest.
/// Answers as profs_gemm.
int profs_pack(profs_type type, int64_t n, int64_t k, const void *b, int64_t b_row, int64_t b_column,
               void *packed);

#endif
