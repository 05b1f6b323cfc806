/* The core as a WebAssembly module: one thread, memory laid out by the caller. */
#include "kernel.h"

RunFunction kernel_run;

__attribute__((export_name("scratch_bytes"))) int32_t scratch_bytes(void) {
  return SCRATCH_FLOATS * 4;
}

__attribute__((export_name("run"))) int32_t run(const int32_t *words, int32_t count, float *arena,
                                                External *externals, int32_t rounds,
                                                float *scratch) {
  Call call = {
      .words = words,
      .count = count,
      .arena = arena,
      .externals = externals,
      .rounds = rounds,
      .threads = 1,
  };
  kernel_run(&call, 0, scratch);
  return call.error;
}
