// Preloaded into profs (LD_PRELOAD), makes one system call on its files fail, be short, or do something beside.
//
//   PROFS_FAULT=CALL:N:WHAT    the N-th CALL, counted from 1, of open, create, read, write, copy, sync, rename, reserve, map, remove
//                              WHAT: EIO, ENOSPC, EROFS, EACCES, ENOMEM, EINTR, short, or cut=PATH, which empties that file first
//   PROFS_FAULT_COUNTS=FILE    writes how many of each there were
//   PROFS_CLOCK=backwards      the time of day goes back an hour at each look
//
// Standard streams, /proc, /sys, devices and system folders are left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { OPEN, CREATE, READ, WRITE, COPY, SYNC, RENAME, RESERVE, MAP, REMOVE, CALLS };
static const char *const names[CALLS] = {"open", "create", "read",    "write", "copy",
                                         "sync", "rename", "reserve", "map",   "remove"};
static const struct { const char *name; int number; } errors[] = {
    {"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EROFS", EROFS},
    {"EACCES", EACCES}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR},
};
static atomic_long counts[CALLS];
static int chosen_call = -1, chosen_error, is_short;
static long chosen_number;
static const char *cut;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("PROFS_FAULT");
  const char *first = text ? strchr(text, ':') : NULL, *second = first ? strchr(first + 1, ':') : NULL;
  if (!second) return;
  for (int call = 0; call < CALLS; call++)
    if (strncmp(text, names[call], first - text) == 0 && names[call][first - text] == 0) chosen_call = call;
  chosen_number = atol(first + 1);
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (strcmp(second + 1, errors[i].name) == 0) chosen_error = errors[i].number;
  is_short = strcmp(second + 1, "short") == 0;
  if (strncmp(second + 1, "cut=", 4) == 0) cut = second + 5;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("PROFS_FAULT_COUNTS");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  for (int call = 0; call < CALLS; call++) fprintf(file, "%s %ld\n", names[call], atomic_load(&counts[call]));
  fclose(file);
}

// 0: go on; 1: fail, errno is set; 2: be short.
static int fault(int call) {
  if (atomic_fetch_add(&counts[call], 1) + 1 != chosen_number || call != chosen_call) return 0;
  if (cut && truncate(cut, 0) != 0) abort();
  if (is_short) return 2;
  errno = chosen_error;
  return chosen_error != 0;
}

static int is_ours(int descriptor) {
  struct stat status;
  struct statfs disk;
  if (descriptor <= STDERR_FILENO || fstat(descriptor, &status) != 0) return 0;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return 0;
  if (fstatfs(descriptor, &disk) != 0) return 0;
  return disk.f_type != 0x9fa0 && disk.f_type != 0x62656572 && disk.f_type != 0x63677270;
}

static int is_our_path(const char *path) {
  static const char *const others[] = {"/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/opt"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strncmp(path, others[i], strlen(others[i])) == 0) return 0;
  return 1;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

static int open_file(const char *name, const char *path, int flags, mode_t mode) {
  if (is_our_path(path) && fault(flags & O_CREAT ? CREATE : OPEN) == 1) return -1;
  return NEXT(int (*)(const char *, int, mode_t), name)(path, flags, mode);
}

#define OPEN_CALL(name)                                                                  \
  int name(const char *path, int flags, ...) {                                           \
    va_list list;                                                                        \
    va_start(list, flags);                                                               \
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(list, int) : 0;                       \
    va_end(list);                                                                        \
    return open_file(#name, path, flags, mode);                                          \
  }
OPEN_CALL(open)
OPEN_CALL(open64)

int mkdir(const char *path, mode_t mode) {
  if (is_our_path(path) && fault(CREATE) == 1) return -1;
  return NEXT(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

ssize_t read(int descriptor, void *bytes, size_t count) {
  int what = is_ours(descriptor) ? fault(READ) : 0;
  if (what == 1) return -1;
  return NEXT(ssize_t(*)(int, void *, size_t), "read")(descriptor, bytes, what && count > 1 ? count / 2 : count);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  int what = is_ours(descriptor) ? fault(WRITE) : 0;
  if (what == 1) return -1;
  return NEXT(ssize_t(*)(int, const void *, size_t), "write")(descriptor, bytes, what && count > 1 ? count / 2 : count);
}

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *place, size_t count, unsigned flags) {
  int what = fault(COPY);
  if (what == 1) return -1;
  if (what == 2) count = count > 100 ? 100 : 1;
  return NEXT(ssize_t(*)(int, off64_t *, int, off64_t *, size_t, unsigned), "copy_file_range")(
      from, start, to, place, count, flags);
}

int fsync(int descriptor) {
  if (fault(SYNC) == 1) return -1;
  return NEXT(int (*)(int), "fsync")(descriptor);
}

int rename(const char *from, const char *to) {
  if (fault(RENAME) == 1) return -1;
  return NEXT(int (*)(const char *, const char *), "rename")(from, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  if (fault(RENAME) == 1) return -1;
  return NEXT(int (*)(int, const char *, int, const char *, unsigned), "renameat2")(a, from, b, to, flags);
}

int fallocate(int descriptor, int mode, off_t start, off_t count) {
  if (fault(RESERVE) == 1) return -1;
  return NEXT(int (*)(int, int, off_t, off_t), "fallocate")(descriptor, mode, start, count);
}

static void *map(const char *name, void *place, size_t count, int protection, int flags, int descriptor, off_t start) {
  if (descriptor >= 0 && !(protection & PROT_EXEC) && is_ours(descriptor) && fault(MAP) == 1) return MAP_FAILED;
  return NEXT(void *(*)(void *, size_t, int, int, int, off_t), name)(place, count, protection, flags, descriptor, start);
}
void *mmap(void *place, size_t count, int protection, int flags, int descriptor, off_t start) {
  return map("mmap", place, count, protection, flags, descriptor, start);
}
void *mmap64(void *place, size_t count, int protection, int flags, int descriptor, off64_t start) {
  return map("mmap64", place, count, protection, flags, descriptor, start);
}

int unlink(const char *path) {
  if (is_our_path(path) && fault(REMOVE) == 1) return -1;
  return NEXT(int (*)(const char *), "unlink")(path);
}

int rmdir(const char *path) {
  if (is_our_path(path) && fault(REMOVE) == 1) return -1;
  return NEXT(int (*)(const char *), "rmdir")(path);
}

// The time of day, going backwards.
static atomic_long looks;
static void turn_back(time_t *seconds) {
  if (getenv("PROFS_CLOCK")) *seconds -= 3600 * (atomic_fetch_add(&looks, 1) + 1);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = NEXT(int (*)(clockid_t, struct timespec *), "clock_gettime")(clock, now);
  if (clock == CLOCK_REALTIME && result == 0) turn_back(&now->tv_sec);
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  int result = NEXT(int (*)(struct timeval *, void *), "gettimeofday")(now, zone);
  if (result == 0) turn_back(&now->tv_sec);
  return result;
}

time_t time(time_t *seconds) {
  time_t now = NEXT(time_t(*)(time_t *), "time")(NULL);
  turn_back(&now);
  if (seconds) *seconds = now;
  return now;
}
