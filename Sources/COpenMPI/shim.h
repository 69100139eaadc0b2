// Open MPI (package libopenmpi-dev), with the package trait MPI alone. MPI's constants are macros that Swift does not see,
// hence these few functions; what MPI itself finds wrong ends all processes, so none of them reports a fault.
#ifndef PROFS_COPENMPI_SHIM_H
#define PROFS_COPENMPI_SHIM_H
#include <mpi/mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

// Elements of one call: MPI counts in 32 bits.
#define PROFS_MPI_CALL ((int64_t)1 << 28)

/// Joins the other processes where mpirun or another launcher started several; answers whether it did.
static inline int profs_mpi_start(void) {
  if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK") && !getenv("PMI_RANK")) return 0;
  int provided, size;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size == 1) MPI_Finalize();
  return size > 1;
}

static inline int profs_mpi_rank(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

static inline int profs_mpi_size(void) {
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

/// Processes that share this one's memory, itself included.
static inline int profs_mpi_local_size(void) {
  MPI_Comm local;
  int size;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
  MPI_Comm_size(local, &size);
  MPI_Comm_free(&local);
  return size;
}

/// Waits for all processes, asleep: MPI's own waiting takes the whole core, which the others may need.
static inline void profs_mpi_wait(void) {
  MPI_Request request;
  int done = 0;
  long nap = 10000;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  for (MPI_Test(&request, &done, MPI_STATUS_IGNORE); !done; MPI_Test(&request, &done, MPI_STATUS_IGNORE)) {
    struct timespec pause = {0, nap};
    nanosleep(&pause, NULL);
    if (nap < 1000000) nap *= 2;
  }
}

/// Adds up `values` of all processes, element by element, in all of them.
static inline void profs_mpi_sum(double *values, int64_t count) {
  for (int64_t start = 0; start < count; start += PROFS_MPI_CALL) {
    int64_t left = count - start;
    MPI_Allreduce(MPI_IN_PLACE, values + start, (int)(left < PROFS_MPI_CALL ? left : PROFS_MPI_CALL), MPI_DOUBLE,
                  MPI_SUM, MPI_COMM_WORLD);
  }
}

/// Copies the bytes of process `root` to all others.
static inline void profs_mpi_copy(void *bytes, int64_t count, int root) {
  for (int64_t start = 0; start < count; start += PROFS_MPI_CALL) {
    int64_t left = count - start;
    MPI_Bcast((char *)bytes + start, (int)(left < PROFS_MPI_CALL ? left : PROFS_MPI_CALL), MPI_BYTE, root,
              MPI_COMM_WORLD);
  }
}

/// Ends all processes.
static inline void profs_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

/// Leaves the others, once all have come to this.
static inline void profs_mpi_finish(void) {
  profs_mpi_wait();
  MPI_Finalize();
}
#endif
