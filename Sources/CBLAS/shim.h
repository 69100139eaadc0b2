// Linux: OpenBLAS built on OpenMP (package libopenblas-openmp-dev), its LAPACK, and libgomp's thread
// pool, which OpenBLAS and oneDNN already run on. macOS: Accelerate, untested.
#ifndef PROFS_CBLAS_SHIM_H
#define PROFS_CBLAS_SHIM_H

#ifdef __APPLE__
#include <Accelerate/Accelerate.h>
#else
#include <cblas.h>

// LAPACK's Fortran entry points (LAPACK 3 reference interface, 32-bit integers, column-major).
void dsytrd_(const char *uplo, const int *n, double *a, const int *lda, double *d, double *e,
             double *tau, double *work, const int *lwork, int *info);
void dsterf_(const int *n, double *d, double *e, int *info);
void dstemr_(const char *jobz, const char *range, const int *n, double *d, double *e,
             const double *vl, const double *vu, const int *il, const int *iu, int *m, double *w,
             double *z, const int *ldz, const int *nzc, int *isuppz, int *tryrac, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info);
void dormtr_(const char *side, const char *uplo, const char *trans, const int *m, const int *n,
             const double *a, const int *lda, const double *tau, double *c, const int *ldc,
             double *work, const int *lwork, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work,
             const int *lwork, int *iwork, int *info);
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda,
             const double *tau, double *work, const int *lwork, int *info);

// libgomp's entry point of `#pragma omp parallel`, and the two queries a body needs.
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_in_parallel(void);
void omp_set_num_threads(int threads);

// The core whose kernels OpenBLAS should use instead of its oldest ones, or NULL where it chose well. A release older
// than the processor does not know its model and falls back to kernels of SSE3, whatever the processor has.
static inline const char *profs_better_openblas_core(void) {
#ifdef __x86_64__
    const char *prescott = "Prescott", *core = openblas_get_corename();
    while (*prescott && *prescott == *core) { prescott++; core++; }
    if (*prescott || *core) return 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return 0;
}
#endif

/// Sixteen floats, in Swift SIMD16<Float>.
typedef float profs_lanes __attribute__((ext_vector_type(16)));

/// The square root of each. Swift's own asks the C library about every negative number, for errno, and so goes one by one.
static inline profs_lanes profs_square_roots(profs_lanes x) { return __builtin_elementwise_sqrt(x); }
#endif
