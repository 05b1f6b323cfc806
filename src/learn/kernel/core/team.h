/* One or two threads that run calls together. */
#ifndef SINEW_TEAM_H
#define SINEW_TEAM_H

#include "kernel.h"

typedef struct Team Team;

/* NULL where memory or a thread is not to be had. */
Team *team_open(int threads);
void team_close(Team *team);
/* Runs a call on all threads of the team, or on this one alone. */
void team_run(Team *team, int alone, RunFunction *run, Call *call);

#endif
