// PCRE2 with 8-bit code units (package libpcre2-dev): the regular expressions of pre-tokenizers.
#ifndef PROFS_CPCRE2_SHIM_H
#define PROFS_CPCRE2_SHIM_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif
