#include "shim.h"

#if !__has_include(<dnnl.h>)

int profs_bf16_is_native(void) { return 0; }
int profs_onednn_version(void) { return 0; }
int profs_gemm_bf16(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t lda, const uint16_t *b,
                    int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate) {
  return PROFS_GEMM_UNAVAILABLE;
}

#else

#include <dnnl.h>
#include <pthread.h>
#include <stddef.h>

static dnnl_engine_t engine;
static dnnl_status_t engine_status;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static _Thread_local dnnl_stream_t stream;

static void make_engine(void) { engine_status = dnnl_engine_create(&engine, dnnl_cpu, 0); }

int profs_bf16_is_native(void) {
  // ISA values are sets of bits, so "at least AVX-512 BF16" is a test of inclusion.
  const unsigned wanted = (unsigned)dnnl_cpu_isa_avx512_core_bf16;
  return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

int profs_onednn_version(void) {
  const dnnl_version_t *version = dnnl_version();
  return version->major * 10000 + version->minor * 100 + version->patch;
}

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;
static const_dnnl_memory_desc_t borrowed(descriptor *d) { return *d; }
static void release(descriptor *d) {
  if (*d) dnnl_memory_desc_destroy(*d);
}
static dnnl_status_t describe(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                              const dnnl_dims_t strides) {
  return dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides);
}
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}
static dnnl_status_t plan(dnnl_primitive_desc_t *out, descriptor *a, descriptor *b, descriptor *c,
                          const_dnnl_primitive_attr_t attributes) {
  return dnnl_matmul_primitive_desc_create(out, engine, *a, *b, NULL, *c, attributes);
}
#else
typedef dnnl_memory_desc_t descriptor;
static const dnnl_memory_desc_t *borrowed(descriptor *d) { return d; }
static void release(descriptor *d) { (void)d; }
static dnnl_status_t describe(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                              const dnnl_dims_t strides) {
  return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides);
}
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1.0f);
}
static dnnl_status_t plan(dnnl_primitive_desc_t *out, descriptor *a, descriptor *b, descriptor *c,
                          const_dnnl_primitive_attr_t attributes) {
  dnnl_matmul_desc_t operation;
  dnnl_status_t status = dnnl_matmul_desc_init(&operation, a, b, NULL, c);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL);
}
#endif

#define CHECK(call)                       \
  do {                                    \
    status = (call);                      \
    if (status != dnnl_success) goto end; \
  } while (0)

int profs_gemm_bf16(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t lda, const uint16_t *b,
                    int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate) {
  pthread_once(&engine_once, make_engine);
  dnnl_status_t status = engine_status;
  if (status != dnnl_success) return (int)status;

  // oneDNN keeps compiled primitives in a cache of its own, so planning again costs microseconds.
  descriptor a_desc = {0}, b_desc = {0}, c_desc = {0};
  dnnl_memory_t a_memory = NULL, b_memory = NULL, c_memory = NULL;
  dnnl_post_ops_t ops = NULL;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t planned = NULL;
  dnnl_primitive_t primitive = NULL;

  if (!stream) CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
  const dnnl_dims_t a_dims = {m, k}, b_dims = {k, n}, c_dims = {m, n};
  const dnnl_dims_t a_strides = {lda, 1}, b_strides = {b_row, b_column}, c_strides = {ldc, 1};
  CHECK(describe(&a_desc, a_dims, dnnl_bf16, a_strides));
  CHECK(describe(&b_desc, b_dims, dnnl_bf16, b_strides));
  CHECK(describe(&c_desc, c_dims, dnnl_f32, c_strides));
  CHECK(dnnl_primitive_attr_create(&attributes));
  if (accumulate) {
    CHECK(dnnl_post_ops_create(&ops));
    CHECK(append_sum(ops));
    CHECK(dnnl_primitive_attr_set_post_ops(attributes, ops));
  }
  CHECK(plan(&planned, &a_desc, &b_desc, &c_desc, attributes));
  CHECK(dnnl_primitive_create(&primitive, planned));
  CHECK(dnnl_memory_create(&a_memory, borrowed(&a_desc), engine, (void *)a));
  CHECK(dnnl_memory_create(&b_memory, borrowed(&b_desc), engine, (void *)b));
  CHECK(dnnl_memory_create(&c_memory, borrowed(&c_desc), engine, c));
  const dnnl_exec_arg_t arguments[] = {
      {DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, b_memory}, {DNNL_ARG_DST, c_memory}};
  CHECK(dnnl_primitive_execute(primitive, stream, 3, arguments));
  CHECK(dnnl_stream_wait(stream));

end:
  if (a_memory) dnnl_memory_destroy(a_memory);
  if (b_memory) dnnl_memory_destroy(b_memory);
  if (c_memory) dnnl_memory_destroy(c_memory);
  if (primitive) dnnl_primitive_destroy(primitive);
  if (planned) dnnl_primitive_desc_destroy(planned);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (ops) dnnl_post_ops_destroy(ops);
  release(&a_desc), release(&b_desc), release(&c_desc);
  return (int)status;
}

#endif
