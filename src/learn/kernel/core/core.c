/*
 * The interpreter: runs a planner's instructions for a number of rounds. Compiled once for each
 * kind of processor, under the name RUN.
 */
#include "elementwise.h"
#include "gemm.h"
#include "kernel.h"
#include "rows.h"

#ifndef RUN
#define RUN kernel_run
#endif

/*
 * While a program runs, what is smaller than the smallest normal number is zero. Adam's moments of
 * a unit that has died shrink to there and stay, where each operation costs a hundred times as
 * much. Without AVX2 they are kept: those bits are WebAssembly's too, which cannot do this.
 */
#if defined(__AVX2__)
typedef unsigned Rounding;
static Rounding flush_tiny(void) {
  Rounding before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040); /* flush to zero, denormals are zero */
  return before;
}
static void restore_tiny(Rounding before) { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
typedef uint64_t Rounding;
static void set_rounding(Rounding to) { __asm__ volatile("msr fpcr, %0" : : "r"(to) : "memory"); }
static Rounding flush_tiny(void) {
  Rounding before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before) : : "memory");
  set_rounding(before | (Rounding)1 << 24); /* FZ */
  return before;
}
static void restore_tiny(Rounding before) { set_rounding(before); }
#else
typedef int Rounding;
static Rounding flush_tiny(void) { return 0; }
static void restore_tiny(Rounding before) { (void)before; }
#endif

/* One thread's view of a call. */
typedef struct {
  Call *call;
  float *scratch;
  long round;
  int thread, threads;
} Work;

static float *address(const Work *work, int32_t base, int32_t offset) {
  if (base == 0) return work->call->arena + offset;
  const External *external = work->call->externals + base - 1;
  return (float *)external->data + work->round * external->stride + offset;
}

static void run_gemm(const Work *work, const int32_t *w) {
  Gemm g = {
      .m = w[3], .n = w[4], .k = w[5],
      .a = address(work, w[6], w[7]), .a_row = w[8], .a_column = w[9],
      .b = address(work, w[10], w[11]), .b_row = w[12], .b_column = w[13],
      .c = work->call->arena + w[14], .c_row = w[15],
      .bias = w[16] < 0 ? NULL : address(work, w[16], w[17]),
      .epilogue = w[18],
      .mask = w[18] == 2 ? address(work, w[19], w[20]) : NULL, .mask_row = w[21],
  };
  gemm(&g, work->scratch, work->thread, work->threads);
}

static void run_column_sum(const Work *work, const int32_t *w) {
  long columns = w[4];
  long from = columns / 16 * work->thread / work->threads * 16;
  long end = columns / 16 * (work->thread + 1) / work->threads * 16;
  if (work->thread == work->threads - 1) end = columns;
  column_sums(address(work, w[5], w[6]), w[3], w[7], from, end, work->call->arena + w[8], w[9],
              word_float(w[10]));
}

static void run_gather(const Work *work, const int32_t *w) {
  long count = w[3];
  long rows = w[5] < 0 ? (long)work->call->externals[w[6] - 1].rows : w[5];
  const int32_t *index = (const int32_t *)address(work, w[9], w[10]);
  int fine = gather(address(work, w[6], w[7]), rows, w[8], index,
                    count * work->thread / work->threads,
                    count * (work->thread + 1) / work->threads, w[4],
                    work->call->arena + w[11], w[12]);
  if (!fine) work->call->error = KERNEL_BAD_INDEX;
}

static void run_scatter(const Work *work, const int32_t *w) {
  const int32_t *index = (const int32_t *)address(work, w[6], w[7]);
  int fine = scatter(address(work, w[8], w[9]), w[10], index, w[3], w[4],
                     work->call->arena + w[11], w[5], w[12], word_float(w[13]));
  if (!fine) work->call->error = KERNEL_BAD_INDEX;
}

static void run_combine(const Work *work, const int32_t *w) {
  const float *parts = work->call->arena + w[4];
  float sum = 0;
  for (int32_t i = 0; i < w[3]; i++) sum += parts[i];
  sum *= word_float(w[6]);
  work->call->arena[w[5]] = w[7] ? __builtin_sqrtf(sum) : sum;
}

static void run_keep(const Work *work, const int32_t *w) {
  if (work->call->externals[w[5]].data == NULL) return;
  __builtin_memcpy(address(work, w[5] + 1, 0), work->call->arena + w[4], (size_t)w[3] * 4);
}

static void run_one(const Work *work, const int32_t *w) {
  switch (w[0]) {
    case OP_ELEMENTWISE:
      run_elementwise(w, work->call->arena, work->call->externals, work->round, work->scratch,
                      work->thread, work->threads);
      break;
    case OP_GEMM: run_gemm(work, w); break;
    case OP_COLUMN_SUM: run_column_sum(work, w); break;
    case OP_GATHER: run_gather(work, w); break;
    case OP_SCATTER: run_scatter(work, w); break;
    case OP_COMBINE: run_combine(work, w); break;
    case OP_KEEP: run_keep(work, w); break;
    default: work->call->error = KERNEL_BAD_PROGRAM;
  }
}

void RUN(Call *call, int thread, float *scratch) {
  Rounding before = flush_tiny();
  const int32_t *end = call->words + call->count;
  for (long round = 0; round < call->rounds; round++) {
    if (call->threads > 1 && round > 0) call->barrier(call->team, thread);
    for (const int32_t *w = call->words; w < end; w += w[1]) {
      Work work = {call, scratch, round, thread, call->threads};
      if (call->threads > 1) {
        if (w[2] & FLAG_BARRIER) call->barrier(call->team, thread);
        if (!(w[2] & FLAG_SHARED)) {
          if (thread > 0) continue;
          work.threads = 1;
        }
      }
      run_one(&work, w);
    }
  }
  restore_tiny(before);
}
