/* The core as a Node-API module. */
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "team.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#if defined(__x86_64__)
#include <cpuid.h>
RunFunction kernel_run_avx512;
RunFunction kernel_run_avx2;
RunFunction kernel_run_sse2;
#elif defined(__aarch64__)
RunFunction kernel_run_neon;
#endif

/* How much of the processor a program may use. */
enum { LEVEL_BASE, LEVEL_AVX2, LEVEL_AVX512 };

#if defined(__x86_64__)
/* The most that processor and operating system both do. */
static int best_level(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return LEVEL_BASE;
  unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
  if ((c & (fma | osxsave | avx)) != (fma | osxsave | avx)) return LEVEL_BASE;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0x06) != 0x06) return LEVEL_BASE;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return LEVEL_BASE;
  if (!(b & 1u << 5)) return LEVEL_BASE;
  unsigned foundation = 1u << 16, doubles = 1u << 17, bytes = 1u << 30, lengths = 1u << 31;
  unsigned wanted = foundation | doubles | bytes | lengths;
  return (b & wanted) == wanted && (low & 0xe6) == 0xe6 ? LEVEL_AVX512 : LEVEL_AVX2;
}
#endif

static RunFunction *choose(int level, const char **name) {
#if defined(__x86_64__)
  int best = best_level();
  if (level > best) level = best;
  if (level >= LEVEL_AVX512) {
    *name = "avx512";
    return kernel_run_avx512;
  }
  if (level >= LEVEL_AVX2) {
    *name = "avx2";
    return kernel_run_avx2;
  }
  *name = "sse2";
  return kernel_run_sse2;
#else
  (void)level;
  *name = "neon";
  return kernel_run_neon;
#endif
}

enum { MAX_EXTERNALS = 64, LARGE_PAGE = 2 << 20 };

/* One program on its arena. */
typedef struct {
  Team *team;
  RunFunction *run;
  int32_t *words;
  int32_t count;
  float *arena;
  int externals;
  External table[MAX_EXTERNALS];
  int32_t row_width[MAX_EXTERNALS];
  const void *advised[MAX_EXTERNALS]; /* rows that lie on large pages, as far as the system does so */
  int alone; /* no instruction is worth a second thread */
} Program;

static napi_value fail(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return NULL;
}

/* Rows drawn from far apart cost a look-up of their page each: fewer pages, fewer of these. */
static void use_large_pages(const void *data, size_t bytes) {
#ifdef __linux__
  enum { COLLAPSE = 25 }; /* MADV_COLLAPSE, since Linux 6.1; headers may be older */
  uintptr_t from = ((uintptr_t)data + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1);
  uintptr_t end = ((uintptr_t)data + bytes) & ~(uintptr_t)(LARGE_PAGE - 1);
  if (from >= end) return;
  madvise((void *)from, end - from, MADV_HUGEPAGE);
  madvise((void *)from, end - from, COLLAPSE);
#else
  (void)data, (void)bytes;
#endif
}

static void free_aligned(napi_env env, void *data, void *memory) {
  (void)env, (void)data;
  free(memory);
}

/* arena(bytes): an ArrayBuffer of zeros that begins at a cache line. */
static napi_value make_arena(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument, result;
  int64_t bytes = 0;
  napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
  if (napi_get_value_int64(env, argument, &bytes) != napi_ok || bytes <= 0) {
    return fail(env, "arena takes a number of bytes");
  }
  /* Large pages, where the system has them, save looking up addresses: products touch many. */
  size_t page = bytes >= LARGE_PAGE ? LARGE_PAGE : 64;
  size_t room = ((size_t)bytes + page - 1) / page * page;
  void *memory = malloc(room + page);
  if (memory == NULL) return fail(env, "not enough memory for the arena");
  void *start = (void *)(((uintptr_t)memory + page - 1) & ~(uintptr_t)(page - 1));
#ifdef __linux__
  if (page == LARGE_PAGE) madvise(start, room, MADV_HUGEPAGE);
#endif
  memset(start, 0, (size_t)bytes);
  if (napi_create_external_arraybuffer(env, start, (size_t)bytes, free_aligned, memory, &result) !=
      napi_ok) {
    free(memory);
    return fail(env, "this runtime does not take memory from outside");
  }
  return result;
}

static void drop_team(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  Team **team = data;
  if (*team != NULL) team_close(*team);
  free(team);
}

/* team(threads) */
static napi_value make_team(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument, result;
  int32_t threads = 0;
  napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
  napi_get_value_int32(env, argument, &threads);
  if (threads < 1 || threads > 2) return fail(env, "a team has one thread or two");
  Team **team = malloc(sizeof *team);
  if (team == NULL || (*team = team_open(threads)) == NULL) {
    free(team);
    return fail(env, "no thread or no memory for the kernel");
  }
  napi_create_external(env, team, drop_team, NULL, &result);
  return result;
}

