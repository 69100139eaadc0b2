// Faults on pages of mapped files, handed to ordinary code: inside a signal handler nothing but system calls is allowed.
#ifndef PROFS_BUS_ERRORS_H
#define PROFS_BUS_ERRORS_H

// Installs a handler of SIGBUS that writes the address of each fault, eight bytes, to a pipe and stops the thread at fault.
// Answers the descriptor to read them from, or -1 with errno. Whoever reads an address must end the process; after ten
// seconds the handler does so itself, with exit code 1 and a sentence that names no file.
int profs_watch_bus_errors(void);
#endif
