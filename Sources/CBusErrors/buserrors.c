#include "buserrors.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile int writing_end = -1;

static void on_bus_error(int number, siginfo_t *info, void *context) {
  (void)context;
  if (info->si_code <= 0) {  // Sent by a process, not by a page: as if there were no handler.
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  uint64_t address = (uintptr_t)info->si_addr;
  if (write(writing_end, &address, sizeof address) == (ssize_t)sizeof address) {
    struct timespec left = {10, 0};
    while (nanosleep(&left, &left) != 0) {}
  }
  static const char text[] =
      "profs: error: a file that was being read was shortened, or its disk failed; run this again\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

int profs_watch_bus_errors(void) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  for (int end = 0; end < 2; end++) fcntl(ends[end], F_SETFD, FD_CLOEXEC);
  writing_end = ends[1];
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, NULL) == 0 ? ends[0] : -1;
}
