#include "../core/stop-line.c"