/* close(team): ends its threads. Programs of the team must not run again. */
static napi_value close_team(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  Team **team = NULL;
  napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
  if (napi_get_value_external(env, argument, (void **)&team) != napi_ok) {
    return fail(env, "close takes a team");
  }
  if (*team != NULL) team_close(*team);
  *team = NULL;
  return NULL;
}

static void drop_program(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  Program *program = data;
  free(program->words);
  free(program);
}

/* The data of a typed array, and how many elements of 4 bytes it has; NULL for anything else. */
static void *words_of(napi_env env, napi_value value, size_t *length) {
  napi_typedarray_type type;
  void *data = NULL;
  bool is_typed = false;
  if (napi_is_typedarray(env, value, &is_typed) != napi_ok || !is_typed) return NULL;
  napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL);
  return type == napi_float32_array || type == napi_int32_array ? data : NULL;
}

/* program(team, arena, words, strides, rowWidths, level) */
static napi_value make_program(napi_env env, napi_callback_info info) {
  size_t argc = 6, count, externals, widths, floats;
  napi_value argument[6], result;
  Team **team = NULL;
  int32_t level = LEVEL_BASE;
  napi_get_cb_info(env, info, &argc, argument, NULL, NULL);
  if (napi_get_value_external(env, argument[0], (void **)&team) != napi_ok || *team == NULL) {
    return fail(env, "program takes an open team");
  }
  float *arena = words_of(env, argument[1], &floats);
  int32_t *words = words_of(env, argument[2], &count);
  int32_t *strides = words_of(env, argument[3], &externals);
  int32_t *row_widths = words_of(env, argument[4], &widths);
  napi_get_value_int32(env, argument[5], &level);
  if (arena == NULL || words == NULL || externals != widths || externals > MAX_EXTERNALS) {
    return fail(env, "program takes an arena, words and a table");
  }
  Program *program = calloc(1, sizeof *program);
  if (program == NULL) return fail(env, "not enough memory");
  program->words = malloc(count * 4);
  if (program->words == NULL) {
    free(program);
    return fail(env, "not enough memory");
  }
  const char *name;
  memcpy(program->words, words, count * 4);
  program->team = *team;
  program->alone = 1;
  for (const int32_t *w = program->words; w < program->words + count; w += w[1]) {
    if (w[2] & FLAG_SHARED) program->alone = 0;
  }
  program->run = choose(level, &name);
  program->count = (int32_t)count;
  program->arena = arena;
  program->externals = (int)externals;
  for (size_t i = 0; i < externals; i++) {
    program->table[i].stride = strides[i];
    program->row_width[i] = row_widths[i];
  }
  napi_create_external(env, program, drop_program, NULL, &result);
  return result;
}

/* run(program, rounds, arrays): 0, or what went wrong. An array for each entry of the table. */
static napi_value run_program(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argument[3], result;
  Program *program = NULL;
  int32_t rounds = 1;
  napi_get_cb_info(env, info, &argc, argument, NULL, NULL);
  if (napi_get_value_external(env, argument[0], (void **)&program) != napi_ok) {
    return fail(env, "run takes a program");
  }
  napi_get_value_int32(env, argument[1], &rounds);
  for (int i = 0; i < program->externals; i++) program->table[i].data = NULL;
  for (int i = 0; argc > 2 && i < program->externals; i++) {
    napi_value array;
    size_t length = 0;
    if (napi_get_element(env, argument[2], (uint32_t)i, &array) != napi_ok) break;
    program->table[i].data = words_of(env, array, &length);
    if (program->row_width[i] > 0) {
      program->table[i].rows = (int64_t)length / program->row_width[i];
      if (program->advised[i] != program->table[i].data) {
        use_large_pages(program->table[i].data, length * 4);
        program->advised[i] = program->table[i].data;
      }
    }
  }
  Call call = {
      .words = program->words,
      .count = program->count,
      .arena = program->arena,
      .externals = program->table,
      .rounds = rounds,
  };
  team_run(program->team, program->alone, program->run, &call);
  napi_create_int32(env, call.error, &result);
  return result;
}

/* features(level): the instructions that programs run on. */
static napi_value features(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument, result;
  int32_t level = LEVEL_BASE;
  const char *name;
  napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
  napi_get_value_int32(env, argument, &level);
  choose(level, &name);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result);
  return result;
}

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"arena", make_arena},   {"team", make_team},     {"close", close_team},
      {"program", make_program}, {"run", run_program}, {"features", features},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL,
                         &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
