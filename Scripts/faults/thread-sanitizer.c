// Shows the thread sanitizer the locks of Swift's Mutex that a thread has to wait for: their slow paths are in a library that
// was not built for it, so that what such a lock guards would seem to be unguarded. The fast paths are in line in our code,
// and are seen. Preloaded by Scripts/test-sanitizers.sh.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// _MutexHandle's _lockSlow(_: UInt32) and _unlockSlow(): mangled names and Swift's calling convention.
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *handle
typedef SWIFT void lock_function(uint32_t, SELF);
typedef SWIFT void unlock_function(SELF);

// Of the sanitizer's run-time library; other processes have none.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void lock_slow(uint32_t, SELF) __asm__(LOCK_SLOW);
SWIFT void unlock_slow(SELF) __asm__(UNLOCK_SLOW);

static lock_function *lock_original;
static unlock_function *unlock_original;

__attribute__((constructor)) static void find(void) {
  lock_original = (lock_function *)dlsym(RTLD_NEXT, LOCK_SLOW);
  unlock_original = (unlock_function *)dlsym(RTLD_NEXT, UNLOCK_SLOW);
}

SWIFT void lock_slow(uint32_t thread, SELF) {
  if (!lock_original) find();
  lock_original(thread, handle);
  if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT void unlock_slow(SELF) {
  if (__tsan_release) __tsan_release(handle);
  if (!unlock_original) find();
  unlock_original(handle);
}
