// utf8proc (package libutf8proc-dev): Unicode's normal forms, which tokenizers put text into.
#ifndef PROFS_CUTF8PROC_SHIM_H
#define PROFS_CUTF8PROC_SHIM_H
#include <utf8proc.h>
#endif
