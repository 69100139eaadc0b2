// zlib (package zlib1g-dev; part of macOS): reading gzip files.
#ifndef PROFS_CZLIB_SHIM_H
#define PROFS_CZLIB_SHIM_H
#include <zlib.h>

// zlib's own initialiser is a macro, which Swift does not see. 15: the largest window; +16: gzip framing only.
static inline int profs_inflate_init_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
#endif
