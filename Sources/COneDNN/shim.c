#include "shim.h"

#if !__has_include(<dnnl.h>)

int profs_bf16_is_native(void) { return 0; }
int profs_onednn_version(void) { return 0; }
int64_t profs_packed_bytes(profs_type type, int64_t n, int64_t k) { return 0; }
int profs_pack(profs_type type, int64_t n, int64_t k, const void *b, int64_t b_row, int64_t b_column,
               void *packed) {
  return PROFS_GEMM_UNAVAILABLE;
}
int profs_gemm(profs_type type, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column,
               const void *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate) {
  return PROFS_GEMM_UNAVAILABLE;
}
int profs_sgemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc, int accumulate) {
  return PROFS_GEMM_UNAVAILABLE;
}

#else

#include <dnnl.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

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
typedef const_dnnl_memory_desc_t borrowed_descriptor;
static borrowed_descriptor borrowed(descriptor *d) { return *d; }
static void release(descriptor *d) {
  if (*d) dnnl_memory_desc_destroy(*d);
}
static dnnl_status_t describe(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                              const dnnl_dims_t strides) {
  return dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides);
}
static dnnl_status_t describe_any(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type) {
  return dnnl_memory_desc_create_with_tag(d, 2, dims, type, dnnl_format_tag_any);
}
static size_t byte_count(borrowed_descriptor d) { return dnnl_memory_desc_get_size(d); }
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}
static dnnl_status_t plan_reorder(dnnl_primitive_desc_t *out, borrowed_descriptor from, borrowed_descriptor to) {
  return dnnl_reorder_primitive_desc_create(out, from, engine, to, engine, NULL);
}
static dnnl_status_t plan(dnnl_primitive_desc_t *out, borrowed_descriptor a, borrowed_descriptor b,
                          borrowed_descriptor c, const_dnnl_primitive_attr_t attributes) {
  return dnnl_matmul_primitive_desc_create(out, engine, a, b, NULL, c, attributes);
}
#else
typedef dnnl_memory_desc_t descriptor;
typedef const dnnl_memory_desc_t *borrowed_descriptor;
static borrowed_descriptor borrowed(descriptor *d) { return d; }
static void release(descriptor *d) { (void)d; }
static dnnl_status_t describe(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                              const dnnl_dims_t strides) {
  return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides);
}
static dnnl_status_t describe_any(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type) {
  return dnnl_memory_desc_init_by_tag(d, 2, dims, type, dnnl_format_tag_any);
}
static size_t byte_count(borrowed_descriptor d) { return dnnl_memory_desc_get_size(d); }
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1.0f);
}
static dnnl_status_t plan_reorder(dnnl_primitive_desc_t *out, borrowed_descriptor from, borrowed_descriptor to) {
  return dnnl_reorder_primitive_desc_create(out, from, engine, to, engine, NULL);
}
static dnnl_status_t plan(dnnl_primitive_desc_t *out, borrowed_descriptor a, borrowed_descriptor b,
                          borrowed_descriptor c, const_dnnl_primitive_attr_t attributes) {
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

static dnnl_data_type_t element(profs_type type) { return type == PROFS_BF16 ? dnnl_bf16 : dnnl_f32; }

static dnnl_status_t prepare(void) {
  pthread_once(&engine_once, make_engine);
  if (engine_status != dnnl_success || stream) return engine_status;
  return dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
}

// The plan that oneDNN makes for many rows and weights in whatever order it likes best.
static dnnl_status_t plan_packed(profs_type type, int64_t n, int64_t k, dnnl_primitive_desc_t *planned) {
  enum { rows = 256 };
  dnnl_status_t status;
  descriptor a = {0}, b = {0}, c = {0};
  const dnnl_dims_t a_dims = {rows, k}, b_dims = {k, n}, c_dims = {rows, n};
  const dnnl_dims_t a_strides = {k, 1}, c_strides = {n, 1};
  CHECK(describe(&a, a_dims, element(type), a_strides));
  CHECK(describe_any(&b, b_dims, element(type)));
  CHECK(describe(&c, c_dims, dnnl_f32, c_strides));
  CHECK(plan(planned, borrowed(&a), borrowed(&b), borrowed(&c), NULL));
end:
  release(&a), release(&b), release(&c);
  return status;
}

static borrowed_descriptor packed_weights(dnnl_primitive_desc_t planned) {
  return dnnl_primitive_desc_query_md(planned, dnnl_query_weights_md, 0);
}

int profs_gemm(profs_type type, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column,
               const void *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate) {
  dnnl_status_t status = prepare();
  if (status != dnnl_success) return (int)status;

  // oneDNN keeps compiled primitives in a cache of its own, so planning again costs microseconds.
  descriptor a_desc = {0}, b_desc = {0}, c_desc = {0};
  dnnl_memory_t a_memory = NULL, b_memory = NULL, c_memory = NULL;
  dnnl_post_ops_t ops = NULL;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t packed = NULL, planned = NULL;
  dnnl_primitive_t primitive = NULL;
  borrowed_descriptor weights;

  const dnnl_dims_t a_dims = {m, k}, b_dims = {k, n}, c_dims = {m, n};
  const dnnl_dims_t a_strides = {a_row, a_column}, b_strides = {b_row, b_column}, c_strides = {ldc, 1};
  CHECK(describe(&a_desc, a_dims, element(type), a_strides));
  CHECK(describe(&c_desc, c_dims, dnnl_f32, c_strides));
  if (b_row == 0) {
    CHECK(plan_packed(type, n, k, &packed));
    weights = packed_weights(packed);
  } else {
    CHECK(describe(&b_desc, b_dims, element(type), b_strides));
    weights = borrowed(&b_desc);
  }
  CHECK(dnnl_primitive_attr_create(&attributes));
  if (accumulate) {
    CHECK(dnnl_post_ops_create(&ops));
    CHECK(append_sum(ops));
    CHECK(dnnl_primitive_attr_set_post_ops(attributes, ops));
  }
  CHECK(plan(&planned, borrowed(&a_desc), weights, borrowed(&c_desc), attributes));
  CHECK(dnnl_primitive_create(&primitive, planned));
  CHECK(dnnl_memory_create(&a_memory, borrowed(&a_desc), engine, (void *)a));
  CHECK(dnnl_memory_create(&b_memory, weights, engine, (void *)b));
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
  if (packed) dnnl_primitive_desc_destroy(packed);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (ops) dnnl_post_ops_destroy(ops);
  release(&a_desc), release(&b_desc), release(&c_desc);
  // x86-64 without AVX-512 has no product of bf16.
  return status == dnnl_unimplemented ? PROFS_GEMM_UNAVAILABLE : (int)status;
}

int64_t profs_packed_bytes(profs_type type, int64_t n, int64_t k) {
  dnnl_primitive_desc_t planned = NULL;
  if (prepare() != dnnl_success || plan_packed(type, n, k, &planned) != dnnl_success) return 0;
  const char *implementation = "";
  dnnl_primitive_desc_query(planned, dnnl_query_impl_info_str, 0, &implementation);
  const int64_t bytes =
      strncmp(implementation, "ref", 3) == 0 ? 0 : (int64_t)byte_count(packed_weights(planned));
  dnnl_primitive_desc_destroy(planned);
  return bytes;
}

int profs_pack(profs_type type, int64_t n, int64_t k, const void *b, int64_t b_row, int64_t b_column,
               void *packed) {
  dnnl_status_t status = prepare();
  if (status != dnnl_success) return (int)status;
  descriptor plain = {0};
  dnnl_primitive_desc_t planned = NULL, reorder = NULL;
  dnnl_primitive_t primitive = NULL;
  dnnl_memory_t from = NULL, to = NULL;
  const dnnl_dims_t dims = {k, n}, strides = {b_row, b_column};
  CHECK(describe(&plain, dims, element(type), strides));
  CHECK(plan_packed(type, n, k, &planned));
  CHECK(plan_reorder(&reorder, borrowed(&plain), packed_weights(planned)));
  CHECK(dnnl_primitive_create(&primitive, reorder));
  CHECK(dnnl_memory_create(&from, borrowed(&plain), engine, (void *)b));
  CHECK(dnnl_memory_create(&to, packed_weights(planned), engine, packed));
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  CHECK(dnnl_primitive_execute(primitive, stream, 2, arguments));
  CHECK(dnnl_stream_wait(stream));
end:
  if (from) dnnl_memory_destroy(from);
  if (to) dnnl_memory_destroy(to);
  if (primitive) dnnl_primitive_destroy(primitive);
  if (reorder) dnnl_primitive_desc_destroy(reorder);
  if (planned) dnnl_primitive_desc_destroy(planned);
  release(&plain);
  return (int)status;
}

int profs_sgemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc, int accumulate) {
  return (int)dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb,
                         accumulate ? 1.0f : 0.0f, c, ldc);
}

#endif
