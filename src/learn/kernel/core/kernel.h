/* What the core and those that embed it agree on. */
#ifndef SINEW_KERNEL_H
#define SINEW_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* Numbers of instructions, as the planner writes them (encode.ts). */
enum {
  OP_ELEMENTWISE = 1,
  OP_GEMM = 2,
  OP_COLUMN_SUM = 3,
  OP_GATHER = 4,
  OP_SCATTER = 5,
  OP_COMBINE = 6,
  OP_KEEP = 7
};

/* Bits of an instruction's flags (plan.ts). */
enum { FLAG_BARRIER = 1, FLAG_SHARED = 2 };

enum { KERNEL_OK = 0, KERNEL_BAD_INDEX = 1, KERNEL_BAD_PROGRAM = 2 };

/* An array outside the arena. */
typedef struct {
  void *data; /* NULL: not given */
  int64_t stride; /* floats from one round to the next */
  int64_t rows; /* how many it has, where the program does not say */
} External;

/* Everything that one call runs on; the threads of a call share it. */
typedef struct {
  const int32_t *words;
  int32_t count;
  float *arena;
  External *externals;
  int32_t rounds;
  int32_t threads;
  void (*barrier)(void *team, int thread);
  void *team;
  volatile int32_t error;
} Call;

/* Floats that each thread needs to itself, aligned to 64 bytes. */
#define SCRATCH_FLOATS (192 * 1024)

/* Runs one thread's part of a call. */
typedef void RunFunction(Call *call, int thread, float *scratch);

#endif
