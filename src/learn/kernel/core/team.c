#include "team.h"

#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <pthread.h>
#endif

/*
 * Waits are short while both threads work, so they spin first; a processor that others use as well
 * would be lost for that, so they sleep when it takes long.
 */
enum { SPINS = 3000 };

#ifdef _WIN32
typedef SRWLOCK Lock;
typedef CONDITION_VARIABLE Bell;
static void lock(Lock *l) { AcquireSRWLockExclusive(l); }
static void unlock(Lock *l) { ReleaseSRWLockExclusive(l); }
static void sleep_on(Bell *b, Lock *l) { SleepConditionVariableSRW(b, l, INFINITE, 0); }
static void ring(Bell *b) { WakeAllConditionVariable(b); }
#else
typedef pthread_mutex_t Lock;
typedef pthread_cond_t Bell;
static void lock(Lock *l) { pthread_mutex_lock(l); }
static void unlock(Lock *l) { pthread_mutex_unlock(l); }
static void sleep_on(Bell *b, Lock *l) { pthread_cond_wait(b, l); }
static void ring(Bell *b) { pthread_cond_broadcast(b); }
#endif

struct Team {
  /* Each on a line of its own: both threads poll the phase. */
  _Alignas(64) int32_t arrived;
  _Alignas(64) int32_t phase;
  /* Counts calls; the second thread waits for the next. -1 ends it. */
  _Alignas(64) int32_t call_number;
  _Alignas(64) int32_t sleepers;
  int threads;
  Lock lock;
  Bell bell;
  RunFunction *run;
  Call *call;
  float *scratch[2];
  void *memory[3]; /* what scratch and this lie in */
#ifdef _WIN32
  HANDLE helper;
#else
  pthread_t helper;
#endif
};

static int32_t read_word(const int32_t *at) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Until *at is no longer `old`. */
static void wait_while(Team *team, const int32_t *at, int32_t old) {
  for (int i = 0; i < SPINS; i++) {
    if (read_word(at) != old) return;
    pause_briefly();
  }
  lock(&team->lock);
  __atomic_add_fetch(&team->sleepers, 1, __ATOMIC_SEQ_CST);
  while (read_word(at) == old) sleep_on(&team->bell, &team->lock);
  __atomic_sub_fetch(&team->sleepers, 1, __ATOMIC_SEQ_CST);
  unlock(&team->lock);
}

static void set_word(Team *team, int32_t *at, int32_t value) {
  __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
  if (read_word(&team->sleepers) == 0) return;
  lock(&team->lock);
  ring(&team->bell);
  unlock(&team->lock);
}

static void barrier(void *of, int thread) {
  Team *team = of;
  (void)thread;
  int32_t phase = read_word(&team->phase);
  if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_SEQ_CST) == team->threads) {
    __atomic_store_n(&team->arrived, 0, __ATOMIC_SEQ_CST);
    set_word(team, &team->phase, phase + 1);
  } else {
    wait_while(team, &team->phase, phase);
  }
}

static void help(Team *team) {
  int32_t done = 0;
  for (;;) {
    wait_while(team, &team->call_number, done);
    done = read_word(&team->call_number);
    if (done < 0) return;
    team->run(team->call, 1, team->scratch[1]);
    barrier(team, 1);
  }
}

#ifdef _WIN32
static DWORD WINAPI helper_main(void *team) {
  help(team);
  return 0;
}
#else
static void *helper_main(void *team) {
  help(team);
  return NULL;
}
#endif

static int start_helper(Team *team) {
#ifdef _WIN32
  InitializeSRWLock(&team->lock);
  InitializeConditionVariable(&team->bell);
  team->helper = CreateThread(NULL, 0, helper_main, team, 0, NULL);
  return team->helper != NULL;
#else
  pthread_mutex_init(&team->lock, NULL);
  pthread_cond_init(&team->bell, NULL);
  return pthread_create(&team->helper, NULL, helper_main, team) == 0;
#endif
}

/* The first cache line that begins in `memory`. */
static void *on_line(void *memory) {
  return (void *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
}

static void free_all(Team *team) {
  void *own = team->memory[2];
  free(team->memory[0]);
  free(team->memory[1]);
  free(own);
}

Team *team_open(int threads) {
  void *memory = calloc(1, sizeof(Team) + 64);
  if (memory == NULL) return NULL;
  Team *team = on_line(memory);
  team->memory[2] = memory;
  team->threads = threads;
  int fine = 1;
  for (int i = 0; i < threads; i++) {
    team->memory[i] = malloc(SCRATCH_FLOATS * 4 + 64);
    fine = fine && team->memory[i] != NULL;
    if (fine) team->scratch[i] = on_line(team->memory[i]);
  }
  if (fine && (threads == 1 || start_helper(team))) return team;
  free_all(team);
  return NULL;
}

void team_close(Team *team) {
  if (team->threads == 2) {
    set_word(team, &team->call_number, -1);
#ifdef _WIN32
    WaitForSingleObject(team->helper, INFINITE);
    CloseHandle(team->helper);
#else
    pthread_join(team->helper, NULL);
    pthread_cond_destroy(&team->bell);
    pthread_mutex_destroy(&team->lock);
#endif
  }
  free_all(team);
}

void team_run(Team *team, int alone, RunFunction *run, Call *call) {
  call->threads = alone ? 1 : team->threads;
  call->barrier = barrier;
  call->team = team;
  if (call->threads == 2) {
    team->run = run;
    team->call = call;
    int32_t next = team->call_number == INT32_MAX ? 1 : team->call_number + 1;
    set_word(team, &team->call_number, next);
  }
  run(call, 0, team->scratch[0]);
  if (call->threads == 2) barrier(team, 0);
}
