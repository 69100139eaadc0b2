#ifndef PROFS_PROCESSOR_H
#define PROFS_PROCESSOR_H

/// 1 where this processor has the instructions that the program was compiled for, else 0.
int profs_processor_suffices(void);

#endif
